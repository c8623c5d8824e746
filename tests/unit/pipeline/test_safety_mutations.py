"""The mutation suite of the change set: every rule bites on the real stack's plan, and every rule is needed."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from pipeline.model.change_set import ChangeSet
from pipeline.model.errors import RefusedError
from pipeline.model.safety import RULES, Finding, Kind, Severity, findings, needs_person
from pipeline.model.safety.rules import registered
from pipeline.model.safety.tolerance import NOT_TOLERATED
from tests.unit.pipeline.change_sets import KEY, PROVIDER, Plan, read, recorded

_ROLE = "arn:aws:iam::111111111111:role/operators-dev"
_STAGING = "no-widening"
_SETTINGS = "aws_api_gateway_method_settings"


def _ordinary() -> Plan:
    """The plan of an ordinary release over the real `payments-dev` stack as it was recorded.

    The recorded plan weakens the stack in many places; of those its `before` is kept, and what every release
    does stays: another function and another deployment of the API.
    """
    plan = recorded("weakened-stack")
    for item in plan["resource_changes"]:
        if item["type"] not in {"aws_api_gateway_deployment", "aws_lambda_function"}:
            _set(item, "no-op", copy.deepcopy(item["change"]["before"]))
    plan["output_changes"] = {}
    return plan


def _set(item: dict[str, Any], action: str, after: Any) -> dict[str, Any]:
    sides = {"before": None if action == "create" else item["change"]["before"], "after": after}
    actions = {"replace": ["delete", "create"]}.get(action, [action])
    item["change"] = {"actions": actions, **sides, "after_unknown": {}}
    item.pop("action_reason", None)
    return item


def _of(plan: Plan, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in plan["resource_changes"] if item["type"] == kind)
    return found


def _update(plan: Plan, kind: str, **after: Any) -> None:
    item = _of(plan, kind)
    _set(item, "update", {**copy.deepcopy(item["change"]["before"]), **after})


def _destroy(plan: Plan, kind: str) -> None:
    _set(_of(plan, kind), "delete", None)


def _replace(plan: Plan, kind: str) -> None:
    item = _of(plan, kind)
    _set(item, "replace", copy.deepcopy(item["change"]["before"]))


def _forget(plan: Plan, kind: str) -> None:
    _set(_of(plan, kind), "forget", None)


def _add(plan: Plan, kind: str, **after: Any) -> dict[str, Any]:
    """Create one more, like the one that is there if there is one."""
    like = next((item for item in plan["resource_changes"] if item["type"] == kind), None)
    values = {**copy.deepcopy(like["change"]["before"]), **after} if like else after
    item = {
        "address": f"{kind}.Another",
        "mode": "managed",
        "type": kind,
        "name": "Another",
        "provider_name": PROVIDER,
        "change": {"actions": ["create"], "before": None, "after": values, "after_unknown": {}},
    }
    plan["resource_changes"].append(item)
    return item


def _policy(plan: Plan, kind: str, *more: dict[str, Any], keep: bool = True) -> None:
    document = json.loads(_of(plan, kind)["change"]["before"]["policy"])
    document["Statement"] = [*(document["Statement"] if keep else []), *more]
    _update(plan, kind, policy=json.dumps(document))


def _lose_index(plan: Plan) -> None:
    table = _of(plan, "aws_dynamodb_table")["change"]["before"]
    _update(plan, "aws_dynamodb_table", global_secondary_index=table["global_secondary_index"][:1])


def _hide_policy(plan: Plan) -> None:
    _update(plan, "aws_iam_role_policy")
    change = _of(plan, "aws_iam_role_policy")["change"]
    del change["after"]["policy"]
    change["after_unknown"] = {"policy": True}


def _trust_more(plan: Plan) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    wider = {**trust, "Principal": {"AWS": "*"}}
    item = _add(plan, "aws_iam_role", name="another-dev")
    sides = [
        {"name": "another-dev", "assume_role_policy": json.dumps({"Statement": s})} for s in (trust, wider)
    ]
    item["change"] = {"actions": ["update"], "before": sides[0], "after": sides[1], "after_unknown": {}}


def _expire_existing(plan: Plan) -> None:
    kind = "aws_s3_bucket_lifecycle_configuration"
    item = _of(plan, kind)
    _set(item, "create", item["change"]["before"])


def _expire_inside(plan: Plan) -> None:
    rules = copy.deepcopy(_of(plan, "aws_s3_bucket")["change"]["before"]["lifecycle_rule"])
    rules[0]["expiration"][0]["days"] = 1
    _update(plan, "aws_s3_bucket", lifecycle_rule=rules)


def _give_body(plan: Plan) -> None:
    item = _add(plan, "aws_api_gateway_rest_api", name="another-dev")
    sides = {"before": {"name": "another-dev"}, "after": {"name": "another-dev", "body": "{}"}}
    item["change"] = {"actions": ["update"], **sides, "after_unknown": {}}


def _guard_another(plan: Plan) -> None:
    _replace(plan, "aws_s3_bucket_public_access_block")
    _of(plan, "aws_s3_bucket_public_access_block")["change"]["after"]["bucket"] = "another-dev"


def _move(plan: Plan) -> None:
    _of(plan, "aws_api_gateway_method")["previous_address"] = "aws_api_gateway_method.Earlier"


def _import(plan: Plan) -> None:
    _of(plan, "aws_dynamodb_table")["change"]["importing"] = {"id": "transactions-dev"}


def _lose_by_hand(plan: Plan) -> None:
    gone = copy.deepcopy(_of(plan, "aws_api_gateway_method"))
    before = gone["change"]["before"]
    plan["resource_drift"] = [_set(gone, "delete", None)]
    _set(_of(plan, "aws_api_gateway_method"), "create", before)


def _change_by_hand(plan: Plan) -> None:
    ours = _of(plan, "aws_lambda_function")["change"]["before"]
    theirs = {**ours, "memory_size": ours["memory_size"] * 2}
    drift = copy.deepcopy(_of(plan, "aws_lambda_function"))
    plan["resource_drift"] = [_set(drift, "update", theirs)]
    back = {"actions": ["update"], "before": theirs, "after": ours, "after_unknown": {}}
    _of(plan, "aws_lambda_function")["change"] = back


def _leave_out(plan: Plan) -> None:
    plan["complete"] = False


def _put_off(plan: Plan) -> None:
    item = _add(plan, "aws_sns_topic", name="another-dev")
    plan["resource_changes"].remove(item)
    plan["deferred_changes"] = [{"reason": "resource_config_unknown", "resource_change": item}]


def _fail_check(plan: Plan) -> None:
    plan["checks"] = [{"address": {"to_display": "check.healthy"}, "status": "fail", "instances": []}]


def _read_later(plan: Plan) -> None:
    item = _add(plan, "aws_ssm_parameter", name="/payments/dev")
    item["mode"], item["address"] = "data", "data.aws_ssm_parameter.Another"
    item["change"]["actions"] = ["read"]


@dataclass(frozen=True)
class Mutation:
    """A change of the ordinary plan that one rule alone keeps from going through.

    Attributes:
        kills: The rule that notices.
        change: What is done to the plan.
        beside: Rules that speak too, but only of what staging tolerates without a person.
    """

    kills: str
    change: Callable[[Plan], Any]
    beside: frozenset[str] = frozenset()


_ALLOW_ALL = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
_ATTACHED = {"role": "payments-api-function-dev", "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"}
_GRANT = {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "arn:aws:dynamodb:r:1:table/t"}

MUTATIONS: Final = (
    Mutation("access/attribute", lambda p: _update(p, "aws_lambda_function", role=_ROLE)),
    Mutation("access/attribute", lambda p: _add(p, "aws_s3_object", acl="public-read")),
    Mutation("access/grant", lambda p: _policy(p, "aws_iam_role_policy", _GRANT)),
    Mutation("access/open-method", lambda p: _add(p, "aws_api_gateway_method", api_key_required=False)),
    Mutation("access/open-method", _give_body),
    Mutation("access/refusal-lost", lambda p: _policy(p, "aws_s3_bucket_policy", keep=False)),
    Mutation("access/resource", lambda p: _add(p, "aws_iam_role_policy_attachment", **_ATTACHED)),
    Mutation("access/role", lambda p: _add(p, "aws_lambda_function", function_name="another-dev")),
    Mutation("access/stage", lambda p: _add(p, "aws_api_gateway_stage", stage_name="second-dev")),
    Mutation("access/stage", lambda p: _update(p, "aws_api_gateway_deployment", stage_name="second-dev")),
    Mutation("access/statement", lambda p: _policy(p, "aws_s3_bucket_policy", _ALLOW_ALL)),
    Mutation("access/statement", _trust_more),
    Mutation("access/unreadable", _hide_policy),
    Mutation("data-loss/delete", lambda p: _destroy(p, "aws_dynamodb_table")),
    Mutation("data-loss/index", _lose_index),
    Mutation("data-loss/replace", lambda p: _replace(p, "aws_cloudwatch_log_group")),
    Mutation("data-loss/retention", lambda p: _update(p, "aws_cloudwatch_log_group", retention_in_days=1)),
    Mutation("data-loss/retention", _expire_existing),
    Mutation("data-loss/retention", _expire_inside),
    Mutation("disruption/delete", lambda p: _destroy(p, "aws_api_gateway_method")),
    Mutation("disruption/replace", lambda p: _replace(p, "aws_api_gateway_method")),
    Mutation("drift/gone", _lose_by_hand),
    Mutation("drift/undone", _change_by_hand),
    Mutation("outside/forget", lambda p: _forget(p, "aws_dynamodb_table")),
    Mutation("outside/import", _import),
    Mutation("outside/move", _move),
    Mutation("outside/name", lambda p: _add(p, "aws_cloudwatch_log_group", name="/aws/lambda/payments-prod")),
    Mutation("outside/shared", lambda p: _add(p, "aws_iam_account_alias", account_alias="payments")),
    Mutation(
        "protection/removed",
        lambda p: _destroy(p, "aws_cloudwatch_metric_alarm"),
        beside=frozenset({"disruption/delete"}),
    ),
    Mutation("protection/removed", _guard_another, beside=frozenset({"disruption/replace"})),
    Mutation("protection/weaker", lambda p: _add(p, _SETTINGS, method_path="payments/POST")),
    Mutation(
        "protection/weaker", lambda p: _update(p, "aws_api_gateway_method", request_validator_id="laxer")
    ),
    Mutation(
        "protection/unlisted",
        lambda p: _update(p, "aws_lambda_function", logging_config=[{"log_group": "/elsewhere"}]),
    ),
    Mutation(
        "protection/weaker",
        lambda p: _update(
            p,
            "aws_s3_bucket_versioning",
            versioning_configuration=[{"mfa_delete": "", "status": "Suspended"}],
        ),
    ),
    Mutation("unproven/check", _fail_check),
    Mutation("unproven/deferred", _put_off),
    Mutation("unproven/incomplete", _leave_out),
    Mutation("unproven/read", _read_later),
)


def _read(plan: Plan) -> ChangeSet:
    return read(plan, environment="dev", suffix="dev", account_id="111111111111", secret_key=KEY)


def _rules(found: tuple[Finding, ...]) -> set[str]:
    return {finding.rule for finding in found}


def test_the_unmutated_plan_has_nothing_to_think_about() -> None:
    """What an ordinary release does to the real stack is no finding at all."""
    ordinary = _read(_ordinary())
    assert {change.type for change in ordinary.changes} == {
        "aws_api_gateway_deployment",
        "aws_lambda_function",
    }
    assert findings(ordinary) == ()
    assert needs_person(ordinary, (), _STAGING) == ()


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=[f"{number}-{m.kills}" for number, m in enumerate(MUTATIONS)]
)
def test_each_mutation_is_noticed_by_one_rule_alone(mutation: Mutation) -> None:
    """The rule notices; without it, no rule says anything that staging would ask a person about."""
    plan = _ordinary()
    mutation.change(plan)
    mutated = _read(plan)

    assert _rules(findings(mutated)) == {mutation.kills} | mutation.beside

    without = findings(mutated, rules=RULES.keys() - {mutation.kills})
    assert _rules(without) == mutation.beside
    assert needs_person(mutated, without, _STAGING) == ()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.kills)
def test_no_mutation_goes_where_its_kind_is_not_tolerated(mutation: Mutation) -> None:
    """With all rules, an environment that does not tolerate the kind asks a person and says why."""
    plan = _ordinary()
    mutation.change(plan)
    mutated = _read(plan)
    kind = RULES[mutation.kills]
    for tolerates, kinds in NOT_TOLERATED.items():
        told = any(kind.value in reason for reason in needs_person(mutated, findings(mutated), tolerates))
        assert told == (kind in kinds)


def test_every_rule_is_needed() -> None:
    """The suite names exactly the rules that there are."""
    assert {mutation.kills for mutation in MUTATIONS} == set(RULES)


@pytest.mark.parametrize(
    ("rule", "kind"), [("disruption/invented", Kind.DISRUPTION), ("disruption/delete", Kind.DRIFT)]
)
def test_a_rule_that_is_not_registered_refuses(rule: str, kind: Kind) -> None:
    """A rule without its place in the registry, or of another kind, does not judge silently."""
    found = Finding(rule, kind, Severity.LOW, "aws_a.it", "something")
    with pytest.raises(RefusedError, match=f"the rule {rule} found something"):
        list(registered([found]))
