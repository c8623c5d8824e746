"""A board that is drawn again whenever what it shows has changed."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from pipeline.show.words import show_rows

SECONDS = 2.0


def watch(
    console: Console,
    read: Callable[[], Sequence[dict[str, Any]]],
    *,
    as_json: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Draw the rows that `read` gives, and draw them again when they are others; ends when `wait` or `read` raises.

    On a terminal the screen is cleared first, so that there is one board. Elsewhere each state is printed once, with
    its time, so that a log or a screen reader gets what changed and nothing twice. As JSON it is one line each.
    """
    last: Sequence[dict[str, Any]] | None = None
    while True:
        rows = read()
        if rows != last:
            last = rows
            at = datetime.now(UTC)
            if as_json:
                document = {"at": at.isoformat(timespec="seconds"), "instances": list(rows)}
                console.file.write(json.dumps(document, sort_keys=True) + "\n")
                console.file.flush()
            else:
                _draw(console, rows, at)
        wait(SECONDS)


def _draw(console: Console, rows: Sequence[dict[str, Any]], at: datetime) -> None:
    if console.is_terminal:
        console.clear()
    console.print(Text(f"as of {at:%H:%M:%S} UTC; Ctrl-C ends this"), soft_wrap=True)
    show_rows(console, rows)
    console.print()
