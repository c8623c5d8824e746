"""The documentation as a site: the reference is the code's, the tutorial runs what there is, links come along."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.model.kinds import Kind, Operation, Outcome
from tests.meta.repository import ROOT, TEXT, verbs

_TUTORIAL = TEXT[ROOT / "docs" / "tutorial.md"]
_README = TEXT[ROOT / "README.md"]


def program(name: str) -> ModuleType:
    """One of the programs below `docs/`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_names_every_verb_with_its_options() -> None:
    """The page of the command line has a part for each verb, and each option stands in it."""
    page = program("make_reference").cli()

    parts = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    for verb, options in verbs().items():
        mine = "".join(part for title, part in parts.items() if title.startswith(f"tollgate {verb}"))
        assert mine or verb == "hook", verb
        assert all(option in mine for option in options if mine), verb


def test_the_reference_names_every_kind_of_entry() -> None:
    """Each kind has its sentence, its fields and whose key writes it; each operation and outcome its meaning."""
    page = program("make_reference").ledger()

    for kind in Kind:
        part = page.split(f"\n## {kind.value}\n")[1].split("\n## ")[0]
        assert "Signed by a key" in part
        assert "| `" in part
    for word in (*Operation, *Outcome):
        assert re.search(rf"\| `{word.value}` \| .{{10,}} \|", page), word


@pytest.mark.parametrize("text", [_TUTORIAL, _README], ids=["tutorial", "README"])
def test_a_transcript_runs_commands_that_there_are(text: str) -> None:
    """Every command of a transcript has a verb, and what it printed stands below it."""
    transcripts = program("make_transcripts")

    assert transcripts.check(text) == 0
    assert len(transcripts.commands(text)) >= 8


def test_a_transcript_that_was_not_made_is_noticed() -> None:
    """A verb that is not there, or a command without its output, fails the check."""
    transcripts = program("make_transcripts")

    assert transcripts.check("```console\n$ nox -s teleport\nthere\n```\n") == 1
    assert transcripts.check("```console\n$ nox -s status\n```\n") == 1
    assert transcripts.check("```console\n$ nox -s status\ndev\n```\n") == 0


@pytest.mark.parametrize("text", [_TUTORIAL, _README], ids=["tutorial", "README"])
def test_a_transcript_shows_no_machine(text: str) -> None:
    """No path, no colour and no leftover of the recording is in it."""
    assert "/tmp/" not in text
    assert "\x1b" not in text
    assert "Traceback" not in text


def test_what_a_page_links_to_comes_along(tmp_path: Path) -> None:
    """A link that leaves the documents leads to a copy; one that stays is left as it is."""
    page = ROOT / "docs" / "api.md"
    (tmp_path / "api.md").write_text("", encoding="utf-8")
    program("make_site").bring_along(page, tmp_path)

    text = (tmp_path / "api.md").read_text(encoding="utf-8")
    assert "](files/app/openapi.json.txt)" in text
    assert (tmp_path / "files" / "app" / "openapi.json.txt").is_file()


@pytest.mark.parametrize("page", ["index.md", "readers/approver.md", "how-to/roll-back.md", "tutorial.md"])
def test_the_navigation_leads_to_every_page(page: str) -> None:
    """What was written for a reader is in the navigation."""
    assert page in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


def test_every_page_is_in_the_navigation() -> None:
    """A page of the documents that the navigation does not name is found by nobody; decisions have a list."""
    navigation = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]

    assert [page for page in pages if page not in navigation and not page.startswith("adr/")] == []


def test_no_page_stands_twice_in_the_navigation() -> None:
    """Whoever looks for a page finds it in one place."""
    navigation = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)

    assert len(navigation) == len(set(navigation))
