"""Lay the page out: one HTML file with everything in it, which asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import groupby

from markupsafe import Markup, escape

from pipeline.host.late import jinja2
from pipeline.model.release import short
from pipeline.page.model import HistoryRow, Page
from pipeline.show.text import moment

MAX_BYTES = 2_000_000
_OPEN_ROWS = 50
_SYMBOLS = {"good": "✓", "bad": "✕", "warning": "▲", "quiet": "·", "plain": "·"}
_STATE_TONES = {
    "degraded": "bad",
    "drifted": "bad",
    "held": "warning",
    "waiting": "warning",
    "deployed": "good",
    "empty": "quiet",
}
_ACTIONS = {
    "delete": "\N{MINUS SIGN}",
    "replace": "∓",
    "forget": "○",
    "update": "~",
    "create": "+",
    "import": "↓",
    "move": "→",
    "keep": "=",
}


def render(page: Page) -> str:
    """Return the page as HTML. Whatever others wrote is escaped by the template engine, without exception."""
    style, script = _file("page.css"), _file("page.js")
    return _template().render(
        page=page,
        style=Markup(style),  # noqa: S704 - our own file, not what others wrote
        script=Markup(script),  # noqa: S704 - the same
        policy=_policy(style, script),
    )


@cache
def _template() -> jinja2.Template:
    """Return the template, compiled once: a page that must be made smaller is rendered several times."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"short": short, "moment": moment, "day": _day, "ticked": _ticked}
    environment.globals |= {
        "symbols": _SYMBOLS,
        "state_tones": _STATE_TONES,
        "actions": _ACTIONS,
        "months": _months,
    }
    return environment.get_template("page.html.j2")


def _file(name: str) -> str:
    """Return a file that lies beside this one, also in an installed package."""
    return (files("pipeline.page") / "templates" / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy under which exactly our own style and script count, and nothing is loaded."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _day(at: str) -> str:
    return at[:10]


def _ticked(text: str) -> Markup:
    """Return text with what stands between backticks as code; everything in it is escaped."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its other half is a character like any other
        return escape(text)
    marked = (
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece)
        for number, piece in enumerate(pieces)
    )
    return Markup("").join(marked)


def _months(rows: Sequence[HistoryRow]) -> list[tuple[str, list[HistoryRow]]]:
    """Group rows, newest first: the newest, then the others by month, so that what is old can stay folded."""
    newest = [("the newest", list(rows[:_OPEN_ROWS]))] if rows else []
    return newest + [
        (f"{datetime.fromisoformat(f'{month}-01'):%B %Y}", list(found))
        for month, found in groupby(rows[_OPEN_ROWS:], lambda row: row.at[:7])
    ]
