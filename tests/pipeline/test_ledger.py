"""The ledger as a git branch: what is written is read back, what was altered is refused, one of many writers wins."""

import json
import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import LedgerError, RefusedError, TollgateError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import Role
from pipeline.stores.ledger import BRANCH, ENTRY_FILE, Ledger, LedgerMovedError
from pipeline.stores.sealed import seal
from pipeline.trust.envelope import SigningKey
from pipeline.trust.keys import Keys

_ROOT = Path(__file__).resolve().parents[2]
_REF = f"refs/heads/{BRANCH}"
_RELEASE = "sha256:" + "1" * 64
_CANDIDATE: dict[str, Any] = {
    "release": _RELEASE,
    "commit": None,
    "subject": None,
    "dirty": False,
    "dirty_allowed": False,
    "people": [],
}


class Book:
    """A ledger and the keys of those who write to it."""

    def __init__(self, folder: Path, remote: str | None = None, keys: Path | None = None) -> None:
        self.ledger = Ledger(folder / "ledger.git", remote)
        self.keys = Keys(keys or folder / "keys", {}, "ann")

    @property
    def path(self) -> Path:
        """The repository."""
        return self.ledger.path

    def entries(self) -> tuple[Entry, ...]:
        """Read it."""
        return self.ledger.entries()

    def append(
        self, kind: Kind, body: dict[str, Any], *, by: str = "ann", after: str | None, **more: Any
    ) -> Entry:
        """Write with the ledger key."""
        return self.ledger.append(kind, body, self.keys.signer(Role.LEDGER), by=by, after=after, **more)

    def document(self, entry: Entry, name: str) -> bytes:
        """Read what is kept beside an entry."""
        return self.ledger.document(entry, name)

    def raw(self) -> list[bytes]:
        """Return the signed bytes of every entry."""
        commits = _git(self, "rev-list", "--reverse", BRANCH).split()
        return [_git(self, "cat-file", "blob", f"{commit}:{ENTRY_FILE}").encode() for commit in commits]

    def sealed(
        self, number: int, previous: str | None, signer: SigningKey | None = None, **other: Any
    ) -> bytes:
        """Return an entry as it would stand, signed by the ledger key or by `signer`."""
        fields: dict[str, Any] = {
            "number": number,
            "previous": previous,
            "kind": Kind.CANDIDATE,
            "at": "2026-01-01T09:00:00+00:00",
            "by": "ann",
            "body": _CANDIDATE,
        }
        return seal(Entry(**fields | other), signer or self.keys.signer(Role.LEDGER))


@pytest.fixture
def ledger(tmp_path: Path) -> Book:
    """A ledger that nobody has written to."""
    return Book(tmp_path)


def _genesis(book: Book) -> dict[str, Any]:
    keys = [book.keys.public(role).to_json() for role in (Role.LEDGER, Role.APPROVER, Role.CHECKER)]
    return {"project": "payments", "target": "local", "settings": _RELEASE, "keys": keys, "quorum": 1}


def _begin(ledger: Book) -> Entry:
    return ledger.append(Kind.GENESIS, _genesis(ledger), after=None)


def _three(ledger: Book) -> list[Entry]:
    """Write genesis and two candidates."""
    entries = [_begin(ledger)]
    for number in ("2", "3"):
        body = _CANDIDATE | {"release": "sha256:" + number * 64}
        entries.append(ledger.append(Kind.CANDIDATE, body, by="ann", after=entries[-1].digest))
    return entries


def _git(ledger: Book, *arguments: str, stdin: bytes = b"") -> str:
    identity = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(
        ["git", f"--git-dir={ledger.path}", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=60,
        env=os.environ | identity,
    ).stdout.decode()


def _rewrite(ledger: Book, contents: list[bytes]) -> None:
    """Replace the branch by one whose commits hold these entries, as somebody with access to the folder could."""
    parent: list[str] = []
    for content in contents:
        blob = _git(ledger, "hash-object", "-w", "--stdin", stdin=content).strip()
        tree = _git(ledger, "mktree", stdin=f"100644 blob {blob}\tentry.dsse.json\n".encode()).strip()
        commit = _git(ledger, "commit-tree", tree, *parent, "-m", "rewritten").strip()
        parent = ["-p", commit]
    _git(ledger, "update-ref", "refs/heads/tollgate-ledger", parent[1])


# --- writing and reading


def test_before_anything_is_written_it_is_empty(ledger: Book) -> None:
    """No folder means no entries, and looking makes no folder."""
    assert ledger.entries() == ()
    assert not ledger.path.exists()


def test_what_is_written_is_read_back_in_order(ledger: Book) -> None:
    """Entries come back as they were written, oldest first, each naming the one before."""
    written = _three(ledger)

    assert ledger.entries() == tuple(written)
    assert [entry.number for entry in written] == [1, 2, 3]
    assert [entry.previous for entry in written] == [None, written[0].digest, written[1].digest]


@pytest.mark.parametrize(
    "words", ["Grüße, 世界", "line\nbreak", "half \udcff a character", "a" * 100_000, ""]
)
def test_words_are_kept_as_they_are(ledger: Book, words: str) -> None:
    """Whatever a commit's subject or a person's name holds is read back unaltered."""
    genesis = _begin(ledger)
    ledger.append(Kind.CANDIDATE, _CANDIDATE | {"subject": words}, by=words, after=genesis.digest)

    entry = ledger.entries()[-1]
    assert (entry.body["subject"], entry.by) == (words, words)


def test_documents_are_kept_beside_their_entry(ledger: Book) -> None:
    """A document is found by its entry and name, byte for byte, also when later entries have one of that name."""
    first = ledger.append(Kind.GENESIS, _genesis(ledger), after=None, documents={"note": b"\x00one\n"})
    second = ledger.append(
        Kind.CANDIDATE, _CANDIDATE, by="ann", after=first.digest, documents={"note": b"two"}
    )

    assert ledger.document(first, "note") == b"\x00one\n"
    assert ledger.document(second, "note") == b"two"


def test_a_missing_document_is_a_sentence(ledger: Book) -> None:
    """Asking for what is not there names the entry and the document."""
    entry = _begin(ledger)

    with pytest.raises(LedgerError, match=r"change-set.json of entry 1 is missing"):
        ledger.document(entry, "change-set.json")


@pytest.mark.parametrize("kind", [Kind.START, Kind.CANDIDATE])
def test_a_body_that_is_not_its_kinds_is_not_written(ledger: Book, kind: Kind) -> None:
    """Unknown fields are refused before anything is written."""
    genesis = _begin(ledger)

    with pytest.raises(LedgerError, match=rf"entry 2 \({kind}\) has other fields than a {kind} has"):
        ledger.append(kind, {"anything": 1}, by="ann", after=genesis.digest)
    assert ledger.entries() == (genesis,)


def test_a_long_ledger_is_read_whole(ledger: Book) -> None:
    """Two thousand entries are read, verified and remembered."""
    _begin(ledger)
    chain = ledger.raw()
    while len(chain) < 2000:
        chain.append(ledger.sealed(len(chain) + 1, sha256_digest(chain[-1])))
    _fast_import(ledger, chain)

    entries = ledger.entries()

    assert [entry.digest for entry in entries] == [sha256_digest(raw) for raw in chain]
    # What was verified here before is not verified again, and reads the same.
    assert ledger.entries() == entries


def _fast_import(ledger: Book, chain: list[bytes]) -> None:
    lines: list[bytes] = []
    for raw in chain:
        lines += [
            b"commit refs/heads/tollgate-ledger\n",
            b"committer x <x> 1700000000 +0000\ndata 0\n",
            b"M 100644 inline entry.dsse.json\n",
            b"data %d\n" % len(raw),
            raw,
            b"\n",
        ]
    _git(ledger, "update-ref", "-d", "refs/heads/tollgate-ledger")
    _git(ledger, "fast-import", "--quiet", stdin=b"".join(lines))


# --- one of many writers wins


def test_who_decided_on_an_older_ledger_is_refused(ledger: Book) -> None:
    """An entry behind anything but the newest is not written: its writer must read again."""
    genesis, _, newest = _three(ledger)

    for after in (genesis.digest, None, "sha256:" + "0" * 64):
        with pytest.raises(LedgerMovedError, match="another run wrote to the ledger at the same moment"):
            ledger.append(Kind.CANDIDATE, _CANDIDATE, by="bob", after=after)
    assert ledger.entries()[-1] == newest


_WRITER = """
import json, sys
from pathlib import Path
from pipeline.model.kinds import Kind
from pipeline.model.trust import Role
from pipeline.stores.ledger import BRANCH, ENTRY_FILE, Ledger, LedgerMovedError
from pipeline.stores.sealed import seal
from pipeline.trust.envelope import SigningKey
from pipeline.trust.keys import Keys

ledger, name, count = Ledger(Path(sys.argv[1]), sys.argv[6] or None), sys.argv[2], int(sys.argv[3])
body, keys = json.loads(sys.argv[4]), Keys(Path(sys.argv[5]), {}, "ann")
signer = keys.signer(Role.LEDGER)
genesis = {"project": "payments", "target": "local", "settings": body["release"], "quorum": 1}
genesis["keys"] = [signer.public.to_json()]
won, lost = [], 0
entries = ledger.entries()
print("has read", flush=True)
sys.stdin.readline()
while len(won) < count:
    try:
        if not entries:
            ledger.append(Kind.GENESIS, genesis, signer, by=name, after=None)
        else:
            won.append(ledger.append(Kind.CANDIDATE, body, signer, by=name, after=entries[-1].digest).digest)
    except LedgerMovedError:
        lost += 1
    entries = ledger.entries()
print(json.dumps({"won": won, "lost": lost}))
"""


@pytest.mark.parametrize("has_remote", [False, True], ids=["one repository", "four clones with one remote"])
def test_many_processes_write_and_nothing_is_lost(tmp_path: Path, has_remote: bool) -> None:
    """Exactly the entries whose writers were told so are recorded; everybody else was told to read again."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True, timeout=60)
    Keys(tmp_path / "keys", {}, "ann").public(Role.LEDGER)
    paths = [tmp_path / (f"clone {number}" if has_remote else "one") / "ledger.git" for number in range(4)]
    arguments = ["3", json.dumps(_CANDIDATE), str(tmp_path / "keys"), str(remote) if has_remote else ""]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path), f"writer {number}", *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, path in enumerate(paths)
    ]
    for writer in writers:  # all decide on the same ledger, so that all but one must read again
        assert writer.stdout is not None
        assert writer.stdout.readline() == "has read\n"
    told: list[dict[str, Any]] = [{}] * len(writers)

    def finish(number: int) -> None:
        stdout, stderr = writers[number].communicate("go\n", timeout=300)
        assert writers[number].returncode == 0, stderr
        told[number] = json.loads(stdout)

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(len(writers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    written = Ledger(paths[0], str(remote) if has_remote else None).entries()
    recorded = [entry.digest for entry in written if entry.kind is Kind.CANDIDATE]
    assert sorted(recorded) == sorted(digest for each in told for digest in each["won"])
    assert len(set(recorded)) == 12
    assert sum(each["lost"] for each in told) >= len(writers) - 1


def test_a_lock_that_git_left_behind_is_named(ledger: Book) -> None:
    """Where git was killed while it wrote, the sentence names the file that stands in the way; nothing is lost."""
    newest = _three(ledger)[-1]
    (ledger.path / "refs" / "heads" / "tollgate-ledger.lock").touch()

    with pytest.raises(TollgateError, match=r"did not take entry 4: .*tollgate-ledger\.lock"):
        ledger.append(Kind.CANDIDATE, _CANDIDATE, by="ann", after=newest.digest)
    assert ledger.entries()[-1] == newest


def test_a_clock_that_was_put_back_writes_nothing(ledger: Book) -> None:
    """Behind an entry of the future nothing is written: by such a clock an expired approval would look valid."""
    _begin(ledger)
    raw = ledger.raw()
    later = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds")
    _rewrite(ledger, [*raw, ledger.sealed(2, sha256_digest(raw[0]), at=later)])
    newest = ledger.entries()[-1]

    with pytest.raises(TollgateError, match="this machine's clock is behind the ledger's newest entry") as no:
        ledger.append(Kind.CANDIDATE, _CANDIDATE, after=newest.digest)
    assert "where it is right, `nox -s clock" in str(no.value.hint)
    assert ledger.entries()[-1] == newest


def test_a_clock_that_is_ahead_writes_nothing(ledger: Book) -> None:
    """By an entry of the future everybody else would be kept from writing until its time has come."""
    now = datetime.now(UTC)

    with pytest.raises(
        TollgateError, match=r"this machine's clock says .*, but at the account it is .*"
    ) as no:
        ledger.append(
            Kind.GENESIS, _genesis(ledger), after=None, other_clock=lambda: now - timedelta(minutes=5)
        )
    assert no.value.hint == "nothing was written; set the clock, then run again"
    assert ledger.entries() == ()


@pytest.mark.parametrize("other", [None, timedelta(minutes=-1), timedelta(minutes=5)])
def test_a_clock_that_nobody_denies_writes(ledger: Book, other: timedelta | None) -> None:
    """Where no account answers, a little off, or behind it: an entry by such a clock keeps nobody from writing."""
    now = datetime.now(UTC)

    ledger.append(
        Kind.GENESIS,
        _genesis(ledger),
        after=None,
        other_clock=lambda: None if other is None else now + other,
    )
    assert len(ledger.entries()) == 1


def test_soon_after_the_newest_entry_no_other_clock_is_asked(ledger: Book) -> None:
    """It cannot be far ahead then, so that a command does not ask an account again and again."""
    newest = _begin(ledger)

    def ask() -> datetime:
        raise AssertionError

    ledger.append(Kind.CANDIDATE, _CANDIDATE, after=newest.digest, other_clock=ask)


def test_a_person_goes_on_after_an_entry_of_the_future(ledger: Book) -> None:
    """Their word is written behind it, and from there on entries are compared with its time."""
    _begin(ledger)
    raw = ledger.raw()
    later = (datetime.now(UTC) + timedelta(days=400)).isoformat(timespec="seconds")
    _rewrite(ledger, [*raw, ledger.sealed(2, sha256_digest(raw[0]), at=later)])
    newest = ledger.entries()[-1]
    body = {"ahead": newest.at, "reason": "a dead battery"}

    with pytest.raises(RefusedError, match="a ledger key may not write a clock into the ledger"):
        ledger.append(Kind.CLOCK, body, after=newest.digest)
    person = ledger.keys.signer(Role.APPROVER)
    said = ledger.ledger.append(Kind.CLOCK, body, person, by="ann", after=newest.digest)
    ledger.append(Kind.CANDIDATE, _CANDIDATE, after=said.digest)
    assert [entry.kind for entry in ledger.entries()][-2:] == [Kind.CLOCK, Kind.CANDIDATE]


# --- what was altered is refused


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda _, raw: [raw[0], raw[2]], r"entry 2 is missing \(found 3 in its place\)"),
        (lambda _, raw: [raw[0], raw[2], raw[1]], r"entry 2 is missing \(found 3"),
        (lambda _, raw: raw[1:], "its first entry is no genesis that names keys"),
        (lambda _, raw: [*raw, raw[2]], r"entry 4 is missing \(found 3"),
        (lambda _, raw: [*raw[:2], raw[2] + b"\n"], "entry 3 is not signed as it must be"),
        (lambda _, raw: [*raw[:2], b"not JSON"], "entry 3 is not signed as it must be"),
        (lambda _, raw: [*raw[:2], b"[" * 100_000], "entry 3 is not signed as it must be"),
        (
            lambda book, raw: [raw[0], book.sealed(2, sha256_digest(raw[0]), by="bob"), raw[2]],
            "entry 3 does not follow the entry before it",
        ),
        (
            lambda book, raw: [*raw[:2], book.sealed(3, sha256_digest(raw[1]), body={"release": _RELEASE})],
            r"entry 3 \(candidate\) has other fields than a candidate has",
        ),
        (
            lambda book, raw: [
                *raw[:2],
                book.sealed(3, sha256_digest(raw[1]), body=_CANDIDATE | {"dirty": 0}),
            ],
            r"entry 3 \(candidate\) has a dirty of the wrong type",
        ),
        (
            lambda book, raw: [*raw[:2], book.sealed(3, sha256_digest(raw[1]), _stranger(book))],
            "entry 3 is not signed as it must be: .*which does not count here",
        ),
        (
            lambda book, raw: [
                *raw[:2],
                book.sealed(3, sha256_digest(raw[1]), book.keys.signer(Role.APPROVER)),
            ],
            r"entry 3 \(candidate\) is signed by a approver key, which may not write one",
        ),
        (
            lambda book, raw: [
                *raw[:2],
                book.sealed(3, sha256_digest(raw[1]), book.keys.signer(Role.CHECKER)),
            ],
            r"entry 3 \(candidate\) is signed by a checker key, which may not write one",
        ),
        (
            lambda book, raw: [*raw[:2], _resigned(raw[2], raw[1])],
            "entry 3 is not signed as it must be: .*forged",
        ),
    ],
    ids=[
        "one missing",
        "two swapped",
        "no beginning",
        "one twice",
        "another spelling",
        "no JSON",
        "nested without end",
        "one altered",
        "unknown field",
        "wrong type",
        "a stranger's key",
        "an approver's key",
        "a checker's key",
        "another entry's signature",
    ],
)
def test_a_rewritten_ledger_is_refused(ledger: Book, alter: Any, sentence: str) -> None:
    """Whoever rewrites the branch is noticed at the next read, with what does not fit, and nothing is written on it."""
    entries = _three(ledger)
    _rewrite(ledger, alter(ledger, ledger.raw()))

    with pytest.raises(LedgerError, match=rf"the ledger does not verify: .*{sentence}"):
        ledger.entries()
    with pytest.raises(LedgerError, match=sentence):
        ledger.append(Kind.CANDIDATE, _CANDIDATE, after=entries[-1].digest)


def _stranger(book: Book) -> SigningKey:
    return Keys(book.path.parent / "strangers keys", {}, "mallory").signer(Role.LEDGER)


def _resigned(envelope: bytes, other: bytes) -> bytes:
    document = json.loads(envelope)
    return canonical_bytes({**document, "signatures": json.loads(other)["signatures"]})


# --- what this clone saw before cannot be taken back


@pytest.mark.parametrize("left", [0, 1, 2])
def test_a_shortened_ledger_is_refused_by_whoever_saw_more(ledger: Book, left: int) -> None:
    """A truncated chain verifies, so the clone's memory decides: what was verified here must still be there."""
    _three(ledger)
    if left:
        _git(ledger, "update-ref", "refs/heads/tollgate-ledger", f"refs/heads/tollgate-ledger~{3 - left}")
    else:
        _git(ledger, "update-ref", "-d", "refs/heads/tollgate-ledger")

    with pytest.raises(
        LedgerError, match=r"it no longer holds entry 3 \(sha256:\w+\), which this clone verified"
    ):
        ledger.entries()
    assert len(Ledger(ledger.path, remembers=False).entries()) == left


def test_a_ledger_that_was_deleted_is_not_an_empty_one(ledger: Book) -> None:
    """Where the folder is gone, nobody begins a new history in its place."""
    _three(ledger)
    shutil.rmtree(ledger.path)

    with pytest.raises(LedgerError, match="it no longer holds entry 3"):
        _begin(ledger)


def test_another_history_with_the_same_keys_is_refused(ledger: Book) -> None:
    """Even the holder of the keys cannot replace what a clone has seen by something else that verifies."""
    genesis = _three(ledger)[0]
    raw = ledger.raw()
    other = ledger.sealed(2, genesis.digest, by="bob")
    _rewrite(ledger, [raw[0], other, ledger.sealed(3, sha256_digest(other))])

    assert len(Ledger(ledger.path, remembers=False).entries()) == 3
    with pytest.raises(LedgerError, match="it no longer holds entry 3"):
        ledger.entries()


def test_a_damaged_memory_is_said(ledger: Book) -> None:
    """Where nobody can tell what was seen before, nothing is read as if nothing had been."""
    _three(ledger)
    (ledger.path.with_suffix(".verified") / "head.json").write_text("{}")

    with pytest.raises(LedgerError, match=r"what this clone remembers of it .* cannot be read"):
        ledger.entries()


def test_a_damaged_cache_costs_time_only(ledger: Book) -> None:
    """What was kept to save time is verified again where it is damaged, and never believed."""
    _begin(ledger)
    chain = ledger.raw()
    while len(chain) < 100:
        chain.append(ledger.sealed(len(chain) + 1, sha256_digest(chain[-1])))
    _fast_import(ledger, chain)
    entries = ledger.entries()
    cache = ledger.path.with_suffix(".verified") / "verified.jsonl"
    cache.write_bytes(cache.read_bytes().replace(b'"by":"ann"', b'"by":"bob"'))

    assert ledger.entries() == entries


# --- a remote decides who was first


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Book, Book, Path]:
    """Two clones with one remote ledger and the same keys."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True, timeout=60)
    here = Book(tmp_path / "here", str(remote), tmp_path / "keys")
    there = Book(tmp_path / "there", str(remote), tmp_path / "keys")
    return here, there, remote


def test_what_one_clone_writes_the_other_reads(clones: tuple[Book, Book, Path]) -> None:
    """An entry is in the remote before anybody is told that it was written."""
    here, there, _ = clones
    written = _three(here)

    assert there.entries() == tuple(written)
    more = there.append(Kind.CANDIDATE, _CANDIDATE, after=written[-1].digest)
    assert here.entries() == (*written, more)


def test_who_comes_second_reads_and_decides_again(clones: tuple[Book, Book, Path]) -> None:
    """Of two clones that decided on the same ledger one is told that the other was faster."""
    here, there, _ = clones
    head = _three(here)[-1].digest
    there.entries()
    here.append(Kind.CANDIDATE, _CANDIDATE, after=head)

    with pytest.raises(LedgerMovedError):
        there.append(Kind.CANDIDATE, _CANDIDATE, after=head)


def test_a_remote_that_lost_entries_is_refused(clones: tuple[Book, Book, Path]) -> None:
    """A branch that was pushed back is noticed: it no longer holds what this clone verified."""
    here, _, remote = clones
    _three(here)
    subprocess.run(["git", f"--git-dir={remote}", "update-ref", _REF, f"{_REF}~1"], check=True, timeout=60)

    with pytest.raises(LedgerError, match="no longer holds what this clone verified before"):
        here.entries()


def test_a_remote_that_takes_nothing_is_a_sentence(clones: tuple[Book, Book, Path]) -> None:
    """Where the remote refuses an entry, its words are passed on, and nothing was recorded here either."""
    here, there, remote = clones
    written = _three(here)
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho closed for the night >&2\nexit 1\n")
    hook.chmod(0o755)

    with pytest.raises(
        TollgateError, match=r"the ledger's remote .* did not take an entry: .*closed for the night"
    ):
        here.append(Kind.CANDIDATE, _CANDIDATE, after=written[-1].digest)
    hook.unlink()
    assert here.entries() == there.entries() == tuple(written)


def test_a_remote_that_is_away_is_a_sentence(clones: tuple[Book, Book, Path]) -> None:
    """Without the remote nobody knows what was decided, so nothing is read from the copy here."""
    here, _, remote = clones
    _three(here)
    remote.rename(remote.with_name("moved"))

    with pytest.raises(TollgateError, match=r"the ledger's remote .* cannot be read"):
        here.entries()


# --- keys


def test_a_key_that_nobody_named_writes_nothing(ledger: Book) -> None:
    """Whoever's key does not count is told so before anything is written, and what to do."""
    genesis = _begin(ledger)

    with pytest.raises(
        RefusedError, match=r"your ledger key .* is not named in the settings that count here"
    ):
        ledger.ledger.append(
            Kind.CANDIDATE, _CANDIDATE, _stranger(ledger), by="mallory", after=genesis.digest
        )
    with pytest.raises(RefusedError, match="a checker key may not write a candidate"):
        ledger.ledger.append(
            Kind.CANDIDATE, _CANDIDATE, ledger.keys.signer(Role.CHECKER), by="ann", after=genesis.digest
        )
    assert ledger.entries() == (genesis,)


def test_a_revoked_key_writes_nothing_more(ledger: Book) -> None:
    """From the entry behind its revocation on, a key is nobody's; what it signed before stays."""
    entries = _three(ledger)
    key = ledger.keys.public(Role.LEDGER).keyid
    revocation = ledger.ledger.append(
        Kind.REVOCATION,
        {"key": key, "reason": "stolen"},
        ledger.keys.signer(Role.APPROVER),
        by="",
        after=entries[-1].digest,
    )

    with pytest.raises(RefusedError, match="is not named in the settings"):
        ledger.append(Kind.CANDIDATE, _CANDIDATE, after=revocation.digest)
    _rewrite(ledger, [*ledger.raw(), ledger.sealed(5, revocation.digest)])
    with pytest.raises(LedgerError, match="entry 5 is not signed as it must be"):
        ledger.entries()


def test_an_altered_document_is_refused(ledger: Book) -> None:
    """A document is what the signed entry says it is, or it is nothing."""
    entry = ledger.append(Kind.GENESIS, _genesis(ledger), after=None, documents={"note": b"one"})
    raw = ledger.raw()[0]
    blobs = [_git(ledger, "hash-object", "-w", "--stdin", stdin=content).strip() for content in (raw, b"two")]
    lines = f"100644 blob {blobs[0]}\t{ENTRY_FILE}\n100644 blob {blobs[1]}\tnote\n"
    tree = _git(ledger, "mktree", stdin=lines.encode()).strip()
    _git(ledger, "update-ref", _REF, _git(ledger, "commit-tree", tree, "-m", "swapped").strip())

    with pytest.raises(LedgerError, match="note of entry 1 is not the one it names"):
        ledger.document(entry, "note")


# --- what lies there damaged


def test_a_foreign_commit_is_refused(ledger: Book) -> None:
    """A commit that holds no entry has no business on the branch."""
    _three(ledger)
    tree = _git(ledger, "mktree").strip()
    head = _git(ledger, "rev-parse", "refs/heads/tollgate-ledger").strip()
    foreign = _git(ledger, "commit-tree", tree, "-p", head, "-m", "hello").strip()
    _git(ledger, "update-ref", "refs/heads/tollgate-ledger", foreign)

    with pytest.raises(LedgerError, match="a commit of its branch holds no entry"):
        ledger.entries()


def test_a_lost_object_is_refused(ledger: Book) -> None:
    """Where the disk lost a part of the branch, nothing is read from the rest of it."""
    _three(ledger)
    commit = _git(ledger, "rev-parse", "refs/heads/tollgate-ledger~1").strip()
    (ledger.path / "objects" / commit[:2] / commit[2:]).unlink()

    with pytest.raises(TollgateError, match=r"the ledger .*git says"):
        ledger.entries()


def test_a_lost_entry_is_refused(ledger: Book) -> None:
    """Where the disk lost what a commit holds, the ledger does not verify."""
    _three(ledger)
    blob = _git(ledger, "rev-parse", "refs/heads/tollgate-ledger~1:entry.dsse.json").strip()
    (ledger.path / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(TollgateError, match="the ledger"):
        ledger.entries()


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"0" * 40 + b"\n"])
def test_a_damaged_branch_is_no_empty_ledger(ledger: Book, content: bytes) -> None:
    """A branch that cannot be read is damage; taking it for an empty ledger would forget every approval and hold."""
    _three(ledger)
    (ledger.path / "refs" / "heads" / "tollgate-ledger").write_bytes(content)

    with pytest.raises(TollgateError, match="the ledger"):
        ledger.entries()


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """Something else in the ledger's place is not overwritten."""
    path = tmp_path / "ledger.git"
    path.mkdir()
    (path / "precious").write_text("mine")

    with pytest.raises(LedgerError, match="is damaged: its branch cannot be read"):
        Ledger(path).entries()
    with pytest.raises(TollgateError, match="the ledger"):
        _begin(Book(tmp_path))
    assert (path / "precious").read_text() == "mine"


def test_an_empty_folder_is_an_empty_ledger(ledger: Book) -> None:
    """A run that was killed before it wrote anything leaves nothing that has to be mended by hand."""
    ledger.path.mkdir()

    assert ledger.entries() == ()
    assert ledger.entries() == ()
    assert _begin(ledger).number == 1


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the way of the ledger is named."""
    (tmp_path / "home").write_text("")

    with pytest.raises(TollgateError, match=r"the ledger .* cannot be made"):
        _begin(Book(tmp_path / "home", keys=tmp_path / "keys"))


# --- nobody's settings matter


def test_a_hooks_variables_do_not_matter(
    ledger: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started by a git hook, which points git at the repository that was pushed to, the ledger stays where it is."""
    other = tmp_path / "other.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(other)], check=True, timeout=60)
    for name, value in {
        "GIT_DIR": str(other),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / "objects"),
        "GIT_QUARANTINE_PATH": str(tmp_path / "quarantine"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "user.name",
        "GIT_CONFIG_VALUE_0": "mallory",
        "GIT_AUTHOR_DATE": "nonsense",
    }.items():
        monkeypatch.setenv(name, value)

    written = _three(ledger)

    assert ledger.entries() == tuple(written)
    assert not list((other / "refs").rglob("tollgate-ledger"))


def test_a_users_git_settings_do_not_matter(
    ledger: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing, hooks, line endings and a default branch in somebody's settings change no byte and run nothing."""
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-commit", "update"):
        hook = hooks / name
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\nexit 1\n")
        hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = /bin/false\n[core]\n\tautocrlf = true\n\thooksPath = {hooks}\n"
        f"[init]\n\tdefaultBranch = trunk\n\ttemplateDir = {tmp_path}\n\tdefaultObjectFormat = sha256\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    genesis = _begin(ledger)
    documents = {"text": b"one\r\ntwo\n"}

    entry = ledger.append(Kind.CANDIDATE, _CANDIDATE, by="ann", after=genesis.digest, documents=documents)

    assert ledger.document(entry, "text") == b"one\r\ntwo\n"
    assert ledger.entries() == (genesis, entry)
    assert not (tmp_path / "hook-ran").exists()


def test_without_git_it_says_so(ledger: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git gets one sentence and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TollgateError, match="git is not on PATH, and the ledger is a git branch"):
        _begin(ledger)
