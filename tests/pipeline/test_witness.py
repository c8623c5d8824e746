"""A yes given at GitHub: counted once, for exactly the change set it names, by a listed person who made none of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline import witness as witnessing
from pipeline.context import Context
from pipeline.forge import Forge, ForgeError, Job
from pipeline.model.environment import instance_of
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.release import short
from pipeline.model.trust import Role
from pipeline.show.progress import Progress
from pipeline.trust.keys import Keys
from tests.pipeline.fake_github import FakeGitHub, review
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform

ANN, BEN, CAT, PUSHER, STRANGER, EVE = 11, 12, 13, 14, 15, 16


def people(folder: Path) -> str:
    """Return the settings of three approvers with their accounts, one with none, and a witness key."""
    text = ""
    for name, account in (
        ("Ann", ANN),
        ("Ben", BEN),
        ("Cat", CAT),
        ("Dan", PUSHER),
        ("Eve", EVE),
        ("Fay", None),
    ):
        own = Keys(folder / name, {}, name).public(Role.APPROVER)
        number = f"github = {account}\n" if account else ""
        text += f'\n[[approvers]]\nname = "{name}"\nemails = ["{name.lower()}@example.com"]\n{number}'
        text += f'key = {{scheme = "{own.scheme}", public = "{own.public}"}}\n'
    return text


@dataclass
class Waiting:
    """The tiny project with a change set that waits in prod."""

    tiny: TinyProject
    github: FakeGitHub
    change_set: str
    release: str

    @property
    def digits(self) -> str:
        """What a reviewer writes."""
        return short(self.change_set)

    def witness(self, *reviews: Any, shown: str | None = None, **job: int) -> Any:
        """Run the verb as the job `prod` does."""
        self.github.reviews = list(reviews)
        arguments = ("--release", self.release, "--change-set", shown or self.change_set)
        return self.tiny.tollgate("github", "witness", "prod", *arguments, **self.github.variables(**job))


@pytest.fixture(scope="module")
def github() -> Iterator[FakeGitHub]:
    """GitHub, as far as it is asked."""
    made = FakeGitHub()
    yield made
    made.close()


@pytest.fixture(scope="module")
def waiting(tiny: TinyProject, github: FakeGitHub, tmp_path_factory: pytest.TempPathFactory) -> Waiting:
    """A release in dev by Cat, merged by Eve in the browser, offered in prod."""
    settings = (tiny.root / "tollgate.toml").read_text()
    own = Keys(tiny.home / "keys", {}, "witness").public(Role.WITNESS)
    key = f'\n[[keys]]\nrole = "witness"\nscheme = "{own.scheme}"\npublic = "{own.public}"\n'
    tiny.write("tollgate.toml", settings + people(tmp_path_factory.mktemp("people")) + key)
    who = {"GIT_AUTHOR_NAME": "Cat", "GIT_AUTHOR_EMAIL": "CAT@example.com"}
    who |= {"GIT_COMMITTER_NAME": "Merge", "GIT_COMMITTER_EMAIL": f"{EVE}+eve-x@users.noreply.github.com"}
    tiny.write(".gitignore", ".tollgate/\n")
    git(tiny, "init", "--quiet", "--initial-branch=main")
    git(tiny, "config", "user.name", "Runner")
    git(tiny, "add", "--all")
    git(tiny, "commit", "--quiet", "--message=one", **who)
    tiny.succeed("promote")
    shown = tiny.entries()[-1]
    assert shown.kind is Kind.SHOWN
    return Waiting(tiny, github, str(shown.body["change_set"]), str(shown.body["release"]))


def git(tiny: TinyProject, *arguments: str, **extra: str) -> None:
    """Run git in the project."""
    import os
    import subprocess

    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    argv = ["git", "-c", "commit.gpgsign=false", *arguments]
    subprocess.run(argv, cwd=tiny.root, env=kept | extra, check=True, capture_output=True, timeout=60)


@pytest.fixture
def context(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """The project opened in this process, to ask for many reviews without planning for each."""
    for name, value in waiting.tiny.environment().items():
        if name.startswith("TOLLGATE_"):
            monkeypatch.setenv(name, value)
    with open("/dev/null", "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a stream, not a file
        yield Context.open(Progress(Console(file=nowhere)))


def accepted(
    context: Context,
    waiting: Waiting,
    *reviews: Any,
    actor: int = PUSHER,
    answer: tuple[int, bytes] | None = None,
) -> str:
    """Ask GitHub, and return whose review counts."""
    waiting.github.reviews = list(reviews)
    waiting.github.answers = {APPROVALS: answer} if answer else {}
    job = Job(run=77, attempt=1, actor=actor)
    instance = instance_of(context.environments.named("prod"), None)
    try:
        said = Forge.find(waiting.github.variables()).reviews(job.run)
        _, approver = witnessing.accepted(context, context.history(), instance, waiting.change_set, said, job)
    finally:
        waiting.github.answers = {}
    return approver.name


APPROVALS = "actions/runs/77/approvals"
NOT_THIS = "0" * 12


@pytest.mark.parametrize(
    ("reviews", "sentence"),
    [
        ([], "nobody approved run 77 for prod at GitHub"),
        ([(STRANGER, "fine {digits}", {})], r"user-15 \(15\) is no approver in the settings"),
        ([(ANN, "looks right to me", {})], "user-11 .* does not name the change set: {digits} is not in the"),
        ([(ANN, "", {})], "does not name the change set"),
        ([(ANN, f"right: {NOT_THIS}", {})], "does not name the change set"),
        ([(ANN, "right: {eleven}", {})], "does not name the change set"),
        ([(ANN, "right: {digits}zz", {})], "does not name the change set"),
        ([(ANN, "right: x{digits}", {})], "does not name the change set"),
        ([(ANN, "{digits}", {})], "gives no reason"),
        ([(ANN, " sha256:{digits} ... 1 !", {})], "gives no reason"),
        ([(CAT, "mine, and good {digits}", {})], "made a part of this release"),
        ([(EVE, "merged it myself {digits}", {})], "made a part of this release"),
        ([(PUSHER, "good {digits}", {})], "started this run"),
        ([(ANN, "good {digits}", {"state": "pending"})], "nobody approved run 77 for prod"),
        (
            [(ANN, "good {digits}", {"environments": [{"name": "staging"}]})],
            "nobody approved run 77 for prod",
        ),
        (
            [(ANN, "good {digits}", {}), (BEN, "no", {"state": "rejected"})],
            "user-12 rejected run 77 for prod at GitHub",
        ),
        (
            [(STRANGER, "good {digits}", {}), (CAT, "good {digits}", {})],
            "is no approver in the settings; user-13 .* made a part",
        ),
    ],
)
def test_what_does_not_count_is_refused_with_its_reason(
    context: Context, waiting: Waiting, reviews: list[tuple[int, str, dict[str, Any]]], sentence: str
) -> None:
    """Nobody approves by a click: it takes a listed person, a reason, the digits, and other eyes."""
    words = {"digits": waiting.digits, "eleven": waiting.digits[:11]}
    said = [review(user, comment.format(**words), **changes) for user, comment, changes in reviews]

    with pytest.raises(RefusedError, match=sentence.replace("{digits}", waiting.digits)):
        accepted(context, waiting, *said)


@pytest.mark.parametrize(
    "comment",
    [
        "read it all, {digits}",
        "{digits}: fine",
        "sha256:{whole} is right",
        "ok ({upper})",
        "two\nlines {digits}.",
    ],
)
def test_reason_and_digits_stand_anywhere(context: Context, waiting: Waiting, comment: str) -> None:
    """Twelve digits or more of them, in either case, with words before or behind."""
    whole = waiting.change_set.removeprefix("sha256:")
    said = comment.format(digits=waiting.digits, whole=whole, upper=waiting.digits.upper())

    assert accepted(context, waiting, review(ANN, said)) == "Ann"


def test_one_that_counts_is_enough_beside_others_that_do_not(context: Context, waiting: Waiting) -> None:
    """A stranger's review does not spoil a listed person's."""
    said = (review(STRANGER, "me too"), review(BEN, f"good {waiting.digits}"))

    assert accepted(context, waiting, *said) == "Ben"


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (403, b"{}", "GitHub does not tell who reviewed run 77: it answers 403"),
        (200, b"<html>", "GitHub's answer to who reviewed run 77 is not JSON"),
        (200, b"{}", "cannot be read: "),
        (200, b'[{"state": "approved"}]', "cannot be read: the user of a review"),
        (
            200,
            json.dumps([review(1, "x") | {"user": {"id": "11", "login": "a"}}]).encode(),
            "has the id '11'",
        ),
        (
            200,
            json.dumps([review(1, "x") | {"user": {"id": True, "login": "a"}}]).encode(),
            "has the id True",
        ),
        (200, json.dumps([review(1, "x", state="granted")]).encode(), "has the state 'granted'"),
        (200, json.dumps([review(1, "x") | {"comment": None}]).encode(), "cannot be read"),
        (200, json.dumps([review(1, "x", environments=["prod"])]).encode(), "cannot be read"),
    ],
)
def test_an_answer_that_is_not_understood_approves_nothing(
    context: Context, waiting: Waiting, status: int, body: bytes, sentence: str
) -> None:
    """Whatever GitHub answers beside what its documentation says, nobody has said yes."""
    with pytest.raises(ForgeError, match=sentence):
        accepted(context, waiting, answer=(status, body))


def test_the_token_goes_nowhere_unencrypted(waiting: Waiting) -> None:
    """An address that is not https is refused before anything is sent, but for this machine itself."""
    variables = waiting.github.variables() | {"GITHUB_API_URL": "http://github.example.com/api"}

    with pytest.raises(RefusedError, match="where a token would be sent unencrypted"):
        Forge.find(variables)
    with pytest.raises(RefusedError, match="GITHUB_TOKEN is not set"):
        Forge.find({**waiting.github.variables(), "GITHUB_TOKEN": ""})
    with pytest.raises(RefusedError, match="this is no job on GitHub: GITHUB_RUN_ID is ''"):
        Job.read({})


def test_nobody_is_there_at_github(waiting: Waiting) -> None:
    """A GitHub that does not answer approves nothing, and says so."""
    gone = Forge.find(waiting.github.variables() | {"GITHUB_API_URL": "http://127.0.0.1:9"})

    with pytest.raises(ForgeError, match="GitHub does not tell who reviewed run 77: ConnectError"):
        gone.reviews(77)


def test_the_settings_must_name_the_witness(context: Context, waiting: Waiting, tmp_path: Path) -> None:
    """A key that nobody pinned witnesses nothing, even of a review that would count."""
    from dataclasses import replace

    other = replace(context, keys=Keys(tmp_path, {}, "other"))

    with pytest.raises(RefusedError, match="the settings name no witness key"):
        accepted(other, waiting, review(ANN, f"good {waiting.digits}"))


def test_only_an_approver_stops_and_lets_go_on_by_hand(context: Context) -> None:
    """Whoever starts a workflow by hand is told by their number; a second attempt is nobody's word."""
    assert witnessing.person_of(context, Job(run=78, attempt=1, actor=ANN)).name == "Ann"
    with pytest.raises(RefusedError, match="the account 15, which started run 78, is no approver's"):
        witnessing.person_of(context, Job(run=78, attempt=1, actor=STRANGER))
    with pytest.raises(RefusedError, match="this is attempt 2 of run 78"):
        witnessing.person_of(context, Job(run=78, attempt=2, actor=ANN))


def test_a_yes_is_witnessed_and_used_once(waiting: Waiting) -> None:
    """Refusals change nothing; the yes that counts is signed by the witness, in the person's name, and applied."""
    good = review(ANN, f"read it,\nfine: {waiting.digits}")
    before = len(waiting.tiny.entries())
    again = waiting.witness(good, attempt=2)
    other = waiting.witness(good, shown="sha256:" + "0" * 64)
    nobody = waiting.witness()

    assert (again.returncode, other.returncode, nobody.returncode) == (3, 3, 3)
    assert "this is attempt 2 of run 77" in again.stderr
    assert f"is {waiting.digits}, not 000000000000, which was shown" in other.stderr
    assert "nobody approved run 77 for prod" in nobody.stderr
    assert len(waiting.tiny.entries()) == before
    assert waiting.tiny.serial("prod") == 0

    done = waiting.witness(good, actor=PUSHER)
    assert done.returncode == 0, done.stdout + done.stderr
    approval, start, end = waiting.tiny.entries()[-3:]
    assert approval.kind is Kind.APPROVAL
    assert approval.key is not None
    assert (approval.by, approval.key.role) == ("Ann", Role.WITNESS)
    assert approval.body["reason"] == f"witnessed by GitHub: read it, fine: {waiting.digits} (run 77)"
    assert (approval.body["change_set"], approval.body["release"]) == (waiting.change_set, waiting.release)
    assert start.body["approvals"] == [approval.digest]
    assert (end.kind, end.body["outcome"]) == (Kind.END, Outcome.SUCCEEDED)

    length = len(waiting.tiny.entries())
    repeated = waiting.witness(good)
    assert repeated.returncode == 0
    assert "already there" in repeated.stdout + repeated.stderr or len(waiting.tiny.entries()) == length
    waiting.tiny.succeed("verify")


def test_a_run_that_was_overtaken_does_not_go_back(waiting: Waiting) -> None:
    """An old run whose reviewers come late is refused where a newer release runs; going back is another verb."""
    old = waiting.release
    waiting.tiny.write("value.txt", "two")
    waiting.tiny.succeed("promote", "--allow-dirty")
    shown = waiting.tiny.entries()[-1]
    waiting.change_set, waiting.release = str(shown.body["change_set"]), str(shown.body["release"])
    assert waiting.witness(review(BEN, f"two is fine {waiting.digits}")).returncode == 0
    newer, waiting.release = waiting.release, old

    late = waiting.witness(review(BEN, f"fine {waiting.digits}"))
    assert late.returncode == 3
    assert f"{short(newer)}, which runs in prod, is newer than {short(old)}" in late.stderr
    dev = waiting.tiny.tollgate("github", "promote", "dev", "--release", old)
    assert dev.returncode == 3
    assert f"{short(newer)}, which runs in dev, is newer than {short(old)}" in dev.stderr
    assert "already" in waiting.tiny.tollgate("github", "promote", "dev", "--release", newer).stderr


def test_an_approver_stops_lets_go_on_and_goes_back_by_hand(waiting: Waiting, tmp_path: Path) -> None:
    """Each is recorded as theirs; what takes a person is signed by the witness; going back in prod is reviewed too."""
    by_ann = waiting.github.variables(actor=ANN)
    refused = waiting.tiny.tollgate(
        "github", "hold", "dev", "--reason", "odd", **waiting.github.variables(actor=STRANGER)
    )
    assert refused.returncode == 3
    assert "the account 15, which started run 77, is no approver's" in refused.stderr

    waiting.tiny.succeed("github", "hold", "dev", "--reason", "odd figures", **by_ann)
    waiting.tiny.succeed("github", "unhold", "dev", "--reason", "understood", **by_ann)
    hold, unhold = waiting.tiny.entries()[-2:]
    assert hold.key is not None
    assert unhold.key is not None
    assert [(hold.kind, hold.by, hold.key.role), (unhold.kind, unhold.by, unhold.key.role)] == [
        (Kind.HOLD, "Ann", Role.LEDGER),
        (Kind.UNHOLD, "Ann", Role.WITNESS),
    ]

    given = tmp_path / "output"
    going = {**by_ann, "GITHUB_OUTPUT": str(given)}
    waiting.tiny.succeed("github", "rollback", "prod", "--to", "", "--reason", "two is wrong", **going)
    shown = waiting.tiny.entries()[-1]
    assert shown.kind is Kind.SHOWN
    assert given.read_text() == f"change-set={shown.body['change_set']}\n"

    waiting.github.reviews = [review(BEN, f"back it is: {short(str(shown.body['change_set']))}")]
    waiting.tiny.succeed("github", "witness", "prod", "--change-set", str(shown.body["change_set"]), **by_ann)
    end = waiting.tiny.entries()[-1]
    assert (end.body["operation"], end.body["outcome"]) == (Operation.ROLLBACK, Outcome.SUCCEEDED)
    assert waiting.tiny.status()["prod"]["release"] == end.body["release"]


def test_whoever_pushed_had_a_part_in_it(waiting: Waiting, tmp_path: Path) -> None:
    """Who pushed somebody's commits is recorded with each push, and reviews none of what was pushed since."""
    tiny = waiting.tiny
    cat = {"GIT_AUTHOR_EMAIL": "cat@example.com", "GIT_COMMITTER_EMAIL": "cat@example.com"}
    tiny.succeed("unhold", "prod", "--reason", "what was wrong is mended")
    for value, pusher in (("three", BEN), ("four", PUSHER)):
        tiny.write("value.txt", value)
        git(tiny, "commit", "--quiet", "--all", f"--message={value}", **cat)
        job = waiting.github.variables(actor=pusher)
        tiny.succeed("github", "prepare", "--out", str(tmp_path / value))
        tiny.succeed("github", "record", str(tmp_path / value), **job)
    first, second = [entry for entry in tiny.entries() if entry.kind is Kind.CANDIDATE][-2:]
    assert (first.by, second.by) == ("github:12", "github:14")

    waiting.release = str(second.body["release"])
    tiny.succeed("github", "promote", "dev", "--release", waiting.release)
    given = tmp_path / "output"
    tiny.succeed("github", "plan", "prod", "--release", waiting.release, GITHUB_OUTPUT=str(given))
    waiting.change_set = given.read_text().strip().removeprefix("change-set=")
    said = [review(pusher, f"good {waiting.digits}") for pusher in (BEN, PUSHER)]
    refused = waiting.witness(*said, actor=ANN)
    assert refused.returncode == 3
    assert refused.stderr.count("made a part of this release") == 2, refused.stderr


def test_one_comment_and_one_issue_are_kept() -> None:
    """What is said again is written anew, in ours and in nobody else's that begins alike."""
    github = FakeGitHub()
    forge = Forge.find(github.variables())
    foreign = {"id": 5, "body": "<!-- mark -->\nnot ours", "user": {"id": 9, "login": "x", "type": "User"}}
    github.items["issues/3/comments"] = [foreign]

    forge.keep_comment(3, "<!-- mark -->", "first")
    forge.keep_comment(3, "<!-- mark -->", "second")
    theirs, ours = github.items["issues/3/comments"]
    assert (theirs["body"], ours["body"]) == ("<!-- mark -->\nnot ours", "<!-- mark -->\nsecond")

    forge.keep_issue("<!-- drift -->", "dev is not as its release says", None)
    assert github.items.get("issues") is None
    forge.keep_issue("<!-- drift -->", "dev is not as its release says", "one")
    forge.keep_issue("<!-- drift -->", "dev is not as its release says", None)
    forge.keep_issue("<!-- drift -->", "dev is not as its release says", "two")
    (issue,) = github.items["issues"]
    assert (issue["state"], issue["body"]) == ("open", "<!-- drift -->\ntwo")

    github.answers["pulls/4"] = 200, b'{"head": {"repo": {"full_name": "mallory/tiny"}}}'
    with pytest.raises(
        RefusedError, match="pull request #4 is of mallory/tiny: nothing of a fork is deployed"
    ):
        forge.refuse_fork(4)
    github.answers["pulls/4"] = 200, b'{"head": {"repo": null}}'
    with pytest.raises(TollgateError, match="a repository that is no more"):
        forge.refuse_fork(4)
    github.answers["pulls/4"] = 200, b'{"head": {"repo": {"full_name": "Acme/tiny"}}}'
    forge.refuse_fork(4)
    github.close()
