"""A process that has promised to listen on loopback cannot break its word."""

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_PROGRAM = """
import asyncio, socket, sys
from pipeline.targets.local.loopback import allow_loopback_only
allow_loopback_only()
async def serve():
    server = await asyncio.start_server(lambda reader, writer: None, sys.argv[1], 0)
    server.close()
try:
    asyncio.run(serve())
except OSError as error:
    print(error)
else:
    print("bound")
"""


@pytest.mark.parametrize(
    ("host", "outcome"),
    [
        ("127.0.0.1", "bound"),
        ("localhost", "bound"),
        ("0.0.0.0", "the local cloud binds loopback only, not 0.0.0.0"),  # noqa: S104 (the refused one)
        ("", "the local cloud binds loopback only, not"),
    ],
)
def test_only_loopback_can_be_bound(host: str, outcome: str) -> None:
    """Whatever part of the process asks for another address is refused by the interpreter itself."""
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM, host],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert outcome in told.stdout
