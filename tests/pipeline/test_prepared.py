"""What a job without keys hands on is taken over only whole: the release by its digest, each verdict as it was said."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.ci.prepared import Prepared, digest_in
from pipeline.host.home import Home
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.settings import Check, Project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore

STACK = "stacks/payments-dev/cdk.tf.json"
UNIT = Check("unit", ("true",), ())
VERDICT = {"check": "unit", "passed": True, "milliseconds": 12, "output": "fine", "report": None}
NOBODY = None


def prepared(folder: Path, verdict: Any = VERDICT, stack: bytes = b"{}") -> str:
    """Lay down a release and a verdict; return the release's digest."""
    release = ReleaseStore(folder / "release").save(
        {"lambda.zip": b"code", "smoke.json": b"{}", STACK: stack, "terraform.lock.hcl": b""}
    )
    (folder / "checks").mkdir(exist_ok=True)
    (folder / "checks" / "unit.json").write_text(verdict if isinstance(verdict, str) else json.dumps(verdict))
    return release.digest


def verdict_of(folder: Path) -> Any:
    """Take the verdict over."""
    project: Project = NOBODY  # type: ignore[assignment]  # who reads a verdict asks it nothing
    (result,) = Prepared(folder).runner.run(project, [UNIT], folder, lambda _: None)
    return result


def test_a_release_is_taken_over_by_its_digest(tmp_path: Path) -> None:
    """The digest is what its bytes hash to, and the verdict is what was said."""
    digest = prepared(tmp_path / "handed")
    home = Home(tmp_path / "home")
    project: Project = NOBODY  # type: ignore[assignment]  # it was built elsewhere

    release = Prepared(tmp_path / "handed").build(project, ("dev",), home, lambda _: None)
    result = verdict_of(tmp_path / "handed")

    assert release.digest == digest == digest_in(tmp_path / "handed" / "release")
    assert ReleaseStore(home.releases).load(digest).digest == digest
    assert (result.passed, result.reused, result.seconds, result.output) == (True, False, 0.012, "fine")
    with pytest.raises(TollgateError, match="stacks for other environments than the settings: dev"):
        Prepared(tmp_path / "handed").build(project, ("dev", "prod"), home, lambda _: None)


def test_a_release_that_was_altered_on_the_way_is_none(tmp_path: Path) -> None:
    """One byte of a blob is enough."""
    prepared(tmp_path, stack=b'{"much": "to see"}')
    for blob in (tmp_path / "release" / "blobs" / "sha256").iterdir():
        if blob.read_bytes() == b'{"much": "to see"}':
            blob.write_bytes(b'{"much": "to hide"}')
    project: Project = NOBODY  # type: ignore[assignment]  # it was built elsewhere

    with pytest.raises(TollgateError):
        Prepared(tmp_path).build(project, ("dev",), Home(tmp_path / "home"), lambda _: None)


def test_one_release_is_handed_on(tmp_path: Path) -> None:
    """None and two are as wrong."""
    with pytest.raises(TollgateError, match="holds 0 releases, not the one that a job has built"):
        digest_in(tmp_path / "release")
    prepared(tmp_path)
    prepared(tmp_path, stack=b"[]")
    with pytest.raises(TollgateError, match="holds 2 releases"):
        digest_in(tmp_path / "release")


@pytest.mark.parametrize(
    "verdict",
    [
        "",
        "[]",
        "true",
        {**VERDICT, "passed": 1},
        {**VERDICT, "passed": "yes"},
        {**VERDICT, "milliseconds": -1},
        {**VERDICT, "milliseconds": True},
        {**VERDICT, "more": 1},
        {name: value for name, value in VERDICT.items() if name != "passed"},
    ],
)
def test_a_verdict_that_is_not_understood_is_none(tmp_path: Path, verdict: Any) -> None:
    """Nothing is signed of a check whose verdict is missing, cut, or of another form."""
    prepared(tmp_path, verdict)

    with pytest.raises(TollgateError, match="left no readable verdict of the check unit"):
        verdict_of(tmp_path)


def test_a_verdict_is_of_the_check_it_is_taken_for(tmp_path: Path) -> None:
    """Another check's word does not count, and a missing file is none."""
    prepared(tmp_path, {**VERDICT, "check": "lint"})
    with pytest.raises(TollgateError, match="the verdict of unit is one of 'lint'"):
        verdict_of(tmp_path)
    (tmp_path / "checks" / "unit.json").unlink()
    with pytest.raises(TollgateError, match="left no readable verdict of the check unit"):
        verdict_of(tmp_path)


@pytest.mark.parametrize(("pinned", "refused"), [("0", False), ("1", True)])
def test_what_the_settings_judge_is_judged_again(tmp_path: Path, pinned: str, refused: bool) -> None:
    """The other job ran the commit's own code: a verdict on data by pinned policies is found out here, not believed."""
    handed, home = tmp_path / "handed", Home(tmp_path / "home")
    prepared(handed)
    (handed / "checks" / "policies.json").write_text(json.dumps({**VERDICT, "check": "policies"}))
    root = tmp_path / "checkout"
    (root / "policies").mkdir(parents=True)
    (root / "policies" / "__main__.py").write_text("")
    files = {
        "policies/__init__.py": b"",
        "policies/__main__.py": f"print('judged'); raise SystemExit({pinned})".encode(),
    }
    policies = Check("policies", ("{python}", "-m", "policies"), ("policies",), settings=True)
    project = Project(
        root=root,
        name="tiny",
        synth=("true",),
        bootstrap=("true",),
        package_source=root,
        package_requirements=root,
        package_python="3.13",
        provider_lock=root,
        smoke_checks=root,
        checks=(UNIT, policies),
        bundle=Bundle(files),
    )
    place = Prepared(handed)
    release = place.build(project, ("dev",), home, lambda _: None)

    if refused:
        with pytest.raises(RefusedError, match=r"the check policies failed for release .*:\njudged"):
            place.refuse_unfit(project, release, home, lambda _: None)
    else:
        place.refuse_unfit(project, release, home, lambda _: None)
