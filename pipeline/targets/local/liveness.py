"""Whether an account's process lives, and which one it is: asked of the kernel, not of a clock."""

import fcntl
import os
import sys
import time

import psutil

from pipeline.targets.local.layout import Layout

PROGRAM = "pipeline.targets.local.account"

_PATIENCE_SECONDS = 1.0
"""How long whoever only looks (`serving_process`) may have the lock."""


def serving_process(layout: Layout) -> psutil.Process | None:
    """Return the process that serves `layout`, or None where none does.

    The process is the one that holds the account's lock and wrote its id into it. That it is ours is seen by
    its command line, so that no other process is ever taken for it, even one that was given the same id;
    start times would do as well, but they shift when the machine's clock is set.
    """
    try:
        with layout.lock.open("r+", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _process_of(lock.read(), layout)
    except OSError:
        return None
    return None


def hold_lock(layout: Layout) -> bool:
    """Take the account's lock for the rest of this process's life; whether that was possible."""
    lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(lock)
                return False
            time.sleep(0.01)
        else:
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return True


def command(layout: Layout) -> list[str]:
    """Return the command that serves `layout`, by which its process is known again."""
    return [sys.executable, "-m", PROGRAM, os.fspath(layout.folder.resolve())]


def _process_of(written: str, layout: Layout) -> psutil.Process | None:
    try:
        process = psutil.Process(int(written))
        ours = process.cmdline()[-2:] == command(layout)[-2:] and process.status() != psutil.STATUS_ZOMBIE
    except (ValueError, psutil.Error):
        return None
    return process if ours else None
