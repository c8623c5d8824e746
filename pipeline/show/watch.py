"""A board that is drawn again whenever what it shows has changed."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from pipeline.model.errors import InterruptedByUserError, TollgateError
from pipeline.show.paragraph import paragraph
from pipeline.show.text import safe
from pipeline.show.words import show_rows

SECONDS = 2.0


def watch(
    console: Console,
    read: Callable[[], Sequence[dict[str, Any]]],
    *,
    as_json: bool = False,
    wait: Callable[[float], None] = time.sleep,
) -> NoReturn:
    """Draw the rows that `read` gives, and draw them again when they are others; ends when `wait` raises, as by Ctrl-C.

    What keeps `read` from answering is said, once, and it is asked again.

    On a terminal the screen is cleared first, so that there is one board. Elsewhere each state is printed once, with
    its time, so that a log or a screen reader gets what changed and nothing twice. As JSON it is one line each.
    """
    last: Sequence[dict[str, Any]] | str | None = None
    while True:
        seen = _seen(read)
        if seen != last:
            last = seen
            at = datetime.now(UTC)
            if as_json:
                what = {"error": seen} if isinstance(seen, str) else {"instances": list(seen)}
                document = {"at": at.isoformat(timespec="seconds"), **what}
                console.file.write(json.dumps(document, sort_keys=True) + "\n")
                console.file.flush()
            else:
                _draw(console, seen, at)
        wait(SECONDS)


def _seen(read: Callable[[], Sequence[dict[str, Any]]]) -> Sequence[dict[str, Any]] | str:
    """Return the rows, or what keeps them from being read now."""
    try:
        return read()
    except InterruptedByUserError:
        raise
    except TollgateError as error:
        return error.message


def _draw(console: Console, seen: Sequence[dict[str, Any]] | str, at: datetime) -> None:
    if isinstance(seen, str):
        paragraph(console, Text(f"at {at:%H:%M:%S} UTC it cannot be read: {safe(seen)}"), 0)
        return
    if console.is_terminal:
        console.clear()
    console.print(Text(f"as of {at:%H:%M:%S} UTC; Ctrl-C ends this"), soft_wrap=True)
    show_rows(console, seen)
    console.print()
