"""Before a push is accepted: build the release of exactly that commit and check it, without credentials."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.context import Context
from pipeline.host.files import write_atomically
from pipeline.host.home import Home
from pipeline.model.errors import RefusedError
from pipeline.model.release import is_digest
from pipeline.origin.checkout import Person, clean_checkout, object_folders
from pipeline.origin.git import REACHING, git
from pipeline.origin.push import BRANCH, Update, promoted
from pipeline.origin.repository import REMOTE
from pipeline.promote import build, check
from pipeline.show.progress import Progress

_PLACE = "push"
_NOTES = "pushes"
_KEPT = {
    *REACHING,
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LANG", "TZ", "VIRTUAL_ENV"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME", "XDG_DATA_HOME"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
}
_KEPT_PREFIXES = ("LC_", "UV_", "PIP_", "TOLLGATE_")
_SECRET = re.compile("PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH", re.IGNORECASE)


def check_push(
    repository: Path, clone: Path, home: Home, updates: tuple[Update, ...], progress: Progress
) -> None:
    """Accept a push or refuse it; nothing but the promoted branch is judged.

    What is found out is kept with the release, so that the promotion afterwards finds it.

    Args:
        repository: The repository that is pushed to.
        clone: The clone whose pipeline this is.
        home: Its home.
        updates: What the push moves.
        progress: What it says reaches the pusher.

    Raises:
        RefusedError: The branch would be deleted or rewritten, or a check failed.
        TollgateError: The release cannot be built.
    """
    for other in updates:
        if not other.is_promoted:
            progress.note(_PLACE, f"{_short_ref(other.ref)} is taken as it is: only {BRANCH} is promoted")
    update = promoted(updates)
    if update is None:
        return
    if update.new is None:
        message = f"{BRANCH} is what is promoted from here, so it is not deleted"
        raise RefusedError(
            message, f"to go back, push a commit that reverts: `git revert`, `git push {REMOTE}`"
        )
    person = Person.of(clone, os.environ)
    objects = object_folders(repository, os.environ)
    with clean_checkout(home.work, objects, update.new, person) as checkout:
        _insist_on_history(checkout, update)
        _forget_credentials()
        context = open_project(checkout, progress)
        release = build(context)
        try:
            check(context, release)
        except RefusedError:
            for difference in context.settings.differences:
                progress.note("settings", f"{difference} from what counts")
            raise
    write_atomically(_note(home, update.new), release.digest.encode())


def open_project(checkout: Path, progress: Progress) -> Context:
    """Return the context in which the files of `checkout` are what is built; all else is the clone's.

    Raises:
        TollgateError: A setting is wrong.
    """
    os.environ["TOLLGATE_PROJECT"] = str(checkout)
    return Context.open(progress)


def checked_release(home: Home, commit: str) -> str | None:
    """Return the digest of the release that was built from `commit` when it was pushed, None where none was."""
    try:
        digest = _note(home, commit).read_text(encoding="utf-8")
    except OSError:
        return None
    return digest if is_digest(digest) else None


def forget_checked_releases(repository: Path, home: Home, commit: str) -> None:
    """Remove the notes of the releases that were built from `commit` and from those before it."""
    for note in home.folder(_NOTES).iterdir():
        if git(repository, "merge-base", "--is-ancestor", note.name, commit).exit_code == 0:
            note.unlink(missing_ok=True)


def without_credentials(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the few variables that building, checking and reading the ledger need.

    The programs that run the pushed commit's code get fewer still.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _KEPT or (name.startswith(_KEPT_PREFIXES) and not _SECRET.search(name))
    }


def _forget_credentials() -> None:
    kept = without_credentials(os.environ)
    for name in set(os.environ) - set(kept):
        del os.environ[name]


def _insist_on_history(checkout: Path, update: Update) -> None:
    """Refuse a push after which the branch would lack a commit that was pushed before."""
    assert update.new is not None
    if update.old is None:
        return
    if git(checkout, "merge-base", "--is-ancestor", update.old, update.new).exit_code != 0:
        message = (
            f"{BRANCH} would lose commits that were pushed before, and what was promoted stays on record"
        )
        raise RefusedError(message, f"`git pull --rebase {REMOTE} {BRANCH}`, then push again")


def _note(home: Home, commit: str) -> Path:
    return home.folder(_NOTES) / commit


def _short_ref(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
