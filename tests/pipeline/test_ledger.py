"""The ledger as a git branch: what is written is read back, what was altered is refused, one of many writers wins."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.errors import TollgateError
from pipeline.model.errors import LedgerError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.stores.ledger import Ledger, LedgerMovedError

_ROOT = Path(__file__).resolve().parents[2]
_RELEASE = "sha256:" + "1" * 64
_CANDIDATE = {"release": _RELEASE, "commit": None, "subject": None, "dirty": False, "dirty_allowed": False}
_GENESIS = {"project": "payments"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger that nobody has written to."""
    return Ledger(tmp_path / "ledger.git")


def _begin(ledger: Ledger) -> Entry:
    return ledger.append(Kind.GENESIS, _GENESIS, by="ann", after=None)


def _three(ledger: Ledger) -> list[Entry]:
    """Write genesis and two candidates."""
    entries = [_begin(ledger)]
    for number in ("2", "3"):
        body = _CANDIDATE | {"release": "sha256:" + number * 64}
        entries.append(ledger.append(Kind.CANDIDATE, body, by="ann", after=entries[-1].digest))
    return entries


def _git(ledger: Ledger, *arguments: str, stdin: bytes = b"") -> str:
    identity = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return subprocess.run(
        ["git", f"--git-dir={ledger.path}", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=60,
        env=os.environ | identity,
    ).stdout.decode()


def _rewrite(ledger: Ledger, contents: list[bytes]) -> None:
    """Replace the branch by one whose commits hold these entries, as somebody with access to the folder could."""
    parent: list[str] = []
    for content in contents:
        blob = _git(ledger, "hash-object", "-w", "--stdin", stdin=content).strip()
        tree = _git(ledger, "mktree", stdin=f"100644 blob {blob}\tentry.json\n".encode()).strip()
        commit = _git(ledger, "commit-tree", tree, *parent, "-m", "rewritten").strip()
        parent = ["-p", commit]
    _git(ledger, "update-ref", "refs/heads/ledger", parent[1])


# --- writing and reading


def test_before_anything_is_written_it_is_empty(ledger: Ledger) -> None:
    """No folder means no entries, and looking makes no folder."""
    assert ledger.entries() == ()
    assert not ledger.path.exists()


def test_what_is_written_is_read_back_in_order(ledger: Ledger) -> None:
    """Entries come back as they were written, oldest first, each naming the one before."""
    written = _three(ledger)

    assert ledger.entries() == tuple(written)
    assert [entry.number for entry in written] == [1, 2, 3]
    assert [entry.previous for entry in written] == [None, written[0].digest, written[1].digest]


@pytest.mark.parametrize(
    "words", ["Grüße, 世界", "line\nbreak", "half \udcff a character", "a" * 100_000, ""]
)
def test_words_are_kept_as_they_are(ledger: Ledger, words: str) -> None:
    """Whatever a commit's subject or a person's name holds is read back unaltered."""
    genesis = _begin(ledger)
    ledger.append(Kind.CANDIDATE, _CANDIDATE | {"subject": words}, by=words, after=genesis.digest)

    entry = ledger.entries()[-1]
    assert (entry.body["subject"], entry.by) == (words, words)


def test_documents_are_kept_beside_their_entry(ledger: Ledger) -> None:
    """A document is found by its entry and name, byte for byte, also when later entries have one of that name."""
    first = ledger.append(Kind.GENESIS, _GENESIS, by="ann", after=None, documents={"note": b"\x00one\n"})
    second = ledger.append(
        Kind.CANDIDATE, _CANDIDATE, by="ann", after=first.digest, documents={"note": b"two"}
    )

    assert ledger.document(first, "note") == b"\x00one\n"
    assert ledger.document(second, "note") == b"two"


def test_a_missing_document_is_a_sentence(ledger: Ledger) -> None:
    """Asking for what is not there names the entry and the document."""
    entry = _begin(ledger)

    with pytest.raises(LedgerError, match=r"change-set.json of entry 1 is missing"):
        ledger.document(entry, "change-set.json")


@pytest.mark.parametrize("kind", [Kind.START, Kind.CANDIDATE])
def test_a_body_that_is_not_its_kinds_is_not_written(ledger: Ledger, kind: Kind) -> None:
    """Unknown fields are refused before anything is written."""
    genesis = _begin(ledger)

    with pytest.raises(LedgerError, match=rf"entry 2 \({kind}\) has other fields than a {kind} has"):
        ledger.append(kind, {"anything": 1}, by="ann", after=genesis.digest)
    assert ledger.entries() == (genesis,)


def test_a_long_ledger_is_read_in_a_moment(ledger: Ledger) -> None:
    """Two thousand entries are read and verified in a few seconds."""
    first = _begin(ledger)
    chain = [first]
    for number in range(2, 2001):
        chain.append(
            Entry(
                number=number,
                previous=chain[-1].digest,
                kind=Kind.CANDIDATE,
                at=first.at,
                by="ann",
                body=_CANDIDATE,
            )
        )
    _fast_import(ledger, chain)
    started = time.monotonic()

    entries = ledger.entries()

    assert entries == tuple(chain)
    assert time.monotonic() - started < 10


def _fast_import(ledger: Ledger, chain: list[Entry]) -> None:
    lines: list[bytes] = []
    for entry in chain:
        lines += [
            b"commit refs/heads/ledger\n",
            b"committer x <x> 1700000000 +0000\ndata 0\n",
            b"M 100644 inline entry.json\n",
            b"data %d\n" % len(entry.content),
            entry.content,
            b"\n",
        ]
    _git(ledger, "update-ref", "-d", "refs/heads/ledger")
    _git(ledger, "fast-import", "--quiet", stdin=b"".join(lines))


# --- one of many writers wins


def test_who_decided_on_an_older_ledger_is_refused(ledger: Ledger) -> None:
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
from pipeline.stores.ledger import Ledger, LedgerMovedError

ledger, name, count = Ledger(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
body = json.loads(sys.argv[4])
won, lost = [], 0
sys.stdin.readline()
while len(won) < count:
    entries = ledger.entries()
    try:
        if not entries:
            ledger.append(Kind.GENESIS, {"project": "payments"}, by=name, after=None)
        else:
            won.append(ledger.append(Kind.CANDIDATE, body, by=name, after=entries[-1].digest).digest)
    except LedgerMovedError:
        lost += 1
print(json.dumps({"won": won, "lost": lost}))
"""


def test_many_processes_write_and_nothing_is_lost(ledger: Ledger) -> None:
    """Exactly the entries whose writers were told so are recorded; everybody else was told to read again."""
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                _WRITER,
                str(ledger.path),
                f"writer {number}",
                "6",
                json.dumps(_CANDIDATE),
            ],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
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

    recorded = [entry.digest for entry in ledger.entries() if entry.kind is Kind.CANDIDATE]
    assert sorted(recorded) == sorted(digest for each in told for digest in each["won"])
    assert len(set(recorded)) == 24
    assert sum(each["lost"] for each in told) > 0


def test_a_lock_that_git_left_behind_is_named(ledger: Ledger) -> None:
    """Where git was killed while it wrote, the sentence names the file that stands in the way; nothing is lost."""
    newest = _three(ledger)[-1]
    (ledger.path / "refs" / "heads" / "ledger.lock").touch()

    with pytest.raises(TollgateError, match=r"did not take entry 4: .*ledger\.lock"):
        ledger.append(Kind.CANDIDATE, _CANDIDATE, by="ann", after=newest.digest)
    assert ledger.entries()[-1] == newest


# --- what was altered is refused


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda entries: [entries[0], entries[2]], r"entry 2 is missing \(found 3 in its place\)"),
        (lambda entries: [entries[0], entries[2], entries[1]], r"entry 2 is missing \(found 3"),
        (lambda entries: entries[1:], r"entry 1 is missing \(found 2"),
        (
            lambda entries: [entries[0], entries[1].replace(b'"ann"', b'"bob"'), entries[2]],
            "entry 3 does not follow the entry before it",
        ),
        (lambda entries: [*entries, entries[2]], r"entry 4 is missing \(found 3"),
        (lambda entries: [*entries[:2], entries[2] + b"\n"], "entry 3 is not in its one spelling"),
        (lambda entries: [*entries[:2], b'{"by":1,' + entries[2][1:]], "entry 3 is not in its one spelling"),
        (lambda entries: [*entries[:2], b"not JSON"], "an entry is not JSON"),
        (lambda entries: [*entries[:2], b"[" * 100_000], "an entry is not JSON"),
        (lambda entries: [*entries[:2], entries[2].replace(b"candidate", b"invention")], "unknown kind"),
        (
            lambda entries: [*entries[:2], entries[2].replace(b'"dirty":false', b'"clean":false')],
            r"entry 3 \(candidate\) has other fields than a candidate has",
        ),
        (
            lambda entries: [*entries[:2], entries[2].replace(b'"dirty":false', b'"dirty":0')],
            r"entry 3 \(candidate\) has a dirty of the wrong type",
        ),
    ],
    ids=[
        "one missing",
        "two swapped",
        "no beginning",
        "one altered",
        "one twice",
        "another spelling",
        "a key twice",
        "no JSON",
        "nested without end",
        "unknown kind",
        "unknown field",
        "wrong type",
    ],
)
def test_a_rewritten_ledger_is_refused(ledger: Ledger, alter: Any, sentence: str) -> None:
    """Whoever rewrites the branch is noticed at the next read, with what does not fit, and nothing is written on it."""
    entries = _three(ledger)
    _rewrite(ledger, alter([entry.content for entry in entries]))

    with pytest.raises(LedgerError, match=rf"the ledger does not verify: .*{sentence}"):
        ledger.entries()
    with pytest.raises(LedgerError, match=sentence):
        ledger.append(Kind.CANDIDATE, _CANDIDATE, by="ann", after=entries[-1].digest)


def test_an_entry_with_what_no_json_holds_is_refused(ledger: Ledger) -> None:
    """NaN, which Python would read, is refused like any other spelling that is not the one."""
    genesis = _begin(ledger)
    where = {"environment": "dev", "suffix": "dev", "release": _RELEASE, "operation": "forward"}
    body = {**where, "start": _RELEASE, "outcome": "SUCCEEDED", "reason": None, "proof": {"n": 1}}
    end = ledger.append(Kind.END, body, by="ann", after=genesis.digest)
    _rewrite(ledger, [genesis.content, end.content.replace(b'{"n":1}', b'{"n":NaN}')])

    with pytest.raises(LedgerError, match="entry 2 is not in its one spelling"):
        ledger.entries()


def test_a_foreign_commit_is_refused(ledger: Ledger) -> None:
    """A commit that holds no entry has no business on the branch."""
    _three(ledger)
    tree = _git(ledger, "mktree").strip()
    head = _git(ledger, "rev-parse", "refs/heads/ledger").strip()
    foreign = _git(ledger, "commit-tree", tree, "-p", head, "-m", "hello").strip()
    _git(ledger, "update-ref", "refs/heads/ledger", foreign)

    with pytest.raises(LedgerError, match="a commit of its branch holds no entry"):
        ledger.entries()


def test_a_lost_object_is_refused(ledger: Ledger) -> None:
    """Where the disk lost a part of the branch, nothing is read from the rest of it."""
    _three(ledger)
    commit = _git(ledger, "rev-parse", "refs/heads/ledger~1").strip()
    (ledger.path / "objects" / commit[:2] / commit[2:]).unlink()

    with pytest.raises(TollgateError, match=r"the ledger .*git says"):
        ledger.entries()


def test_a_lost_entry_is_refused(ledger: Ledger) -> None:
    """Where the disk lost what a commit holds, the ledger does not verify."""
    _three(ledger)
    blob = _git(ledger, "rev-parse", "refs/heads/ledger~1:entry.json").strip()
    (ledger.path / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(TollgateError, match="the ledger"):
        ledger.entries()


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"0" * 40 + b"\n"])
def test_a_damaged_branch_is_no_empty_ledger(ledger: Ledger, content: bytes) -> None:
    """A branch that cannot be read is damage; taking it for an empty ledger would forget every approval and hold."""
    _three(ledger)
    (ledger.path / "refs" / "heads" / "ledger").write_bytes(content)

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
        _begin(Ledger(path))
    assert (path / "precious").read_text() == "mine"


def test_an_empty_folder_is_an_empty_ledger(ledger: Ledger) -> None:
    """A run that was killed before it wrote anything leaves nothing that has to be mended by hand."""
    ledger.path.mkdir()

    assert ledger.entries() == ()
    assert ledger.entries() == ()
    assert _begin(ledger).number == 1


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file in the way of the ledger is named."""
    (tmp_path / "home").write_text("")

    with pytest.raises(TollgateError, match=r"the ledger .* cannot be made"):
        _begin(Ledger(tmp_path / "home" / "ledger.git"))


# --- nobody's settings matter


def test_a_hooks_variables_do_not_matter(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    assert not list((other / "refs").rglob("ledger"))


def test_a_users_git_settings_do_not_matter(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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


def test_without_git_it_says_so(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git gets one sentence and what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(TollgateError, match="git is not on PATH, and the ledger is a git branch"):
        _begin(ledger)
