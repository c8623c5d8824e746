"""A check that runs from the pinned settings: what the checkout says of it counts for nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.evidence.checks import configuration_of, run_checks, wanted_of
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release
from pipeline.settings import Check, Listed, Project, SettingsError, load_project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.keys import Keys
from pipeline.verify import pins

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


_LISTS = Listed("policies/checks.toml", ("own", "rules"))


def _listing(project: Project, pinned: bytes | None, listed: Listed = _LISTS) -> Project:
    """Return the project whose check must look at what a pinned file lists."""
    assert project.bundle is not None
    files = {**project.bundle.files, **({} if pinned is None else {listed.file: pinned})}
    return replace(project, checks=(replace(project.checks[0], tests=listed),), bundle=Bundle(files))


def test_the_pinned_lists_say_what_must_be_looked_at(project: Project) -> None:
    """A shorter list in the checkout that is judged makes no gap."""
    (project.root / "policies" / "checks.toml").write_text('own = ["PAY_1"]\nrules = ["PAY_1"]\n')
    pinned = _listing(project, b'own = ["PAY_1", "PAY_2"]\nrules = ["PAY_9"]\ngraph = ["CKV_1"]\n')

    assert [wanted.tests for wanted in wanted_of(pinned)] == [{"PAY_1", "PAY_2", "PAY_9"}]
    assert [wanted.tests for wanted in wanted_of(replace(pinned, bundle=None))] == [{"PAY_1"}]
    assert [wanted.tests for wanted in wanted_of(project)] == [frozenset()]


@pytest.mark.parametrize(
    ("pinned", "says"),
    [
        (None, "which is not there"),
        (b"own = ", "which is not valid TOML"),
        (b'own = ["PAY_1"]\n', "where 'rules' is no list of ids"),
        (b'own = ["PAY_1"]\nrules = []\n', "where 'rules' is no list of ids"),
        (b'own = ["PAY_1"]\nrules = [1]\n', "where 'rules' is no list of ids"),
        (b'own = "PAY_1"\nrules = ["PAY_9"]\n', "where 'own' is no list of ids"),
    ],
)
def test_lists_that_name_nothing_are_refused(project: Project, pinned: bytes | None, says: str) -> None:
    """Where nobody can say what must be looked at, no result is good."""
    with pytest.raises(TollgateError, match="must look at what policies/checks.toml lists, " + says):
        wanted_of(_listing(project, pinned))


def _settings(tmp_path: Path, *lines: str) -> Path:
    """Write the repository's tollgate.toml with other lines about its policies."""
    text = (_ROOT / "tollgate.toml").read_text(encoding="utf-8")
    head, _, tail = text.partition("[checks.policies]\n")
    rest = tail.partition("\n[")
    (tmp_path / "tollgate.toml").write_text(
        "\n".join([head, "[checks.policies]", *lines, "", "".join(rest[1:])])
    )
    return tmp_path


_ROOT = Path(__file__).resolve().parents[2]
_PLAIN = ('command = ["true"]', 'inputs = ["policies"]')


def test_what_a_commit_lists_of_itself_is_no_measure(tmp_path: Path) -> None:
    """`tests` is for checks that run from the pinned settings; elsewhere it is refused, and not without effect."""
    listed = 'tests = { file = "policies/checks.toml", lists = ["own"] }'
    checks = load_project(_settings(tmp_path, *_PLAIN, "settings = true", listed)).checks
    assert checks[-1].tests == Listed("policies/checks.toml", ("own",))

    with pytest.raises(
        SettingsError, match="names `tests`, which counts only for a check with `settings = true`"
    ):
        load_project(_settings(tmp_path, *_PLAIN, listed))
    for wrong in ("{}", '{ file = "x", lists = [] }', '{ file = "x", lists = ["a"], more = 1 }', "[]"):
        with pytest.raises(SettingsError):
            load_project(_settings(tmp_path, *_PLAIN, "settings = true", f"tests = {wrong}"))


def test_the_repositorys_policies_must_all_be_looked_at() -> None:
    """What is signed of a release must name each policy of ours and each rule over its stacks."""
    by_check = {wanted.check: wanted.tests for wanted in wanted_of(load_project(_ROOT))}

    policies = {path.stem for path in (_ROOT / "policies").glob("pay_*.py")}
    assert len(by_check["policies"]) > len(policies)
    assert {"PAY_S3_1", "PAY_RELEASE_12", "PAY_MIRROR_4"} <= by_check["policies"]


def test_who_verifies_from_a_copy_asks_for_the_same(tmp_path: Path) -> None:
    """From the pinned document alone, a result must name the same policies as in a promotion."""
    bundle = Bundle.read(_ROOT)
    here = wanted_of(load_project(bundle.unpack(tmp_path), sources=_ROOT, bundle=bundle))

    copied = pins._read(bundle.document).wanted

    assert [(each.check, each.tests) for each in copied] == [(each.check, each.tests) for each in here]
    assert any(each.tests for each in copied)
