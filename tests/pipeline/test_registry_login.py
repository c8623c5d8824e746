"""Addresses of registries, and the logins that Docker keeps for them."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.errors import TollgateError, UsageError
from pipeline.stores.registry_address import Address
from pipeline.stores.registry_login import config_file, find_login

_HOST = "registry.example"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for Docker's configuration, and for programs that are found first."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def _configure(docker: Path, **config: Any) -> None:
    (docker / "config.json").write_text(json.dumps(config))


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


# --- addresses


@pytest.mark.parametrize(
    ("text", "url", "path"),
    [
        ("oci://ghcr.io/owner/name", "https://ghcr.io", "/v2/owner/name"),
        ("oci://registry.example:5000/a", "https://registry.example:5000", "/v2/a"),
        ("oci+http://registry.example:5000/a/b/c", "http://registry.example:5000", "/v2/a/b/c"),
        ("oci://localhost:5000/a-b_c.d/e__f", "http://localhost:5000", "/v2/a-b_c.d/e__f"),
        ("oci://127.0.0.1/a", "http://127.0.0.1", "/v2/a"),
        ("oci://[::1]:5000/a", "http://[::1]:5000", "/v2/a"),
        ("oci://128.0.0.1/a", "https://128.0.0.1", "/v2/a"),
        ("oci://localhost.example/a", "https://localhost.example", "/v2/a"),
    ],
)
def test_an_address_says_where_and_how(text: str, url: str, path: str) -> None:
    """Only this machine itself is spoken to without encryption, unless `oci+http://` asks for it."""
    address = Address.parse(text)

    assert (address.url, address.path) == (url, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ghcr.io/owner/name",
        "https://ghcr.io/owner/name",
        "oci://ghcr.io",
        "oci://ghcr.io/",
        "oci:///name",
        "oci://ghcr.io/Owner/name",
        "oci://ghcr.io/owner/name:tag",
        "oci://ghcr.io/owner/name@sha256:" + "0" * 64,
        "oci://ghcr.io/owner//name",
        "oci://ghcr.io/owner/../name",
        "oci://ghcr.io/owner/name/",
        "oci://ghcr.io/owner/name?x=1",
        "oci://ghcr.io:port/name",
        "oci://ghcr.io/name\n",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """Anything else is refused before anybody is asked anything."""
    with pytest.raises(UsageError, match="is no registry's address, which is `oci://HOST/REPOSITORY`"):
        Address.parse(text)


def test_a_password_in_an_address_is_not_repeated() -> None:
    """Who writes a login into the address is refused without showing it again."""
    with pytest.raises(UsageError) as caught:
        Address.parse("oci://robot:hunter2@ghcr.io/owner/name")

    assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"


# --- logins


def test_nobody_logged_in(docker: Path) -> None:
    """Without a configuration, or without this registry in it, there is no login."""
    assert find_login(_HOST) is None
    _configure(docker, auths={"other.example": {"auth": _encoded("robot:secret")}})
    assert find_login(_HOST) is None


@pytest.mark.parametrize("name", [_HOST, f"https://{_HOST}", f"https://{_HOST}/v1/", f"http://{_HOST}/v2/"])
def test_a_login_is_found_by_the_registry_s_name(docker: Path, name: str) -> None:
    """Docker writes the name in several ways."""
    _configure(docker, auths={name: {"auth": _encoded("robot:sec:ret")}})

    login = find_login(_HOST)
    assert login is not None
    assert (login.user, login.password) == ("robot", "sec:ret")
    assert login.basic == f"Basic {_encoded('robot:sec:ret')}"


def test_a_port_is_part_of_the_name(docker: Path) -> None:
    """A login for one port is not sent to another."""
    _configure(docker, auths={f"{_HOST}:5000": {"auth": _encoded("robot:secret")}})

    assert find_login(_HOST) is None
    assert find_login(f"{_HOST}:5000") is not None


def test_user_and_password_may_stand_apart(docker: Path) -> None:
    """Kubernetes and others write them as two fields."""
    _configure(docker, auths={_HOST: {"username": "robot", "password": "secret"}})

    login = find_login(_HOST)
    assert login is not None
    assert (login.user, login.password) == ("robot", "secret")


@pytest.mark.parametrize(
    "config", [{"auths": {_HOST: {}}}, {"auths": {_HOST: 5}}, {"auths": []}, {"credHelpers": []}, {}]
)
def test_an_entry_without_a_login_is_none(docker: Path, config: dict[str, Any]) -> None:
    """Docker leaves empty entries where a helper keeps the login."""
    _configure(docker, **config)

    assert find_login(_HOST) is None


@pytest.mark.parametrize("content", ["", "[]", "no JSON", "[" * 100_000])
def test_a_configuration_that_is_none_is_said(docker: Path, content: str) -> None:
    """A file that cannot be read is named, and what to do about it."""
    (docker / "config.json").write_text(content)

    with pytest.raises(
        TollgateError, match=r"Docker's configuration .*config\.json cannot be read: it is not"
    ):
        find_login(_HOST)


def test_a_configuration_that_is_a_folder_is_said(docker: Path) -> None:
    """What the system says of the file is passed on."""
    (docker / "config.json").mkdir()

    with pytest.raises(TollgateError, match="cannot be read: Is a directory"):
        find_login(_HOST)


@pytest.mark.parametrize("auth", ["%%%", _encoded("no colon"), "c2VjcmV0é"])
def test_a_login_that_is_none_is_said_and_not_shown(docker: Path, auth: str) -> None:
    """A login in no known form is refused; its content is in no message."""
    _configure(docker, auths={_HOST: {"auth": auth}})

    with pytest.raises(TollgateError, match="is not `user:password` in base64") as caught:
        find_login(_HOST)
    assert auth not in f"{caught.value.message} {caught.value.hint}"


def test_an_identity_token_is_refused(docker: Path) -> None:
    """A kind of login that is not supported is said, instead of a login that fails."""
    _configure(docker, auths={_HOST: {"auth": _encoded("robot:"), "identitytoken": "secret"}})

    with pytest.raises(
        TollgateError, match=r"an identity token for registry\.example, which Tollgate cannot use"
    ):
        find_login(_HOST)


def _helper(docker: Path, script: str) -> None:
    program = docker / "docker-credential-test"
    program.write_text(f"#!/bin/sh\nread host\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("config", [{"credsStore": "test"}, {"credHelpers": {_HOST: "test"}}])
def test_a_credential_helper_is_asked(docker: Path, config: dict[str, Any]) -> None:
    """Where a helper keeps the logins, it is asked for the registry's name."""
    _helper(docker, 'echo "{\\"Username\\": \\"robot\\", \\"Secret\\": \\"for $host\\"}"')
    _configure(docker, auths={_HOST: {"auth": _encoded("old:login")}}, **config)

    login = find_login(_HOST)
    assert login is not None
    assert (login.user, login.password) == ("robot", f"for {_HOST}")


def test_a_helper_that_knows_nothing_leaves_the_rest(docker: Path) -> None:
    """Where the helper has no login, the one in the file counts."""
    _helper(docker, "echo credentials not found in native keychain; exit 1")
    _configure(docker, auths={_HOST: {"auth": _encoded("robot:secret")}}, credsStore="test")

    login = find_login(_HOST)
    assert login is not None
    assert login.user == "robot"


def test_a_helper_of_another_registry_is_not_asked(docker: Path) -> None:
    """Each registry may have its own helper."""
    _helper(docker, "echo asked > asked; exit 1")
    _configure(docker, credHelpers={"other.example": "test"})

    assert find_login(_HOST) is None


@pytest.mark.parametrize("script", ["echo secret", "echo '[\"secret\"]'"])
def test_a_helper_that_talks_nonsense_is_said_and_not_quoted(docker: Path, script: str) -> None:
    """What a helper says may be a secret, so it is in no message."""
    _helper(docker, script)
    _configure(docker, credsStore="test")

    with pytest.raises(TollgateError, match="docker-credential-test does not say a login") as caught:
        find_login(_HOST)
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_helper_that_is_not_installed_is_said(docker: Path) -> None:
    """A configuration from another machine may name a helper that is not here."""
    _configure(docker, credsStore="nowhere")

    with pytest.raises(TollgateError, match="docker-credential-nowhere does not say a login"):
        find_login(_HOST)


@pytest.mark.parametrize("name", ["../evil", "a b", "-x", "a/b"])
def test_a_helper_is_a_program_s_name(docker: Path, name: str) -> None:
    """A configuration cannot name a path."""
    _configure(docker, credsStore=name)

    with pytest.raises(TollgateError, match="is no program's name"):
        find_login(_HOST)


def test_an_identity_token_of_a_helper_is_refused(docker: Path) -> None:
    """Helpers mark it by its user's name."""
    _helper(docker, 'echo \'{"Username": "<token>", "Secret": "secret"}\'')
    _configure(docker, credsStore="test")

    with pytest.raises(TollgateError, match=r"an identity token for registry\.example"):
        find_login(_HOST)


def test_without_a_setting_it_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`docker login` writes below the home folder."""
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert config_file() == tmp_path / ".docker" / "config.json"
