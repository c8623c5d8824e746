"""What programs see that run code of the commit being judged, and what is never signed."""

import os

import pytest

from pipeline.trust.judged_environment import PASSED_ON, LeakError, judged_environment, refuse_leaks

SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "TOLLGATE_SIGNER_APPROVER",
    "TOLLGATE_HOME",
    "TOLLGATE_LEDGER_REMOTE",
    "VAULT_TOKEN",
    "VAULT_ADDR",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SSH_AUTH_SOCK",
    "GIT_ASKPASS",
    "GIT_DIR",
    "GNUPGHOME",
    "TF_TOKEN_app_terraform_io",
    "DAGGER_SESSION_TOKEN",
    "DOCKER_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AZURE_CLIENT_SECRET",
    "PIP_INDEX_URL",
    "NPM_TOKEN",
    "DATABASE_URL",
)


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_passed_on(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Keys, credentials and ways to the ledger stay with the pipeline."""
    monkeypatch.setenv(name, "secret")

    assert "secret" not in judged_environment().values()


def test_only_what_is_listed_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret whose name nobody thought of is not passed on either."""
    monkeypatch.setenv("SOMETHING_NEW", "secret")
    monkeypatch.setenv("LC_ALL", "C")

    found = judged_environment("WANTED_TOO")
    assert set(found) <= {*PASSED_ON, "WANTED_TOO"}
    assert found["LC_ALL"] == "C"
    assert found["PATH"] == os.environ["PATH"]


def test_a_program_may_need_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs is named where it is started."""
    monkeypatch.setenv("TOLLGATE_PROVIDER_ASSEMBLY", "/somewhere")

    assert judged_environment("TOLLGATE_PROVIDER_ASSEMBLY")["TOLLGATE_PROVIDER_ASSEMBLY"] == "/somewhere"


@pytest.mark.parametrize(
    "name", [name for name in SECRETS if name.partition("_")[0] not in {"PIP", "NPM", "DATABASE"}]
)
def test_a_secret_cannot_be_added_to_the_list(name: str) -> None:
    """A later change cannot open it by a word in a call."""
    with pytest.raises(AssertionError, match="a secret's name was added"):
        judged_environment(name)


def test_a_secrets_value_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the variable and not the value."""
    monkeypatch.setenv("MY_DB_PASSWORD", "hunter2hunter2")

    with pytest.raises(LeakError, match="the statement holds the value of MY_DB_PASSWORD") as refused:
        refuse_leaks(b'{"a":"xhunter2hunter2x"}', "the statement")
    assert "hunter2" not in refused.value.message + str(refused.value.hint)
    refuse_leaks(b'{"a":"nothing"}', "the statement")


def test_short_values_and_plain_variables_are_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value such as `true` stands in every document."""
    monkeypatch.setenv("USE_TOKEN", "true")
    monkeypatch.setenv("PROJECT_NAME", "payments-team")

    refuse_leaks(b'{"a":true,"b":"payments-team"}', "the statement")
