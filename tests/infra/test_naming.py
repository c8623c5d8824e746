"""Names that every service accepts, and tags."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import InfraError
from infra.naming import SUFFIX_MAX, SUFFIX_PATTERN, InstanceNames, check_suffix
from tests.infra.synthesis import NAMES

SUFFIXES = st.from_regex(SUFFIX_PATTERN, fullmatch=True).filter(
    lambda suffix: len(suffix) <= SUFFIX_MAX and not suffix.endswith("s3alias")
)


@given(suffix=SUFFIXES)
def test_suffix_makes_a_bucket_name(suffix: str) -> None:
    """A bucket's name with any allowed suffix is one that S3 takes: 3 to 63 characters, no odd ends."""
    names = InstanceNames(environment="dev", suffix=check_suffix(suffix), account_id="1" * 12, owner="x")
    name = names.bucket("transaction-logs")

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name)
    assert not name.startswith(("xn--", "sthree-", "amzn-s3-demo-"))
    assert not name.endswith(("-s3alias", "--ol-s3", "--x-s3", "--table-s3"))


@pytest.mark.parametrize(
    "suffix",
    [
        "",
        "-dev",
        "dev-",
        "Dev",
        "pr_42",
        "pr--42",
        "42",
        "dev.1",
        "a" * (SUFFIX_MAX + 1),
        "é",
        "dev\n",
        "pr 42",
    ],
)
def test_bad_suffix_is_refused(suffix: str) -> None:
    """A suffix that some service would refuse is refused at once, with what is expected and an example."""
    with pytest.raises(InfraError, match=rf"expected at most {SUFFIX_MAX} lower-case letters") as refused:
        check_suffix(suffix)

    assert "pr-42" in refused.value.hint


@pytest.mark.parametrize("suffix", ["s3alias", "pr-s3alias"])
def test_suffix_that_s3_keeps_for_itself_is_refused(suffix: str) -> None:
    """A bucket's name may not end like the alias of an access point."""
    with pytest.raises(InfraError, match=f"environment suffix is '{suffix}', expected one that does not end"):
        check_suffix(suffix)

    assert check_suffix("pr-mys3alias")


@pytest.mark.parametrize("account_id", ["", "1234", "12345678901a", "1" * 13])
def test_bad_account_is_refused(account_id: str) -> None:
    """An account that is not twelve digits is refused."""
    with pytest.raises(InfraError, match=rf"account id is '{account_id}', expected 12 digits"):
        InstanceNames(environment="dev", suffix="dev", account_id=account_id, owner="x")


def test_bad_suffix_makes_no_names() -> None:
    """Names are never made with a suffix that some service would refuse."""
    with pytest.raises(InfraError, match="environment suffix is 'Dev'"):
        InstanceNames(environment="dev", suffix="Dev", account_id="1" * 12, owner="x")


def test_longest_suffix_is_accepted() -> None:
    """The longest allowed suffix is allowed."""
    assert check_suffix("a" * SUFFIX_MAX)


def test_five_tags() -> None:
    """Five tags say whose it is, of which instance and who made it."""
    assert NAMES.tags == {
        "Environment": "dev",
        "EnvironmentSuffix": "pr-42",
        "ManagedBy": "cdktf",
        "Owner": "payments",
        "Project": "tollgate",
    }
