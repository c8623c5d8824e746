"""Checks of a release: real programs, judged by their exit status, bound to the release and to what they rest on."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.evidence.checks import Result, configuration_of, run_checks
from pipeline.evidence.kept import kept_results, newest_passed
from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release
from pipeline.model.trust import Role
from pipeline.settings import Check, Project
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.check_result import TEST_RESULT, CheckResult
from pipeline.trust.judged_environment import LeakError
from pipeline.trust.keys import Keys
from pipeline.trust.statement import ENVELOPE_TYPE, Statement, open_statement, sign_statement

_COUNTS = """
import pathlib, sys
counter = pathlib.Path(sys.argv[1])
counter.write_text(counter.read_text() + "x" if counter.exists() else "x")
print("counted")
"""


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """An empty store."""
    return ReleaseStore(tmp_path / "releases")


@pytest.fixture
def release(store: ReleaseStore) -> Release:
    """A release of two files."""
    return store.save({"lambda.zip": b"code", "stacks/payments-dev/cdk.tf.json": b"{}"})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose one check counts how often it runs."""
    root = tmp_path / "project"
    (root / "rules").mkdir(parents=True)
    (root / "count.py").write_text(_COUNTS)
    (root / "rules" / "one.txt").write_text("strict")
    command = ("{python}", "count.py", str(tmp_path / "runs"))
    return Project(
        root=root,
        name="tiny",
        synth=("true",),
        bootstrap=("true",),
        package_source=root,
        package_requirements=root,
        package_python="3.13",
        provider_lock=root,
        smoke_checks=root,
        checks=(Check("count", command, ("count.py", "rules")),),
    )


def _checking(project: Project, *code: str, inputs: tuple[str, ...] = ("count.py",)) -> Project:
    """Return the project with one check that runs some Python."""
    return replace(project, checks=(Check("it", ("{python}", "-c", *code), inputs),))


def _run(project: Project, store: ReleaseStore, release: Release, tmp_path: Path) -> list[tuple[bool, bool]]:
    (tmp_path / "work").mkdir(exist_ok=True)
    results = _checked(project, store, release, tmp_path)
    return [(result.passed, result.reused) for result in results]


def _checked(
    project: Project,
    store: ReleaseStore,
    release: Release,
    tmp_path: Path,
    oldest: datetime | None = None,
) -> tuple[Result, ...]:
    """Run the project's checks with this machine's key."""
    (tmp_path / "work").mkdir(exist_ok=True)
    return run_checks(
        project, store, release, tmp_path / "work", lambda _: None, keys=_keys(store), oldest=oldest
    )


def _lacking(project: Project, store: ReleaseStore, release: Release) -> list[str]:
    """Return the checks that have not passed as they are configured now."""
    kept = _kept(store, release)
    return [
        check.name
        for check in project.checks
        if newest_passed(kept, check.name, configuration_of(project, check)) is None
    ]


def _keys(store: ReleaseStore) -> Keys:
    """Return the keys of the machine on which these tests check."""
    return Keys(store.path.parent / "keys", {}, "local")


def _kept(store: ReleaseStore, release: Release) -> tuple[tuple[Statement, CheckResult], ...]:
    own = _keys(store).public(Role.CHECKER)
    return kept_results(store, release.digest, {own.keyid: own}.get)


def _runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def test_a_check_that_passed_is_not_run_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The same release under the same rules has its verdict already."""
    assert _run(project, store, release, tmp_path) == [(True, False)]
    assert _run(project, store, release, tmp_path) == [(True, True)]
    assert _runs(tmp_path) == 1
    assert _lacking(project, store, release) == []


def test_another_release_has_no_verdict(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """What one release passed says nothing of another one."""
    _run(project, store, release, tmp_path)
    other = store.save({"lambda.zip": b"other code"})

    assert _lacking(project, store, other) == ["count"]
    assert _run(project, store, other, tmp_path) == [(True, False)]


@pytest.mark.parametrize("name", ["count.py", "rules/one.txt", "rules/new.txt"])
def test_a_changed_input_asks_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, name: str
) -> None:
    """Other rules, in a file that changed or that is new, make the old verdict worthless."""
    _run(project, store, release, tmp_path)
    path = project.root / name
    path.write_text((path.read_text() if path.exists() else "") + "\n# another line\n")

    assert _lacking(project, store, release) == ["count"]
    assert _run(project, store, release, tmp_path) == [(True, False)]
    assert _runs(tmp_path) == 2


def test_a_changed_command_asks_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """Another command is another check, whatever it is called."""
    _run(project, store, release, tmp_path)
    (check,) = project.checks
    weaker = replace(project, checks=(replace(check, command=("{python}", "-c", "pass")),))

    assert _lacking(weaker, store, release) == ["count"]


def test_what_tools_leave_behind_changes_nothing(project: Project) -> None:
    """Compiled files and caches beside the inputs are none."""
    before = configuration_of(project, project.checks[0])
    for name in ("rules/__pycache__/one.cpython-311.pyc", "rules/.pytest_cache/x", "rules/two.pyc"):
        path = project.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")

    assert configuration_of(project, project.checks[0]) == before


def test_a_moved_project_keeps_its_verdicts(project: Project, tmp_path: Path) -> None:
    """Where the checkout lies is no input."""
    before = configuration_of(project, project.checks[0])
    project.root.rename(tmp_path / "elsewhere")

    assert configuration_of(replace(project, root=tmp_path / "elsewhere"), project.checks[0]) == before


def test_a_failing_check_does_not_pass(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A check that says no is recorded as that, with its last words, and is asked again the next time."""
    failing = _checking(project, "print('the reason'); raise SystemExit(1)")

    for _ in range(2):
        (result,) = _checked(failing, store, release, tmp_path)
        assert (result.passed, result.reused, result.output) == (False, False, "the reason")
    assert _lacking(failing, store, release) == ["it"]
    # Two that took as long within one second are one and the same statement.
    assert {result.passed for _, result in _kept(store, release)} == {False}


def test_a_check_that_dies_does_not_pass(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A check that is killed said nothing, and nothing is not yes."""
    dying = _checking(project, "import os; os.kill(os.getpid(), 9)")

    assert _run(dying, store, release, tmp_path) == [(False, False)]


def test_a_missing_program_is_a_sentence(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A check whose program is not there cannot be asked, which is no yes and is not recorded as one."""
    missing = replace(project, checks=(Check("it", ("nowhere/judge",), ("count.py",)),))

    with pytest.raises(TollgateError, match="the check it could not be started: No such file"):
        _run(missing, store, release, tmp_path)
    assert _lacking(missing, store, release) == ["it"]


def test_a_missing_input_is_a_sentence(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A check that rests on something that is not there is not run."""
    resting = _checking(project, "pass", inputs=("rules", "gone"))

    with pytest.raises(TollgateError, match="the check it names the input gone, which is not there"):
        _run(resting, store, release, tmp_path)


def test_a_check_sees_the_release_and_no_credentials(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files lie in the folder it is given; nothing by which accounts or the ledger could be reached is there."""
    for name in ("AWS_SECRET_ACCESS_KEY", "TOLLGATE_HOME", "GIT_DIR", "TF_TOKEN", "DAGGER_SESSION_TOKEN"):
        monkeypatch.setenv(name, "secret")
    code = (
        "import os, pathlib, sys; folder = pathlib.Path(sys.argv[1])\n"
        "assert (folder / 'lambda.zip').read_bytes() == b'code'\n"
        "assert (folder / 'stacks/payments-dev/cdk.tf.json').read_bytes() == b'{}'\n"
        "assert 'secret' not in os.environ.values()"
    )

    assert _run(_checking(project, code, "{release}"), store, release, tmp_path) == [(True, False)]
    assert list((tmp_path / "work").iterdir()) == []


def test_a_damaged_result_is_no_result(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A verdict that was altered in the store stops everything instead of counting."""
    _run(project, store, release, tmp_path)
    for blob in (store.path / "blobs" / "sha256").iterdir():
        if b'"payloadType"' in blob.read_bytes():
            blob.write_bytes(blob.read_bytes().replace(b"payload", b"otherxx"))

    with pytest.raises(TollgateError, match=r"the release store is damaged: .* was altered"):
        _lacking(project, store, release)


def test_a_project_without_checks_asks_for_nothing(
    project: Project, store: ReleaseStore, release: Release
) -> None:
    """What nobody asks for is not missing."""
    assert _lacking(replace(project, checks=()), store, release) == []


# --- What is signed ---------------------------------------------------------------------------------------------


def test_each_result_is_signed_by_the_checker(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The result is an in-toto test result in an envelope, attached to the release, named for the ledger."""
    (result,) = _checked(project, store, release, tmp_path)
    assert result.statement is not None
    assert (result.statement.name, result.statement.predicate) == ("count", TEST_RESULT)
    assert result.statement.passed

    raw = canonical_bytes(store.document(result.statement.digest))
    checker = _keys(store).public(Role.CHECKER)
    verified = open_statement(raw, release.digest, {checker.keyid: checker}.get)
    assert verified.key == checker
    said = verified.predicate
    assert isinstance(said, CheckResult)
    (check,) = project.checks
    assert (said.name, said.command, said.passed_tests) == ("count", check.command, ("count",))
    assert said.configuration == configuration_of(project, check)


def test_a_reused_result_names_the_same_statement(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The ledger may name one statement twice; nothing is signed again."""
    (first,) = _checked(project, store, release, tmp_path)
    (again,) = _checked(project, store, release, tmp_path)

    assert (again.reused, again.statement) == (True, first.statement)


@pytest.mark.parametrize("by", ["another checker", "another role", "about another release", "unsigned"])
def test_what_the_checker_did_not_sign_is_not_used(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, by: str
) -> None:
    """A yes that anybody could have attached saves no run and opens no gate."""
    (check,) = project.checks
    said = CheckResult(
        name="count",
        configuration=configuration_of(project, check),
        command=check.command,
        passed=True,
        passed_tests=("count",),
        failed_tests=(),
        finished=datetime.now(UTC).isoformat(),
        milliseconds=1,
    )
    own = _keys(store)
    checker = own.signer(Role.CHECKER)
    if by == "another checker":
        raw = sign_statement(release.digest, said, Keys(tmp_path / "else", {}, "local").signer(Role.CHECKER))
    elif by == "about another release":
        raw = sign_statement("sha256:" + "0" * 64, said, checker)
    else:
        raw = sign_statement(release.digest, said, checker)
    document = json.loads(raw)
    if by == "another role":
        wrong = own.signer(Role.LEDGER)
        document["signatures"][0]["keyid"] = wrong.public.keyid
    elif by == "unsigned":
        document["signatures"] = []
    store.attach(release.digest, ENVELOPE_TYPE, document)

    assert _lacking(project, store, release) == ["count"]
    assert _run(project, store, release, tmp_path) == [(True, False)]


def test_a_newer_failure_revokes(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The newest result counts: after a no, the yes from before saves no run."""
    _run(project, store, release, tmp_path)
    ((_, passed),) = _kept(store, release)
    failed = replace(
        passed,
        passed=False,
        passed_tests=(),
        failed_tests=("count",),
        finished=(datetime.now(UTC) + timedelta(seconds=2)).isoformat(),
    )
    raw = sign_statement(release.digest, failed, _keys(store).signer(Role.CHECKER))
    store.attach(release.digest, ENVELOPE_TYPE, json.loads(raw))

    assert _lacking(project, store, release) == ["count"]
    assert _run(project, store, release, tmp_path) == [(True, False)]


def test_an_old_result_is_asked_for_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """Where evidence must be fresh, a result from before that time saves no run."""
    _run(project, store, release, tmp_path)
    for oldest, reused in ((timedelta(hours=-1), True), (timedelta(hours=1), False)):
        (result,) = _checked(project, store, release, tmp_path, oldest=datetime.now(UTC) + oldest)
        assert result.reused is reused


def test_a_result_of_a_time_to_come_is_asked_for_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """What a clock said that ran ahead counts at no gate, so it saves no run either."""
    _run(project, store, release, tmp_path)
    ((_, result),) = _kept(store, release)
    later = replace(result, finished=(datetime.now(UTC) + timedelta(hours=3)).isoformat())
    fresh = ReleaseStore(tmp_path / "fresh")
    release = fresh.save({layer.title: store.read(release, layer.title) for layer in release.layers})
    raw = sign_statement(release.digest, later, _keys(fresh).signer(Role.CHECKER))
    fresh.attach(release.digest, ENVELOPE_TYPE, json.loads(raw))

    assert _run(project, fresh, release, tmp_path) == [(True, False)]
    assert _run(project, fresh, release, tmp_path) == [(True, True)]


def _reporting(project: Project, report: str, exit_code: int = 0) -> Project:
    code = f"import sys; open(sys.argv[1], 'w').write({report!r}); raise SystemExit({exit_code})"
    return _checking(project, code, "{report}")


def _report(*ids: str, **other: object) -> dict[str, object]:
    """A report over a whole release, of checks that each have a version."""
    rows = [{"id": name, "version": f"v-{name}"} for name in ids]
    plain = {"scope": "release", "versions": {"checkov": "3.3.30"}, "findings": [], "waived": []}
    return {**plain, "checks": rows, **other}


def test_a_report_says_what_was_looked_at_and_in_which_version(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The exact list of policies is signed, each with its version, so that a verifier can tell that they ran."""
    _run(_reporting(project, json.dumps(_report("PAY_2", "PAY_1"))), store, release, tmp_path)

    ((_, result),) = _kept(store, release)
    assert result.passed_tests == ("PAY_1", "PAY_2")
    assert result.versions == {"checkov": "3.3.30"}
    assert result.test_versions == {"PAY_1": "v-PAY_1", "PAY_2": "v-PAY_2"}


def test_what_was_waived_did_not_pass(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """A finding that a decision lets pass is signed as a warning, and not as something that was right."""
    report = _report("PAY_1", "PAY_2", waived=[{"policy": "PAY_2"}, {"policy": "PAY_2"}])
    assert _run(_reporting(project, json.dumps(report)), store, release, tmp_path) == [(True, False)]

    ((_, result),) = _kept(store, release)
    assert (result.passed_tests, result.warned_tests, result.failed_tests) == (("PAY_1",), ("PAY_2",), ())


def test_a_report_says_what_was_found(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """What a check found wrong is named apart from what it found right, also where some of it is waived."""
    report = _report(*("PAY_1", "PAY_2"), findings=[{"policy": "PAY_2"}], waived=[{"policy": "PAY_2"}])
    assert _run(_reporting(project, json.dumps(report), 1), store, release, tmp_path) == [(False, False)]

    ((_, result),) = _kept(store, release)
    assert (result.passed_tests, result.warned_tests, result.failed_tests) == (("PAY_1",), (), ("PAY_2",))


@pytest.mark.parametrize(
    "report",
    [
        _report(),
        _report("PAY_1", findings=[{"policy": "PAY_1"}]),
        _report("PAY_1", checks=[{"name": "PAY_1", "version": "1"}]),
        _report("PAY_1", checks=[{"id": "PAY_1"}]),
        _report("PAY_1", checks=1),
        _report("PAY_1", versions=None),
        _report("PAY_1", waived=None),
    ],
)
def test_a_report_that_contradicts_the_verdict_is_none(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, report: object
) -> None:
    """A check that passed and looked at nothing, or found something, has not passed."""
    with pytest.raises(TollgateError, match="looked at nothing, or found something"):
        _run(_reporting(project, json.dumps(report)), store, release, tmp_path)


@pytest.mark.parametrize("scope", ["stacks", None, 1])
def test_a_verdict_over_less_than_a_release_is_none(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, scope: object
) -> None:
    """What is compared across the stacks was looked at by nobody then."""
    with pytest.raises(TollgateError, match="by its report it did not judge a whole release"):
        _run(_reporting(project, json.dumps(_report("PAY_1", scope=scope))), store, release, tmp_path)
    assert _kept(store, release) == ()


# --- Secrets ----------------------------------------------------------------------------------------------------

_CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-7f3a9c",
    "AWS_SESSION_TOKEN": "canary-session-51b2",
    "TOLLGATE_SIGNER_LEDGER": "canary-signer-88e1",
    "TOLLGATE_HOME": "canary-home-0d4f",
    "VAULT_TOKEN": "canary-vault-c9d0",
    "GITHUB_TOKEN": "canary-github-2b6e",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-actions-6a17",
    "SSH_AUTH_SOCK": "canary-ssh-e3e3",
    "SOME_COMPANYS_OWN_PASSWORD": "canary-company-4f4f",
}


def test_no_secret_reaches_a_check_or_what_is_kept(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A check that prints and reports all that it sees finds no secret, and nothing in the store holds one."""
    for name, value in _CANARIES.items():
        if name != "TOLLGATE_SIGNER_LEDGER":
            monkeypatch.setenv(name, value)
    code = (
        "import os, sys, json; print(dict(os.environ))\n"
        "rows = [{'id': f'{n}={v}'[:200], 'version': '1'} for n, v in os.environ.items()]\n"
        "rest = {'scope': 'release', 'versions': {}, 'findings': [], 'waived': []}\n"
        "open(sys.argv[1], 'w').write(json.dumps({'checks': rows, **rest}))"
    )
    speaking = _checking(project, code, "{report}")
    (result,) = _checked(speaking, store, release, tmp_path)

    kept = b"".join(path.read_bytes() for path in store.path.rglob("*") if path.is_file())
    ((_, said),) = _kept(store, release)
    assert any(name.startswith("PATH=") for name in said.passed_tests)
    for value in _CANARIES.values():
        assert value.encode() not in kept
        assert value not in str(said.to_json())
        assert value not in result.output


def test_a_secret_that_reaches_a_report_is_not_signed(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever way it took, the value of a secret of ours is never signed, and the sentence does not repeat it."""
    monkeypatch.setenv("SOME_COMPANYS_OWN_PASSWORD", "canary-company-4f4f")
    report = json.dumps(_report("found canary-company-4f4f there"))

    with pytest.raises(LeakError, match="holds the value of SOME_COMPANYS_OWN_PASSWORD") as refused:
        _run(_reporting(project, report), store, release, tmp_path)
    assert "canary" not in refused.value.message
    assert os.environ["SOME_COMPANYS_OWN_PASSWORD"].encode() not in b"".join(
        path.read_bytes() for path in store.path.rglob("*") if path.is_file()
    )
