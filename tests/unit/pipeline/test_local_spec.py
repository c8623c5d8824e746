"""What may be asked of a local cloud, and what an account gives to those who use it."""

import pytest

from pipeline.model.errors import UsageError
from pipeline.targets.local import AccountSpec, CloudAccess


@pytest.mark.parametrize(
    ("environment", "account_id", "region", "port", "wrong"),
    [
        ("../dev", "111122223333", "ap-northeast-2", None, "environment '../dev'"),
        ("dev", "11112222333", "ap-northeast-2", None, "account id '11112222333'"),
        ("dev", "111122223333", "Seoul", None, "region 'Seoul'"),
        ("dev", "111122223333", "ap-northeast-2", 80, "port 80"),
    ],
)
def test_a_wrong_fact_about_an_account_is_named(
    environment: str, account_id: str, region: str, port: int | None, wrong: str
) -> None:
    """What cannot be an environment, an account id, a region or a port is refused before anything starts."""
    with pytest.raises(UsageError, match=wrong):
        AccountSpec(environment, account_id, region, port=port)


def test_nothing_of_the_persons_own_aws_reaches_a_local_account() -> None:
    """Profiles, tokens and endpoints from outside are gone, and loopback passes no proxy."""
    access = CloudAccess("http://127.0.0.1:4566", "111122223333", "ap-northeast-2")
    base = {"PATH": "/bin", "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "real", "NO_PROXY": "example.org"}
    environ = access.environ(base)
    assert {"AWS_PROFILE", "AWS_SESSION_TOKEN"}.isdisjoint(environ)
    assert environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environ["NO_PROXY"] == "example.org,127.0.0.1,localhost"
    assert environ["PATH"] == "/bin"


def test_an_apis_address_is_below_the_accounts() -> None:
    """A deployed API is called at the account's one address."""
    access = CloudAccess("http://127.0.0.1:4566", "111122223333", "ap-northeast-2")
    assert access.invoke_url("abc", "dev") == "http://127.0.0.1:4566/_aws/execute-api/abc/dev"
