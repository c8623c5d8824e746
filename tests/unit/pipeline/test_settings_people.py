"""Who may say yes: approvers, the machines' keys and where the private ones are, each said once."""

from pathlib import Path

import pytest

from pipeline.model.trust import PublicKey, Role
from pipeline.settings import Project, SettingsError, load_project

_ADA, _BOB, _ROBOT = ("1" * 64, "2" * 64, "3" * 64)
_PEOPLE = f"""
name = "tiny"
synth = ["synth"]
bootstrap = ["bootstrap"]
package-source = "app/tiny"
package-requirements = "requirements.txt"
package-python = "3.13"
provider-lock = "terraform.lock.hcl"
smoke-checks = "smoke.json"
ledger-remote = "git@example.com:ada/ledger.git"
keep-releases = 3

[checks.policies]
command = ["check"]
inputs = ["check.py"]
settings = true

[[approvers]]
name = "Ada Lovelace"
emails = ["ada@example.com", "ada@home.example"]
github = 1815
key = {{scheme = "ed25519", public = "{_ADA}"}}

[[approvers]]
name = "Bob"
emails = ["bob@example.com"]
key = {{scheme = "ed25519", public = "{_BOB}"}}

[[keys]]
role = "ledger"
scheme = "ed25519"
public = "{_ROBOT}"

[signers]
ledger = "awskms:alias/tollgate-ledger"
"""


def _load(tmp_path: Path, text: str) -> Project:
    (tmp_path / "tollgate.toml").write_text(text)
    return load_project(tmp_path)


def test_a_person_is_known_by_addresses_and_account(tmp_path: Path) -> None:
    """Commits know a person by an address, pushes by the account; whoever has no account has addresses only."""
    ada, bob = _load(tmp_path, _PEOPLE).approvers

    assert ada.identities == {"ada@example.com", "ada@home.example", "github:1815"}
    assert bob.identities == {"bob@example.com"}


def test_people_and_keys_are_read_whole(tmp_path: Path) -> None:
    """Each approver has a name, addresses, perhaps an account, and a key that says whose it is."""
    project = _load(tmp_path, _PEOPLE)
    ada, bob = project.approvers

    assert (ada.name, ada.emails, ada.github) == (
        "Ada Lovelace",
        ("ada@example.com", "ada@home.example"),
        1815,
    )
    assert ada.key == PublicKey.of(Role.APPROVER, "ed25519", _ADA, "Ada Lovelace")
    assert (bob.name, bob.github) == ("Bob", None)
    assert project.keys == (PublicKey.of(Role.LEDGER, "ed25519", _ROBOT, None),)
    assert project.signers == {Role.LEDGER: "awskms:alias/tollgate-ledger"}
    assert (project.ledger_remote, project.keep_releases) == ("git@example.com:ada/ledger.git", 3)
    assert project.checks[0].settings


def test_none_of_it_need_be_said(tmp_path: Path) -> None:
    """A project without people or keys is one for which those made on first use count."""
    text = _PEOPLE[: _PEOPLE.index("[[approvers]]")]
    lines = [
        line for line in text.splitlines() if not line.startswith(("ledger-remote", "keep-", "settings"))
    ]
    project = _load(tmp_path, "\n".join(lines))

    assert (project.approvers, project.keys, dict(project.signers)) == ((), (), {})
    assert (project.ledger_remote, project.keep_releases) == (None, 10)
    assert not project.checks[0].settings


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"Bob"', '"ADA lovelace"', "Ada Lovelace and ADA lovelace have the name ada lovelace"),
        ("bob@example.com", "Ada@Home.Example", "Lovelace and Bob have the address ada@home.example"),
        ('emails = ["bob', 'github = 1815\nemails = ["bob', "and Bob have the GitHub account 1815"),
        (_BOB, _ADA, "tollgate.toml: Ada Lovelace and Bob have the same key"),
        (_ROBOT, _ADA, "tollgate.toml: Ada Lovelace and the ledger have the same key"),
        (
            "[signers]",
            f'[[keys]]\nrole = "builder"\nscheme = "ed25519"\npublic = "{_ROBOT}"\n[signers]',
            "the ledger and the builder have the same key",
        ),
        ('name = "Bob"', 'name = ""', "names no person"),
        ('name = "Bob"', 'name = "Bob "', "is of a person 'Bob ' with stray spaces"),
        ('name = "Bob"', "", "tollgate.toml, [[approvers]] has no 'name'"),
        ('["bob@example.com"]', "[]", "says emails = []; it must be a list of words, at least one"),
        ('["bob@example.com"]', '["bob"]', "says emails = ['bob']; it must be a list of addresses"),
        ("github = 1815", "github = 0", "says github = 0; it must be the number of an account"),
        ("github = 1815", 'github = "ada"', "says github = 'ada'; it must be a whole number"),
        (
            f'public = "{_BOB}"',
            f'public = "{_BOB[1:]}"',
            "[[approvers]] Bob: the public value of a key is no",
        ),
        (
            'scheme = "ed25519"',
            'scheme = "md5"',
            "Ada Lovelace: a key has the scheme 'md5'; known are ed25519",
        ),
        (
            'role = "ledger"',
            'role = "approver"',
            "says role = 'approver'; it must be one of builder, checker",
        ),
        ('role = "ledger"', "", "tollgate.toml, [[keys]] has no 'role'"),
        ("[[keys]]", "[keys]", "says keys = {"),
        (
            'ledger = "aws',
            'approver = "aws',
            "[signers] has the unknown key 'approver'; known are builder, ch",
        ),
        (
            "awskms:alias/tollgate-ledger",
            "ledger.pem",
            "[signers] says ledger = 'ledger.pem'; it must be the",
        ),
        ("keep-releases = 3", "keep-releases = 0", "says keep-releases = 0; it must be 1 or more"),
        ("git@example.com", "--upload-pack=x;", "it must be the address of a git repository or a folder"),
        ("git@example.com", "ext::sh -c", "it must be the address of a git repository or a folder"),
        (
            "settings = true",
            'settings = "yes"',
            "[checks.policies] says settings = 'yes'; it must be true or",
        ),
    ],
)
def test_a_wrong_person_or_key_is_named(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    """One key has one owner and one power, one person is named once, and every wrong value has its sentence."""
    assert old in _PEOPLE

    with pytest.raises(SettingsError) as refused:
        _load(tmp_path, _PEOPLE.replace(old, new, 1))
    assert sentence in refused.value.message
    assert refused.value.hint


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    """Settings are pinned, signed and shown to everyone: no place for a secret."""
    address = "https://ada:canary@example.com/ledger.git"

    with pytest.raises(SettingsError, match="holds a password") as refused:
        _load(tmp_path, _PEOPLE.replace("git@example.com:ada/ledger.git", address))
    assert "canary" not in f"{refused.value.message} {refused.value.hint}"
