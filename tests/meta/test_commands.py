"""What the documents say of commands, settings, states and errors is true."""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.history import State
from tests.meta.repository import ROOT, TEXT, sessions, tables, verbs

README = TEXT[ROOT / "README.md"]
OPERATE = TEXT[ROOT / "docs" / "operate.md"]
PUSH = TEXT[ROOT / "docs" / "push.md"]
CLOUD_STATES = {"up", "down", "unclean", "dead"}
THE_TWO = ("pip install nox && nox -s promote", "pip install nox && nox -s test")


def first_column(title: str, text: str = OPERATE) -> set[str]:
    """The code words in the first column of the first table below a text."""
    rows = tables(text[text.index(title) :])[0]
    return {row[0].strip("`") for row in rows}


def sources(folder: str = "pipeline") -> Iterator[tuple[Path, str]]:
    """Every Python file of a room."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, path.read_text(encoding="utf-8")


def sentences() -> str:
    """Every string of the pipeline, with the variable parts left out."""
    return "\n".join(
        node.value
        for _, source in sources()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_session_says_what_it_does() -> None:
    """A session's docstring is one sentence of at most 72 characters: it is the session's help."""
    for name, docstring in sessions().items():
        first = docstring.splitlines()[0] if docstring else ""
        assert first.endswith("."), name
        assert len(first) <= 72, f"{name}: {len(first)} characters"


def test_the_table_of_commands_is_the_noxfile() -> None:
    """README lists every session, in the noxfile's order and words.

    TOLLGATE_RECORD=commands writes the table anew.
    """
    rows = [f"| `nox -s {name}` | {text.splitlines()[0]} |" for name, text in sessions().items()]
    table = "\n".join(["| command | what it does |", "| --- | --- |", *rows, ""])
    start = README.index(table.splitlines()[0])
    told = README[start : README.index("\n\n", start) + 1]

    if os.environ.get("TOLLGATE_RECORD") == "commands":
        (ROOT / "README.md").write_text(README.replace(told, table), encoding="utf-8")
    else:
        assert told == table


def test_two_commands_stand_on_the_first_screen() -> None:
    """Whoever opens README sees the two commands without scrolling."""
    first_screen = "\n".join(README.splitlines()[:24])

    assert all(command in first_screen for command in THE_TWO)


def test_a_clean_machine_runs_the_readme_s_command() -> None:
    """What the outside check runs is README's command for the tests; CI runs the same session by the locked Nox."""
    entry = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    install, run = THE_TWO[1].split(" && ")
    assert re.search(rf"{install.replace('install', 'install(?: --quiet)?')} && {run}\b", entry)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert f"requirements/nox.txt && {run}\n" in (ROOT / ".github/workflows/ci.yml").read_text(
        encoding="utf-8"
    )


@pytest.mark.parametrize("path", TEXT, ids=lambda path: path.name)
def test_commands_in_documents_exist(path: Path) -> None:
    """Every `nox -s …` in a document is a session, and what follows it are options of its verb."""
    known, options = sessions(), verbs()
    text = re.sub(r"\\\n\s*", "", TEXT[path])
    for command in re.findall(r"nox -s ([^`\n;#|)─]+)", text):
        names, _, arguments = command.strip().partition(" -- ")
        for name in re.findall(r"\w+", names):
            assert name in known, command
        for option in re.findall(r"(?<!\S)--[a-z-]+", arguments):
            verb = names.split()[-1]
            assert verb not in options or option in options[verb], command


def test_settings_in_documents_are_read_somewhere() -> None:
    """Every setting that the code reads is told, and every one that is told is read."""
    read = set()
    for folder in ("pipeline", "infra", "policies", "tests/infra", "tests/pipeline", "tests/policies"):
        for _, source in sources(folder):
            read |= set(re.findall(r"\"(TOLLGATE_[A-Z_]+)\"", source))
    told = set(re.findall(r"^\| `(TOLLGATE_[A-Z_]+)`", README + TEXT[ROOT / "CONTRIBUTING.md"], re.MULTILINE))

    families = tuple(name for name in told if name.endswith("_"))
    assert told == {name for name in read - {"TOLLGATE_"} if name in told or not name.startswith(families)}


def test_operate_names_each_state() -> None:
    """The states of an instance and of a local account are told, and no others."""
    assert first_column("## States") == {state.value for state in State}
    assert first_column("## The local accounts") == CLOUD_STATES
    spec = (ROOT / "pipeline/targets/local/spec.py").read_text(encoding="utf-8")
    assert set(re.findall(r'"(\w+)"', spec.split("State = Literal[")[1].split("]")[0])) == CLOUD_STATES


def test_operate_names_each_block() -> None:
    """What can block an instance is told under the name that `status` uses, and nothing else is."""
    used = set()
    for _, source in sources():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Reason":
                used |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}

    assert first_column("Below the rows stands what blocks") == used


def test_operate_names_each_verb() -> None:
    """Whoever operates finds every verb of the command line."""
    told = set(re.findall(r"nox -s (\w+)", OPERATE))

    assert told == {verb.replace("-", "_") for verb in verbs()}


@pytest.mark.parametrize("text", [OPERATE, PUSH], ids=["operate", "push"])
def test_errors_that_are_explained_are_said_by_the_code(text: str) -> None:
    """Each error that is explained is one that the pipeline says."""
    said = sentences()

    for fragment in {row[0].strip("`") for row in tables(text[text.index("## When something") :])[0]}:
        assert fragment in said, fragment
