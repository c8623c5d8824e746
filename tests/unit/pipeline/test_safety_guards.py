"""Guards put elsewhere, weak guards on what exists, and new ways into an API."""

from typing import Any

import pytest

from pipeline.model.change_set import Action, ResourceChange
from pipeline.model.safety import Finding, findings
from pipeline.model.values import Unknown
from tests.unit.pipeline.change_sets import attribute, change, change_set

_BLOCK = "aws_s3_bucket_public_access_block"
_SETTINGS = "aws_api_gateway_method_settings"
_API = "aws_api_gateway_rest_api"
_OF_BUCKET = Unknown(("aws_s3_bucket.it.id",))
_OF_API = Unknown((f"{_API}.it.id",))


def _found(*changes: ResourceChange, **other: Any) -> list[Finding]:
    return list(findings(change_set(*changes, **other)))


def _rules(*changes: ResourceChange, **other: Any) -> set[str]:
    return {finding.rule for finding in _found(*changes, **other)}


def _made(kind: str, **after: Any) -> ResourceChange:
    sides = (attribute(path.replace("__", "."), None, value) for path, value in after.items())
    return change(kind, Action.CREATE, *sides)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (_BLOCK, "bucket"),
        ("aws_s3_bucket_versioning", "bucket"),
        ("aws_s3_bucket_policy", "bucket"),
        ("aws_api_gateway_request_validator", "rest_api_id"),
        (_SETTINGS, "method_path"),
        (_SETTINGS, "stage_name"),
        ("aws_api_gateway_usage_plan", "api_stages.0.api_id"),
        ("aws_api_gateway_usage_plan", "api_stages.0.stage"),
        ("aws_iam_role_policies_exclusive", "role_name"),
        ("aws_wafv2_web_acl_association", "resource_arn"),
        ("aws_wafv2_web_acl_association", "web_acl_arn"),
    ],
)
@pytest.mark.parametrize("action", [Action.UPDATE, Action.REPLACE_DELETE_FIRST, Action.REPLACE_CREATE_FIRST])
def test_a_guard_that_is_put_on_something_else_is_missed(kind: str, name: str, action: Action) -> None:
    """Whatever it was on has no guard any more; no other attribute of it has to change."""
    assert "protection/removed" in _rules(change(kind, action, attribute(name, "a", "b")))
    assert "protection/removed" in _rules(change(kind, action, attribute(name, "a", None)))
    assert "protection/removed" not in _rules(change(kind, action, attribute(name, None, "b")))
    assert "protection/removed" not in _rules(change(kind, action, attribute(name, "a", "a")))


def test_the_sentence_says_what_lost_its_guard() -> None:
    """A reader sees which guard went elsewhere, and from where to where."""
    moved = change(_SETTINGS, Action.UPDATE, attribute("method_path", "*/*", "health/GET"))
    (finding,) = _found(moved)
    assert finding.sentence == f"{_SETTINGS}.it no longer protects what it was on: another method_path"
    assert finding.to_json()["before"] != finding.to_json()["after"]


def test_a_guard_goes_along_with_what_is_replaced() -> None:
    """Where the bucket itself is replaced, its guard is on the new one; on any other it is missed."""
    bucket = change(
        "aws_s3_bucket",
        Action.REPLACE_DELETE_FIRST,
        attribute("id", "a-staging", Unknown()),
        attribute("bucket", "a-staging", "b-staging"),
    )
    along = change(_BLOCK, Action.REPLACE_DELETE_FIRST, attribute("bucket", "a-staging", _OF_BUCKET))
    away = change(_BLOCK, Action.REPLACE_DELETE_FIRST, attribute("bucket", "c-staging", _OF_BUCKET))
    assert "protection/removed" not in _rules(bucket, along)
    assert "protection/removed" in _rules(bucket, away)
    assert "protection/removed" in _rules(along)


@pytest.mark.parametrize(
    ("kind", "path", "weak", "strong"),
    [
        (_BLOCK, "block_public_acls", False, True),
        (_BLOCK, "restrict_public_buckets", Unknown(("var.x",)), True),
        (
            "aws_s3_bucket_ownership_controls",
            "rule__0__object_ownership",
            "ObjectWriter",
            "BucketOwnerEnforced",
        ),
        ("aws_s3_bucket_versioning", "versioning_configuration__0__status", "Suspended", "Enabled"),
    ],
)
def test_a_weak_guard_on_a_bucket_that_exists_is_found(kind: str, path: str, weak: Any, strong: Any) -> None:
    """The new guard says what is allowed from now on; on a bucket of the same change set nothing was said before."""
    bucket = _made("aws_s3_bucket", bucket="receipts-staging")
    assert _rules(_made(kind, bucket="receipts-staging", **{path: weak})) == {"protection/weaker"}
    assert _rules(_made(kind, bucket="receipts-staging", **{path: strong})) == set()
    assert _rules(bucket, _made(kind, bucket="receipts-staging", **{path: weak})) == set()
    assert _rules(bucket, _made(kind, bucket=_OF_BUCKET, **{path: weak})) == set()


def _settings(**after: Any) -> ResourceChange:
    return _made(_SETTINGS, method_path="payments/POST", **{"rest_api_id": "4b4dbdd7", **after})


@pytest.mark.parametrize(
    ("path", "weak"),
    [
        ("settings__0__throttling_rate_limit", -1),
        ("settings__0__throttling_burst_limit", 100),
        ("settings__0__data_trace_enabled", True),
        ("settings__0__metrics_enabled", False),
        ("settings__0__logging_level", "OFF"),
    ],
)
def test_settings_for_one_method_of_an_api_that_exists_are_found(path: str, weak: Any) -> None:
    """They count for this method before those for all methods do: any limit may be a higher one."""
    assert _rules(_settings(**{path: weak})) == {"protection/weaker"}
    assert _rules(_settings(**{path: Unknown()})) == set()
    assert _rules(_made(_API), _settings(**{path: weak, "rest_api_id": _OF_API})) == set()


def test_a_plan_for_one_new_and_one_old_api_is_found() -> None:
    """Something new that it is on beside does not excuse a limit on what is there already."""
    one = {"api_stages__0__api_id": _OF_API}
    both = {**one, "api_stages__1__api_id": "4b4dbdd7"}
    kind, limit = "aws_api_gateway_usage_plan", {"quota_settings__0__limit": 10}
    assert _rules(_made(_API), _made(kind, **limit, **one)) == set()
    assert _rules(_made(_API), _made(kind, **limit, **both)) == {"protection/weaker"}


def test_a_guard_that_comes_back_as_it_was_is_not_weaker() -> None:
    """What somebody deleted by hand is measured against what it was, not against the strictest there is."""
    limit = "settings.0.throttling_rate_limit"
    gone = change(_SETTINGS, Action.DELETE, attribute(limit, 20, None))
    same, higher = (
        _settings(settings__0__throttling_rate_limit=20),
        _settings(settings__0__throttling_rate_limit=40),
    )
    assert _rules(same, drift=(gone,)) == {"drift/gone"}
    assert _rules(higher, drift=(gone,)) == {"drift/gone", "protection/weaker"}


def test_another_validator_of_a_method_is_looked_at() -> None:
    """A method that is checked by another validator may let through what the one before refused."""
    method, lax = "aws_api_gateway_method", Unknown(("aws_api_gateway_request_validator.lax.id",))
    other = change(method, Action.UPDATE, attribute("request_validator_id", "strict", lax))
    first = change(method, Action.UPDATE, attribute("request_validator_id", None, "strict"))
    assert _rules(other) == {"protection/weaker"}
    assert _rules(first) == set()


@pytest.mark.parametrize("path", ["access_log_settings.0.destination_arn", "access_log_settings.0.format"])
def test_an_access_log_that_goes_elsewhere_or_says_less_is_looked_at(path: str) -> None:
    """Who called what can be told only from the log that somebody looks at."""
    assert _rules(change("aws_api_gateway_stage", Action.UPDATE, attribute(path, "a", "b"))) == {
        "protection/weaker"
    }


@pytest.mark.parametrize("action", [Action.CREATE, Action.UPDATE, Action.REPLACE_DELETE_FIRST])
def test_methods_in_the_body_of_an_api_are_found(action: Action) -> None:
    """A body holds methods that none of the rules over methods reads; no body is nothing to find."""
    (finding,) = [
        found
        for found in _found(change(_API, action, attribute("body", None, '{"paths": {}}')))
        if found.rule == "access/open-method"
    ]
    assert finding.sentence == (
        f"{_API}.it gets methods from a body, which nothing here reads: they may ask for no key"
    )
    for after in (None, "", Unknown()):
        assert "access/open-method" not in _rules(change(_API, action, attribute("body", None, after)))
    assert "access/open-method" not in _rules(change(_API, action, attribute("body", "{}", None)))


def test_a_body_is_proven_by_the_environment_before() -> None:
    """A first creation of what was approved before is nothing new."""
    stack = {"resource": {_API: {"it": {"body": "{}"}}}}
    first = change_set(_made(_API, body="{}"))
    assert [f.rule for f in findings(first, stack=stack)] == ["access/open-method"]
    assert findings(first, stack=stack, baseline=stack) == ()


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("aws_api_gateway_stage", Action.CREATE),
        ("aws_api_gateway_deployment", Action.CREATE),
        ("aws_api_gateway_deployment", Action.UPDATE),
        ("aws_api_gateway_deployment", Action.REPLACE_CREATE_FIRST),
    ],
)
def test_another_stage_of_an_api_that_exists_is_found(kind: str, action: Action) -> None:
    """A stage of its own has limits and logs of its own; of an API made together with it, it is the first."""
    name = attribute("stage_name", None, "second-staging")
    old, new = attribute("rest_api_id", None, "4b4dbdd7"), attribute("rest_api_id", None, _OF_API)
    assert "access/stage" in _rules(change(kind, action, old, name))
    assert "access/stage" not in _rules(_made(_API), change(kind, action, new, name))
    assert "access/stage" not in _rules(change(kind, action, old, attribute("stage_name", "x", "x")))
    assert "access/stage" not in _rules(change(kind, action, old, attribute("stage_name", None, Unknown())))
