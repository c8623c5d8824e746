"""How long objects are kept."""

from collections.abc import Iterable

from policies.gate.environments import expected_of
from policies.gate.policy import Policy
from policies.gate.stack import Resource, as_list


class PayS3Retention(Policy):
    """Every bucket keeps its objects as long as its environment says.

    Risk: evidence of payments is gone too early, or personal data stays too long.
    Fix: give the bucket one lifecycle configuration whose one rule expires everything after that many days.
    """

    policy = "PAY_S3_5"
    resources = ("aws_s3_bucket",)

    def problems(self, resource: Resource) -> Iterable[str]:
        """Anything but one enabled rule over all objects with the expected days."""
        days = expected_of(resource.stack.environment).retention_days
        configured = resource.users("aws_s3_bucket_lifecycle_configuration", "bucket")
        rules = [rule for one in configured for rule in one.blocks("rule")]
        if len(rules) != 1:
            yield f"{len(rules)} lifecycle rules, expected 1"
        for rule in rules:
            everything = all(only in ({}, {"prefix": ""}) for only in as_list(rule.get("filter")))
            if rule.get("status") != "Enabled" or not everything or rule.get("prefix"):
                yield "the rule is not enabled for every object"
            if as_list(rule.get("expiration")) != [{"days": days}]:
                yield f"objects expire after {rule.get('expiration')}, expected {days} days"
            if as_list(rule.get("noncurrent_version_expiration")) != [{"noncurrent_days": days}]:
                yield f"replaced versions are not removed after {days} days"
            if not rule.get("abort_incomplete_multipart_upload"):
                yield "incomplete uploads are never removed"


check = PayS3Retention()
