"""One holder at a time on this machine; the kernel, not a time-out, says when the holder is gone.

The lock is `flock` on an open file. Children that inherit the descriptor share it, so a Terraform process that
outlives a killed pipeline still holds the lock, and the next run waits for it instead of racing it.
"""

import fcntl
import getpass
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.host.machine import Machine, started, this_machine
from pipeline.model.errors import TollgateError


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock, or held it last: enough to find the process or to see that it is gone."""

    user: str
    host: str
    installation: str
    boot: str
    namespace: str
    pid: int
    process_started: float
    since: str
    what: str

    @classmethod
    def me(cls, what: str) -> "Owner":
        """Return this process as an owner."""
        machine, pid = this_machine(), os.getpid()
        return cls(
            user=_user(),
            host=platform.node(),
            installation=machine.installation,
            boot=machine.boot,
            namespace=machine.namespace,
            pid=pid,
            process_started=started(pid) or 0.0,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            what=what,
        )

    @classmethod
    def from_json(cls, text: str) -> "Owner | None":
        """Return the owner a lock names, or None where the text is none of ours."""
        try:
            owner = cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return None
        kinds: dict[str, Any] = {"pid": int, "process_started": (int, float)}
        whole = all(isinstance(value, kinds.get(name, str)) for name, value in asdict(owner).items())
        return owner if whole and owner.pid > 0 else None

    def to_json(self) -> str:
        """Return the record that a lock holds."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def machine(self) -> Machine:
        """Where its process number means something; the host's name is for people."""
        return Machine(self.installation, self.boot, self.namespace)

    @property
    def is_on_this_host(self) -> bool:
        """Whether this process can see if that one lives."""
        return self.machine.is_here

    @property
    def is_provably_dead(self) -> bool:
        """Whether the process ran here and is gone: a reused number has another start, a machine started again none."""
        if self.machine.is_here:
            return started(self.pid) != self.process_started
        return self.machine.was_started_again

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (process {self.pid}) since {self.since}: {self.what}"


class LockHeldError(TollgateError):
    """Somebody else is at work there."""


@contextmanager
def hold(
    path: Path,
    what: str,
    *,
    wait_seconds: float = 0.0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[int]:
    """Hold the lock at `path`; gives the descriptor that children must inherit to share it.

    A holder whose recorded process is dead while the lock is still taken is a surviving child (Terraform at
    work): it is waited for, up to an hour, because it will end by itself and must not be raced.

    Args:
        path: The lock file; it stays, only the lock on it comes and goes.
        what: What is being done, for the other one's message.
        wait_seconds: How long to wait for a living holder.
        on_wait: Told once whom we wait for.

    Raises:
        LockHeldError: A living process holds it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the lock file {path} cannot be opened: {error.strerror or error}"
        raise TollgateError(message, "check the folder's permissions and free space") from error
    try:
        _acquire(descriptor, wait_seconds, on_wait)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, Owner.me(what).to_json().encode(), 0)
        except OSError as error:
            message = f"the lock file {path} cannot be written: {error.strerror or error}"
            raise TollgateError(message, "free space there, then run again") from error
        yield descriptor
    finally:
        os.close(descriptor)


def last_owner(path: Path) -> Owner | None:
    """Return who took the lock last, whether or not it is still held."""
    try:
        return Owner.from_json(path.read_text())
    except OSError:
        return None


_SURVIVOR_SECONDS = 3600.0
_LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.05


def _acquire(descriptor: int, wait_seconds: float, on_wait: Callable[[str], None] | None) -> None:
    started = time.monotonic()
    told = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = Owner.from_json(os.pread(descriptor, 4096, 0).decode(errors="replace"))
            survivor = owner is not None and owner.is_provably_dead
            # `is_held` takes the lock for the moment of its look, and nobody shall be refused for that.
            patience = _SURVIVOR_SECONDS if survivor else max(wait_seconds, _LOOK_SECONDS)
            if time.monotonic() - started >= patience:
                who = str(owner) if owner else "another process"
                message = f"held by {who}"
                raise LockHeldError(message, "wait until it ends, then run the same command again") from None
            if on_wait is not None and not told:
                told = True
                on_wait(
                    "a Terraform process of a killed run is still at work; waiting for it to end"
                    if survivor
                    else f"waiting for {owner}"
                )
            time.sleep(_AGAIN_SECONDS)
        else:
            return


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def is_held(path: Path) -> bool:
    """Whether some process holds the lock at `path` now."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
