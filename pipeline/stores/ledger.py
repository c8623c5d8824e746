"""The ledger, kept as a git branch: one commit per entry, so that `git update-ref` is the compare-and-swap.

A commit's tree holds `entry.json` and the documents that the entry names by digest (a change set that was shown).
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.host.files import scratch_folder
from pipeline.model.canonical import sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.ledger import Entry, Kind, LedgerError, check_body, verify_chain

_REF = "refs/heads/ledger"
_ENTRY_FILE = "entry.json"
_DEADLINE_SECONDS = 60
_REF_LOCK_MILLISECONDS = 3000
_MAX_ENTRY_BYTES = 4 * 1024 * 1024


class LedgerMovedError(TollgateError):
    """Somebody else wrote an entry since this one was decided: read again, decide again."""

    def __init__(self) -> None:
        super().__init__(
            "another run wrote to the ledger at the same moment", "run the same command again; it reads first"
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The append-only record.

    Attributes:
        path: The bare git repository.
    """

    path: Path

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, oldest first, verified as one unbroken chain.

        Raises:
            LedgerError: An entry is missing, altered or unknown.
        """
        return self._read()[1]

    def append(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        *,
        by: str,
        after: str | None,
        documents: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Write one entry behind the one whose digest is `after`.

        Args:
            kind: What it says.
            body: Exactly the kind's fields.
            by: Who says it.
            after: Digest of the newest entry that the writer knew when it decided; None for an empty ledger.
            documents: Files kept beside the entry, name to bytes.

        Raises:
            LedgerMovedError: The newest entry is another one; nothing was written.
            LedgerError: The body is not what its kind asks for, or the ledger does not verify.
        """
        self._make()
        commit, entries = self._read()
        head = entries[-1] if entries else None
        if (head.digest if head else None) != after:
            raise LedgerMovedError
        number = len(entries) + 1
        check_body(kind, body, number)
        entry = Entry(
            number=number,
            previous=head.digest if head else None,
            kind=kind,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            by=by,
            body=json.loads(json.dumps(dict(body))),
        )
        tree = self._write_tree({_ENTRY_FILE: entry.content, **(documents or {})})
        parents = ["-p", commit] if commit else []
        message = f"{number} {kind}"
        new = self._git("commit-tree", tree, *parents, "-m", message).strip()
        result = self._run(["update-ref", "-m", message, _REF, new, commit or "0" * 40])
        if result.returncode != 0:
            if self._git("rev-parse", "--verify", "--quiet", _REF).strip() != commit:
                raise LedgerMovedError
            message = f"the ledger {self.path} did not take entry {number}: git says {_words(result.stderr)}"
            raise TollgateError(message, "what was recorded before is kept; mend it and run again")
        return entry

    def document(self, entry: Entry, name: str) -> bytes:
        """Return a document kept beside `entry`; the caller compares its digest with the one the entry names.

        Raises:
            LedgerError: It is not there.
        """
        commits = self._git("rev-list", "--reverse", _REF).split()
        result = self._run(["cat-file", "blob", f"{commits[entry.number - 1]}:{name}"])
        if result.returncode != 0:
            raise LedgerError(f"{name} of entry {entry.number} is missing")
        return result.stdout

    def _make(self) -> None:
        if not _is_free(self.path):
            return
        # Made beside its place and moved there whole: a run that is killed meanwhile leaves no half repository.
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with scratch_folder(self.path.parent, ".ledger") as folder:
                made = type(self)(folder)
                made._git("init", "--quiet", "--bare", "--initial-branch=ledger", ".")  # noqa: SLF001 - another of us
                with suppress(OSError):  # another run was faster, or the next look says what is wrong
                    folder.rename(self.path)
            if _is_free(self.path):
                message = f"the ledger {self.path} cannot be made: its place cannot be taken"
                raise TollgateError(message, "free space or permissions there, then run again")
        except OSError as error:
            message = f"the ledger {self.path} cannot be made: {error.strerror or error}"
            raise TollgateError(message, "free space or permissions there, then run again") from error

    def _read(self) -> tuple[str | None, tuple[Entry, ...]]:
        if _is_free(self.path):
            return None, ()
        head = self._run(["rev-parse", "--verify", "--quiet", _REF])
        if head.returncode != 0:
            if (self.path / "refs" / "heads" / "ledger").exists() or not (self.path / "HEAD").exists():
                raise LedgerError(f"{self.path} is damaged: its branch cannot be read")
            return None, ()
        commits = self._git("rev-list", "--reverse", _REF).split()
        asked = "".join(f"{commit}:{_ENTRY_FILE}\n" for commit in commits).encode()
        answer = self._run(["cat-file", "--batch"], asked)
        if answer.returncode != 0:
            raise LedgerError(f"{self.path} is damaged: {_words(answer.stderr)}")
        entries = tuple(_entry(content) for content in _batch(answer.stdout))
        verify_chain(entries)
        return commits[-1], entries

    def _write_tree(self, files: Mapping[str, bytes]) -> str:
        lines = []
        for name, content in sorted(files.items()):
            blob = self._git("hash-object", "-w", "--stdin", stdin=content).strip()
            lines.append(f"100644 blob {blob}\t{name}\n")
        return self._git("mktree", stdin="".join(lines).encode()).strip()

    def _git(self, *arguments: str, stdin: bytes = b"") -> str:
        result = self._run(arguments, stdin)
        if result.returncode != 0:
            message = f"the ledger {self.path} cannot be used: git says {_words(result.stderr)}"
            raise TollgateError(message, "what was recorded before is kept; mend it and run again")
        return result.stdout.decode()

    def _run(self, arguments: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        # Hooks, signing and identity settings of the user must not decide what the ledger's bytes are.
        # Their variables go too: a git hook that starts us has GIT_DIR set to another repository.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "tollgate",
            "GIT_AUTHOR_EMAIL": "tollgate@localhost",
            "GIT_COMMITTER_NAME": "tollgate",
            "GIT_COMMITTER_EMAIL": "tollgate@localhost",
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


def _is_free(path: Path) -> bool:
    """Whether nothing is kept at `path` yet."""
    return not path.exists() or (path.is_dir() and next(path.iterdir(), None) is None)


def _batch(output: bytes) -> list[bytes]:
    """Split what `git cat-file --batch` answers into contents."""
    contents = []
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        header = output[position:end].split()
        if len(header) != 3 or header[1] != b"blob" or int(header[2]) > _MAX_ENTRY_BYTES:
            raise LedgerError("a commit of its branch holds no entry")
        start = end + 1
        size = int(header[2])
        contents.append(output[start : start + size])
        position = start + size + 1
    return contents


def _entry(content: bytes) -> Entry:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise LedgerError("an entry is not JSON") from None
    entry = Entry.from_json(document)
    try:
        is_itself = entry.content == content
    except (ValueError, RecursionError):  # NaN, which Python reads and no JSON holds
        is_itself = False
    if not is_itself:
        raise LedgerError(f"entry {entry.number} is not in its one spelling ({sha256_digest(content)})")
    return entry


def _words(stderr: bytes) -> str:
    """Return the line of git's that says what is the matter; advice follows it."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    said = (line for line in lines if line.startswith(("fatal:", "error:")))
    return next(said, lines[-1] if lines else "nothing")
