"""Run every command of the tutorial and write what it printed below it, so that the tutorial shows what happens.

    python docs/make_transcripts.py [--check] [FILE]

A block that is fenced as `console` holds commands after `$ ` and their output. The commands run in their order in a
scratch clone of the last commit, against local accounts of their own; `nox -s VERB -- …` runs the verb itself, in the
environment that runs this, and any other session is really run. With `--check` nothing is run: the commands are
compared with the sessions that there are.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOX = re.compile(r"nox -s (\w+)(?: --)?")
_VERB = re.compile(r'_tollgate\(session, "([\w-]+)"')
_OF_CONTAINERS = ("TOLLGATE_BASE_IMAGE", "TOLLGATE_CONTAINER_NETWORK")
"""What a machine may have to say so that its engine finds an image and an index; nothing of it is shown."""
_SILENT = re.compile(r"sed -i |git commit --quiet |echo .* >")
_DEADLINE_SECONDS = 3600


def main() -> int:
    """Run or check the commands of a document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("file", nargs="?", type=Path, default=TUTORIAL)
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8")
    if options.check:
        return check(text)
    with tempfile.TemporaryDirectory() as scratch:
        options.file.write_text(recorded(text, Path(scratch) / "tollgate"), encoding="utf-8")
    return 0


def check(text: str) -> int:
    """Return 1 where a command has no output or names a verb that is not there."""
    known = set(re.findall(r"^def (\w+)\(session", _noxfile(), re.MULTILINE))
    wrong = [
        f"there is no session {verb}"
        for command in commands(text)
        for verb in _NOX.findall(command)
        if verb not in known
    ]
    wrong += [f"nothing stands below `{command}`" for command in _without_output(text)]
    for sentence in wrong:
        sys.stderr.write(f"{sentence}\n")
    return int(bool(wrong))


def _without_output(text: str) -> Iterator[str]:
    """Yield the commands below which nothing stands although they print something."""
    for block in _BLOCK.findall(text):
        lines = [*block.splitlines(), "$ "]
        for line, below in pairwise(lines):
            if line.startswith("$ ") and below.startswith("$ ") and not _SILENT.match(line[2:]):
                yield line[2:]


def commands(text: str) -> list[str]:
    """Return every command of a document, in its order."""
    return [
        line[2:] for block in _BLOCK.findall(text) for line in block.splitlines() if line.startswith("$ ")
    ]


def recorded(text: str, clone: Path) -> str:
    """Return the document with the output of each command below it."""
    _run(["git", "clone", "--quiet", str(ROOT), str(clone)])
    for name, value in (("user.name", "Ada Moreau"), ("user.email", "ada@example.com")):
        _run(["git", "-C", str(clone), "config", name, value])
    try:
        return _BLOCK.sub(lambda block: f"```console\n{''.join(_block(block[1], clone))}```", text)
    finally:
        _shell("nox -s cloud -- reset", clone)


def _block(block: str, clone: Path) -> Iterator[str]:
    for line in block.splitlines():
        if line.startswith("$ "):
            sys.stderr.write(f"{line}\n")
            yield f"{line}\n{_shell(line[2:], clone)}"


def _shell(command: str, clone: Path) -> str:
    """Run one command as a reader of the tutorial would, and return what both streams said."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in _OF_CONTAINERS or not name.startswith(("TOLLGATE_", "GITHUB_", "GIT_"))
    }
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(clone), str(clone / "app")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "TOLLGATE_POLICIES_PYTHON": str(ROOT / ".nox" / "policies" / "bin" / "python"),
    }
    result = subprocess.run(
        ["bash", "-c", _NOX.sub(_directly, command)],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_DEADLINE_SECONDS,
        check=False,
    )
    lines = (line.rstrip() for line in result.stdout.replace(f"{clone}/", "").splitlines())
    return "".join(f"{line}\n" for line in lines)


def _directly(session: re.Match[str]) -> str:
    """Return the verb's own command where a session does nothing but run a verb."""
    verb = session[1].replace("_", "-")
    return f"{sys.executable} -m pipeline {verb}" if verb in _VERB.findall(_noxfile()) else session[0]


def _noxfile() -> str:
    return (ROOT / "noxfile.py").read_text(encoding="utf-8")


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True)


if __name__ == "__main__":
    sys.exit(main())
