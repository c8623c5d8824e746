"""Checks of a release: real programs, judged by their exit status, bound to the release and to what they rest on."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evidence.checks import RESULT_TYPE, configuration_of, require_passed, run_checks
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.release import Release
from pipeline.settings import Check, Project
from pipeline.stores.releases import ReleaseStore

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
    results = run_checks(project, store, release, tmp_path / "work", lambda _: None)
    return [(result.passed, result.reused) for result in results]


def _runs(tmp_path: Path) -> int:
    return len((tmp_path / "runs").read_text())


def test_a_check_that_passed_is_not_run_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """The same release under the same rules has its verdict already."""
    assert _run(project, store, release, tmp_path) == [(True, False)]
    assert _run(project, store, release, tmp_path) == [(True, True)]
    assert _runs(tmp_path) == 1
    require_passed(project, store, release)


def test_another_release_has_no_verdict(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """What one release passed says nothing of another one."""
    _run(project, store, release, tmp_path)
    other = store.save({"lambda.zip": b"other code"})

    with pytest.raises(RefusedError, match="lacks a passed result of: count"):
        require_passed(project, store, other)
    assert _run(project, store, other, tmp_path) == [(True, False)]


@pytest.mark.parametrize("name", ["count.py", "rules/one.txt", "rules/new.txt"])
def test_a_changed_input_asks_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path, name: str
) -> None:
    """Other rules, in a file that changed or that is new, make the old verdict worthless."""
    _run(project, store, release, tmp_path)
    path = project.root / name
    path.write_text((path.read_text() if path.exists() else "") + "\n# another line\n")

    with pytest.raises(RefusedError, match="lacks a passed result of: count"):
        require_passed(project, store, release)
    assert _run(project, store, release, tmp_path) == [(True, False)]
    assert _runs(tmp_path) == 2


def test_a_changed_command_asks_again(
    project: Project, store: ReleaseStore, release: Release, tmp_path: Path
) -> None:
    """Another command is another check, whatever it is called."""
    _run(project, store, release, tmp_path)
    (check,) = project.checks
    weaker = replace(project, checks=(replace(check, command=("{python}", "-c", "pass")),))

    with pytest.raises(RefusedError, match="lacks a passed result"):
        require_passed(weaker, store, release)


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
    (tmp_path / "work").mkdir()

    for _ in range(2):
        (result,) = run_checks(failing, store, release, tmp_path / "work", lambda _: None)
        assert (result.passed, result.reused, result.output) == (False, False, "the reason")
    with pytest.raises(RefusedError, match="lacks a passed result of: it"):
        require_passed(failing, store, release)
    assert {document["result"] for document in store.attached(release.digest, RESULT_TYPE)} == {"FAILED"}


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
    with pytest.raises(RefusedError, match="lacks a passed result of: it"):
        require_passed(missing, store, release)


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
        if b'"result":"PASSED"' in blob.read_bytes():
            blob.write_bytes(blob.read_bytes().replace(b"count", b"other"))

    with pytest.raises(TollgateError, match=r"the release store is damaged: .* was altered"):
        require_passed(project, store, release)


def test_a_project_without_checks_asks_for_nothing(
    project: Project, store: ReleaseStore, release: Release
) -> None:
    """What nobody asks for is not missing."""
    require_passed(replace(project, checks=()), store, release)
