"""Instances: which suffixes can be part of AWS names, and where there may be more than one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model.environment import MAX_SUFFIX_LENGTH, Instance, instance_of
from pipeline.model.errors import UsageError
from tests.unit.pipeline.record import environment

_DEV = environment("dev", previews=True)


@pytest.mark.parametrize("suffix", [None, "dev"])
def test_without_a_suffix_it_is_the_main_instance(suffix: str | None) -> None:
    """No suffix, or the environment's own name, means the instance through which releases are promoted."""
    instance = instance_of(_DEV, suffix)

    assert instance.is_main
    assert (str(instance), instance.file_stem, instance.on_command_line) == ("dev", "dev", "dev")


@pytest.mark.parametrize("suffix", ["a", "pr-42", "a1-b2-c3", "a" * MAX_SUFFIX_LENGTH])
def test_a_suffix_makes_an_instance_beside_it(suffix: str) -> None:
    """A preview has its own name in words and in files, and proves nothing for others."""
    instance = instance_of(_DEV, suffix)

    assert not instance.is_main
    assert (str(instance), instance.file_stem) == (f"dev/{suffix}", f"dev.{suffix}")
    assert instance.on_command_line == f"dev --suffix {suffix}"


@pytest.mark.parametrize(
    "suffix",
    [
        "",
        "PR-42",
        "pr_42",
        "pr-",
        "-pr",
        "p--r",
        "4pr",
        "a" * (MAX_SUFFIX_LENGTH + 1),
        "a.b",
        "a/b",
        "é",
        "a\n",
    ],
)
def test_a_suffix_that_aws_would_refuse_is_refused_first(suffix: str) -> None:
    """What S3 and IAM would not take as part of a name is refused with the rule."""
    with pytest.raises(
        UsageError, match=f"1 to {MAX_SUFFIX_LENGTH} lower-case letters, digits and single hyph"
    ):
        instance_of(_DEV, suffix)


@pytest.mark.parametrize("suffix", ["s3alias", "pr-s3alias"])
def test_a_suffix_that_s3_keeps_for_itself_is_refused(suffix: str) -> None:
    """A bucket's name may not end like the alias of an access point."""
    with pytest.raises(UsageError, match="S3 keeps names that end with s3alias"):
        instance_of(_DEV, suffix)


@given(st.text(max_size=20))
def test_whatever_is_accepted_fits_into_every_name(suffix: str) -> None:
    """No text gets through that is not a lower-case DNS label of the allowed length."""
    try:
        accepted = instance_of(_DEV, suffix).suffix
    except UsageError:
        return
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,14}[a-z0-9])?", accepted)


def test_an_environment_without_previews_keeps_one_instance() -> None:
    """A suffix where the settings allow none is refused, with where one could be used."""
    with pytest.raises(
        UsageError, match="prod keeps one instance; a suffix is for environments with previews"
    ):
        instance_of(environment("prod"), "pr-42")


def test_a_preview_called_like_another_environment_is_not_that_one() -> None:
    """`prod` beside dev is a preview of dev: environment and suffix both count."""
    assert instance_of(_DEV, "prod") != Instance("prod", "prod")
