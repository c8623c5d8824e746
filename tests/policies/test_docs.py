"""docs/policies.md says what is there."""

from pathlib import Path

from policies.gate.judge import RULES
from policies.gate.own_checks import load_own_checks

PAGE = Path(__file__).parent.parent.parent / "docs" / "policies.md"


def table() -> str:
    """The table of our policies, as the page has to have it."""
    rows = [(check.id, check.title, check.risk) for check in load_own_checks()[0]]
    rows = sorted(rows) + [(rule.id, rule.title, rule.risk) for rule in RULES]
    lines = [f"| {name} | {title} | {risk} |" for name, title, risk in rows]
    return "\n".join(["| id | wanted | risk |", "| --- | --- | --- |", *lines])


def test_the_page_lists_every_policy() -> None:
    """Between its marks the page holds the table made from the docstrings."""
    page = PAGE.read_text(encoding="utf-8")

    listed = page.partition("<!-- policies -->\n")[2].partition("\n<!-- /policies -->")[0]

    assert listed == table()
