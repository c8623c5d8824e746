"""Settings: the repository's own are read, and each wrong value is one sentence with its file, key, value and rule."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.model.environment import Accepted
from pipeline.model.errors import UsageError
from pipeline.settings import Environments, SettingsError, load_environments, load_project
from tests.unit.pipeline.record import environment

_ROOT = Path(__file__).resolve().parents[3]
_DEV = """
order = 1
region = "ap-northeast-2"
approvals = 0
approval-hours = 4
tolerates = "all-but-data-loss"
allows-dirty = true
previews = true
smoke = "full"
settle-seconds = 60
accounts = {local = "100000000001"}
"""
_PROD = (
    _DEV.replace("order = 1", "order = 2")
    .replace("100000000001", "300000000003")
    .replace('"full"', '"read-only"')
)
_PROJECT = """
name = "tiny"
synth = ["{python}", "synth.py", "{out}"]
bootstrap = ["{python}", "bootstrap.py", "{out}"]
package-source = "app/tiny"
package-requirements = "requirements.txt"
package-python = "3.13"
provider-lock = "terraform.lock.hcl"
smoke-checks = "smoke.json"

[checks.unit]
command = ["{python}", "check.py"]
inputs = ["check.py"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two environments."""
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "dev.toml").write_text(_DEV)
    (folder / "prod.toml").write_text(_PROD)
    return folder


def _replaced(text: str, key: str, value: str | None) -> str:
    """Return the settings with another value for one key, or without it."""
    lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
    return "\n".join([f"{key} = {value}", *lines] if value is not None else lines)


def test_the_repositorys_own_settings_are_read() -> None:
    """The three environments come in their order, and prod is the strictest."""
    environments = load_environments(_ROOT / "environments")
    project = load_project(_ROOT)

    assert environments.names == ("dev", "staging", "prod")
    assert len(environments) == 3
    prod = environments.named("prod")
    assert (prod.approvals, prod.tolerates, prod.allows_dirty, prod.smoke) == (
        1,
        "nothing",
        False,
        "read-only",
    )
    assert project.package_source.is_dir()
    assert project.provider_lock.is_file()
    assert {check.name for check in project.checks} >= {"unit", "policies"}


def test_an_environment_is_read_whole(folder: Path) -> None:
    """Every value of the file is in the environment, whose name is the file's."""
    dev = load_environments(folder).named("dev")

    assert (dev.name, dev.order, dev.region, dict(dev.accounts)) == (
        "dev",
        1,
        "ap-northeast-2",
        {"local": "100000000001"},
    )
    assert (dev.approvals, dev.approval_hours, dev.tolerates, dev.allows_dirty) == (
        0,
        4,
        "all-but-data-loss",
        True,
    )
    assert (dev.previews, dev.smoke, dev.settle_seconds, dev.accepts) == (True, "full", 60, ())


@pytest.mark.parametrize(
    ("previews", "found"),
    [
        (("dev",), "dev"),
        ((), "a suffix needs the environment it is for: no environment has previews"),
        (("dev", "qa"), "a suffix needs the environment it is for: dev, qa"),
    ],
)
def test_a_suffix_alone_means_the_one_environment_with_previews(
    previews: tuple[str, ...], found: str
) -> None:
    """Where a suffix can be for one environment only, nobody has to name it; else the choice is asked for."""
    environments = Environments(
        tuple(
            environment(name, order=order, previews=name in previews)
            for order, name in enumerate(("dev", "qa", "prod"), 1)
        )
    )

    if len(previews) == 1:
        assert environments.with_previews.name == found
    else:
        with pytest.raises(UsageError, match=f"^{found}$"):
            _ = environments.with_previews


_ACCEPTS = '[[accepts]]\nfinding = "access/grant:0123456789ab"\nreason = "because"\n'


def test_an_accepted_finding_is_read_with_its_reason(folder: Path) -> None:
    """A finding that the settings accept is known by its id, and may have a last day."""
    for expires, day in (("", None), ("expires = 2027-05-21\n", date(2027, 5, 21))):
        (folder / "dev.toml").write_text(f"{_DEV}{_ACCEPTS}{expires}")

        assert load_environments(folder).named("dev").accepts == (Accepted("access/grant:0123456789ab", day),)


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        ("access/grant", "access/grant:0123456789ab"),
        ("access/grants:0123456789ab", "the id of a finding"),
        ("access/grant:0123456789a", "the id of a finding"),
        ("access/grant:0123456789abc", "the id of a finding"),
        ("data-loss/delete:0123456789ab", "what loses data is never accepted beforehand"),
        ("data-loss/retention:0123456789ab", "what loses data is never accepted beforehand"),
    ],
)
def test_what_no_settings_accept_is_refused(folder: Path, finding: str, says: str) -> None:
    """A misspelt id would accept nothing, and lost data is for the person who sees the change set."""
    (folder / "dev.toml").write_text(_DEV + _ACCEPTS.replace("access/grant:0123456789ab", finding))

    with pytest.raises(SettingsError, match=says):
        load_environments(folder)


@pytest.mark.parametrize("expires", ["2027-05-21T00:00:00Z", '"2027-05-21"', "2027"])
def test_the_last_day_of_an_accepted_finding_is_a_day(folder: Path, expires: str) -> None:
    """A moment or a text is not what a reader would take it for."""
    (folder / "dev.toml").write_text(f"{_DEV}{_ACCEPTS}expires = {expires}\n")

    with pytest.raises(SettingsError, match="a day such as 2027-05-21"):
        load_environments(folder)


def test_what_an_environment_need_not_say(folder: Path) -> None:
    """Times have a default: no soak, evidence of 30 days, offers of three days, no freeze."""
    dev = load_environments(folder).named("dev")
    assert (dev.soak_minutes, dev.evidence_days, dev.offer_hours, dev.freezes) == (0, 30, 72, ())

    (folder / "dev.toml").write_text("soak-minutes = 5\nevidence-days = 7\noffer-hours = 24\n" + _DEV)
    dev = load_environments(folder).named("dev")
    assert (dev.soak_minutes, dev.evidence_days, dev.offer_hours) == (5, 7, 24)


# --- freezes

_WEEKLY = """
[[freezes]]
days = ["fri", "sat"]
from = "16:00"
until = "08:00"
zone = "Asia/Seoul"
reason = "nobody is here"
"""
_ONCE = """
[[freezes]]
from = 2026-12-24T18:00:00+09:00
until = 2027-01-02T00:00:00Z
reason = "the shops are full"
"""


def test_freezes_are_read_with_their_reasons(folder: Path) -> None:
    """A window every week and one that comes once are the freezes of the environment, in the file's order."""
    (folder / "dev.toml").write_text(_DEV + _WEEKLY + _ONCE)
    weekly, once = load_environments(folder).named("dev").freezes

    assert (weekly.reason, once.reason) == ("nobody is here", "the shops are full")
    saturday = datetime(2026, 11, 28, 7, 30, tzinfo=ZoneInfo("Asia/Seoul"))
    assert weekly.covers(saturday) == saturday.replace(hour=8, minute=0)
    assert once.covers(datetime(2026, 12, 24, 9, tzinfo=UTC)) == datetime(2027, 1, 2, tzinfo=UTC)


def test_the_examples_in_the_repositorys_settings_can_be_used(folder: Path) -> None:
    """Whoever takes the comment signs away has a freeze."""
    commented = (_ROOT / "environments" / "prod.toml").read_text().partition("# [[freezes]]")[2]
    text = "[[freezes]]" + commented.replace("\n# ", "\n").replace("\n#\n", "\n\n")
    (folder / "dev.toml").write_text(_DEV + text)

    assert len(load_environments(folder).named("dev").freezes) == 2


@pytest.mark.parametrize(
    ("text", "old", "new", "sentence"),
    [
        (_WEEKLY, '"sat"', '"Saturday"', "it must be a list of mon, tue, wed, thu, fri, sat, sun"),
        (_WEEKLY, '["fri", "sat"]', "[]", "says days = []; it must be a list of words, at least one"),
        (_WEEKLY, "Asia/Seoul", "Asia/Soul", "says zone = 'Asia/Soul'; it must be a time zone such as"),
        (_WEEKLY, "Asia/Seoul", "Asia", "says zone = 'Asia'; it must be a time zone"),
        (_WEEKLY, "Asia/Seoul", "../etc", "says zone = '../etc'; it must be a time zone"),
        (_WEEKLY, "16:00", "16h", "says from = '16h'; it must be a time of day such as \"16:00\""),
        (_WEEKLY, "08:00", "24:00", "says until = '24:00'; it must be a time of day"),
        (_WEEKLY, '"16:00"', "16:00:00", "says from = datetime.time(16, 0); it must be a string"),
        (_WEEKLY, "nobody is here", " ", "says reason = ' '; it must be a sentence"),
        (_WEEKLY, "zone =", "# zone =", "dev.toml, [[freezes]] has no 'zone'"),
        (
            _WEEKLY.replace("08:00", "16:00"),
            '["fri", "sat"]',
            '["mon", "tue", "wed", "thu", "fri", "sat", "sun"]',
            "says until = '16:00'; it must be another time than `from`, or this freeze never ends",
        ),
        (_ONCE, "reason =", "# reason =", "dev.toml, [[freezes]] has no 'reason'"),
        (_ONCE, "+09:00", "", "says from = '2026-12-24T18:00:00'; it must be a moment with an offset"),
        (_ONCE, "2027-01-02T00:00:00Z", '"soon"', "says until = 'soon'; it must be a moment with an offset"),
        (_ONCE, "2027", "2026", "says until = '2026-01-02T00:00:00+00:00'; it must be later than `from`"),
        (_ONCE, "until =", "to =", "[[freezes]] has the unknown key 'to'; known are from, reason, until"),
        (_ONCE, "[[freezes]]", "[freezes]", "says freezes = {"),
    ],
)
def test_a_freeze_that_cannot_be_meant_is_refused(
    folder: Path, text: str, old: str, new: str, sentence: str
) -> None:
    """A window that would freeze nothing, or for ever, or that nobody can read, is named with what is wrong."""
    assert old in text
    (folder / "dev.toml").write_text(_DEV + text.replace(old, new))

    with pytest.raises(SettingsError) as refused:
        load_environments(folder)
    assert sentence in refused.value.message


# --- the order


def test_the_order_decides_what_comes_before(folder: Path) -> None:
    """An environment's order, not its name, says which one must have proven a release first."""
    (folder / "aardvark.toml").write_text(
        _DEV.replace("order = 1", "order = 3").replace("100000000001", "4" * 12)
    )
    environments = load_environments(folder)

    assert [environment.name for environment in environments] == ["dev", "prod", "aardvark"]
    assert environments.before(environments.named("dev")) is None
    assert environments.before(environments.named("aardvark")) == environments.named("prod")
    assert [environment.name for environment in environments.up_to("prod")] == ["dev", "prod"]
    assert [environment.name for environment in environments.up_to(None)] == ["dev", "prod", "aardvark"]


def test_an_unknown_environment_is_answered_with_those_there_are(folder: Path) -> None:
    """A misspelt name is refused with the names to choose from."""
    environments = load_environments(folder)

    with pytest.raises(UsageError, match="there is no environment 'pord'; there are dev, prod"):
        environments.named("pord")
    with pytest.raises(UsageError, match="there is no environment ''"):
        environments.up_to("")


# --- wrong values of an environment


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("order", "0", "environments/dev.toml says order = 0; it must be 1 or more"),
        ("order", '"1"', "environments/dev.toml says order = '1'; it must be a whole number"),
        ("order", "true", "environments/dev.toml says order = True; it must be a whole number"),
        ("order", "1.0", "environments/dev.toml says order = 1.0; it must be a whole number"),
        ("order", None, "environments/dev.toml has no 'order'"),
        ("region", '"korea"', "says region = 'korea'; it must be an AWS region such as ap-northeast-2"),
        ("region", None, "environments/dev.toml has no 'region'"),
        ("approvals", "-1", "says approvals = -1; it must be 0 or more"),
        ("approval-hours", "0", "says approval-hours = 0; it must be 1 or more"),
        (
            "tolerates",
            '"all"',
            "says tolerates = 'all'; it must be one of all-but-data-loss, no-widening, nothing",
        ),
        ("allows-dirty", "1", "says allows-dirty = 1; it must be true or false"),
        ("previews", '"yes"', "says previews = 'yes'; it must be true or false"),
        ("smoke", '"none"', "says smoke = 'none'; it must be one of full, read-only"),
        ("settle-seconds", "-1", "says settle-seconds = -1; it must be 0 or more"),
        ("soak-minutes", "-1", "says soak-minutes = -1; it must be 0 or more"),
        ("soak-minutes", '"1h"', "says soak-minutes = '1h'; it must be a whole number"),
        ("evidence-days", "0", "says evidence-days = 0; it must be 1 or more"),
        ("offer-hours", "0", "says offer-hours = 0; it must be 1 or more"),
        ("accounts", '"1"', "says accounts = '1'; it must be a table"),
        (
            "accounts",
            "{local = 100000000001}",
            "says accounts.local = 100000000001; it must be a string of 12 dig",
        ),
        ("accounts", '{local = "1"}', "says accounts.local = '1'; it must be a string of 12 digits"),
        ("accounts", '{aws = "١٢٣٤٥٦٧٨٩٠١٢"}', "it must be a string of 12 digits"),
        ("aproval-hours", "1", "has the unknown key 'aproval-hours'; known are accepts, accounts"),
        ("accepts", "1", "says accepts = 1; it must be a list"),
        ("accepts", "[1]", "dev.toml, [[accepts]] is missing or no table"),
        ("accepts", '[{finding = "x"}]', "dev.toml, [[accepts]] has no 'reason'"),
        (
            "accepts",
            '[{finding = "x", reason = " "}]',
            "says the reason for accepting x = ' '; it must be a sentence",
        ),
        ("accepts", '[{finding = "x", reason = "y", until = 1}]', "[[accepts]] has the unknown key 'until'"),
    ],
)
def test_a_wrong_value_is_named(folder: Path, key: str, value: str | None, sentence: str) -> None:
    """The sentence holds the file, the key, what it says and what it must be."""
    (folder / "dev.toml").write_text(_replaced(_DEV, key, value))

    with pytest.raises(SettingsError) as refused:
        load_environments(folder)
    assert sentence in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("key", [line.partition(" =")[0] for line in _DEV.strip().splitlines()])
def test_no_value_of_the_gates_has_a_default(folder: Path, key: str) -> None:
    """What decides who may come here is written down, so that nobody has to know what holds without it."""
    (folder / "dev.toml").write_text(_replaced(_DEV, key, None))

    with pytest.raises(SettingsError, match=f"environments/dev.toml has no '{key}'"):
        load_environments(folder)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("order = 2", "order = 1", "two environments below environments/ have the same order"),
        ("300000000003", "100000000001", "two environments share one local account; each needs its own"),
    ],
)
def test_what_only_one_may_have(folder: Path, old: str, new: str, sentence: str) -> None:
    """Two environments share neither their place in the order nor their account."""
    (folder / "prod.toml").write_text(_PROD.replace(old, new))

    with pytest.raises(SettingsError, match=sentence):
        load_environments(folder)


@pytest.mark.parametrize("name", ["Dev", "my dev", "9", "a_b", "a" * 40])
def test_an_environments_name_must_fit_into_aws_names(folder: Path, name: str) -> None:
    """The file's name becomes part of every resource's name, so it follows the rule of suffixes."""
    (folder / f"{name}.toml").write_text(
        _DEV.replace("order = 1", "order = 3").replace("100000000001", "4" * 12)
    )

    with pytest.raises(SettingsError, match="is no name for an environment"):
        load_environments(folder)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"order = ", "dev.toml is not valid TOML"), (b"\xff", "dev.toml is not valid TOML")],
)
def test_a_file_that_is_no_toml_is_named(folder: Path, content: bytes, sentence: str) -> None:
    """Broken TOML is refused with its name and place."""
    (folder / "dev.toml").write_bytes(content)

    with pytest.raises(SettingsError, match=sentence):
        load_environments(folder)


def test_a_folder_without_environments_is_named(tmp_path: Path) -> None:
    """Nothing to deploy to is an error, not an empty success."""
    with pytest.raises(SettingsError, match=r"holds no environment, which is a file such as dev\.toml"):
        load_environments(tmp_path)


def test_a_folder_in_a_files_place_is_named(folder: Path) -> None:
    """What cannot be read is named, with why."""
    (folder / "dev.toml").unlink()
    (folder / "dev.toml").mkdir()

    with pytest.raises(SettingsError, match=r"dev.toml cannot be read: Is a directory"):
        load_environments(folder)


# --- the project


def _load(tmp_path: Path, text: str) -> Any:
    (tmp_path / "tollgate.toml").write_text(text)
    return load_project(tmp_path)


def test_a_project_is_read_whole(tmp_path: Path) -> None:
    """Every value is there, paths below the project's folder."""
    project = _load(tmp_path, _PROJECT)

    assert (project.root, project.name, project.package_python) == (tmp_path, "tiny", "3.13")
    assert project.synth == ("{python}", "synth.py", "{out}")
    assert project.package_source == tmp_path / "app" / "tiny"
    (check,) = project.checks
    assert (check.name, check.command, check.inputs) == ("unit", ("{python}", "check.py"), ("check.py",))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name = "tiny"', "name = 5", "tollgate.toml says name = 5; it must be a string"),
        ('name = "tiny"', 'name = "../tiny"', "says name = '../tiny'; it must be"),
        ('name = "tiny"', "", "tollgate.toml has no 'name'"),
        ('name = "tiny"', 'name = "tiny"\nnmae = 1', "has the unknown key 'nmae'"),
        ('["{python}", "synth.py", "{out}"]', '"synth.py"', "says synth = 'synth.py'; it must be a list"),
        ('["{python}", "synth.py", "{out}"]', "[]", "says synth = []; it must be a list of words"),
        ('["{python}", "synth.py", "{out}"]', "[1]", "says synth = [1]; it must be a list of words"),
        ('"3.13"', "3.13", "says package-python = 3.13; it must be a string"),
        ('"3.13"', '"three"', "says package-python = 'three'; it must be a version such as 3.13"),
        (
            'command = ["{python}", "check.py"]',
            "command = [1]",
            "checks.unit] says command = [1]; it must be a list",
        ),
        (
            'inputs = ["check.py"]',
            "inputs = [{}]",
            "checks.unit] says inputs = [{}]; it must be a list of words",
        ),
        ('inputs = ["check.py"]', "", "tollgate.toml, [checks.unit] has no 'inputs'"),
        ("[checks.unit]", "[check.unit]", "has the unknown key 'check'"),
        ("[checks.unit]", "[checks]", "checks.command] is missing or no table"),
    ],
)
def test_a_wrong_value_of_the_project_is_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """The sentence holds the table, the key, what it says and what it must be."""
    assert old in _PROJECT

    with pytest.raises(SettingsError) as refused:
        _load(tmp_path, _PROJECT.replace(old, new, 1))
    assert sentence in refused.value.message
    assert refused.value.hint


def test_a_project_without_settings_is_told_what_is_missing(tmp_path: Path) -> None:
    """An empty file lacks its first key."""
    with pytest.raises(SettingsError, match=r"tollgate.toml has no 'name'"):
        _load(tmp_path, "")


def test_a_folder_without_a_project_is_told(tmp_path: Path) -> None:
    """Outside a checkout the missing file is named."""
    with pytest.raises(SettingsError, match=r"tollgate.toml is missing"):
        load_project(tmp_path)
