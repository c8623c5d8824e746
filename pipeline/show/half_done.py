"""What a change that did not hold leaves behind: what was done of it, and what is still to do."""

import io
from collections.abc import Sequence

from rich.console import Console

from pipeline.model.change_set import ChangeSet
from pipeline.model.safety.finding import Finding
from pipeline.show.change_set import show

_MOST = 20
_WIDTH = 70
"""Leaves room for the name of the place in front of each line."""


def half_done(done: Sequence[str], left: ChangeSet | None, findings: Sequence[Finding] = ()) -> str:
    """Return it as lines for people.

    Args:
        done: The addresses of what was changed, in that order.
        left: What a plan made afterwards would still do; None where there could be none.
        findings: What stands out in it.
    """
    lines = [f"was done: {address}" for address in done[:_MOST]] or ["nothing was done"]
    if len(done) > _MOST:
        lines.append(f"and {len(done) - _MOST} more; the ledger names all")
    if left is None:
        return "\n".join([*lines, "what is left to do cannot be told: Terraform cannot plan now"])
    if left.is_empty:
        return "\n".join([*lines, "nothing is left to do"])
    text = io.StringIO()
    show(Console(file=text, width=_WIDTH), left, findings)
    return "\n".join([*lines, "this is left to do:", *text.getvalue().splitlines()])
