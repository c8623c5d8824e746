"""Documents keep their form, and what they point to is there."""

import re
from pathlib import Path

import pytest

from pipeline.model.kinds import Kind
from pipeline.stores.ledger import BRANCH, ENTRY_FILE
from tests.meta.repository import ROOT, TEXT, tables

ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
STATUSES = {"accepted", "accepted, partly built", "accepted, not built yet", "superseded"}


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", TEXT, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    """A link inside the repository leads to a file, and to a heading where it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXT[path]):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("path", TEXT, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    """A file of ours that a document names is there."""
    rooms = "app|bench|docs|environments|infra|pipeline|policies|requirements|tests"
    for name in re.findall(rf"`((?:{rooms})/[\w./-]*\w)/?`", TEXT[path]):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("path", TEXT, ids=lambda path: path.name)
def test_the_ledger_is_read_where_it_is(path: Path) -> None:
    """What a document says to type at the ledger names its branch, and the file that an entry is."""
    for name in re.findall(r"`git --git-dir \S+ledger\.git (?:log|show) (\S+)`", TEXT[path]):
        assert name in {BRANCH, f"{BRANCH}:{ENTRY_FILE}"}


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_has_its_form(path: Path) -> None:
    """A decision has a number, a title, a status, and says context, decision and consequences."""
    text = path.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    headed = re.fullmatch(r"# (\d{4}): (.+)\n\nStatus: (.+)\n\n", parts[0])

    assert headed is not None
    assert headed[1] == path.name[:4]
    assert headed[3].split(" by ")[0] in STATUSES
    assert parts[1::2] == ["Context", "Decision", "Consequences"]
    assert all(len(part.strip()) > 40 for part in parts[2::2])


def test_decisions_are_numbered_and_listed() -> None:
    """The numbers have no gap, and the list names each decision with its title and status."""
    assert [path.name[:4] for path in ADRS] == [f"{number:04d}" for number in range(1, len(ADRS) + 1)]

    listed = {row[0]: (row[1], row[2]) for row in tables(TEXT[ROOT / "docs" / "adr" / "README.md"])[0]}
    for path in ADRS:
        first, _, third, *_ = path.read_text(encoding="utf-8").splitlines()
        told = (first.partition(": ")[2], third.removeprefix("Status: "))
        assert listed.pop(f"[{path.name[:4]}]({path.name})") == told
    assert not listed


def test_the_glossary_says_what_a_noun_is() -> None:
    """Every noun of the design is there once, with what it is."""
    rows = tables(TEXT[ROOT / "docs" / "glossary.md"])[0]
    nouns = [noun for row in rows for noun in re.findall(r"\*\*(.+?)\*\*", row[0])]

    assert len(set(nouns)) == len(nouns)
    assert all(len(row[1]) > 20 for row in rows)
    design = {"Release", "Environment", "Instance", "Evidence", "Change set", "Candidate", "Approval"}
    assert set(nouns) >= design | {"Gate", "Promotion", "Ledger", "Drift", "Finding"}


def test_every_kind_of_entry_is_a_word_of_the_glossary() -> None:
    """What the ledger holds has a name that the glossary knows."""
    text = TEXT[ROOT / "docs" / "glossary.md"].lower()

    assert [kind.value for kind in Kind if kind.value not in text] == []
