"""What the stacks of a release must have in common."""

from pathlib import Path
from typing import Any

from policies.gate.across_stacks import judge_across
from policies.gate.stack import Stack


def release(dev: Any = None, staging: Any = None, prod: Any = None) -> list[Stack]:
    """Three stacks with these resources, by default one small table each."""
    table = {"aws_dynamodb_table": {"t": {"name": "t", "read_capacity": 5}}}
    return [
        Stack(f"payments-{name}", name, Path(name), "", {"resource": resources or table})
        for name, resources in (("dev", dev), ("staging", staging), ("prod", prod))
    ]


def found(stacks: list[Stack]) -> list[tuple[str, str]]:
    """Policy and reason of each finding."""
    return [(finding.policy, finding.reason) for finding in judge_across(stacks)]


def table(**body: Any) -> Any:
    """A stack's resources: one table."""
    return {"aws_dynamodb_table": {"t": {"name": "t", "read_capacity": 5, **body}}}


def test_the_same_everywhere_is_nothing_to_find() -> None:
    """Three alike stacks mirror each other."""
    assert found(release()) == []


def test_comments_of_the_synthesizer_do_not_count() -> None:
    """Construct paths name the stack, so they differ; that is no difference."""
    staging = table(**{"//": {"metadata": {"path": "payments-staging/t"}}})

    assert found(release(staging=staging)) == []


def test_a_text_that_names_its_own_environment_is_no_difference() -> None:
    """Each may say which it is; neither may name the other, and `product` is not `prod`."""
    staging, prod = table(tags={"Environment": "staging"}), table(tags={"Environment": "prod"})

    assert found(release(staging=staging, prod=prod)) == []
    assert found(release(staging=prod, prod=prod)) != []
    assert found(release(staging=table(of="staginguct"), prod=table(of="product"))) != []


def test_an_environment_that_is_added_has_the_types_of_prod() -> None:
    """A fourth stack is compared with prod like dev's; nothing is passed over because of its name."""
    qa = Stack("payments-qa", "qa", Path("qa"), "", {"resource": {"aws_sns_topic": {"t": {"name": "t"}}}})

    assert found([*release(), qa]) == [
        ("PAY_MIRROR_1", "payments-qa has aws_sns_topic, payments-prod has none"),
        ("PAY_MIRROR_1", "payments-prod has aws_dynamodb_table, payments-qa has none"),
    ]


def test_a_type_that_only_one_has_is_found() -> None:
    """A resource type of dev's own, or one that dev lacks, is named with both stacks."""
    topic = {"aws_sns_topic": {"t": {"name": "t"}}}

    assert ("PAY_MIRROR_1", "payments-dev has aws_sns_topic, payments-prod has none") in found(
        release(dev=topic)
    )
    assert ("PAY_MIRROR_1", "payments-prod has aws_dynamodb_table, payments-dev has none") in found(
        release(dev=topic)
    )


def test_a_resource_that_prod_alone_has_is_found() -> None:
    """Staging must have each of prod's resources."""
    prod = {"aws_dynamodb_table": {**table()["aws_dynamodb_table"], "second": {"name": "s"}}}

    assert found(release(prod=prod)) == [("PAY_MIRROR_2", "only payments-prod has aws_dynamodb_table.second")]


def test_less_capacity_in_staging_is_meant() -> None:
    """A listed number may be lower in staging."""
    assert found(release(prod=table(read_capacity=50))) == []


def test_more_capacity_in_staging_is_found() -> None:
    """A listed number may not be higher in staging."""
    assert found(release(staging=table(read_capacity=50))) == [
        ("PAY_MIRROR_3", "read_capacity is 50 in staging and 5 in prod")
    ]


def test_capacity_that_is_missing_on_one_side_is_found() -> None:
    """A listed number that one of them lacks has no order."""
    assert found(release(prod=table(write_capacity=1))) == [
        ("PAY_MIRROR_3", "write_capacity is None in staging and 1 in prod")
    ]


def test_an_alarm_may_be_tighter_in_prod_only() -> None:
    """Thresholds may be higher in staging, not lower; those on capacity follow the capacity."""

    def alarm(name: str, threshold: float) -> Any:
        return {"aws_cloudwatch_metric_alarm": {name: {"threshold": threshold}}}

    assert found(release(alarm("Errors", 1), alarm("Errors", 2), alarm("Errors", 1))) == []
    assert found(release(alarm("Errors", 1), alarm("Errors", 1), alarm("Errors", 2))) != []
    capacity = "TableReadCapacity_1"
    assert found(release(alarm(capacity, 1), alarm(capacity, 1), alarm(capacity, 2))) == []
    assert found(release(alarm(capacity, 1), alarm(capacity, 2), alarm(capacity, 1))) != []


def test_any_other_difference_is_found() -> None:
    """What no list names has to be the same, in nested blocks and in the length of lists too."""
    staging = table(ttl={"enabled": True}, attribute=[{"name": "a"}, {"name": "b"}])
    prod = table(ttl={"enabled": False}, attribute=[{"name": "a"}])

    reasons = [
        reason for policy, reason in found(release(staging=staging, prod=prod)) if policy == "PAY_MIRROR_4"
    ]

    assert "ttl.enabled is True in staging and False in prod" in reasons
    assert "attribute is '2 items' in staging and '1 items' in prod" in reasons
