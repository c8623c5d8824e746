"""Keeps the generated parts of docs/infra.md: `python -m infra.reference` writes them, `--check` only looks."""

import argparse
import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import infra
from infra.errors import InfraError

DOCUMENT = Path(__file__).parent.parent / "docs" / "infra.md"
_STACK = "payments-prod"
# Groups of this construct are shown by what they hold: its parts have different readers.
_OPENED = "Storage"
_REFERENCE = re.compile(r"\$\{(aws_\w+)\.(\w+)\.")
_FIELD = re.compile(r"^    (\w+): (.+?)(?=^    \w+: |\Z)", re.MULTILINE | re.DOTALL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the generated parts, or say that they are not current."""
    parser = argparse.ArgumentParser(prog="python -m infra.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail if something would change")
    check = parser.parse_args(arguments).check
    old = DOCUMENT.read_text(encoding="utf-8")
    new = current(old)
    if check and new != old:
        sys.stderr.write(
            f"error: {DOCUMENT.name} is not current\nhint: run `python -m infra.reference` and commit it\n"
        )
        return 1
    if not check:
        DOCUMENT.write_text(new, encoding="utf-8")
    return 0


def current(text: str) -> str:
    """The document with its generated parts as they should be.

    Raises:
        InfraError: If a part's marks are missing.
    """
    for name, content in (("props", props_tables()), ("picture", picture(_synthesized()))):
        begin, end = f"<!-- generated: {name} -->\n", f"<!-- end: {name} -->\n"
        if begin not in text or end not in text:
            raise InfraError(f"{DOCUMENT.name} lacks the marks of its generated part {name!r}")
        before, _, rest = text.partition(begin)
        text = before + begin + "\n" + content + "\n" + end + rest.partition(end)[2]
    return text


def props_tables() -> str:
    """A table of every Props, from their own descriptions."""
    return "\n".join(_table(props) for props in _all_props())


def _all_props() -> Iterator[type]:
    for found in sorted(pkgutil.walk_packages(infra.__path__, "infra."), key=lambda each: each.name):
        module = importlib.import_module(found.name)
        for name, member in inspect.getmembers(module, inspect.isclass):
            ours = member.__module__ == module.__name__ and dataclasses.is_dataclass(member)
            if ours and name.endswith(("Props", "Config", "Thresholds", "Capacity")):
                yield member


def _table(props: Any) -> str:
    described = dict(_FIELD.findall(inspect.cleandoc(props.__doc__) + "\n"))
    lines = [
        f"### `{props.__name__}`",
        "",
        "| field | type | meaning | default |",
        "| --- | --- | --- | --- |",
    ]
    for field in dataclasses.fields(props):
        meaning, _, default = " ".join(described[field.name].split()).partition(" Default: ")
        kind = (
            str(field.type)
            if isinstance(field.type, str)
            else getattr(field.type, "__name__", str(field.type))
        )
        shown = kind.replace("|", "\\|").replace("infra.naming.", "").replace("collections.abc.", "")
        lines.append(f"| `{field.name}` | `{shown}` | {meaning} | {default or 'required'} |")
    return "\n".join(lines) + "\n"


def _synthesized() -> Mapping[str, Any]:
    from infra.main import main as synthesize  # noqa: PLC0415 - only the picture needs Node.js

    with tempfile.TemporaryDirectory(prefix="tollgate-") as scratch:
        if synthesize(["--out", f"{scratch}/out"]):
            raise InfraError("the stacks cannot be synthesized, so there is nothing to draw")
        path = Path(scratch) / "out" / "stacks" / _STACK / "cdk.tf.json"
        stack: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return stack


def picture(stack: Mapping[str, Any]) -> str:
    """A Mermaid diagram: what each construct holds, and which refers to which."""
    group_of = {
        (kind, name): _group(body["//"]["metadata"]["path"])
        for kind, named in stack["resource"].items()
        for name, body in named.items()
    }
    held: dict[str, Counter[str]] = {}
    for (kind, _), group in sorted(group_of.items()):
        held.setdefault(group, Counter())[kind.removeprefix("aws_")] += 1
    edges = set()
    for (kind, name), group in group_of.items():
        for match in _REFERENCE.finditer(json.dumps(stack["resource"][kind][name])):
            other = group_of[match[1], match[2]]
            if other != group:
                edges.add((group, other))
    lines = ["```mermaid", "flowchart LR"]
    for group, kinds in sorted(held.items()):
        inside = "<br/>".join(
            f"{count} {kind}" if count > 1 else kind for kind, count in sorted(kinds.items())
        )
        lines.append(f'  {_id(group)}["<b>{group}</b><br/>{inside}"]')
    lines += [f"  {_id(one)} --> {_id(other)}" for one, other in sorted(edges)]
    return "\n".join([*lines, "```", ""])


def _group(path: str) -> str:
    """The construct that a resource is shown in."""
    parts = path.split("/")[2:]
    return "/".join(parts[:2]) if parts[0] == _OPENED else parts[0]


def _id(group: str) -> str:
    return group.replace("/", "")


if __name__ == "__main__":
    raise SystemExit(main())
