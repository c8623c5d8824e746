"""What the verbs of a GitHub job share: what they give to the next job, and which end is no green one."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from pipeline.ask import Wish
from pipeline.carry import Arrival, Report
from pipeline.cli.conclude import conclude
from pipeline.context import Context
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.release import is_digest

MAX_COMMENT = 60_000
"""How many characters GitHub takes in a comment or an issue, with room to spare."""

Release = Annotated[
    str, typer.Option("--release", metavar="DIGEST", help="The release, as the job before this one gives it.")
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The pull request's number.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="What `prepare` made, in a job without keys.")]

_COMMIT = re.compile(r"[0-9a-f]{40}")


def digest_of(option: str, text: str) -> str:
    """Return what an option names if it is a digest.

    Raises:
        UsageError: It is none.
    """
    if not is_digest(text):
        message = f"`{option} {text}` is no digest of a release"
        raise UsageError(message, "give the job the output of the one that recorded it")
    return text


def give(name: str, value: str) -> None:
    """Give a value to the jobs that need this one; digests, commits and nothing, so that no line is smuggled in."""
    assert value == "" or is_digest(value) or _COMMIT.fullmatch(value)
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{name}={value}\n")


def conclude_or_red(context: Context, wish: Wish, report: Report) -> None:
    """End as a verb ends; but where something waits for a person the job is red, as it did not do what it is for."""
    conclude(context, wish, (report,))
    if report.arrival is Arrival.WAITING:
        raise typer.Exit(RefusedError.exit_code)  # what needs this job must not run
