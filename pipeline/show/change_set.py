"""Show a change set in the same words everywhere: on a terminal, in Markdown, as JSON.

The words are made once (`page`), as sections of lines; the three forms only lay them out. First what cannot
be undone, then what was found, then what changes, then what is new.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, OutputChange, ResourceChange
from pipeline.model.release import short
from pipeline.model.safety.data_loss import holds_data
from pipeline.model.safety.finding import Finding
from pipeline.model.values import Unknown
from pipeline.show.text import escaped, safe
from pipeline.show.values import Told, change_told, spelled, unpacked, value_told

Tone = Literal["plain", "danger", "warning", "change", "new", "quiet", "title"]

_STYLES: dict[Tone, str] = {
    "plain": "",
    "danger": "bold red",
    "warning": "yellow",
    "change": "cyan",
    "new": "green",
    "quiet": "dim",
    "title": "bold",
}
_SUMMARY_WORDS = {
    "delete": "to delete",
    "replace": "to replace",
    "update": "to update",
    "create": "to create",
    "import": "to import",
    "move": "to move",
    "forget": "to forget",
    "read": "to read",
    "deferred": "put off",
}
_REASONS = {
    "replace_because_cannot_update": "it cannot be changed in place",
    "replace_because_tainted": "its creation had failed half-way",
    "replace_by_request": "a person asked for it",
    "replace_by_triggers": "the release ties it to something that changes",
    "delete_because_no_resource_config": "the release no longer has it",
    "delete_because_wrong_repetition": "the release repeats it in another way",
    "delete_because_count_index": "the release has fewer of it",
    "delete_because_each_key": "the release no longer has this one of them",
    "delete_because_no_module": "the release no longer has its module",
    "delete_because_no_move_target": "it moves to where the release has nothing",
}
_ORDERS = {
    Action.REPLACE_DELETE_FIRST: "the old one is deleted first",
    Action.REPLACE_CREATE_FIRST: "the new one is created first",
    Action.REPLACE_FORGET: "the old one is left alone in the cloud",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line. The tone never says what the words do not.

    Attributes:
        depth: How far it is indented.
        text: What it says.
        tone: How it should strike the eye.
        inside: What is folded below it.
    """

    depth: int
    text: str
    tone: Tone = "plain"
    inside: tuple["Line", ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: tuple[Line, ...]


def headline(change_set: ChangeSet) -> str:
    """Return one line that names the change set and where it would be applied."""
    instance = change_set.environment
    if change_set.suffix != change_set.environment:
        instance += f"/{change_set.suffix}"
    return safe(
        f"Change set {short(change_set.digest)} for {instance}: release {short(change_set.release)},"
        f" account {change_set.account_id}, {change_set.region}"
    )


def summary_line(change_set: ChangeSet) -> str:
    """Return how much would happen, in one line."""
    counts = change_set.summary
    if not counts:
        return "Nothing to do: the cloud is as the release says."
    told = (f"{number} {_counted(word, number)}" for word, number in counts.items())
    return ", ".join(told) + "."


def _counted(word: str, number: int) -> str:
    if word == "output":
        return "output to change" if number == 1 else "outputs to change"
    return _SUMMARY_WORDS[word]


def page(
    change_set: ChangeSet, findings: Sequence[Finding] = (), needs_person: Sequence[str] = ()
) -> tuple[Section, ...]:
    """Return what there is to read, in its order; sections without lines are left out."""
    changes = change_set.changes
    sections = (
        Section("Deletes and replacements", tuple(_destructive(changes))),
        Section("Findings", tuple(_findings(findings))),
        Section("Needs a person because", tuple(Line(0, safe(why), "warning") for why in needs_person)),
        Section("Updates", tuple(_updates(changes))),
        Section("Creates", tuple(_creates(changes))),
        Section("Imports, moves and objects let go", tuple(_transfers(changes))),
        Section("Reads during apply", tuple(_reads(changes))),
        Section("Outputs", tuple(_outputs(change_set.outputs))),
        Section("Not decided by this plan", tuple(_undecided(change_set))),
        Section("Found changed outside of Tollgate", tuple(_drift(change_set))),
        Section("Checks that do not pass", tuple(_checks(change_set))),
    )
    return tuple(section for section in sections if section.lines)


def show(
    console: Console,
    change_set: ChangeSet,
    findings: Sequence[Finding] = (),
    needs_person: Sequence[str] = (),
    *,
    whole: bool = False,
) -> None:
    """Print it to a terminal. Colour and width are the console's; the words are enough without colour.

    Args:
        console: Where to.
        change_set: What would be done.
        findings: What stands out.
        needs_person: Why a person has to say yes.
        whole: Whether to print what is folded too.
    """
    _print_line(console, Line(-1, headline(change_set), "title"))
    _print_line(console, Line(-1, summary_line(change_set)))
    for section in page(change_set, findings, needs_person):
        console.print()
        console.print(Text(section.title, _STYLES["title"]))
        for line in unfolded(section.lines) if whole else section.lines:
            _print_line(console, line)


def unfolded(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield every line, with what is folded below it behind it."""
    for line in lines:
        yield line
        yield from unfolded(line.inside)


def _print_line(console: Console, line: Line) -> None:
    """Wrap with a hanging indent and without blanks at the end, so that it can be read and copied."""
    indent = 2 + 2 * line.depth
    pieces = Text(line.text, _STYLES[line.tone]).wrap(console, max(console.width - indent - 2, 20))
    for number, piece in enumerate(pieces):
        piece.rstrip()
        console.print(Text(" " * (indent if number == 0 else indent + 2)) + piece, soft_wrap=True)


def to_markdown(
    change_set: ChangeSet, findings: Sequence[Finding] = (), needs_person: Sequence[str] = ()
) -> str:
    """Return it as Markdown, for a job's summary. What others wrote stands in fences it cannot close."""
    parts = [f"## {escaped(headline(change_set))}", escaped(summary_line(change_set))]
    for section in page(change_set, findings, needs_person):
        body = "\n".join("  " * line.depth + line.text for line in section.lines)
        longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
        fence = "`" * max(3, longest + 1)
        parts.append(f"### {section.title}\n\n{fence}text\n{body}\n{fence}")
    return "\n\n".join(parts) + "\n"


def to_document(
    change_set: ChangeSet, findings: Sequence[Finding] = (), needs_person: Sequence[str] = ()
) -> dict[str, Any]:
    """Return it as JSON data: the facts, and the words in which people see them."""
    return {
        "digest": change_set.digest,
        "short": short(change_set.digest),
        "is_empty": change_set.is_empty,
        "headline": headline(change_set),
        "summary": dict(change_set.summary),
        "summary_line": summary_line(change_set),
        "needs_person": list(needs_person),
        "findings": [finding.to_json() for finding in findings],
        "change_set": change_set.to_json(),
        "sections": [
            {
                "title": section.title,
                "lines": ["  " * line.depth + line.text for line in unfolded(section.lines)],
            }
            for section in page(change_set, findings, needs_person)
        ],
    }


def _destructive(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    gone = sorted(changes, key=lambda change: not holds_data(change.type))  # what holds data comes first
    for change in gone:
        if change.action is Action.DELETE:
            left_over = " (left over from a replacement)" if change.deposed else ""
            yield Line(0, f"delete {_name(change)}{left_over}{_because(change)}", "danger")
    for change in gone:
        if change.action.replaces:
            yield Line(0, f"replace {_name(change)}{_because(change)}; {_ORDERS[change.action]}", "danger")
            told = [attribute for attribute in change.attributes if not _is_given(attribute)]
            yield from _attribute_lines(told)
            if reported := len(change.attributes) - len(told):
                noun = "value" if reported == 1 else "values"
                yield Line(1, f"and {reported} {noun} that the provider gives the new one", "quiet")


def _is_given(attribute: AttributeChange) -> bool:
    """True for what a new object gets from the provider in any case: its id, its address."""
    return isinstance(attribute.after, Unknown) and not attribute.after.references


def _because(change: ResourceChange) -> str:
    if change.replaces_because:
        return safe(f", forced by {', '.join(change.replaces_because)}")
    return f": {_REASONS[change.reason]}" if change.reason in _REASONS else ""


def _findings(findings: Sequence[Finding]) -> Iterator[Line]:
    for finding in sorted(findings, key=lambda found: (found.severity.rank, found.address, found.id)):
        tone: Tone = "danger" if finding.severity.rank == 0 else "warning"
        yield Line(0, safe(f"{finding.severity.value}, {finding.kind.value}: {finding.sentence}"), tone)
        if finding.before is not None or finding.after is not None:
            yield _told(1, "", change_told(finding.before, finding.after))
        yield Line(1, safe(f"[{finding.id}]"), "quiet")


def _updates(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    for change in changes:
        if change.action is Action.UPDATE:
            yield Line(0, f"update {_name(change)}", "change")
            yield from _attribute_lines(change.attributes)


def _creates(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    groups: dict[str, list[ResourceChange]] = defaultdict(list)
    for change in changes:
        if change.action is Action.CREATE:
            groups[_group(change)].append(change)
    for group, members in sorted(groups.items()):
        noun = "resource" if len(members) == 1 else "resources"
        yield Line(0, safe(f"{group}: {len(members)} {noun}"), "new")
        kinds = Counter(member.type for member in members)
        told = (kind if times == 1 else f"{times} {kind}" for kind, times in sorted(kinds.items()))
        inside = tuple(line for member in members for line in _created(member))
        yield Line(1, safe(", ".join(told)), inside=inside)


def _created(change: ResourceChange) -> Iterator[Line]:
    """Say what a new resource is made of, as far as it is decided; what the provider gives it is left out."""
    yield Line(2, f"create {_name(change)}", "new")
    for attribute in change.attributes:
        if attribute.after is not None and not _is_given(attribute) and attribute.path[:1] != ("tags_all",):
            yield Line(3, f"{safe(attribute.name)}: {spelled(attribute.after)}")


def _group(change: ResourceChange) -> str:
    """Fold by the construct and its part; without constructs, everything is one group."""
    if change.construct_path is None:
        return "without a construct"
    _, *place = change.construct_path.split("/")
    return "/".join(place[:2][: max(len(place) - 1, 1)]) or change.construct_path


def _transfers(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    for change in changes:
        if change.importing is not None:
            told = value_told(change.importing)
            inside = tuple(Line(1, text) for text in told.whole)
            yield Line(0, f"import {_name(change)} from {told.text}", "warning", inside)
        if change.previous_address is not None:
            yield Line(0, f"move {safe(change.previous_address)} to {_name(change)}", "warning")
        if change.action is Action.FORGET:
            yield Line(0, f"let go of {_name(change)}: it stays in the cloud, unmanaged", "warning")


def _reads(changes: Sequence[ResourceChange]) -> Iterator[Line]:
    for change in changes:
        if change.action is Action.READ:
            yield Line(0, f"read {_name(change)}")


def _outputs(outputs: Sequence[OutputChange]) -> Iterator[Line]:
    for output in outputs:
        yield _told(0, safe(output.name), change_told(output.before, output.after))


def _undecided(change_set: ChangeSet) -> Iterator[Line]:
    for deferred in change_set.deferred:
        yield Line(
            0, f"{deferred.change.action.value} {_name(deferred.change)}: {safe(deferred.reason)}", "warning"
        )
    if not change_set.complete:
        yield Line(0, "the plan leaves resources out; another plan must follow", "warning")


def _drift(change_set: ChangeSet) -> Iterator[Line]:
    """Only what applying touches; the rest is mostly the cloud's own spelling, and stays as it is."""
    planned = {change.previous_address or change.address: change for change in change_set.changes}
    others = 0
    for drift in change_set.drift:
        change = planned.get(drift.address)
        touched = {attribute.path for attribute in change.attributes} if change else set()
        found = tuple(attribute for attribute in drift.attributes if attribute.path in touched)
        if change is not None and drift.action is Action.DELETE:
            yield Line(0, f"{_name(change)} was deleted", "warning")
        elif change is not None and found:
            yield Line(0, f"{_name(change)} was changed", "warning")
            yield from _attribute_lines(found)
        else:
            others += 1
    if others:
        noun = "resource reads" if others == 1 else "resources read"
        yield Line(0, f"{others} other {noun} otherwise than recorded; applying leaves it so", "quiet")


def _checks(change_set: ChangeSet) -> Iterator[Line]:
    for check in change_set.checks:
        if check.status in {"fail", "error"}:
            yield Line(0, safe(f"{check.address}: {check.status}"), "warning")
            yield from (Line(1, safe(problem)) for problem in check.problems)


def _name(change: ResourceChange) -> str:
    return safe(change.label)


def _attribute_lines(attributes: Sequence[AttributeChange]) -> Iterator[Line]:
    told = {attribute.path for attribute in attributes if attribute.changes}
    for attribute in attributes:
        is_echo = attribute.path[:1] == ("tags_all",) and ("tags", *attribute.path[1:]) in told
        if attribute.changes and not is_echo:
            for name, before, after in unpacked(attribute):
                yield _told(1, safe(name), change_told(before, after))


def _told(depth: int, name: str, told: Told) -> Line:
    """Return a line about a value; one that does not show all that differs says so, and how to see it."""
    inside = tuple(Line(depth + 1, text) for text in told.whole)
    said = f"{name}: {told.text}" if name else told.text
    if not told.hidden:
        return Line(depth, said, inside=inside)
    places = "1 place that differs is" if told.hidden == 1 else f"{told.hidden} places that differ are"
    text = f"{said}; {places} folded: `nox -s show` or `--json` has all"
    return Line(depth, text, "warning", inside)
