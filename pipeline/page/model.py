"""What the page shows, as plain data. Whoever lays it out decides nothing, and reads nothing else."""

from dataclasses import dataclass
from typing import Literal

from pipeline.show.entries import Weight

Tone = Literal["good", "bad", "warning", "quiet", "plain"]
"""How something should strike the eye; the words beside it say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """How far the page may be believed.

    Attributes:
        verified: Number of the newest entry that verified; 0 for none.
        total: How many entries there are.
        head: Digest of the newest entry that verified; None for an empty ledger.
        anchor: Against what the newest entry was compared, in words.
        at: When it was verified, RFC 3339 in UTC.
        problem: Why what follows `verified` is not shown as fact; None where everything verified.
        unknown: What this version does not know: the entry's number and its kind.
        problems: What is the matter with what the ledger records: evidence that is not genuine, a step that was
            taken where a gate said no.
        unchecked: What could not be looked at on this machine, and why.
    """

    verified: int
    total: int
    head: str | None
    anchor: str
    at: str
    problem: str | None = None
    unknown: tuple[tuple[int, str], ...] = ()
    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether everything verified."""
        return self.problem is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something about an instance that nobody may overlook: held, drifted, degraded.

    Attributes:
        word: One or two words.
        tone: How it should strike the eye.
        sentence: What is the matter, who said so.
        at: Since when, RFC 3339; None where that says nothing.
        next: What to do about it: a sentence or a command.
    """

    word: str
    tone: Tone
    sentence: str
    at: str | None = None
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A gate that says no, and what would change it."""

    gate: str
    sentence: str
    unblock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceCard:
    """One instance on the board.

    Attributes:
        name: `dev`, `dev/pr-42`.
        state: In one word, as `status` says it.
        release: Digest of what runs there, proven; None where nothing runs.
        subject: First line of the commit that it was built from, if the ledger says so.
        since: Since when, RFC 3339.
        queued: Digest of the release that waits behind the change set that is offered, if one does.
        change_set: Digest of the change set that waits, if one does.
        marks: What nobody may overlook.
        blocks: What stands in the way of the next step.
        at_work: Who is at work there now.
        open_gates: The gates that let through what waits.
        passed_gates: The gates that it is not asked at.
        people: Who may say yes to it, while a yes is missing.
    """

    name: str
    state: str
    release: str | None
    subject: str | None
    since: str | None
    queued: str | None = None
    change_set: str | None = None
    marks: tuple[Mark, ...] = ()
    blocks: tuple[Block, ...] = ()
    at_work: str | None = None
    open_gates: tuple[str, ...] = ()
    passed_gates: tuple[str, ...] = ()
    people: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One environment.

    Attributes:
        name: Its name.
        account: The account of the target that the page is about.
        region: Its region.
        rule: What may happen there without a person, in words.
        cards: Its instances, the main one first.
    """

    name: str
    account: str
    region: str
    rule: str
    cards: tuple[InstanceCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What runs where, what waits for whom.

    Attributes:
        columns: The environments in their order.
    """

    columns: tuple[Column, ...]

    @property
    def cards(self) -> tuple[InstanceCard, ...]:
        """Every instance, in the order of the environments."""
        return tuple(card for column in self.columns for card in column.cards)


@dataclass(frozen=True, slots=True)
class Text:
    """One line of a change set: how deep, what, how it should strike the eye, what is folded below it."""

    depth: int
    text: str
    tone: str
    inside: tuple["Text", ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a change set under a title.

    Attributes:
        title: What they are about.
        lines: The lines.
        left_out: How many more there are, which the page leaves out.
    """

    title: str
    lines: tuple[Text, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A construct, or a resource at the end of its branch.

    Attributes:
        name: Its own part of the path.
        marks: For a resource what happens to it; for a construct how often each thing happens below it.
        type: The resource's type; None for a construct.
        children: What stands below it.
        unchanged: How many resources directly below it stay as they are.
    """

    name: str
    marks: tuple[str, ...]
    type: str | None = None
    children: tuple["Node", ...] = ()
    unchanged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSetView:
    """A change set as a person reads it.

    Attributes:
        digest: Its digest.
        entry: Number of the entry that holds it.
        place: The instance.
        release: Digest of the release.
        operation: What would be done.
        at: When it was shown, or when its apply began.
        headline: What it is, in one line.
        summary: How much would happen, in one line.
        waits: Whether it is offered now: for a decision, or approved and not yet applied.
        command: What an approver types, if it waits for one.
        approved: Whose yes was enough and what goes on, if it waits for no person any more.
        decisions: What people said to it and how it ended, one sentence each with its time.
        parts: What there is to read, in its order; empty where details are left out.
        tree: The construct tree with what changes.
        missing: Why it cannot be shown, if it cannot.
    """

    digest: str
    entry: int
    place: str
    release: str
    operation: str
    at: str
    headline: str
    summary: str
    waits: bool = False
    command: str | None = None
    approved: str | None = None
    decisions: tuple[tuple[str, str], ...] = ()
    parts: tuple[Part, ...] = ()
    tree: Node | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One statement about a release.

    Attributes:
        name: The check's name, or what the statement is about.
        passed: Its verdict; None where the statement is not believed.
        at: When it was signed, RFC 3339; None where nobody can tell.
        by: Whose key says so; where the statement is not believed, why.
    """

    name: str
    passed: bool | None
    at: str | None
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One step of a release's way: what was done in an instance, and how it ended.

    Attributes:
        place: The instance.
        sentence: What happened.
        tone: How it should strike the eye.
        began: When it began, RFC 3339.
        ended: When it ended; None where it has not.
        people: Who approved it, with their reasons.
        change_set: Digest of what was applied or shown.
    """

    place: str
    sentence: str
    tone: Weight
    began: str
    ended: str | None = None
    people: tuple[str, ...] = ()
    change_set: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A release from its commit to each environment.

    Attributes:
        digest: The release.
        at: When it became a candidate.
        by: Who wanted it.
        commit: The commit, if the ledger says so.
        subject: The commit's first line.
        people: Who wrote what is new in it.
        dirty: Whether it was built from files that no commit holds.
        runs_in: The instances in which it runs now.
        proofs: The evidence.
        legs: Its way.
        differences: What differs from the release before it, one line each.
        missing: Why the store cannot show it, if it cannot.
        detailed: Whether the page holds its details.
    """

    digest: str
    at: str
    by: str
    commit: str | None
    subject: str | None
    people: tuple[str, ...] = ()
    dirty: bool = False
    runs_in: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    legs: tuple[Leg, ...] = ()
    differences: tuple[str, ...] = ()
    missing: str | None = None
    detailed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One entry of the ledger in one line."""

    number: int
    at: str
    kind: str
    place: str
    release: str | None
    by: str
    sentence: str
    weight: Weight


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number about how delivery goes, for one environment.

    Attributes:
        name: `lead time`, `promotion frequency`, …
        values: For each environment the number in words.
        definition: What exactly was computed.
    """

    name: str
    values: tuple[tuple[str, str], ...]
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything on the page.

    Attributes:
        project: The project's name.
        target: Which accounts it is about.
        relaxes: Rules that do not count at this target.
        made: When, RFC 3339 in UTC.
        verification: How far it may be believed.
        board: What runs where.
        change_sets: Those that wait first, then the newest.
        stories: Releases, newest first.
        history: Entries, newest first.
        figures: How delivery goes.
        older_change_sets: How many change sets the ledger holds that the page does not.
        left_out: What else the page does not hold, one sentence each.
    """

    project: str
    target: str
    relaxes: tuple[str, ...]
    made: str
    verification: Verification
    board: Board
    change_sets: tuple[ChangeSetView, ...] = ()
    stories: tuple[Story, ...] = ()
    history: tuple[HistoryRow, ...] = ()
    figures: tuple[Figure, ...] = ()
    older_change_sets: int = 0
    left_out: tuple[str, ...] = ()
