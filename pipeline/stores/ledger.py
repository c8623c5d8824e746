"""The ledger, kept as a git branch: one commit per entry, so that a ref update is the compare-and-swap.

A commit's tree holds the signed entry, and the documents that the entry names by digest. With a remote, a plain push is
the compare-and-swap: a push that loses is never forced and never rebased; the facts are read and decided again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.host.faults import reached
from pipeline.model.authority import Authority
from pipeline.model.canonical import sha256_digest
from pipeline.model.clock import IF_BEHIND, behind, insist_not_ahead, is_behind
from pipeline.model.entry_body import check_body
from pipeline.model.errors import LedgerError, RefusedError, TollgateError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.powers import MAY_WRITE
from pipeline.model.trust import PublicKey, Role
from pipeline.stores.git import BareRepository, words
from pipeline.stores.ledger_memory import LedgerMemory
from pipeline.stores.sealed import authority_of, open_sealed, seal
from pipeline.trust.envelope import SigningKey

BRANCH = "tollgate-ledger"
ENTRY_FILE = "entry.dsse.json"
_REF = f"refs/heads/{BRANCH}"
_MAX_ENTRY_BYTES = 4 * 1024 * 1024
_BELIEVED = timedelta(hours=1)
"""How long after the newest entry a clock is believed without asking another."""

_LISTED: dict[Path, tuple[str, ...]] = {}
"""By each ledger: its commits, oldest first, at the last look of this process. One command looks several times."""


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
        remote: The repository that decides who was first, as git names it; None where this one does.
        remembers: Whether this clone keeps what it verified, and refuses a ledger that no longer holds it.
    """

    path: Path
    remote: str | None = None
    remembers: bool = True

    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, oldest first: one unbroken chain, each signed by a key that may say what it says.

        Raises:
            LedgerError: An entry is missing, altered, unknown or signed by somebody who may not write it.
            TollgateError: The remote cannot be read.
        """
        return self._read()[1]

    def append(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        signer: SigningKey,
        *,
        by: str,
        after: str | None,
        documents: Mapping[str, bytes] | None = None,
        other_clock: Callable[[], datetime | None] = lambda: None,
    ) -> Entry:
        """Write one signed entry behind the one whose digest is `after`.

        Args:
            kind: What it says.
            body: Exactly the kind's fields.
            signer: The key that signs it. Where that is a person's, the entry is by that person.
            by: Who says it.
            after: Digest of the newest entry that the writer knew when it decided; None for an empty ledger.
            documents: Files kept beside the entry, name to bytes.
            other_clock: Says what time it is elsewhere, None where nobody answers; asked long after the newest entry.

        Raises:
            LedgerMovedError: The newest entry is another one; nothing was written.
            LedgerError: The body is not what its kind asks for, or the ledger does not verify.
            RefusedError: The key does not count here, or may not write such an entry.
            TollgateError: The disk, git or the remote did not take it, or the clock is wrong; nothing was written.
        """
        repository = BareRepository(self.path)
        repository.make(BRANCH)
        commits, entries = self._read()
        head = entries[-1] if entries else None
        if (head.digest if head else None) != after:
            raise LedgerMovedError
        now = datetime.now(UTC)
        _insist_on_clock(kind, now, head, other_clock)
        number = len(entries) + 1
        check_body(kind, body, number)
        key = signer.public if kind is Kind.GENESIS else _insist(authority_of(entries), signer, kind, number)
        kept = dict(documents or {})
        entry = Entry(
            number=number,
            previous=head.digest if head else None,
            kind=kind,
            at=now.isoformat(timespec="seconds"),
            by=key.person if key.role is Role.APPROVER and key.person else by,
            body=json.loads(json.dumps(dict(body))),
            documents={name: sha256_digest(content) for name, content in kept.items()},
        )
        raw = seal(entry, signer)
        tree = _write_tree(repository, {ENTRY_FILE: raw, **kept})
        parents = ["-p", commits[-1]] if commits else []
        message = f"{number} {kind}"
        new = repository.git("commit-tree", tree, *parents, "-m", message).strip()
        if self.remote is not None:
            self._push(repository, new)
        reached("ledger-pushed")
        self._move(repository, new, commits[-1] if commits else None, number)
        entry = replace(entry, sealed=sha256_digest(raw), key=key)
        if self.remembers:
            self._memory.remember((*entries, entry), (*commits, new))
        return entry

    def document(self, entry: Entry, name: str) -> bytes:
        """Return a document kept beside `entry`, compared with the digest that the entry names.

        Raises:
            LedgerError: It is not there, or another one.
        """
        repository = BareRepository(self.path)
        commits = self._commits(repository)
        if name not in entry.documents or entry.number > len(commits):
            raise LedgerError(f"{name} of entry {entry.number} is missing")
        result = repository.run(["cat-file", "blob", f"{commits[entry.number - 1]}:{name}"])
        if result.returncode != 0:
            raise LedgerError(f"{name} of entry {entry.number} is missing")
        if sha256_digest(result.stdout) != entry.documents[name]:
            raise LedgerError(f"{name} of entry {entry.number} is not the one it names")
        return result.stdout

    @property
    def _memory(self) -> LedgerMemory:
        return LedgerMemory(self.path.with_suffix(".verified"))

    def _read(self) -> tuple[tuple[str, ...], tuple[Entry, ...]]:
        repository = BareRepository(self.path)
        # Asked before the ledger is read: meanwhile another process of this clone may verify more than we see.
        seen = self._memory.head() if self.remembers else None
        if self.remote is not None:
            repository.make(BRANCH)
            self._fetch(repository)
        commits = self._commits(repository)
        known = self._memory.entries(commits) if self.remembers else ()
        asked = "".join(f"{commit}:{ENTRY_FILE}\n" for commit in commits[len(known) :]).encode()
        answer = repository.run(["cat-file", "--batch"], asked) if asked else None
        if answer is not None and answer.returncode != 0:
            raise LedgerError(f"{self.path} is damaged: {words(answer.stderr)}")
        entries, _ = open_sealed(_batch(answer.stdout) if answer else [], known)
        if seen is not None:
            seen.insist_in(entries)
            self._memory.remember(entries, commits)
        return commits, entries

    def _commits(self, repository: BareRepository) -> tuple[str, ...]:
        newest = self._newest(repository)
        if newest is None:
            return ()
        listed = _LISTED.get(self.path, ())
        if listed[-1:] != (newest,):  # a commit's name stands for all before it
            listed = tuple(repository.git("rev-list", "--reverse", newest).split())
            _LISTED[self.path] = listed
        return listed

    def _newest(self, repository: BareRepository) -> str | None:
        if repository.is_missing:
            return None
        ask = ["rev-parse", "--verify", "--quiet", _REF]
        found = repository.run(ask)
        if found.returncode != 0:
            is_there = (self.path / _REF).exists() or not (self.path / "HEAD").exists()
            if not is_there:
                return None
            # Asked again: between the two looks another process may have written the first entry.
            found = repository.run(ask)
            if found.returncode != 0:
                raise LedgerError(f"{self.path} is damaged: its branch cannot be read")
        return found.stdout.decode().strip()

    def _fetch(self, repository: BareRepository) -> None:
        """Bring what others wrote; a refspec without `+` refuses a branch that was rewritten."""
        assert self.remote is not None
        listed = repository.run(["ls-remote", "--exit-code", self.remote, _REF])
        if listed.returncode == 2:
            return  # nobody has written there yet
        result = listed
        if listed.returncode == 0:
            result = repository.run(["fetch", "--no-tags", self.remote, f"{_REF}:{_REF}"])
        if result.returncode == 0:
            return
        said = words(result.stderr)
        if "non-fast-forward" in result.stderr.decode(errors="replace"):
            raise LedgerError(f"the one at {self.remote} no longer holds what this clone verified before")
        message = f"the ledger's remote {self.remote} cannot be read: git says {said}"
        raise TollgateError(message, "nothing was changed; see that it can be reached, then run again")

    def _push(self, repository: BareRepository, new: str) -> None:
        assert self.remote is not None
        result = repository.run(["push", "--quiet", self.remote, f"{new}:{_REF}"])
        if result.returncode == 0:
            return
        said = result.stderr.decode(errors="replace")
        if any(lost in said for lost in ("fetch first", "non-fast-forward", "cannot lock ref", "stale info")):
            raise LedgerMovedError
        message = f"the ledger's remote {self.remote} did not take an entry: git says {words(result.stderr)}"
        raise TollgateError(message, "nothing was recorded; see who may push there, then run again")

    def _move(self, repository: BareRepository, new: str, old: str | None, number: int) -> None:
        result = repository.run(["update-ref", "-m", f"entry {number}", _REF, new, old or "0" * 40])
        if result.returncode == 0:
            return
        now = repository.git("rev-parse", "--verify", "--quiet", _REF).strip()
        if (
            self.remote is not None
            and repository.run(["merge-base", "--is-ancestor", new, now]).returncode == 0
        ):
            return  # the remote took it, and another process of this clone has fetched it already
        if now != old:
            raise LedgerMovedError
        message = f"the ledger {self.path} did not take entry {number}: git says {words(result.stderr)}"
        raise TollgateError(message, "what was recorded before is kept; mend it and run again")


def _insist_on_clock(
    kind: Kind, now: datetime, head: Entry | None, other_clock: Callable[[], datetime | None]
) -> None:
    """Write nothing by a clock that is wrong: all that is written later is compared with it.

    A clock that was put back would make what has expired look valid. One that runs ahead would keep everybody else
    from writing until that time has come. Soon after the newest entry it cannot be far ahead; later another is asked.
    """
    if head is not None and is_behind(now, head.time) and kind is not Kind.CLOCK:
        raise TollgateError(behind(head.time), IF_BEHIND)
    if head is None or now - head.time > _BELIEVED:
        insist_not_ahead(now, other_clock())


def _insist(authority: Authority, signer: SigningKey, kind: Kind, number: int) -> PublicKey:
    """Return the key as the ledger knows it, refusing what nobody would believe once it was written."""
    own = signer.public
    known = authority.keys.key_at(own.keyid, number)
    if known is None:
        message = f"your {own.role} key {own.keyid[:12]} is not named in the settings that count here"
        hint = (
            "add it to tollgate.toml and have the settings pinned (`nox -s settings`), or use the key that is"
        )
        raise RefusedError(message, hint)
    if known.role not in MAY_WRITE[kind]:
        message = f"a {known.role} key may not write a {kind} into the ledger"
        raise RefusedError(message, f"it takes a key of {' or '.join(sorted(MAY_WRITE[kind]))}")
    return known


def _write_tree(repository: BareRepository, files: Mapping[str, bytes]) -> str:
    lines = []
    for name, content in sorted(files.items()):
        blob = repository.git("hash-object", "-w", "--stdin", stdin=content).strip()
        lines.append(f"100644 blob {blob}\t{name}\n")
    return repository.git("mktree", stdin="".join(lines).encode()).strip()


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
