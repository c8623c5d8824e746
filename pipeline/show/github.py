"""A job's log on GitHub: lines grouped by place, and nothing that others wrote is taken for a command.

The runner obeys lines that begin with `::`, whoever wrote them, so it is told to stop listening but for our own.
"""

import os
import secrets
from typing import TextIO

from pipeline.show.text import safe


def is_github(environment: "os._Environ[str] | dict[str, str] | None" = None) -> bool:
    """Whether this runs in a job of GitHub's."""
    return (os.environ if environment is None else environment).get("GITHUB_ACTIONS") == "true"


class WorkflowLog:
    """Writes the commands that fold a job's log.

    Args:
        file: The stream that the runner reads.
        token: Ends the silence; nobody else may guess it.
    """

    def __init__(self, file: TextIO, token: str | None = None) -> None:
        self._file = file
        self._token = token or secrets.token_hex(16)
        self._group: str | None = None
        self._is_silent = False

    def begin(self) -> None:
        """Let the runner obey nothing from here on."""
        self._write(f"::stop-commands::{self._token}")
        self._is_silent = True

    def group(self, title: str) -> None:
        """Begin a group, and with it end the one before; the same title goes on with the same group."""
        if title != self._group:
            self.close()
            self._say(f"::group::{safe(title)}")
            self._group = title

    def close(self) -> None:
        """End the group, if one is open, so that what follows is seen without unfolding."""
        if self._group is not None:
            self._say("::endgroup::")
            self._group = None

    def end(self) -> None:
        """End the group, and let the runner listen again."""
        self.close()
        if self._is_silent:
            self._write(f"::{self._token}::")
            self._is_silent = False

    def _say(self, command: str) -> None:
        was_silent = self._is_silent
        if was_silent:
            self._write(f"::{self._token}::")
        self._write(command)
        if was_silent:
            self._write(f"::stop-commands::{self._token}")

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()
