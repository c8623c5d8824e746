"""A clean checkout of exactly one commit, in a folder that is gone afterwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.files import scratch_folder
from pipeline.origin.git import git, insist

_SETTINGS = {
    "core.autocrlf": "false",
    "core.hooksPath": os.devnull,
    "advice.detachedHead": "false",
}
_NOT_SOURCE = "__pycache__/\n*.pyc\n"


@dataclass(frozen=True, slots=True)
class Person:
    """Who pushes, as git knows them: free text, recorded and never trusted."""

    name: str | None
    email: str | None

    @classmethod
    def of(cls, clone: Path, environment: Mapping[str, str]) -> "Person":
        """Return whom the pusher's variables name, else the clone's git settings."""

        def setting(name: str) -> str | None:
            return git(clone, "config", f"user.{name}", as_person=True).stdout.strip() or None

        return cls(
            environment.get("GIT_COMMITTER_NAME") or setting("name"),
            environment.get("GIT_COMMITTER_EMAIL") or setting("email"),
        )


def object_folders(repository: Path, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return where the objects of a push are: in quarantine while it is not accepted, in the repository after."""
    quarantine = environment.get("GIT_QUARANTINE_PATH")
    kept = repository / "objects"
    return (Path(quarantine).resolve(), kept) if quarantine else (kept,)


@contextmanager
def clean_checkout(work: Path, objects: tuple[Path, ...], commit: str, person: Person) -> Iterator[Path]:
    """Give a repository of its own that holds the files of `commit` and nothing else.

    It borrows the objects and writes none of them, so it can read what is in quarantine. Settings of the person, such
    as filters and line ends, do not change the files.

    Raises:
        TollgateError: The commit cannot be checked out.
    """
    with scratch_folder(work, "push") as folder:
        insist(folder, "init", "--quiet", "--template=", ".")
        information = folder / ".git" / "objects" / "info"
        information.mkdir(exist_ok=True)
        (information / "alternates").write_text("".join(f"{path}\n" for path in objects), encoding="utf-8")
        exclude = folder / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text(_NOT_SOURCE, encoding="utf-8")
        settings = dict(_SETTINGS)
        if person.name:
            settings["user.name"] = person.name
        if person.email:
            settings["user.email"] = person.email
        for name, value in settings.items():
            insist(folder, "config", name, value)
        insist(folder, "checkout", "--quiet", "--detach", commit)
        yield folder
