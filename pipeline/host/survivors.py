"""Terraforms that are still at work on this machine though the run that started them is gone."""

import re
from collections.abc import Iterator
from pathlib import PurePath

import psutil

_PROGRAM = re.compile(r"(terraform|tofu)$")
_WORK_FOLDER = re.compile(r"(?P<name>.+)-[0-9]+-[^-/]+")
"""Folders in which Tollgate lets Terraform run: `scratch_folder` names them."""


def terraforms_at_work(name: str) -> tuple[int, ...]:
    """Return the processes of this user that may hold the state of an instance, ours and our children left out.

    These are the Terraforms that Tollgate started for an instance of this name, from whatever checkout, and those
    that were started by hand, since nobody can tell what they work on.

    Args:
        name: What the folders begin with in which Tollgate lets Terraform work on the instance.
    """
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    return tuple(sorted(pid for pid in _candidates(name) if pid not in ours))


def _candidates(name: str) -> Iterator[int]:
    for process in psutil.process_iter():
        try:
            folder = PurePath(process.cwd())
            called = process.name()
            ended = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:  # gone meanwhile, or another user's
            continue
        # A provider may outlive its Terraform; it knows nothing of states.
        if ended or called.startswith("terraform-provider"):
            continue
        place = _WORK_FOLDER.fullmatch(folder.parent.name) if folder.name == "stack" else None
        if place["name"] == name if place else _PROGRAM.match(called):
            yield process.pid
