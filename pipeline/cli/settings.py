"""The verb that shows which settings count, and pins others."""

from typing import Annotated

import typer
from rich.text import Text

from pipeline import pin as pinning
from pipeline.cli.console import print_json, progress, results
from pipeline.cli.options import Target
from pipeline.context import Context
from pipeline.model.history import History
from pipeline.model.release import short
from pipeline.settings.bundle import Bundle
from pipeline.show.text import moment, safe


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command()(settings)


def settings(
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", metavar="TEXT", help="Sign those of this checkout, so that they count; why."
        ),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show every line that differs.")] = False,
    target: Target = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON and nothing else to standard output.")
    ] = False,
) -> None:
    """Show which settings count and how this checkout's differ; with --reason, sign these."""
    context = Context.open(progress(), target)
    tree = Bundle.read(context.project.root)
    if reason is not None:
        if diff and not as_json:
            _say(*context.settings.bundle.diff(tree))
        _say_signed(pinning.pin(context, reason), as_json=as_json)
        return
    history = context.history()
    if as_json:
        print_json(_document(context, history, tree))
        return
    _show(context, history, tree)
    if diff:
        _say("", *context.settings.bundle.diff(tree))


def _show(context: Context, history: History, tree: Bundle) -> None:
    pinned_by = history.authority.pinned_by
    if pinned_by is None:
        _say(
            f"nothing is pinned yet: the first promotion pins this checkout's settings, {short(tree.digest)}"
        )
        return
    _say(
        f"settings {short(context.settings.digest)} count, "
        f"pinned by {pinned_by.by}, {moment(pinned_by.at)} (ledger entry {pinned_by.number})"
    )
    differences = context.settings.differences
    if not differences:
        _say("this checkout's are the same")
    else:
        _say(f"this checkout's, {short(tree.digest)}, count for nothing yet:")
        _say(*(f"  {difference}" for difference in differences))
    for proposal in pinning.proposals(history):
        _say(_signed(proposal))
    if differences:
        _say('next: `nox -s settings -- --diff` shows every line, `-- --reason "…"` signs them')


def _say_signed(proposal: pinning.Proposal, *, as_json: bool) -> None:
    if as_json:
        print_json(_proposal(proposal))
    elif proposal.missing:
        _say(_signed(proposal), "next: another approver runs the same command in the same checkout")
    else:
        _say(f"settings {short(proposal.settings)} count from here")


def _signed(proposal: pinning.Proposal) -> str:
    people = ", ".join(proposal.people)
    return (
        f"settings {short(proposal.settings)} are signed by {people}; {proposal.missing} more must sign them"
    )


def _document(context: Context, history: History, tree: Bundle) -> dict[str, object]:
    pinned_by = history.authority.pinned_by
    return {
        "settings": None if pinned_by is None else context.settings.digest,
        "pinned_by": None
        if pinned_by is None
        else {"number": pinned_by.number, "by": pinned_by.by, "at": pinned_by.at},
        "checkout": tree.digest,
        "differences": list(context.settings.differences),
        "quorum": history.authority.quorum,
        "proposed": [_proposal(proposal) for proposal in pinning.proposals(history)],
    }


def _proposal(proposal: pinning.Proposal) -> dict[str, object]:
    return {"settings": proposal.settings, "people": list(proposal.people), "missing": proposal.missing}


def _say(*lines: str) -> None:
    for line in lines:
        results().print(Text(safe(line)), soft_wrap=True)
