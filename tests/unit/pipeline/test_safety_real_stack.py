"""The safety rules over a real plan of the real stack, weakened in many places at once."""

import pytest

from pipeline.model.safety import findings, needs_person
from tests.unit.pipeline.change_sets import KEY, read, recorded

_CHANGE_SET = read(
    recorded("weakened-stack"),
    environment="dev",
    suffix="dev",
    account_id="111111111111",
    secret_key=KEY,
)
_FOUND = {(finding.rule, finding.address.split(".")[0], finding.subject) for finding in findings(_CHANGE_SET)}


@pytest.mark.parametrize(
    ("rule", "kind", "subject"),
    [
        ("protection/weaker", "aws_api_gateway_method", "api_key_required"),
        ("protection/weaker", "aws_api_gateway_method_settings", "settings[0].metrics_enabled"),
        ("protection/weaker", "aws_api_gateway_method_settings", "settings[0].throttling_rate_limit"),
        ("protection/weaker", "aws_api_gateway_request_validator", "validate_request_body"),
        ("protection/weaker", "aws_api_gateway_usage_plan", "quota_settings[0].limit"),
        ("protection/weaker", "aws_dynamodb_table", "server_side_encryption[0].enabled"),
        ("protection/weaker", "aws_s3_bucket_public_access_block", "block_public_policy"),
        ("protection/weaker", "aws_s3_bucket_versioning", "versioning_configuration[0].status"),
        ("protection/removed", "aws_cloudwatch_metric_alarm", ""),
        ("data-loss/retention", "aws_cloudwatch_log_group", "retention_in_days"),
        ("data-loss/retention", "aws_dynamodb_table", "ttl[0].attribute_name"),
        ("data-loss/retention", "aws_s3_bucket_lifecycle_configuration", "rule[0].expiration[0].days"),
        ("data-loss/replace", "aws_s3_bucket", "bucket"),
        ("disruption/delete", "aws_cloudwatch_metric_alarm", ""),
    ],
)
def test_each_weakening_is_found(rule: str, kind: str, subject: str) -> None:
    """What was turned down by hand in the real stack is found, by the rule that is meant for it."""
    assert (rule, kind, subject) in _FOUND


def test_what_the_role_may_newly_do_is_found() -> None:
    """One action widened among many in a real policy is the one that is named."""
    (grant,) = [subject for rule, _, subject in _FOUND if rule == "access/grant"]
    assert grant == (
        "policy: dynamodb:* on arn:aws:dynamodb:ap-northeast-2:111111111111:table/transactions-dev"
    )


def test_the_bucket_policy_that_no_longer_refuses_is_found() -> None:
    """A condition that never holds makes a refusal empty: the old one is missed, the new one shown."""
    assert {rule for rule, kind, _ in _FOUND if kind == "aws_s3_bucket_policy"} == {
        "access/refusal-lost",
        "access/statement",
    }


@pytest.mark.parametrize("kind", ["aws_api_gateway_deployment", "aws_lambda_function"])
def test_what_every_release_does_is_not_found(kind: str) -> None:
    """A new API deployment and other environment variables are nothing that somebody must know."""
    assert {change.type for change in _CHANGE_SET.changes} >= {kind}
    assert not [found for found in _FOUND if found[1] == kind]


@pytest.mark.parametrize("tolerates", ["all-but-data-loss", "no-widening", "nothing"])
def test_no_environment_tolerates_it(tolerates: str) -> None:
    """Even the laxest environment wants a person to say yes to that."""
    assert needs_person(_CHANGE_SET, findings(_CHANGE_SET), tolerates)
