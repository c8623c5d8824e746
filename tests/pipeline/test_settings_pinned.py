"""Which settings count: those of the ledger, until as many approvers as they ask for have signed others."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from pipeline import pin as pinning
from pipeline.cli.console import progress
from pipeline.context import Context
from pipeline.model.errors import RefusedError, UsageError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.trust import Role
from pipeline.settings import SettingsError
from pipeline.stores.ledger import Ledger
from pipeline.trust.keys import VARIABLE
from tests.pipeline.tiny_project import TinyProject

_APPROVER = f"{VARIABLE}APPROVER"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyProject]:
    """The tiny project, worked in by Ada, with nothing recorded yet and nothing running."""
    made = TinyProject.make(tmp_path / "tiny")
    for name in [name for name in os.environ if name.startswith("TOLLGATE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOLLGATE_PROJECT", str(made.root))
    monkeypatch.setenv("TOLLGATE_HOME", str(made.home))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Ada")
    yield made
    made.service.close()


def _context() -> Context:
    return Context.open(progress())


def _begin() -> Context:
    """Write the first entries, as the first promotion does."""
    context = _context()
    hold = {"environment": "dev", "suffix": "dev", "reason": "a first entry"}
    context.record(Kind.HOLD, hold, None)
    return _context()


def _edit(project: TinyProject, old: str, new: str, name: str = "environments/prod.toml") -> None:
    text = (project.root / name).read_text()
    assert old in text
    project.write(name, text.replace(old, new))


def _key(folder: Path, name: str) -> tuple[str, str]:
    """Make a key; return the address of its private part, and its public one."""
    folder.mkdir(exist_ok=True)
    signer = CryptoSigner.generate_ed25519()
    path = folder / f"{name}.pem"
    path.write_bytes(signer.private_bytes)
    path.chmod(0o600)
    return f"file2:{path}", str(signer.public_key.keyval["public"])


def _approver(name: str, public: str) -> str:
    email = f"{name.lower()}@example.com"
    return (
        f'\n[[approvers]]\nname = "{name}"\nemails = ["{email}"]\n'
        f'key = {{scheme = "ed25519", public = "{public}"}}\n'
    )


def _last(project: TinyProject) -> Entry:
    return Ledger(project.home / "ledger.git").entries()[-1]


# --- what counts


def test_before_anything_is_recorded_the_checkout_counts(project: TinyProject) -> None:
    """There is nothing to go by but the checkout, which the first entry pins; until then there is nothing to sign."""
    context = _context()

    assert context.settings.folder == project.root
    with pytest.raises(RefusedError, match="nothing is pinned yet"):
        pinning.pin(context, "why not")
    assert "nothing is pinned yet" in project.succeed("settings")


def test_an_edited_checkout_changes_nothing(project: TinyProject) -> None:
    """Whatever a commit says of gates, checks, approvers or policies, what was pinned before counts."""
    _begin()
    _, public = _key(project.root / "keys", "mallory")
    _edit(project, "approvals = 1", "approvals = 0")
    _edit(project, '"check.py"]', '"lax.py"]', "tollgate.toml")
    project.write(
        "tollgate.toml", (project.root / "tollgate.toml").read_text() + _approver("Mallory", public)
    )
    project.write("noxfile.py", "# nothing is checked\n")
    (project.root / "policies").mkdir()
    project.write("policies/__main__.py", "print('fine')\n")
    context = _context()

    assert context.environments.named("prod").approvals == 1
    assert context.project.checks[0].command == ("{python}", "check.py")
    assert context.project.approvers == ()
    assert context.settings.differences == (
        "environments/prod.toml differs",
        "noxfile.py was added",
        "policies/__main__.py was added",
        "tollgate.toml differs",
    )


def test_every_command_says_that_a_checkout_does_not_count(project: TinyProject) -> None:
    """Who works in a checkout with other settings is told so, on standard error, with the first few of them."""
    _begin()
    quiet = project.tollgate("status", "--json")
    _edit(project, "approvals = 1", "approvals = 0")
    told = project.tollgate("status", "--json")

    assert "do not count" not in quiet.stderr
    assert "settings those of this checkout do not count: environments/prod.toml differs" in told.stderr
    assert json.loads(told.stdout)


def test_a_checkout_without_settings_still_knows_which_count(project: TinyProject) -> None:
    """Even settings that cannot be read any more change nothing of those that count."""
    _begin()
    project.write("tollgate.toml", "this is no TOML")

    assert _context().project.name == "tiny"


def test_what_is_altered_where_they_lie_changes_nothing(project: TinyProject) -> None:
    """The pinned files on the disk are a copy of those in the ledger, and are compared with them at every use."""
    folder = _begin().settings.folder
    assert folder.is_relative_to(project.home)
    path = folder / "environments" / "prod.toml"
    path.write_text(path.read_text().replace("approvals = 1", "approvals = 0"))

    assert _context().environments.named("prod").approvals == 1
    assert "approvals = 1" in path.read_text()


# --- signing others


def test_signed_by_a_named_approver_they_count(project: TinyProject) -> None:
    """On one's own machine the key made on first use is the approver's: one signature, and they count from there."""
    before = _begin().settings.digest
    _edit(project, "approvals = 1", "approvals = 0")
    proposal = pinning.pin(_context(), "prod needs nobody")
    after = _context()

    assert (proposal.missing, proposal.people) == (0, ("Ada",))
    assert after.settings.digest == proposal.settings != before
    assert after.settings.differences == ()
    assert after.environments.named("prod").approvals == 0
    entry = _last(project)
    assert (entry.kind, entry.by, entry.body["reason"]) == (Kind.SETTINGS, "Ada", "prod needs nobody")


def test_the_verb_shows_what_differs_and_signs_it(project: TinyProject) -> None:
    """Without a reason it only shows: what counts, which files differ, with --diff each line, and the next command."""
    _begin()
    same = project.succeed("settings")
    _edit(project, "approvals = 1", "approvals = 2")
    _edit(project, "approvals = 2", "approvals = 0")
    shown = project.succeed("settings")
    lines = project.succeed("settings", "--diff")
    document = json.loads(project.succeed("settings", "--json"))

    assert "pinned by Ada" in same
    assert "this checkout's are the same" in same
    assert "  environments/prod.toml differs\n" in shown
    assert '-- --reason "…"` signs them' in shown
    assert "-approvals = 1\n+approvals = 0\n" in lines
    assert document["differences"] == ["environments/prod.toml differs"]
    assert document["settings"] != document["checkout"]
    assert (document["quorum"], document["proposed"]) == (1, [])
    assert _last(project).kind is Kind.HOLD

    assert "count from here" in project.succeed("settings", "--reason", "prod needs nobody")
    assert json.loads(project.succeed("settings", "--json"))["settings"] == document["checkout"]


def test_as_many_must_sign_as_the_strictest_environment_asks_for(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two approvals asked for, one signature is a proposal: the second one, by another person, makes it count."""
    _begin()
    ada, ada_public = _key(project.root / "keys", "ada")
    bob, bob_public = _key(project.root / "keys", "bob")
    people = _approver("Ada", ada_public) + _approver("Bob", bob_public)
    project.write("tollgate.toml", (project.root / "tollgate.toml").read_text() + people)
    _edit(project, "approvals = 1", "approvals = 2")
    monkeypatch.setenv(_APPROVER, ada)
    with pytest.raises(RefusedError, match=r"your approver key .* is not named in the settings"):
        pinning.pin(_context(), "a key that nobody named yet")
    monkeypatch.delenv(_APPROVER)
    pinning.pin(_context(), "two people from now on")
    counting = _context().settings.digest

    _edit(project, "approval-hours = 4", "approval-hours = 8")
    monkeypatch.setenv(_APPROVER, ada)
    first = pinning.pin(_context(), "four hours are short")
    assert (first.people, first.missing) == (("Ada",), 1)
    assert _context().settings.digest == counting
    assert pinning.proposals(_context().history()) == (first,)
    with pytest.raises(RefusedError, match=r"Ada has signed the settings .* already"):
        pinning.pin(_context(), "once more")
    assert f"{first.settings[7:19]} are signed by Ada; 1 more must sign them" in project.succeed("settings")

    monkeypatch.setenv(_APPROVER, bob)
    second = pinning.pin(_context(), "I think so too")
    assert second.missing == 0
    assert _context().settings.digest == first.settings
    assert _context().environments.named("prod").approval_hours == 8


def test_a_signature_under_other_settings_is_no_second_one(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people who sign different files have each signed alone."""
    _begin()
    ada, ada_public = _key(project.root / "keys", "ada")
    bob, bob_public = _key(project.root / "keys", "bob")
    people = _approver("Ada", ada_public) + _approver("Bob", bob_public)
    project.write("tollgate.toml", (project.root / "tollgate.toml").read_text() + people)
    _edit(project, "approvals = 1", "approvals = 2")
    pinning.pin(_context(), "two people from now on")

    _edit(project, "approval-hours = 4", "approval-hours = 8")
    monkeypatch.setenv(_APPROVER, ada)
    pinning.pin(_context(), "eight")
    _edit(project, "approval-hours = 8", "approval-hours = 9")
    monkeypatch.setenv(_APPROVER, bob)
    assert pinning.pin(_context(), "nine").missing == 1
    assert _context().environments.named("prod").approval_hours == 4
    assert [each.people for each in pinning.proposals(_context().history())] == [("Ada",), ("Bob",)]


# --- what is not signed


def test_the_pipelines_own_key_signs_no_settings(project: TinyProject) -> None:
    """The machine that writes the ledger cannot loosen the rules that it is held to."""
    context = _begin()
    newest = _last(project)
    body = {
        **context.pin(context.settings.bundle, context.project, context.environments),
        "reason": "why not",
    }

    with pytest.raises(RefusedError, match="a ledger key may not write a settings into the ledger"):
        context.ledger.append(
            Kind.SETTINGS, body, context.keys.signer(Role.LEDGER), by="a robot", after=newest.digest
        )
    assert _last(project) == newest


@pytest.mark.parametrize(
    ("old", "new", "error", "sentence"),
    [
        ("approvals = 1", "approvals = 3", RefusedError, "ask for 3 approvers and name 1"),
        ("approvals = 1", "approvals = many", SettingsError, "prod.toml is not valid TOML"),
        ("order = 2", "order = 1", SettingsError, "have the same order"),
        ('local = "300000000003"', 'aws = "300000000003"', SettingsError, "prod.toml names no local account"),
    ],
)
def test_settings_that_nobody_could_live_with_are_not_signed(
    project: TinyProject, old: str, new: str, error: type[Exception], sentence: str
) -> None:
    """What could never be changed again, or not even be read, is refused before it counts."""
    _begin()
    _edit(project, old, new)

    with pytest.raises(error, match=sentence):
        pinning.pin(_context(), "why not")
    assert _last(project).kind is Kind.HOLD


def test_a_revoked_key_is_not_named_again(project: TinyProject) -> None:
    """A key that was taken back stays so, even where the settings that are signed next still name it."""
    context = _begin()
    _, public = _key(project.root / "keys", "bob")
    project.write("tollgate.toml", (project.root / "tollgate.toml").read_text() + _approver("Bob", public))
    pinning.pin(context, "Bob joins")
    context = _context()
    (bob,) = (approver.key for approver in context.project.approvers)
    context.record(Kind.REVOCATION, {"key": bob.keyid, "reason": "stolen"}, context.history().head)
    _edit(project, "approval-hours = 4", "approval-hours = 8")

    with pytest.raises(
        RefusedError, match=f"name the approver key {bob.keyid[:12]} of Bob, which was revoked"
    ):
        pinning.pin(_context(), "eight hours")


def test_what_counts_already_is_not_signed_again(project: TinyProject) -> None:
    """An entry that changes nothing would only hide those that do."""
    context = _begin()

    with pytest.raises(RefusedError, match="count already"):
        pinning.pin(context, "to be sure")


def test_a_reason_must_say_something(project: TinyProject) -> None:
    """Whoever reads the ledger later finds why."""
    context = _begin()

    with pytest.raises(UsageError, match="a reason of 1 to"):
        pinning.pin(context, "  ")


def test_a_run_at_work_does_not_go_on_under_other_settings(project: TinyProject) -> None:
    """A promotion that began under the old settings notices that others count now, and stops."""
    at_work = _begin()
    _edit(project, "approvals = 1", "approvals = 0")
    pinning.pin(_context(), "prod needs nobody")

    with pytest.raises(RefusedError, match="other settings were pinned while this run was at work"):
        at_work.history()
