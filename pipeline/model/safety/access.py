"""Wider access: who may do what, and what is newly allowed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.finding import Finding, Kind, Severity
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.safety.policy_text import NOTHING, UNREADABLE, Grant, Policy, by_resource, read_policy
from pipeline.model.safety.stack_text import written_at, written_text
from pipeline.model.values import Known, Path, Unknown, Value

Stack = Mapping[str, Any]

_POLICY_NAMES = frozenset({"policy", "assume_role_policy", "inline_policy", "access_policies"})
_POLICY_SETTINGS = frozenset({"block_public_policy", "security_policy", "update_policy"})

# Resources that are nothing but access: another one, or another form of one, is looked at by a person.
ACCESS_TYPES = (
    "aws_api_gateway_usage_plan_key",
    "aws_cognito_identity_pool_roles_attachment",
    "aws_iam_access_key",
    "aws_iam_group",
    "aws_iam_instance_profile",
    "aws_iam_openid_connect_provider",
    "aws_iam_policy_attachment",
    "aws_iam_role_polic",  # aws_iam_role_policy_attachment, aws_iam_role_policies_exclusive
    "aws_iam_saml_provider",
    "aws_iam_service",
    "aws_iam_user",
    "aws_kms_grant",
    "aws_lakeformation_permissions",
    "aws_lambda_function_url",
    "aws_lambda_layer_version_permission",
    "aws_lambda_permission",
    "aws_cloudwatch_event_permission",
    "aws_network_acl",
    "aws_ram_",
    "aws_rolesanywhere_",
    "aws_s3_access_point",
    "aws_s3_bucket_acl",
    "aws_security_group",
    "aws_ssoadmin_",
    "aws_vpc_security_group",
)
_NOT_ONLY_ACCESS = frozenset({"aws_iam_role_policy"})  # judged by what its policy says

# Attributes that say as whom something acts, and who may, on any resource.
_ROLE_NAMES = frozenset(
    {
        "credentials",
        "iam_instance_profile",
        "role",
        "role_arn",
        "service_role",
    }
)
ACCESS_NAMES = _ROLE_NAMES | {
    "acl",
    "grant",
    "managed_policy_arns",
    "permissions_boundary",
    "publicly_accessible",
}
_FREE_NAMES = frozenset({"parameters", "tags", "tags_all", "variables"})  # below, anybody names anything

# What a policy is on: the same text on something else gives access to something else.
_ATTACHED_TO = (
    "arn",
    "bucket",
    "function_name",
    "group",
    "key_id",
    "queue_url",
    "resource_arn",
    "role",
    "secret_arn",
    "user",
)


def find(change_set: ChangeSet, stack: Stack | None, baseline: Stack | None) -> Iterator[Finding]:
    """Yield a finding for everything that is newly allowed, or that cannot be judged."""
    for change in change_set.changes:
        if change.action not in {Action.READ, Action.KEEP, Action.FORGET}:
            yield from _policies(change, stack, baseline)
            yield from _access_resource(change, stack, baseline)
            yield from _access_attributes(change)


def _policies(change: ResourceChange, stack: Stack | None, baseline: Stack | None) -> Iterator[Finding]:
    for attribute in change.attributes:
        if not attribute.changes or not _is_policy(attribute) or is_left_open(attribute):
            continue
        before, after = _read(attribute.before), _read(attribute.after)
        if change.action is Action.CREATE and len(attribute.path) == 1:
            # Compared as written: what is a reference in one environment is a reference in the other.
            name = str(attribute.path[0])
            if (text := written_text(stack, change.address, name)) is not None:
                after = read_policy(text)
            same = _is_on_the_same(change.address, stack, baseline)
            before = read_policy(written_text(baseline, change.address, name)) if same else NOTHING
        yield from _widened(change, attribute, before, after)


def _is_on_the_same(address: str, stack: Stack | None, baseline: Stack | None) -> bool:
    """True unless both stacks write the policy, and on different things."""
    here, there = written_at(stack, address), written_at(baseline, address)
    if here is None or there is None:
        return True
    return all(here.get(name) == there.get(name) for name in _ATTACHED_TO)


def _widened(
    change: ResourceChange, attribute: AttributeChange, before: Policy, after: Policy
) -> Iterator[Finding]:
    def finding(rule: str, severity: Severity, subject: str, sentence: str) -> Finding:
        return Finding(
            f"access/{rule}",
            Kind.ACCESS,
            severity,
            change.address,
            f"{change.label} {sentence}",
            subject=f"{attribute.name}: {subject}",
        )

    if not after.is_readable or not before.is_readable:
        yield about(
            change,
            "access/unreadable",
            Kind.ACCESS,
            f"{change.label} gets a policy that cannot be judged before it is applied",
            attribute,
        )
        return
    for resource, grants in by_resource(after.newly_granted(before)):
        severity = Severity.HIGH if any(grant.is_broad for grant in grants) else Severity.MEDIUM
        actions = ", ".join(grant.action for grant in grants)
        yield finding("grant", severity, f"{actions} on {resource}", f"newly allows {actions} on {resource}")
    for statement in after.new_others(before):
        refuses = json.loads(statement).get("Effect") == "Deny"
        severity = Severity.LOW if refuses else Severity.HIGH
        word = "newly refuses" if refuses else "newly says in a form that only a person can judge"
        yield finding("statement", severity, statement, f"{word}: {statement}")
    for statement in after.lost_refusals(before):
        yield finding("refusal-lost", Severity.HIGH, statement, f"no longer refuses: {statement}")


def _access_resource(
    change: ResourceChange, stack: Stack | None, baseline: Stack | None
) -> Iterator[Finding]:
    if not change.type.startswith(ACCESS_TYPES) or change.type in _NOT_ONLY_ACCESS:
        return
    if change.action is Action.DELETE:
        return  # less access than before
    proven = written_at(baseline, change.address)
    if change.action is Action.CREATE and proven is not None and proven == written_at(stack, change.address):
        return
    news = (
        attribute
        for attribute in change.attributes
        if attribute.changes and attribute.after is not None and not is_left_open(attribute)
    )
    told = ", ".join(f"{attribute.name} {_short(attribute.after)}" for attribute in news)
    word = "newly gives access" if change.action is Action.CREATE else "gives access in another way"
    yield Finding(
        "access/resource",
        Kind.ACCESS,
        Severity.HIGH if change.action is not Action.CREATE else Severity.MEDIUM,
        change.address,
        f"{change.label} {word}: {told}" if told else f"{change.label} {word}",
        subject=told,
    )


def _access_attributes(change: ResourceChange) -> Iterator[Finding]:
    if change.action is Action.CREATE or change.action is Action.DELETE:
        return
    for attribute in change.attributes:
        if attribute.changes and not is_left_open(attribute) and _names_access(attribute.path):
            yield about(
                change,
                "access/attribute",
                Kind.ACCESS,
                f"{change.label} gets another {attribute.name}, which decides who may do what",
                attribute,
            )


def is_role(path: Path) -> bool:
    """True if the attribute says as whom something acts."""
    names = [step for step in path if isinstance(step, str)]
    free = not _FREE_NAMES.isdisjoint(names)
    return any(name in _ROLE_NAMES or name.endswith("_role_arn") for name in names[: 1 if free else None])


def _names_access(path: Path) -> bool:
    return path[0] in ACCESS_NAMES or is_role(path)


def decides_access(kind: str, path: Path) -> bool:
    """True if the attribute of a new resource decides who may do what; `role` of a policy is whom it is on."""
    if kind in _NOT_ONLY_ACCESS or kind.startswith(ACCESS_TYPES):
        return False
    return _names_access(path)


def _is_policy(attribute: AttributeChange) -> bool:
    names = [step for step in attribute.path if isinstance(step, str)]
    if not names or names[-1] in _POLICY_SETTINGS:
        return False
    named = any(name in _POLICY_NAMES or name.endswith("_policy") for name in names)
    return (
        (named and _has_text(attribute))
        or _says_statement(attribute.before)
        or _says_statement(attribute.after)
    )


def _has_text(attribute: AttributeChange) -> bool:
    """A setting such as `deletion_policy = true` is no document."""
    return any(
        value is not None and not (isinstance(value, Known) and not isinstance(value.value, str))
        for value in (attribute.before, attribute.after)
    )


def _says_statement(value: Value) -> bool:
    text = _text(value)
    return text is not None and '"Statement"' in text


def _text(value: Value) -> str | None:
    match value:
        case Known() if isinstance(value.value, str):
            return value.value
        case Unknown(expression=expression):
            return expression
        case _:
            return None


def _read(value: Value) -> Policy:
    if value is None:
        return NOTHING
    text = _text(value)
    return UNREADABLE if text is None else read_policy(text)


def _short(value: Value) -> str:
    match value:
        case Known():
            return value.json
        case Unknown(references=references):
            return f"of {', '.join(references)}" if references else "known after apply"
        case _:
            return "(secret)"


__all__ = ["Grant", "decides_access", "find", "is_role"]
