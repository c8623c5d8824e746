"""docs/settings.md names every setting, with its default, and no other."""

import re
from pathlib import Path

import pytest

from pipeline.settings import environments, people, project
from pipeline.settings.environments import load_environments

_ROOT = Path(__file__).resolve().parents[2]
_TEXT = (_ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def _rows(after: str) -> dict[str, list[str]]:
    """Return the rows of the first table behind a text, by the setting in their first cell."""
    lines = _TEXT[_TEXT.index(after) :].splitlines()
    table = [line for line in lines if line.startswith("|")]
    start = lines.index(table[0])
    rows: dict[str, list[str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first.strip("`")] = others
    return rows


@pytest.mark.parametrize(
    ("after", "required", "optional"),
    [
        ("## The project", project._KEYS, project._OPTIONAL),
        ("## An environment", environments._KEYS, environments._OPTIONAL),
    ],
    ids=["project", "environment"],
)
def test_every_key_is_told(after: str, required: dict[str, type], optional: dict[str, type]) -> None:
    """The table of a file holds its keys, and a default for those that have one."""
    rows = _rows(after)

    assert set(rows) == {*required, *optional}
    assert {key for key, cells in rows.items() if cells[-1]} == set(optional)


def test_the_defaults_are_those_of_the_code() -> None:
    """Where a default is a number, it is the one that is used."""
    told = {
        key: int(cells[-1])
        for after in ("## The project", "## An environment")
        for key, cells in _rows(after).items()
        if cells[-1].isdigit()
    }
    source = "".join(Path(str(module.__file__)).read_text() for module in (project, environments))
    used = dict(re.findall(r'found\.get\("([a-z-]+)", (\d+)\)', source))

    assert told == {key: int(value) for key, value in used.items()}


def test_the_smaller_tables_are_told() -> None:
    """Checks, approvers, keys and freezes, too."""
    assert set(_rows("A check, `[checks.NAME]`")) == {"command", "inputs", "settings", "tests"}
    assert set(_rows("An approver, `[[approvers]]`")) == {"name", "emails", "github", "key"}
    assert set(_rows("A freeze comes once")) == {"from", "until", "reason", "days", "zone"}
    assert all(f"`{role}`" in _TEXT for role in people._MACHINES)


def test_the_repositorys_environments_say_everything() -> None:
    """Ours write down even what has a default, so that they can be read without this document."""
    for name in load_environments(_ROOT / "environments").names:
        text = (_ROOT / "environments" / f"{name}.toml").read_text()
        for key in {*environments._KEYS, "soak-minutes", "evidence-days", "offer-hours"} - {"accounts"}:
            assert re.search(rf"^{key} = ", text, re.MULTILINE), f"{name}: {key}"
