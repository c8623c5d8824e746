"""The guard of the unit tests: what it stops, what it lets through, and that hiding the error does not help."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

_GUARD = Path(__file__).parents[1] / "unit" / "conftest.py"
_REACHES = {
    "socket": "socket.socket()",
    "connection": "socket.create_connection(('127.0.0.1', 9))",
    "name": "socket.getaddrinfo('localhost', 80)",
    "child": "subprocess.run(['true'])",
    "shell": "os.system('true')",
    "fork": "os.fork() or os._exit(0)",
}
_STAYS = {
    "unix_pair": "[one.close() for one in socket.socketpair()]",
    "file": "open(os.devnull).close()",
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of tests that reach out and of tests that do not, under a copy of the guard."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "conftest.py").write_text(_GUARD.read_text(encoding="utf-8"), encoding="utf-8")
    lines = ["import os, socket, subprocess"]
    for name, code in {**_REACHES, **_STAYS}.items():
        lines += [f"def test_{name}_openly():", f"    {code}"]
        lines += [f"def test_{name}_hidden():", "    try:", f"        {code}", "    except Exception: pass"]
    (folder / "test_reaches.py").write_text("\n".join(lines), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    argv = [sys.executable, "-m", "pytest", "-rA", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [*argv, str(folder)], cwd=folder, env=kept, capture_output=True, text=True, timeout=120, check=False
    ).stdout


@pytest.mark.parametrize("way", ["openly", "hidden"])
@pytest.mark.parametrize("reach", _REACHES)
def test_reaching_out_fails_the_test(guarded: str, reach: str, way: str) -> None:
    """A unit test that opens a socket or starts a program fails, also where its code swallows the refusal."""
    assert re.search(rf"^(FAILED|ERROR) \S+::test_{reach}_{way}\b", guarded, re.MULTILINE)


def test_the_sentence_says_where_such_a_test_belongs(guarded: str) -> None:
    """Whoever meets the guard reads what was done and where the test belongs instead."""
    assert (
        "reached outside its process (subprocess.Popen): it belongs in tests/pipeline or tests/e2e" in guarded
    )


@pytest.mark.parametrize("way", ["openly", "hidden"])
@pytest.mark.parametrize("stay", _STAYS)
def test_what_stays_inside_passes(guarded: str, stay: str, way: str) -> None:
    """Files, and socket pairs as event loops make them, are nobody's network."""
    assert re.search(rf"^PASSED \S+::test_{stay}_{way}\b", guarded, re.MULTILINE)
    assert not re.search(rf"^(FAILED|ERROR) \S+::test_{stay}_{way}\b", guarded, re.MULTILINE)
