"""Show a release's story and the ledger's history on a terminal: plain lines that 80 columns and an ear can take."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from pipeline.model.release import short
from pipeline.show.entries import Weight
from pipeline.show.paragraph import paragraph
from pipeline.show.text import moment

_STYLES: dict[Weight, str] = {"good": "green", "bad": "bold red", "warning": "yellow", "plain": ""}
_INDENT = 4


def show_history(console: Console, rows: Iterable[Any]) -> None:
    """Print entries in the order given: a line that says which, and below it what."""
    for row in rows:
        where = f", {row.place}" if row.place else ""
        head = Text(f"{row.number}  {moment(row.at)}{where}: ")
        head.append(row.kind, _STYLES[row.weight])
        head.append(f" by {row.by}")
        paragraph(console, head, 0)
        paragraph(console, Text(row.sentence), _INDENT)


def show_story(console: Console, story: Any) -> None:
    """Print a release's story: what it is, its evidence, its way, what differs from the one before."""
    paragraph(
        console, Text(f"Release {short(story.digest)}: {story.subject or 'no commit subject'}", "bold"), 0
    )
    paragraph(console, Text(story.digest), 2)
    dirty = ", with uncommitted files" if story.dirty else ""
    paragraph(console, Text(f"commit {story.commit or 'unknown'}{dirty}"), 2)
    paragraph(console, Text(f"wanted {moment(story.at)} by {story.by}"), 2)
    if story.people:
        paragraph(console, Text(f"people: {', '.join(story.people)}"), 2)
    runs = ", ".join(story.runs_in) or "nowhere"
    paragraph(console, Text(f"runs in: {runs}"), 2)
    _section(
        console, "Evidence", [_proof(proof) for proof in story.proofs] or [Text("the ledger names none")]
    )
    _section(console, "Way", [_leg(leg) for leg in story.legs] or [Text("it has been nowhere yet")])
    told = [story.missing] if story.missing else list(story.differences)
    _section(console, "What differs from the release before", [Text(line) for line in told])


def show_decisions(console: Console, decisions: Sequence[tuple[str, str]]) -> None:
    """Print what people said to a change set, and how its apply went."""
    if decisions:
        _section(console, "What became of it", [Text(f"{moment(at)}: {said}") for at, said in decisions])


def _section(console: Console, title: str, lines: Sequence[Text]) -> None:
    console.print()
    console.print(Text(title, "bold"))
    for line in lines:
        paragraph(console, line, 2)


def _proof(proof: Any) -> Text:
    if proof.passed is None:
        return Text(f"{proof.name} ").append("not believed", "bold red").append(f": {proof.by}")
    word = Text("passed" if proof.passed else "did not pass", "green" if proof.passed else "bold red")
    return Text(f"{proof.name} ").append_text(word).append(f", signed {moment(proof.at)} by the {proof.by}")


def _leg(leg: Any) -> Text:
    line = Text(f"{moment(leg.began)}, {leg.place}: ")
    line.append(leg.sentence, _STYLES[leg.tone])
    for said in leg.people:
        line.append(f"; approved by {said}")
    return line
