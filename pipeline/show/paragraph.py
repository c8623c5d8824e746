"""A paragraph on a terminal: wrapped, so that 80 columns and an ear can take it, and still to be copied from."""

import re

from rich.console import Console
from rich.text import Text

_COMMAND = re.compile(r"`[^`]*`")
_BLANK_OF_A_COMMAND = "\ue000"
_NARROWEST = 20


def paragraph(console: Console, text: Text, indent: int) -> None:
    """Print it wrapped, with a hanging indent and without blanks at the end; a command stays on one line if it can."""
    width = max(console.width - indent - 2, _NARROWEST)

    def kept_together(found: re.Match[str]) -> str:
        command = found[0]
        return command.replace(" ", _BLANK_OF_A_COMMAND) if len(command) <= width else command

    text = text.copy()
    text.plain = _COMMAND.sub(kept_together, text.plain)
    for number, piece in enumerate(text.wrap(console, width)):
        piece.rstrip()
        piece.plain = piece.plain.replace(_BLANK_OF_A_COMMAND, " ")
        console.print(Text(" " * (indent if number == 0 else indent + 2)) + piece, soft_wrap=True)
