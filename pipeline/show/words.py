"""How results are put for people: the same words wherever they appear."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.model.gates import Reason
from pipeline.model.release import short
from pipeline.show.paragraph import paragraph
from pipeline.show.text import safe

_INDENT = 2


def show_reasons(console: Console, reasons: Sequence[Reason]) -> None:
    """Print what stands in the way, and for each what would change it."""
    for reason in reasons:
        line = Text(f"{reason.gate} gate: ", "bold")
        line.append(safe(reason.sentence), "not bold")
        paragraph(console, line, 0)
        paragraph(console, Text(f"next: {safe(reason.unblock)}"), _INDENT)


def show_rows(console: Console, rows: Sequence[dict[str, Any]]) -> None:
    """Print one row per instance, then for each what blocks the next step and what would unblock it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("instance", "state", "release", "since"):
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(row["instance"], row["state"], short(row["release"] or "-"), row["since"] or "-")
    console.print(table)
    for row in rows:
        for notice in row["notices"]:
            paragraph(console, Text(f"{row['instance']}: {safe(notice)}", "bold"), 0)
        if row["queued"]:
            paragraph(console, Text(f"{row['instance']}: {short(row['queued'])} is queued behind it"), 0)
        if row["at_work"]:
            paragraph(console, Text(f"{row['instance']}: at work: {safe(row['at_work'])}"), 0)
        show_blocks(console, row)


def show_blocks(console: Console, row: dict[str, Any]) -> None:
    """Print what blocks the next step of an instance, and for each what would unblock it."""
    for block in row["blocks"]:
        paragraph(console, Text(f"{row['instance']}: {safe(block['sentence'])}"), 0)
        paragraph(console, Text(f"next: {safe(block['unblock'])}"), _INDENT)
