"""Text that others wrote, made safe to look at: no control characters, nothing longer than a reader wants."""

import re
from datetime import UTC, datetime

FOLD_AT = 72
_CONTEXT = 24


def safe(text: str) -> str:
    r"""Return `text` with everything that is not plainly visible spelled out.

    Escape sequences could move the cursor and repaint what was shown; bidirectional marks could show text
    in an order that it does not have. Both become `\x1b`, `\u202e`.
    """
    return "".join(character if character.isprintable() else _spelled(character) for character in text)


def folded(text: str) -> str:
    """Return `text`, or its beginning and end if it is long, with its length."""
    if len(text) <= FOLD_AT:
        return text
    return f"{text[:_CONTEXT]}…{text[-_CONTEXT:]} ({len(text)} characters)"


def moment(at: str) -> str:
    """Return an RFC 3339 time as people read it, `23 Nov 2026 06:12 UTC`; what is no time stays as it is."""
    try:
        found = datetime.fromisoformat(at).astimezone(UTC)
    except (ValueError, OverflowError):
        return safe(at)
    return f"{found.day} {found:%b %Y %H:%M} UTC"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no link, no mention, no HTML, no table cell's end."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def _spelled(character: str) -> str:
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
