"""The reference pages that the code itself writes: the command line, and the entries of the ledger.

    python docs/make_reference.py DIR

writes `cli.md` and `ledger.md` into DIR. `nox -s docs` runs it before the site is built, so no copy can be old.
"""

import ast
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from pipeline.cli.app import app
from pipeline.model import kinds
from pipeline.model.entry_body import FIELDS
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.powers import MAY_WRITE
from pipeline.model.trust import Role

_TYPES = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "list": "a list",
    "dict": "a table",
}


def main() -> int:
    """Write the pages."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cli.md").write_text(cli(), encoding="utf-8")
    (folder / "ledger.md").write_text(ledger(), encoding="utf-8")
    return 0


def cli() -> str:
    """Return the page of the command line: every verb with its arguments and options."""
    lines = [
        "# The command line",
        "",
        "Written by the code. Each verb is also a Nox session of the same name, with `_` for `-`.",
        "",
    ]
    commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # ours is a group
    for name, command in sorted(commands.items()):
        if not command.hidden:
            lines += _verb(f"tollgate {name}", command)
    return "\n".join(lines)


def ledger() -> str:
    """Return the page of the ledger: every kind of entry, its fields, and whose key may write it."""
    lines = [
        "# Entries of the ledger",
        "",
        "Written by the code. Every entry is signed, and has a number, the digest of the one before, a kind, a time,",
        "who says it, the digests of the documents beside it, and a body with exactly these fields.",
        "",
    ]
    meaning = _meanings(Path(kinds.__file__))
    for kind in Kind:
        signers = ", ".join(role.value for role in Role if role in MAY_WRITE[kind])
        lines += [f"## {kind.value}", "", _told(meaning[f"Kind.{kind.name}"]), ""]
        lines += [f"Signed by a key with one of these powers: {signers}.", ""]
        lines += ["| field | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {_type(found)} |" for name, found in FIELDS[kind].items()]
        lines.append("")
    for title, words in (("Operations", Operation), ("Outcomes", Outcome)):
        lines += [f"## {title}", "", "| word | what it means |", "| --- | --- |"]
        lines += [f"| `{word.value}` | {_told(meaning[f'{words.__name__}.{word.name}'])} |" for word in words]
        lines.append("")
    return "\n".join(lines)


def _verb(name: str, command: Any) -> Iterator[str]:
    yield from (f"## {name}", "", _told(_plain(command.help or "")), "")
    rows = [_parameter(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    rows = [row for row in rows if "--help" not in row]
    if rows:
        yield from ("| argument or option | what it does |", "| --- | --- |", *rows, "")
    for inner, below in sorted(getattr(command, "commands", {}).items()):
        yield from _verb(f"{name} {inner}", below)


def _parameter(parameter: Any) -> str:
    is_option = parameter.opts[0].startswith("-")
    name = " ".join(parameter.opts) if is_option else (parameter.metavar or parameter.name.upper())
    takes = f" {parameter.metavar}" if is_option and parameter.metavar else ""
    needed = "" if not parameter.required or not is_option else " Needed."
    return f"| `{name}{takes}` | {_told(_plain(parameter.help or ''))}{needed} |"


def _told(text: str) -> str:
    """Return text that a table's cell can hold and a browser shows as it is."""
    return html.escape(text, quote=False).replace("|", "\\|")


def _plain(text: str) -> str:
    return " ".join(text.split())


def _type(found: type | tuple[type, ...]) -> str:
    names = [each.__name__ for each in (found if isinstance(found, tuple) else (found,))]
    return " or ".join("nothing" if name == "NoneType" else _TYPES[name] for name in names)


def _meanings(path: Path) -> dict[str, str]:
    """Return for each member of the file's enumerations the sentence that stands below it."""
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for member, below in zip(node.body, node.body[1:], strict=False):
            is_said = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if isinstance(member, ast.Assign) and isinstance(member.targets[0], ast.Name) and is_said:
                text = re.sub(r"\s+", " ", str(below.value.value)).strip()  # type: ignore[attr-defined]  # seen above
                found[f"{node.name}.{member.targets[0].id}"] = text
    return found


if __name__ == "__main__":
    sys.exit(main())
