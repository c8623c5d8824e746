"""The page, the story and the history of real, signed ledgers: whole, empty, altered, from the future."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.cli.app import app
from pipeline.cli.console import progress
from pipeline.context import Context
from pipeline.host import lock
from pipeline.host.now import Now
from pipeline.model.errors import LedgerError, TollgateError, UsageError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import Role
from pipeline.page.build import build_page
from pipeline.page.gather import gather, gather_broken, seen_before
from pipeline.page.salvage import salvage
from pipeline.stores.git import BareRepository
from pipeline.stores.ledger import BRANCH, ENTRY_FILE
from pipeline.stores.ledger_memory import Head
from pipeline.stores.sealed import seal
from tests.browser import TakePictures
from tests.pipeline.tiny_project import TinyProject

_SUBJECT = "Refund in parts <script>"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a release in its store and a ledger of four entries; its cloud is never started."""
    root = tmp_path_factory.mktemp("project")
    project = TinyProject.make(root)
    with pytest.MonkeyPatch.context() as patch:
        _enter(patch, root)
        context = Context.open(progress())
        release = context.store.save({"smoke.json": b"{}"}).digest
        body = {"release": release, "commit": None, "subject": _SUBJECT, "dirty": False}
        context.record(Kind.CANDIDATE, {**body, "dirty_allowed": False, "people": []}, None)
        for kind in (Kind.HOLD, Kind.UNHOLD):
            place = {"environment": "prod", "suffix": "prod", "reason": "we look at it"}
            context.record(kind, place, context.history().head)
    yield root
    project.service.close()


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, which a test may damage."""
    root = tmp_path / "project"
    shutil.copytree(original, root)
    _enter(monkeypatch, root)
    return root


def _enter(patch: pytest.MonkeyPatch, root: Path) -> None:
    patch.setenv("TOLLGATE_PROJECT", str(root))
    patch.setenv("TOLLGATE_HOME", str(root / ".tollgate"))
    patch.delenv("TOLLGATE_TARGET", raising=False)


def tollgate(*arguments: str) -> None:
    """Run a verb in this process."""
    app(list(arguments), standalone_mode=False)


def append_raw(root: Path, raw: bytes) -> None:
    """Put bytes behind the newest entry, as somebody with access to the folder could."""
    repository = BareRepository(root / ".tollgate" / "ledger.git")
    head = repository.git("rev-parse", f"refs/heads/{BRANCH}").strip()
    blob = repository.git("hash-object", "-w", "--stdin", stdin=raw).strip()
    tree = repository.git("mktree", stdin=f"100644 blob {blob}\t{ENTRY_FILE}\n".encode()).strip()
    commit = repository.git("commit-tree", tree, "-p", head, "-m", "x").strip()
    repository.git("update-ref", f"refs/heads/{BRANCH}", commit)


def next_entry(context: Context, kind: str) -> bytes:
    """A signed entry of any kind, as another version of Tollgate would write it."""
    last = context.ledger.entries()[-1]
    entry = Entry(
        number=last.number + 1,
        previous=last.digest,
        kind=cast(Kind, kind),
        at="2026-12-01T00:00:00+00:00",
        by="ann",
        body={"where": "elsewhere"},
    )
    return seal(entry, context.keys.signer(Role.LEDGER))


def test_the_page_is_written_and_says_how_far_it_verified(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`page` prints the file it wrote; the file names the newest entry, and the subject as text."""
    tollgate("page", "--out", str(project / "out"))

    path = project / "out" / "index.html"
    html = path.read_text(encoding="utf-8")
    assert capsys.readouterr().out.replace("\n", "").startswith(str(path))
    assert "entries 1 to 4 of 4" in html
    assert "Refund in parts &lt;script&gt;" in html


def test_an_empty_ledger_has_a_page_too(project: Path) -> None:
    """Before the first promotion there is a page that says how to begin."""
    shutil.rmtree(project / ".tollgate")
    tollgate("page", "--out", str(project / "out"))

    assert "Nothing has been promoted yet" in (project / "out" / "index.html").read_text(encoding="utf-8")


def test_a_ledger_that_was_altered_is_shown_up_to_there_and_fails(
    project: Path, picture: TakePictures
) -> None:
    """The page holds what verifies and says what does not; the command ends with the ledger's own error."""
    append_raw(project, b'{"payload": "bm9uc2Vuc2U="}')

    def fail(*arguments: str) -> None:
        with pytest.raises(LedgerError, match="entry 5"):
            tollgate(*arguments)

    fail("page", "--out", str(project / "out"))
    html = (project / "out" / "index.html").read_text(encoding="utf-8")
    assert "This ledger does not verify as a whole" in html
    assert "entries 1 to 4 of 5" in html
    picture(fail, **{"does-not-verify": ".alarm"})


def test_an_entry_of_a_newer_version_is_named(project: Path) -> None:
    """A kind that this version does not know is told with its number; nothing from there on is believed."""
    append_raw(project, next_entry(Context.open(progress()), "teleport"))

    with pytest.raises(LedgerError, match="teleport") as caught:
        gather(Context.open(progress()), Head())
    verification = gather_broken(caught.value).verification
    assert verification.unknown == ((5, "teleport"),)
    assert (verification.verified, verification.total) == (4, 5)


def test_a_ledger_that_was_shortened_is_told(project: Path) -> None:
    """A clone that verified more than there is now says so, and does not call the rest the truth."""
    Context.open(progress()).ledger.entries()
    repository = BareRepository(project / ".tollgate" / "ledger.git")
    repository.git("update-ref", f"refs/heads/{BRANCH}", f"refs/heads/{BRANCH}~2")

    with pytest.raises(LedgerError, match="no longer holds entry 4"):
        tollgate("page", "--out", str(project / "out"))
    html = (project / "out" / "index.html").read_text(encoding="utf-8")
    assert "no longer holds entry 4" in html


def test_a_commit_without_an_entry_is_no_entry(project: Path) -> None:
    """What stands behind a commit that holds nothing is not believed either."""
    path = project / ".tollgate" / "ledger.git"
    repository = BareRepository(path)
    head = repository.git("rev-parse", f"refs/heads/{BRANCH}").strip()
    empty = repository.git("mktree", stdin=b"").strip()
    commit = repository.git("commit-tree", empty, "-p", head, "-m", "x").strip()
    repository.git("update-ref", f"refs/heads/{BRANCH}", commit)

    saved = salvage(path)
    assert (len(saved.entries), saved.total, saved.unknown) == (4, 5, ())


def test_a_release_that_the_store_has_lost_is_told_beside_what_the_ledger_knows(project: Path) -> None:
    """The board and the story are there; what differs cannot be said, and why is."""
    shutil.rmtree(project / ".tollgate" / "releases" / "blobs")
    tollgate("page", "--out", str(project / "out"))

    html = (project / "out" / "index.html").read_text(encoding="utf-8")
    assert "not in the store" in html
    assert "Refund in parts" in html


def test_what_only_this_machine_lacks_is_no_problem_of_the_ledger(project: Path) -> None:
    """An approver's clone without the releases says that it could not look at them, and accuses nobody."""
    shutil.rmtree(project / ".tollgate" / "releases" / "blobs")
    verification = gather(Context.open(progress()), seen_before()).verification

    assert [line.endswith("is missing on this machine") for line in verification.unchecked] == [True]
    assert not any("is missing" in line and "release" in line for line in verification.problems)


def test_an_altered_release_is_a_problem(project: Path) -> None:
    """Bytes that are not what their name says are told as forged, not as away."""
    context = Context.open(progress())
    digest = context.history().candidates[0].release
    (project / ".tollgate" / "releases" / "blobs" / "sha256" / digest[7:]).write_text("{}", encoding="utf-8")
    verification = gather(context, seen_before()).verification

    assert any(line.startswith(f"forged: release {digest[7:19]}") for line in verification.problems)
    assert verification.unchecked == ()


def test_what_the_ledger_was_compared_with_is_said(project: Path) -> None:
    """A clone that verified entries before names the newest of them; the page claims nothing else."""
    before = seen_before()
    told = gather(Context.open(progress()), before).verification.anchor

    assert before.number == 4
    assert f"This clone had verified up to entry 4 ({before.digest[7:19]}) before" in told
    assert "noted beside the states of the instances are compared before each apply, not here" in told


def test_a_first_look_shows_no_completeness(project: Path) -> None:
    """A clone that has never seen the ledger was compared with nothing, and says how it can be."""
    shutil.rmtree(project / ".tollgate" / "ledger.verified")
    before = seen_before()
    told = gather(Context.open(progress()), before).verification.anchor

    assert "this clone sees the ledger for the first time, so nothing shows that it is complete" in told
    assert "`nox -s verify -- --contains N:sha256:…`" in told


def _checked(context: Context, release: str) -> None:
    """Record that a release was checked under the settings that count."""
    body = {"release": release, "settings": context.settings.digest, "statements": []}
    context.record(Kind.EVIDENCE, body, context.history().head)


def test_what_differs_names_the_policies_that_two_releases_were_judged_by(project: Path) -> None:
    """A policy that is new and a setting that changed stand beside the files, read from what the ledger pins."""
    context = Context.open(progress())
    _checked(context, context.history().candidates[0].release)
    (project / "policies").mkdir()
    (project / "policies" / "pay_new_rule.py").write_text("", encoding="utf-8")
    prod = project / "environments" / "prod.toml"
    prod.write_text(prod.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    tollgate("settings", "--reason", "one more rule")
    context = Context.open(progress())
    release = context.store.save({"smoke.json": b"{ }"}).digest
    body = {"release": release, "commit": None, "subject": "later", "dirty": False}
    context.record(Kind.CANDIDATE, {**body, "dirty_allowed": False, "people": []}, context.history().head)
    _checked(context, release)

    story = build_page(gather(Context.open(progress()), seen_before())).stories[0]
    assert story.differences == (
        "smoke.json: another content",
        "policies: 1 file new: policies/pay_new_rule.py",
        "settings: 1 file changed: environments/prod.toml",
    )


def test_a_folder_that_cannot_be_written_is_said_in_a_sentence(project: Path) -> None:
    """Where a file stands in the way, the error names it and says what to do."""
    (project / "out").write_text("in the way", encoding="utf-8")

    with pytest.raises(TollgateError, match="cannot be made") as caught:
        tollgate("page", "--out", str(project / "out"))
    assert "--out DIR" in str(caught.value.hint)


def test_a_page_that_cannot_be_replaced_stays_whole(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves the page that was there."""
    tollgate("page", "--out", str(project / "out"))
    before = (project / "out" / "index.html").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pipeline.host.files.os.fsync", full)
    with pytest.raises(TollgateError, match="No space left"):
        tollgate("page", "--out", str(project / "out"))
    assert (project / "out" / "index.html").read_bytes() == before


def test_a_release_is_found_by_its_first_digits(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`show` takes a prefix, with or without the algorithm's name, and tells the story."""
    release = Context.open(progress()).history().candidates[0].release
    for asked in (release[7:13], release[:20], release.upper().replace("SHA256:", "")):
        tollgate("show", asked)
        out = capsys.readouterr().out
        assert out.startswith(f"Release {release[7:19]}: Refund in parts")
        assert max(len(line) for line in out.splitlines()) <= 80

    tollgate("show", release, "--json")
    assert json.loads(capsys.readouterr().out)["digest"] == release


@pytest.mark.parametrize(
    ("asked", "says"), [("zz", "not the beginning"), ("abc", "not the beginning"), ("0000", "names no")]
)
def test_what_means_nothing_is_refused_with_a_hint(project: Path, asked: str, says: str) -> None:
    """Too short, no hex digits, unknown: each is one sentence and what to do."""
    with pytest.raises(UsageError, match=says) as caught:
        tollgate("show", asked)
    assert caught.value.hint


def test_the_history_is_filtered_and_plain(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Environment, kind, person and release filter; two lines for each entry, none longer than 80 columns."""
    tollgate("history")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 80
    assert out.rstrip().endswith("4 entries")

    for filters, kinds in (
        (["prod"], ["hold", "unhold"]),
        (["dev"], []),
        (["--kind", "hold"], ["hold"]),
        (["--person", "nobody at all"], []),
    ):
        tollgate("history", *filters, "--json")
        assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == kinds
    with pytest.raises(UsageError, match="there is no kind"):
        tollgate("history", "--kind", "party")
    with pytest.raises(UsageError, match="'zz' is not the beginning of a digest"):
        tollgate("history", "--release", "zz")
    with pytest.raises(UsageError, match="there is no environment"):
        tollgate("history", "mars")


def test_status_says_what_a_run_is_doing_now(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is at work, since when, and how far the step is: read from another process, without asking it."""
    context = Context.open(progress())
    Now(context.home.path).tell("dev      apply: 1 of 2 done")
    with lock.hold(context.home.locks / "local.dev.lock", "promoting 1f2e3d4c"):
        tollgate("status", "--json")

    rows = {row["instance"]: row["at_work"] for row in json.loads(capsys.readouterr().out)["instances"]}
    assert rows["dev"].endswith("promoting 1f2e3d4c, now: apply: 1 of 2 done")
    assert rows["prod"] is None


def test_an_entry_that_is_not_signed_is_no_entry(project: Path) -> None:
    """Somebody who appends without a key that counts changes nothing that is shown as fact."""
    context = Context.open(progress())
    forged = json.loads(next_entry(context, "hold"))
    forged["signatures"][0]["sig"] = "AAAA"
    append_raw(project, json.dumps(forged).encode())

    saved = salvage(project / ".tollgate" / "ledger.git")
    assert (len(saved.entries), saved.total) == (4, 5)
