"""What the tests of the repository itself read: its files, its noxfile, its commands."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import typer.main

from pipeline.cli.app import app

ROOT = Path(__file__).parents[2]
TEXT = {path: path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]}
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def tracked() -> list[Path]:
    """Every file that git knows or would add, so that a new file is judged before it is committed."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for name in listed.splitlines() if (path := ROOT / name).is_file()]


def sessions() -> dict[str, str]:
    """Each Nox session with its docstring."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    return {
        node.name: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and any(_is_session(mark) for mark in node.decorator_list)
    }


def verbs() -> dict[str, set[str]]:
    """Each verb of the command line with its options; those of a group's verbs count for the group."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # ours is a group
    return {name: _options(command) for name, command in commands.items() if not command.hidden}


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text: rows of cells, without the titles."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("| "))])
        elif found[-1]:
            found.append([])
    return [table[2:] for table in found if table]


def _is_session(mark: ast.expr) -> bool:
    called = mark.func if isinstance(mark, ast.Call) else mark
    return isinstance(called, ast.Attribute) and called.attr == "session"


def _options(command: Any) -> set[str]:
    inner = [_options(each) for each in getattr(command, "commands", {}).values()]
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    return own.union(*inner) | set(getattr(command, "commands", ()))
