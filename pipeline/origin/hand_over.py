"""After a push is accepted: promote what the branch names now, in a process that outlives the pusher.

The branch itself is the queue. Whoever holds the lock promotes the commit that it names; a push meanwhile only moves
it, so that the newest one is next and those in between are never promoted. At its end a run looks at the branch
again, after it has let go of the lock, so that no push falls between two runs.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.ask import Wish
from pipeline.carry import Report
from pipeline.context import Context
from pipeline.host import lock
from pipeline.host.home import Home
from pipeline.model.errors import InterruptedByUserError, TollgateError
from pipeline.model.release import Release
from pipeline.origin.checkout import Person, clean_checkout, object_folders
from pipeline.origin.git import without_git
from pipeline.origin.push import Update, promoted
from pipeline.origin.receive import checked_release, forget_checked_releases, open_project
from pipeline.origin.repository import Origin
from pipeline.promote import promote
from pipeline.show.progress import Progress
from pipeline.stores.releases import CorruptReleaseError

_PLACE = "push"
_LOOK_SECONDS = 0.1
_AGAIN_SECONDS = 2.0
_PATIENCE_SECONDS = 3600.0

Conclude = Callable[[Context, Wish, tuple[Report, ...]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a push arrives.

    Attributes:
        origin: The repository that is pushed to.
        clone: The clone whose pipeline this is.
        home: Its home.
        pipeline: The folder that holds the package `pipeline`.
    """

    origin: Origin
    clone: Path
    home: Home
    pipeline: Path

    @property
    def lock(self) -> Path:
        """Held while a push is being promoted."""
        return self.home.locks / "push.lock"

    def log(self, commit: str) -> Path:
        """What is said while a push is being promoted."""
        return self.home.logs / f"push-{commit[:12]}.log"


def hand_over(place: Place, updates: tuple[Update, ...], progress: Progress) -> None:
    """Start the promotion of an accepted push and show what it says until it ends, or until the pusher goes.

    Raises:
        TollgateError: It cannot be started, or was killed.
    """
    update = promoted(updates)
    if update is None or update.new is None:
        return
    log = place.log(update.new)
    start = log.stat().st_size if log.exists() else 0
    child = _start(place, update.new)
    try:
        code = _follow(child, log, start)
    except (KeyboardInterrupt, BrokenPipeError):
        progress.note(
            _PLACE, f"the promotion goes on; `nox -s status` shows how far it is, {log} what it says"
        )
        return
    if code < 0:
        message = f"the promotion of {update.new[:12]} was killed"
        raise TollgateError(message, "the next push finishes it, and so does `nox -s promote`")


def run_queue(place: Place, progress: Progress, conclude: Conclude) -> None:
    """Promote what the branch names now, unless somebody is at it; then see to it that what came meanwhile is next.

    Raises:
        TollgateError: The promotion stopped; what had been done is recorded.
    """
    commit: str | None = None
    try:
        with ExitStack() as held:
            wanted = place.origin.main
            if wanted is None:
                return
            try:
                held.enter_context(lock.hold(place.lock, f"promoting push {wanted[:12]}"))
            except lock.LockHeldError:
                _say_queued(place, wanted, progress)
                return
            commit = place.origin.main or wanted
            _promote(place, commit, progress, conclude)
    finally:
        # Only now that the lock is free does a push that found it held rest on nobody but us.
        interrupted = isinstance(sys.exc_info()[1], (KeyboardInterrupt, InterruptedByUserError))
        newest = place.origin.main
        if commit is not None and newest not in {None, commit} and not interrupted:
            assert newest is not None
            progress.note(_PLACE, f"{place.origin.title(newest)} came meanwhile and is promoted now")
            _start(place, newest)


def _promote(place: Place, commit: str, progress: Progress, conclude: Conclude) -> None:
    progress.note(_PLACE, f"promoting {place.origin.title(commit)}")
    person = Person.of(place.clone, os.environ)
    objects = object_folders(place.origin.path, {})
    with clean_checkout(place.home.work, objects, commit, person) as checkout:
        context = open_project(checkout, progress)
        release = _built_before(place, context, commit)
        wish = Wish()
        reports = _patiently(place, context, lambda: promote(context, wish, release))
        forget_checked_releases(place.origin.path, place.home, commit)
        conclude(context, wish, reports)


def _built_before(place: Place, context: Context, commit: str) -> Release | None:
    """Return the release that was built when the commit was pushed, None where it must be built again."""
    digest = checked_release(place.home, commit)
    if digest is None:
        return None
    try:
        return context.store.load(digest)
    except CorruptReleaseError:
        return None  # it was pruned while the push was queued, or is damaged: the same bytes are made anew


def _patiently(
    place: Place, context: Context, attempt: Callable[[], tuple[Report, ...]]
) -> tuple[Report, ...]:
    """Wait while a person's own run is at work on an instance, then go on: nobody watches who would try again."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return attempt()
        except lock.LockHeldError as error:
            if time.monotonic() > until:
                raise
            context.progress.note(_PLACE, f"waiting: {error.message}")
            time.sleep(_AGAIN_SECONDS)
        instances = f"{context.target.name}.*.lock"
        while any(map(lock.is_held, place.home.locks.glob(instances))) and time.monotonic() < until:
            time.sleep(_AGAIN_SECONDS)


def _say_queued(place: Place, wanted: str, progress: Progress) -> None:
    owner = lock.last_owner(place.lock)
    ahead = str(owner) if owner else "another promotion"
    title = place.origin.title(wanted)
    progress.note(_PLACE, f"{title} is queued behind {ahead}")
    progress.note(_PLACE, "it is promoted when that ends, or a newer push in its place; see `nox -s status`")


def _start(place: Place, commit: str) -> subprocess.Popen[bytes]:
    """Start the promotion in a session of its own, its words in a file: Ctrl-C and a broken pipe do not reach it."""
    environment = without_git(os.environ) | {
        "TOLLGATE_PROJECT": str(place.clone),
        "TOLLGATE_HOME": str(place.home.path),
        "PYTHONPATH": str(place.pipeline),
        "PYTHONUNBUFFERED": "1",
    }
    log = place.log(commit)
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline", "hook", "hand-over", str(place.origin.path)],
                cwd=place.pipeline,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
            )
        finally:
            os.close(descriptor)
    except OSError as error:
        message = f"the promotion could not be started: {error.strerror or error}"
        raise TollgateError(message, "the push is accepted; `nox -s promote` promotes it") from error


def _follow(child: subprocess.Popen[bytes], log: Path, start: int) -> int:
    """Copy what a log gains to standard error until the child has ended; return its exit code."""
    with log.open("rb") as file:
        file.seek(start)
        while True:
            code = child.poll()
            said = file.read()
            if said:
                sys.stderr.write(said.decode("utf-8", errors="replace"))
                sys.stderr.flush()
            if code is not None:
                return code
            time.sleep(_LOOK_SECONDS)
