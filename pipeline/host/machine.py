"""Which machine this is, since when its kernel runs, and whether a process of it still is the one that it was.

A host's name proves nothing: cloned machines and containers bear the same one. Nor does the clock on the wall, which
is put forward and back.
"""

import hashlib
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_FIRST_NAMESPACE = "pid:[4026531836]"
"""What Linux calls the process numbers of the machine itself; a container has others."""
_MADE_UP = 1 << 40
"""The bit that says of a network address that it was made up, because none was found."""
_GONE = {"Z", "X"}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a process number means something.

    Attributes:
        installation: One machine over all its starts; empty where nothing says so for certain.
        boot: One run of one kernel.
        namespace: Whose process numbers.
    """

    installation: str
    boot: str
    namespace: str

    @property
    def is_here(self) -> bool:
        """Whether this process can see the processes of that place."""
        here = this_machine()
        return (self.boot, self.namespace) == (here.boot, here.namespace)

    @property
    def was_started_again(self) -> bool:
        """Whether that machine is this one, and everything that ran there ended when it was started again."""
        here = this_machine()
        same = self.installation == here.installation != ""
        return same and self.boot != here.boot and self.namespace == here.namespace == _FIRST_NAMESPACE


@cache
def this_machine() -> Machine:
    """Return where this process runs."""
    return Machine(_installation(), _boot(), _namespace())


def started(pid: int) -> float | None:
    """Return when a process was started, on a clock that nobody sets; None where it is gone."""
    try:
        return _ticks(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except ProcessLookupError:
        return None
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _ticks(stat: str) -> float | None:
    """Return the start out of what Linux says of a process, behind a name that may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in _GONE else float(fields[19])


def _installation() -> str:
    """Return a digest of what tells this machine from its clones: its number and its network address."""
    number, address = _read("/etc/machine-id"), uuid.getnode()
    if not number or address & _MADE_UP:
        return ""
    return hashlib.sha256(f"tollgate {number} {address}".encode()).hexdigest()[:32]


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id") or f"{psutil.boot_time():.0f}"


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
