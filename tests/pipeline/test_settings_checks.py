"""A check that runs from the pinned settings: what the checkout says of it counts for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evidence.checks import configuration_of, run_checks
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release
from pipeline.settings import Check, Project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.keys import Keys

_STRICT = b"import sys\nfrom policies.rule import word\nprint(word, __file__)\nsys.exit(1)\n"
_LAX = "import sys\nsys.exit(0)\n"
_COMMAND = ("{python}", "-m", "policies", "{release}")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose pinned policy refuses everything, and whose checkout says that everything is fine."""
    root = tmp_path / "checkout"
    (root / "policies").mkdir(parents=True)
    (root / "policies" / "__init__.py").write_text("")
    (root / "policies" / "__main__.py").write_text(_LAX)
    (root / "policies" / "rule.py").write_text("word = 'fine'\n")
    pinned = {
        "policies/__init__.py": b"",
        "policies/__main__.py": _STRICT,
        "policies/rule.py": b"word = 'refused'\n",
    }
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
        checks=(Check("policies", _COMMAND, ("policies",), settings=True),),
        bundle=Bundle(pinned),
    )


def _run(project: Project, tmp_path: Path) -> tuple[bool, str]:
    store = ReleaseStore(tmp_path / "releases")
    release: Release = store.save({"stacks/tiny-dev/cdk.tf.json": b"{}"})
    (tmp_path / "work").mkdir(exist_ok=True)
    keys = Keys(tmp_path / "keys", {}, "Ann")
    (result,) = run_checks(project, store, release, tmp_path / "work", lambda _: None, keys=keys)
    return result.passed, result.output


def test_the_pinned_policy_judges_and_not_the_one_of_the_checkout(project: Project, tmp_path: Path) -> None:
    """A commit that edits its own policies is judged by those from before it, imports included."""
    passed, output = _run(project, tmp_path)

    assert not passed
    assert output.startswith("refused ")
    assert str(project.root) not in output


def test_without_pinned_settings_the_checkout_counts(project: Project, tmp_path: Path) -> None:
    """Before anything is pinned there is nothing else to go by."""
    assert _run(replace(project, bundle=None), tmp_path)[0]


def test_a_check_that_does_not_ask_for_it_runs_in_the_checkout(project: Project, tmp_path: Path) -> None:
    """The unit tests of a release are those of its own commit."""
    check = replace(project.checks[0], settings=False)

    assert _run(replace(project, checks=(check,)), tmp_path)[0]


def test_its_verdict_rests_on_the_pinned_files(project: Project) -> None:
    """Editing the checkout's policies makes no verdict worthless; pinning others does."""
    before = configuration_of(project, project.checks[0])

    (project.root / "policies" / "rule.py").write_text("word = 'other'\n")
    assert configuration_of(project, project.checks[0]) == before
    assert project.bundle is not None
    other = Bundle({**project.bundle.files, "policies/rule.py": b"word = 'other'\n"})
    assert configuration_of(replace(project, bundle=other), project.checks[0]) != before


def test_the_same_files_are_the_same_configuration_wherever_they_lie(project: Project) -> None:
    """A verdict from before settings were pinned still counts if the pinned ones are the same files."""
    same = replace(project, bundle=Bundle.read(project.root))

    assert configuration_of(same, same.checks[0]) == configuration_of(
        replace(project, bundle=None), project.checks[0]
    )


def test_an_input_that_is_no_setting_is_named(project: Project) -> None:
    """What is not pinned cannot be what a pinned verdict rests on."""
    check = replace(project.checks[0], inputs=("app",))

    with pytest.raises(TollgateError, match="names the input app, which the pinned settings do not hold"):
        configuration_of(project, check)
