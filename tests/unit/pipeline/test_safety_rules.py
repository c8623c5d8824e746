"""The other rules: data loss, weaker protection, disruption, outside, drift undone, unproven."""

from typing import Any

import pytest

from pipeline.model.change_set import Action, AttributeChange, Check, DeferredChange, ResourceChange
from pipeline.model.errors import RefusedError
from pipeline.model.safety import Finding, Kind, Severity, findings, protection
from pipeline.model.safety.protection_rules import GUARDS, RULES, STRONG, Weaker
from pipeline.model.values import Known, Secret, Unknown
from tests.unit.pipeline.change_sets import attribute, change, change_set


def _found(*changes: ResourceChange, **other: Any) -> list[Finding]:
    return list(findings(change_set(*changes, **other)))


def _ids(*changes: ResourceChange, **other: Any) -> set[str]:
    return {finding.rule for finding in _found(*changes, **other)}


def _update(kind: str, path: str, before: Any, after: Any) -> ResourceChange:
    return change(kind, Action.UPDATE, attribute(path, before, after))


@pytest.mark.parametrize(
    "kind", ["aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key", "aws_iam_access_key", "aws_new_thing"]
)
@pytest.mark.parametrize(
    ("action", "rule"),
    [
        (Action.DELETE, "data-loss/delete"),
        (Action.REPLACE_CREATE_FIRST, "data-loss/replace"),
        (Action.REPLACE_DELETE_FIRST, "data-loss/replace"),
    ],
)
def test_losing_what_holds_data_is_severe(kind: str, action: Action, rule: str) -> None:
    """A delete or replacement loses data; a type that nobody knows is taken to hold some."""
    (finding,) = [found for found in _found(change(kind, action)) if found.kind is Kind.DATA_LOSS]
    assert (finding.rule, finding.severity) == (rule, Severity.HIGH)


def test_a_replacement_says_what_forces_it() -> None:
    """The sentence names the attribute that cannot be changed in place."""
    (finding,) = _found(
        change("aws_dynamodb_table", Action.REPLACE_DELETE_FIRST, replaces_because=("hash_key",))
    )
    assert finding.sentence == "replaces aws_dynamodb_table.it with the data in it, forced by hash_key"


@pytest.mark.parametrize("kind", ["aws_dynamodb_table", "aws_lambda_alias"])
def test_a_replacement_for_another_reason_is_another_finding(kind: str) -> None:
    """Who accepted a replacement once has not accepted one that something else forces."""
    one, other, plain = (
        change(kind, Action.REPLACE_DELETE_FIRST, replaces_because=because)
        for because in (("a",), ("b",), ())
    )
    assert len({finding.id for made in (one, other, plain) for finding in _found(made)}) == 3


@pytest.mark.parametrize("kind", ["aws_lambda_alias", "aws_api_gateway_stage", "aws_iam_role"])
def test_losing_what_holds_nothing_is_a_disruption(kind: str) -> None:
    """Something without data that goes away interrupts, and loses nothing."""
    assert _ids(change(kind, Action.DELETE)) == {"disruption/delete"}
    assert _ids(change(kind, Action.REPLACE_DELETE_FIRST)) == {"disruption/replace"}


def test_a_new_api_deployment_is_harmless() -> None:
    """A deployment replaced by a newer one before it goes is what every change of an API does."""
    assert _ids(change("aws_api_gateway_deployment", Action.REPLACE_CREATE_FIRST)) == set()
    assert _ids(change("aws_api_gateway_deployment", Action.DELETE, deposed="0a0b0c0d")) == set()
    assert _ids(change("aws_api_gateway_deployment", Action.REPLACE_DELETE_FIRST)) == {"disruption/replace"}
    assert _ids(change("aws_api_gateway_deployment", Action.DELETE)) == {"disruption/delete"}


@pytest.mark.parametrize(
    ("kind", "path", "before", "after", "is_loss"),
    [
        ("aws_cloudwatch_log_group", "retention_in_days", 30, 7, True),
        ("aws_cloudwatch_log_group", "retention_in_days", 7, 30, False),
        ("aws_cloudwatch_log_group", "retention_in_days", 0, 30, True),
        ("aws_cloudwatch_log_group", "retention_in_days", 30, 0, False),
        ("aws_cloudwatch_log_group", "retention_in_days", 30, Unknown(("var.x",)), True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.expiration.0.days", 90, 30, True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.1.expiration.0.days", None, 30, True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.expiration.0.days", 30, None, False),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.expiration.0.date", "2030", "2027", True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.transition.0.days", 90, 30, False),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.status", "Disabled", "Enabled", True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.status", "Enabled", "Disabled", False),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.filter.0.prefix", "tmp/", "", True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.filter.0.prefix", "tmp/", None, True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.prefix", "tmp/", "", True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.prefix", "", Unknown(), False),
        ("aws_s3_bucket_lifecycle_configuration", "rule", [{"id": "x"}], Unknown(("var.x",)), True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.1", None, Unknown(("var.x",)), True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.expiration", [], Unknown(("var.x",)), True),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.id", "x", Unknown(("var.x",)), False),
        ("aws_s3_bucket_lifecycle_configuration", "rule.0.transition.0.days", 90, Unknown(), False),
        ("aws_s3_bucket", "lifecycle_rule.0.expiration.0.days", 30, 1, True),
        ("aws_s3_bucket", "lifecycle_rule.0.expiration.0.days", 1, 30, False),
        ("aws_s3_bucket", "lifecycle_rule.0.expiration.0.days", None, 1, True),
        ("aws_s3_bucket", "lifecycle_rule.0.noncurrent_version_expiration.0.days", 30, 1, True),
        ("aws_s3_bucket", "lifecycle_rule.0.prefix", "tmp/", "", True),
        ("aws_s3_bucket", "lifecycle_rule.0.tags.kind", "tmp", None, True),
        ("aws_s3_bucket", "lifecycle_rule.0.enabled", False, True, True),
        ("aws_s3_bucket", "lifecycle_rule.0.enabled", True, False, False),
        ("aws_s3_bucket", "lifecycle_rule", [], Unknown(("var.x",)), True),
        ("aws_s3_bucket", "tags.Owner", "a", "b", False),
        ("aws_backup_plan", "rule", [{"lifecycle": 1}], Unknown(("var.x",)), True),
        (
            "aws_s3_bucket_lifecycle_configuration",
            "rule.0.noncurrent_version_expiration.0.noncurrent_days",
            90,
            1,
            True,
        ),
        ("aws_dynamodb_table", "ttl.0.enabled", False, True, True),
        ("aws_dynamodb_table", "ttl.0.enabled", True, False, False),
        ("aws_dynamodb_table", "ttl.0.attribute_name", "a", "b", True),
        ("aws_dynamodb_table", "read_capacity", 5, 1, False),
        ("aws_secretsmanager_secret", "recovery_window_in_days", 30, 0, True),
        ("aws_db_instance", "backup_retention_period", 7, 0, True),
        ("aws_sqs_queue", "message_retention_seconds", 600, 60, True),
    ],
)
def test_forgetting_sooner_is_data_loss(kind: str, path: str, before: Any, after: Any, is_loss: bool) -> None:
    """A retention that shortens, an expiry that begins or grips more, loses data; the other way does not."""
    assert ("data-loss/retention" in _ids(_update(kind, path, before, after))) == is_loss


def test_a_rule_that_goes_as_a_whole_throws_nothing_away() -> None:
    """A filter that disappears widens its rule, unless the rule goes with it."""
    kind = "aws_s3_bucket_lifecycle_configuration"
    gone = (attribute("rule.0.status", "Enabled", None), attribute("rule.0.filter.0.prefix", "tmp/", None))
    assert _ids(change(kind, Action.UPDATE, *gone)) == set()
    assert _ids(change(kind, Action.UPDATE, gone[1])) == {"data-loss/retention"}


def test_a_first_expiry_that_cannot_be_read_is_data_loss() -> None:
    """A lifecycle made for a bucket that is there already, and whose rules come from outside, may take all of it."""
    rules = attribute("rule", None, Unknown(("var.rules",)))
    on = attribute("bucket", None, "receipts-staging")
    made = change("aws_s3_bucket_lifecycle_configuration", Action.CREATE, on, rules)
    bucket = change("aws_s3_bucket", Action.CREATE, attribute("bucket", None, "receipts-staging"))
    assert _ids(made) == {"data-loss/retention"}
    assert _ids(made, bucket) == set()


_WEAKENED: dict[str, tuple[Any, Any, Any]] = {
    # what weakens: strong, weak, and a change the other way that is no finding
    "not true": (True, False, (False, True)),
    "not false": (False, True, (True, False)),
    "higher": (10, 20, (20, 10)),
    "lower": (35, 7, (7, 35)),
    "other": (min(STRONG), "Weaker", ("Weaker", min(STRONG))),
    "any": ("x", "y", (None, "y")),
}


@pytest.mark.parametrize(("kind", "path", "weaker"), RULES, ids=lambda value: value)
def test_every_protection_is_guarded_one_way(kind: str, path: str, weaker: str) -> None:
    """Turning a protection down is a finding, also if it goes or becomes unknown; turning it up is none."""
    strong, weak, (before, after) = _WEAKENED[weaker]
    assert "protection/weaker" in _ids(_update(kind, path, strong, weak))
    assert "protection/weaker" not in _ids(_update(kind, path, before, after))
    replaced = change(kind, Action.REPLACE_CREATE_FIRST, attribute(path, strong, weak))
    assert "protection/weaker" in _ids(replaced)
    assert "protection/weaker" in _ids(_update(kind, path, strong, Unknown(("var.x",))))
    if weaker != "not false":
        assert "protection/weaker" in _ids(_update(kind, path, strong, None))


@pytest.mark.parametrize("row", RULES, ids=" ".join)
def test_every_protection_rule_is_needed(row: tuple[str, str, Weaker]) -> None:
    """Without its row, this weakening slips by, or turning the protection up is taken for turning it down."""
    kind, path, weaker = row
    strong, weak, (before, after) = _WEAKENED[weaker]
    without = tuple(other for other in RULES if other != row)

    def is_found(change_: ResourceChange) -> bool:
        found = protection.find(change_set(change_), without)
        return any(finding.rule == "protection/weaker" for finding in found)

    assert not is_found(_update(kind, path, strong, weak)) or is_found(_update(kind, path, before, after))


@pytest.mark.parametrize("kind", GUARDS)
def test_taking_a_guard_away_is_severe(kind: str) -> None:
    """What is there only to protect or to warn is missed when it goes."""
    removed = [found for found in _found(change(kind, Action.DELETE)) if found.rule == "protection/removed"]
    assert [found.severity for found in removed] == [Severity.HIGH]


def test_a_whole_block_that_goes_is_about_what_was_in_it() -> None:
    """A block replaced by something unknown or nothing counts for every protection inside."""
    for kind, block in (
        ("aws_s3_bucket_versioning", "versioning_configuration"),
        ("aws_dynamodb_table", "point_in_time_recovery"),
    ):
        for after in (None, Unknown(("var.x",))):
            assert _ids(_update(kind, block, [{"enabled": True}], after)) == {"protection/weaker"}


def test_an_unlimited_throttle_is_higher_than_any() -> None:
    """Minus one and no value at all both mean that nothing is held back."""
    kind, path = "aws_api_gateway_usage_plan", "throttle_settings.0.rate_limit"
    assert _ids(_update(kind, path, 100, -1)) == {"protection/weaker"}
    assert _ids(_update(kind, path, 100, None)) == {"protection/weaker"}
    assert _ids(_update(kind, path, -1, 100)) == set()


def test_an_attribute_that_sounds_protective_is_looked_at() -> None:
    """A protection that has no rule yet does not slip by unseen; a tag is no protection."""
    assert _ids(_update("aws_new_thing", "transit_encryption_mode", "a", "b")) == {"protection/unlisted"}
    assert _ids(_update("aws_new_thing", "tags.encryption", "a", "b")) == set()
    assert _ids(_update("aws_new_thing", "kms_status", None, Unknown())) == set()
    assert _ids(_update("aws_new_thing", "size", 1, 2)) == set()


@pytest.mark.parametrize("before", [None, "", False, [], {}])
def test_what_nobody_sets_is_no_finding(before: Any) -> None:
    """A replacement's values that the provider reports are nobody's wish, unless something was set before."""
    for kind, path in (("aws_s3_bucket", "object_lock_enabled"), ("aws_s3_bucket", "acl")):
        open_ = change(kind, Action.REPLACE_CREATE_FIRST, attribute(path, before, Unknown()))
        assert _ids(open_) == {"data-loss/replace"}
        was_set = change(kind, Action.REPLACE_CREATE_FIRST, attribute(path, True, Unknown()))
        assert len(_ids(was_set)) == 2


def test_what_reaches_outside_is_found() -> None:
    """An import, a move, an object let go and a setting that the account shares are findings."""
    assert _ids(change("aws_sns_topic", Action.KEEP, importing=Known.of({"id": "x"}))) == {"outside/import"}
    assert _ids(change("aws_sns_topic", Action.KEEP, importing=Secret("hmac-sha256:0"))) == {"outside/import"}
    assert _ids(change("aws_sns_topic", Action.KEEP, previous_address="aws_sns_topic.old")) == {
        "outside/move"
    }
    assert _ids(change("aws_sns_topic", Action.FORGET)) == {"outside/forget"}
    assert _ids(change("aws_sns_topic", Action.REPLACE_FORGET)) == {"outside/forget"}
    assert _ids(change("aws_api_gateway_account", Action.UPDATE)) == {"outside/shared"}


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("payments-staging", True),
        ("logs-222222222222-staging", True),
        ("/aws/lambda/payments-staging", True),
        ("payments-prod", False),
        ("payments-staging2", False),
        ("prestaging-x", False),
        ("staging", True),
        ("staging-payments-prod", False),
        ("payments-staging-prod", False),
        ("poststaging", False),
    ],
)
def test_a_resource_named_for_another_instance_is_found(name: str, is_own: bool) -> None:
    """What does not carry the instance's suffix may be somebody else's."""
    made = change("aws_s3_bucket", Action.CREATE, attribute("bucket", None, name))
    assert ("outside/name" not in _ids(made)) == is_own
    gone = change("aws_s3_bucket", Action.DELETE, attribute("bucket", name, None))
    assert ("outside/name" not in _ids(gone)) == is_own
    renamed = change("aws_sns_topic", Action.UPDATE, attribute("name", "x-staging", name))
    assert ("outside/name" not in _ids(renamed)) == is_own


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("aws_api_gateway_api_key", "name"),
        ("aws_api_gateway_rest_api", "name"),
        ("aws_api_gateway_stage", "stage_name"),
        ("aws_api_gateway_usage_plan", "name"),
        ("aws_cloudwatch_composite_alarm", "alarm_name"),
        ("aws_cloudwatch_dashboard", "dashboard_name"),
        ("aws_cloudwatch_log_metric_filter", "name"),
        ("aws_cloudwatch_metric_alarm", "alarm_name"),
        ("aws_iam_role", "name"),
        ("aws_lambda_function", "function_name"),
    ],
)
def test_everything_that_a_release_names_is_looked_at(kind: str, name: str) -> None:
    """Each type that carries the instance's suffix is found when it names another instance."""
    foreign = change(kind, Action.CREATE, attribute(name, None, "payments-prod"))
    own = change(kind, Action.CREATE, attribute(name, None, "payments-staging"))
    assert "outside/name" in _ids(foreign)
    assert "outside/name" not in _ids(own)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("aws_api_gateway_rest_api", "api_key_source"),
        ("aws_cloudwatch_composite_alarm", "alarm_rule"),
        ("aws_cloudwatch_log_metric_filter", "pattern"),
        ("aws_cloudwatch_log_metric_filter", "metric_transformation.0.value"),
        ("aws_cloudwatch_metric_alarm", "extended_statistic"),
        ("aws_sns_topic_subscription", "endpoint"),
    ],
)
def test_a_warning_that_watches_something_else_is_found(kind: str, path: str) -> None:
    """An alarm that measures, counts or tells otherwise than before may be silent; a person looks."""
    assert _ids(_update(kind, path, "p99", "p50")) == {"protection/weaker"}


def test_more_at_once_than_before_is_found() -> None:
    """A function whose limit of parallel runs is raised or taken away is throttled less."""
    kind, path = "aws_lambda_function", "reserved_concurrent_executions"
    assert _ids(_update(kind, path, 10, 20)) == {"protection/weaker"}
    assert _ids(_update(kind, path, 10, -1)) == {"protection/weaker"}
    assert _ids(_update(kind, path, -1, 10)) == set()


def test_drift_that_would_be_undone_is_found() -> None:
    """A change by hand that applying puts back is named; one that stays or that the release wants is not."""
    drift = change("aws_sns_topic", Action.UPDATE, attribute("display_name", "ours", "theirs"))
    back = change("aws_sns_topic", Action.UPDATE, attribute("display_name", "theirs", "ours"))
    other = change("aws_sns_topic", Action.UPDATE, attribute("owner", "a", "b"))
    wanted = change("aws_sns_topic", Action.UPDATE, attribute("display_name", "x", "theirs"))
    assert _ids(back, drift=(drift,)) == {"drift/undone"}
    assert _ids(other, drift=(drift,)) == set()
    assert _ids(wanted, drift=(drift,)) == set()
    assert _ids(drift=(drift,)) == set()
    to_reference = attribute("display_name", "theirs", Unknown(("aws_b.it.name",)))
    recomputed = attribute("display_name", "theirs", Unknown())
    assert _ids(change("aws_sns_topic", Action.UPDATE, to_reference), drift=(drift,)) == {"drift/undone"}
    assert _ids(change("aws_sns_topic", Action.UPDATE, recomputed), drift=(drift,)) == set()
    moved = change(
        "aws_sns_topic",
        Action.UPDATE,
        attribute("display_name", "theirs", "ours"),
        name="new",
        previous_address="aws_sns_topic.it",
    )
    assert "drift/undone" in _ids(moved, drift=(drift,))


@pytest.mark.parametrize(
    ("found_at", "planned"),
    [
        ("rule.0.days", attribute("rule", [{"days": 7}], Unknown(("var.rules",)))),
        ("rule.0.days", attribute("rule", [{"days": 7}], None)),
        ("rule", attribute("rule.0.days", 7, 30)),
    ],
)
def test_drift_is_found_in_a_block_that_changes_as_a_whole(found_at: str, planned: AttributeChange) -> None:
    """What was changed by hand inside a block is undone, too, when the block around it is put back."""
    theirs = 7 if "." in found_at else [{"days": 7}]
    drift = change("aws_sns_topic", Action.UPDATE, attribute(found_at, None, theirs))
    assert _ids(change("aws_sns_topic", Action.UPDATE, planned), drift=(drift,)) == {"drift/undone"}
    recomputed = attribute("rule", [{"days": 7}], Unknown())
    assert _ids(change("aws_sns_topic", Action.UPDATE, recomputed), drift=(drift,)) == set()
    other = attribute("rules.0.days", 7, 30)
    assert _ids(change("aws_sns_topic", Action.UPDATE, other), drift=(drift,)) == set()


def test_what_was_deleted_by_hand_is_found() -> None:
    """Something that disappeared is created again, and the sentence says whether data went with it."""
    gone = change("aws_dynamodb_table", Action.DELETE)
    (finding,) = _found(change("aws_dynamodb_table", Action.CREATE), drift=(gone,))
    assert finding.sentence.endswith("would be created again; what it held is lost")
    (lesser,) = _found(
        change("aws_lambda_alias", Action.CREATE), drift=(change("aws_lambda_alias", Action.DELETE),)
    )
    assert (finding.severity, lesser.severity) == (Severity.HIGH, Severity.MEDIUM)


def test_what_cannot_be_judged_is_found() -> None:
    """An unfinished plan, a change put off, a failing check and a read during apply are findings."""
    assert _ids(complete=False) == {"unproven/incomplete"}
    assert _ids(deferred=(DeferredChange("unknown", change("aws_a", Action.CREATE)),)) == {
        "unproven/deferred"
    }
    assert _ids(checks=(Check("check.c", "fail", ("bad",)),)) == {"unproven/check"}
    assert _ids(checks=(Check("check.c", "error"),)) == {"unproven/check"}
    assert _ids(checks=(Check("check.c", "unknown"), Check("check.d", "pass"))) == set()
    assert _ids(change("data.aws_ssm_parameter", Action.READ)) == {"unproven/read"}
    assert _ids(change("data.aws_iam_policy_document", Action.READ)) == set()


def test_findings_come_most_severe_first_and_in_a_fixed_order() -> None:
    """The order depends on what was found, not on the order of the plan."""
    changes = (
        change("aws_lambda_alias", Action.DELETE),
        change("aws_s3_bucket", Action.DELETE),
        change("aws_dynamodb_table", Action.DELETE),
    )
    found = _found(*changes)
    assert found == _found(*reversed(changes))
    assert [finding.severity.rank for finding in found] == sorted(finding.severity.rank for finding in found)
    assert found[0].address == "aws_dynamodb_table.it"


def test_ids_that_settings_name_stay_what_they_are() -> None:
    """An environment's settings may accept a finding by its id, so ids do not change between versions."""
    subject = "policy: xray:PutTelemetryRecords, xray:PutTraceSegments on *"
    address = "aws_iam_role_policy.PaymentApi_Function_WriteTraces_B7AB40E9"
    finding = Finding("access/grant", Kind.ACCESS, Severity.HIGH, address, "in any words", subject=subject)
    assert finding.id == "access/grant:893c42026ff2"


def test_a_finding_is_written_and_read() -> None:
    """A finding kept beside a change set comes back the same; one that was altered is refused."""
    (finding,) = _found(_update("aws_cloudwatch_log_group", "retention_in_days", 30, 7))
    document = finding.to_json()
    assert Finding.from_json(document) == finding
    for altered in ({"address": "aws_other.it"}, {"kind": "harmless"}, {"severity": "none"}, {"more": 1}):
        with pytest.raises(RefusedError):
            Finding.from_json({**document, **altered})


def test_an_ordinary_release_has_no_findings() -> None:
    """New code with its digest, version and variables is what every release does."""
    update = change(
        "aws_lambda_function",
        Action.UPDATE,
        attribute("source_code_hash", "a", "b"),
        attribute("version", "1", Unknown()),
        attribute("environment.0.variables.RELEASE", "sha256:a", "sha256:b"),
        attribute("last_modified", "x", Unknown()),
    )
    assert _found(update) == []
