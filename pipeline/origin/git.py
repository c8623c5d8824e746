"""Git, asked so that neither a hook's variables nor a person's settings decide what it answers."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.host.process import Completed, run
from pipeline.model.errors import TollgateError

_OLDEST = (2, 32)
"""The first git that can be told to leave the person's settings alone."""

_DEADLINE_SECONDS = 300.0

REACHING = frozenset({"GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "GIT_PROXY_COMMAND", "SSH_AUTH_SOCK"})
"""How git reaches another machine, such as the one that has the ledger: the person's business, in a hook too."""


def git(folder: Path, *arguments: str, as_person: bool = False) -> Completed:
    """Run git in `folder` and return what it said, however it ended.

    Args:
        folder: A repository or a checkout.
        arguments: What follows `git`.
        as_person: Whether the person's own settings count. Default: only the repository's.

    Raises:
        TollgateError: Git is not there or does not end.
    """
    environment = without_git(os.environ) | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    if not as_person:
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    what = f"git {arguments[0]}"
    return run(
        ["git", *arguments], what=what, deadline_seconds=_DEADLINE_SECONDS, cwd=folder, env=environment
    )


def insist(folder: Path, *arguments: str) -> str:
    """Run git in `folder`, which must succeed; return its standard output without the last line's end.

    Raises:
        TollgateError: It failed; its last words are in the message.
    """
    result = git(folder, *arguments)
    if result.exit_code != 0:
        message = f"git {arguments[0]} failed in {folder}:\n{result.last_words}"
        raise TollgateError(message, "mend what it names, then run the same command again")
    return result.stdout.rstrip("\n")


def insist_on_version(folder: Path) -> None:
    """Refuse a git that lacks what we need.

    Raises:
        TollgateError: It is older, or is none that says its version.
    """
    said = git(folder, "version").stdout.strip()
    found = re.match(r"git version (\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        needed = "{}.{}".format(*_OLDEST)
        message = (
            f"a push that promotes needs git {needed} or newer; the one on PATH says {said or 'nothing'!r}"
        )
        raise TollgateError(message, "install a newer git, then run `nox -s origin` again")


def without_git(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those by which git points a hook at the repository that was pushed to."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("GIT_") or name in REACHING or name.startswith("GIT_COMMITTER_")
    }
