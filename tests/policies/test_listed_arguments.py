"""The list of arguments: complete for what is allowed, and a finding says which line is missing."""

import tomllib
from pathlib import Path
from typing import Any

from policies.gate.allow_list import read_contents
from policies.gate.listed_arguments import PATH, unlisted_arguments
from policies.gate.stack import Resource, Stack

LISTED: list[str] = tomllib.loads(PATH.read_text(encoding="utf-8"))["arguments"]


def findings(kind: str, **body: Any) -> list[tuple[str, str, str]]:
    """What is said of a resource of this type, as reason and fix."""
    stack = Stack("payments-dev", "dev", Path("cdk.tf.json"), "", {"resource": {kind: {"it": body}}})
    resource = Resource(stack, kind, "it", body)
    return [(address, reason, rule.fix) for rule, address, reason in unlisted_arguments(resource)]


def test_the_finding_says_which_line_would_allow_it() -> None:
    """Somebody who needs a new argument copies one line from the report into one file."""
    ((address, reason, fix),) = findings("aws_api_gateway_rest_api", name="payments", body="{}")

    assert address == "aws_api_gateway_rest_api.it"
    assert reason == "the argument `body` of aws_api_gateway_rest_api is not on the list"
    assert fix == (
        "Leave it out; or, once a policy judges it or none has to, "
        'add the line `  "aws_api_gateway_rest_api.body",` to policies/arguments.toml by review.'
    )


def test_an_argument_that_is_listed_of_another_type_is_refused() -> None:
    """`policy` belongs to a bucket policy; inside the bucket nobody reads it."""
    assert "aws_s3_bucket_policy.policy" in LISTED
    assert [reason for _, reason, _ in findings("aws_s3_bucket", policy="{}")] == [
        "the argument `policy` of aws_s3_bucket is not on the list"
    ]


def test_what_terraform_itself_reads_is_no_argument() -> None:
    """`depends_on`, `lifecycle` and comments need no row; other rules judge the dangerous ones."""
    assert findings("aws_s3_bucket", depends_on=[], lifecycle={}, **{"//": {}}) == []


def test_each_allowed_type_has_its_arguments_and_no_other_has_any() -> None:
    """The two lists speak of the same types, and no row stands twice."""
    assert {row.partition(".")[0] for row in LISTED} == set(read_contents().resource_types)
    assert len(set(LISTED)) == len(LISTED)
