"""Files that are there whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from pipeline.model.errors import TollgateError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""How the system says that nothing more can be written, often without the name of a file."""


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put `content` at `path` so that a reader sees the old file or the new one, even after a power cut.

    Raises:
        TollgateError: The disk is full or the folder cannot be written; `path` is as it was.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except OSError as error:
        with suppress(OSError):
            Path(name).unlink()
        raise _cannot_write(path, error) from error
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a private folder below `parent` and remove it afterwards, whatever happened.

    What killed runs left of the same prefix goes first: a plan holds secrets and must not outlive its process.
    """
    try:
        _remove_leftovers(parent, prefix)
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=f"{prefix}-{os.getpid()}-"))
    except OSError as error:
        raise _cannot_write(parent / prefix, error) from error
    try:
        yield folder
    except OSError as error:
        in_it = error.errno is not None and error.filename and str(folder) in str(error.filename)
        if not in_it and error.errno not in NO_ROOM:
            raise
        raise _cannot_write(Path(error.filename or folder), error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(parent: Path, prefix: str) -> None:
    """Remove the folders of processes that are gone."""
    for path in parent.glob(f"{prefix}-*"):
        pid = path.name.removeprefix(f"{prefix}-").split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> TollgateError:
    message = f"{path} cannot be written: {error.strerror or error}"
    return TollgateError(message, "nothing was changed; free space or permissions there, then run again")
