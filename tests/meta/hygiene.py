"""What no tracked file may be: large, private to one machine, or unreadable. `pre-commit` names the files."""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 400_000

_FORBIDDEN = {
    "a path of one machine": re.compile(r"/(home|Users)/[A-Za-z0-9]|(?<![\w.-])/(root|work)/|[A-Z]:\\+Users"),
    "the address of a package index": re.compile(
        r"https?://[^\s\"'<>]*(/simple\b|artifactory|nexus|devpi|pypi\.org/|registry\.npmjs)"
        r"|(--|^)(extra-)?index-url\s*=?\s*http|--find[-]links\s*=?\s*\S*[:/]"
    ),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)(?!\w*EXAMPLE)[0-9A-Z]{16}\b"),
}
# Its first line alone is a pattern or an example; a real one goes on.
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(\s|\\n)*[A-Za-z0-9+/]{40}")
_PNG = b"\x89PNG\r\n\x1a\n"
_FORBIDDEN_NAMES = {"uv.lock"}  # it names the package index it was made from; requirements/*.txt do not
_PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}


def problems(path: Path) -> Iterator[str]:
    """Yield what is wrong with a file, one sentence each."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        yield f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are kept in git"
    if path.name in _FORBIDDEN_NAMES:
        yield f"{path} must not be tracked"
    yield from _in_picture(path) if path.suffix == ".png" else _in_text(path)


def _in_picture(path: Path) -> Iterator[str]:
    if not path.read_bytes().startswith(_PNG):
        yield f"{path} is no picture"


def _in_text(path: Path) -> Iterator[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield f"{path} is not UTF-8 text"
        return
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in _FORBIDDEN.items():
            if pattern.search(line):
                yield f"{path}:{number} holds {what}"
    if _PRIVATE_KEY.search(text):
        yield f"{path} holds a private key"
    parse = _PARSERS.get(path.suffix)
    if parse is not None:
        try:
            parse(text)
        except (ValueError, yaml.YAMLError) as error:
            yield f"{path} cannot be read: {str(error).splitlines()[0]}"


def main(names: Sequence[str]) -> int:
    """Print every problem of the files called `names`; return 1 where there is one."""
    found = [problem for name in names if Path(name).is_file() for problem in problems(Path(name))]
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
