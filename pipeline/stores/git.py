"""git, run on a bare repository of ours: nobody's settings, hooks or identity decide what its bytes are."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.files import scratch_folder
from pipeline.model.errors import TollgateError

_DEADLINE_SECONDS = 60
_REF_LOCK_MILLISECONDS = 3000
_KEPT = "what was recorded before is kept; mend it and run again"


@dataclass(frozen=True, slots=True)
class BareRepository:
    """A bare git repository.

    Attributes:
        path: Its folder.
    """

    path: Path

    @property
    def is_missing(self) -> bool:
        """Whether nothing is kept at its place yet."""
        return not self.path.exists() or (self.path.is_dir() and next(self.path.iterdir(), None) is None)

    def make(self, branch: str) -> None:
        """Make it, whole or not at all, if it is missing.

        Raises:
            TollgateError: Its place cannot be taken.
        """
        if not self.is_missing:
            return
        # Made beside its place and moved there whole: a run that is killed meanwhile leaves no half repository.
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with scratch_folder(self.path.parent, ".ledger") as folder:
                type(self)(folder).git("init", "--quiet", "--bare", f"--initial-branch={branch}", ".")
                with suppress(OSError):  # another run was faster, or the next look says what is wrong
                    folder.rename(self.path)
            if self.is_missing:
                message = f"the ledger {self.path} cannot be made: its place cannot be taken"
                raise TollgateError(message, "free space or permissions there, then run again")
        except OSError as error:
            message = f"the ledger {self.path} cannot be made: {error.strerror or error}"
            raise TollgateError(message, "free space or permissions there, then run again") from error

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run git and return what it prints.

        Raises:
            TollgateError: It fails; the message holds its words.
        """
        result = self.run(arguments, stdin)
        if result.returncode != 0:
            message = f"the ledger {self.path} cannot be used: git says {words(result.stderr)}"
            raise TollgateError(message, _KEPT)
        return result.stdout.decode()

    def run(self, arguments: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git and return how it ended.

        Raises:
            TollgateError: There is no git, or it does not end.
        """
        # Their variables go too: a git hook that starts us has GIT_DIR set to another repository. How git reaches a
        # remote is the user's business.
        kept = {"GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_PROXY_COMMAND"}
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in kept
        }
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "tollgate",
            "GIT_AUTHOR_EMAIL": "tollgate@localhost",
            "GIT_COMMITTER_NAME": "tollgate",
            "GIT_COMMITTER_EMAIL": "tollgate@localhost",
            "GIT_FLUSH": "0",  # or it would hand over ten thousand commits one by one
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        # Another writer holds the branch for as long as its disk takes: wait for it, then lose by comparison.
        patient = ["-c", f"core.filesRefLockTimeout={_REF_LOCK_MILLISECONDS}"]
        durable = ["-c", "core.fsync=loose-object,reference", "-c", "core.hooksPath=/dev/null"]
        argv = ["git", *durable, *patient, f"--git-dir={self.path}", *arguments]
        try:
            return subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                env=environment,
                timeout=_DEADLINE_SECONDS,
                check=False,
                cwd=self.path if self.path.is_dir() else None,
                start_new_session=True,  # Ctrl-C must not stop git between two writes
            )
        except FileNotFoundError:
            message = "git is not on PATH, and the ledger is a git branch"
            raise TollgateError(message, "install git") from None
        except subprocess.TimeoutExpired:
            message = f"git {arguments[0]} did not end within {_DEADLINE_SECONDS} s"
            raise TollgateError(message, "see whether another git process holds the ledger") from None


def words(stderr: bytes) -> str:
    """Return the line of git's that says what is the matter; advice follows it."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    said = (line for line in lines if line.startswith(("fatal:", "error:", "remote: ", " ! ")))
    return next(said, lines[-1] if lines else "nothing").strip()
