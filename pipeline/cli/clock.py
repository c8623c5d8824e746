"""`tollgate clock`: go on where an entry was written by a clock that ran ahead."""

from rich.text import Text

from pipeline.cli.console import progress, results
from pipeline.cli.options import Reason, Target
from pipeline.clock import go_on_from_now
from pipeline.context import Context


def clock(reason: Reason, target: Target = None) -> None:
    """Go on, by your word, where the ledger's newest entry was written by a clock that ran ahead."""
    entry = go_on_from_now(Context.open(progress(), target), reason)
    sentence = (
        f"{entry.body['ahead']} counts no more; the ledger goes on at {entry.at} (entry {entry.number})"
    )
    results().print(Text(sentence), soft_wrap=True)
