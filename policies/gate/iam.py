"""Permission documents in a stack, read so that whatever cannot be read counts as allowing everything."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from policies.gate.stack import Resource, as_list, strict_json

# Where documents stand: what a principal may do, and who may do something to a resource.
IDENTITY = {
    "aws_iam_policy": ("policy",),
    "aws_iam_role_policy": ("policy",),
    "aws_iam_role": ("inline_policy",),
}
TRUST = {
    "aws_api_gateway_rest_api": ("policy",),
    "aws_iam_role": ("assume_role_policy",),
    "aws_s3_bucket": ("policy",),
    "aws_s3_bucket_policy": ("policy",),
    "aws_secretsmanager_secret": ("policy",),
    "aws_sns_topic": ("policy",),
    "aws_sns_topic_policy": ("policy",),
}
_KEYS = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
}


@dataclass(frozen=True)
class Statement:
    """One statement of a document, in its plainest form.

    Attributes:
        allows: Whether it is an Allow.
        actions: The actions; `*` where it names those it is not about.
        resources: The resources; `*` likewise; empty where the document has none.
        principals: The principals as `kind:who`; `*` likewise.
        condition: The condition's tests.
        text: How to point at it.
    """

    allows: bool
    actions: list[str]
    resources: list[str]
    principals: list[str]
    condition: dict[str, dict[str, Any]]
    text: str


EVERYTHING = Statement(
    allows=True,
    actions=["*"],
    resources=["*"],
    principals=["*"],
    condition={},
    text="what is not literal JSON",
)


def statements(resource: Resource, where: Mapping[str, tuple[str, ...]]) -> list[Statement]:
    """The statements of a resource's documents in these arguments."""
    return [
        statement
        for argument in where.get(resource.type, ())
        for text in _texts(resource.body.get(argument))
        for statement in _read(text)
    ]


def covers(patterns: list[str], action: str) -> bool:
    """Whether one of the patterns reaches an action; IAM compares without regard to case."""
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _texts(value: Any) -> Iterator[Any]:
    """A document, or those of `inline_policy` blocks."""
    for item in as_list(value):
        yield item.get("policy", "{}") if isinstance(item, dict) else item


def _read(text: Any) -> list[Statement]:
    try:
        document = strict_json(text)
        return [_statement(statement) for statement in as_list(document["Statement"])]
    except (TypeError, ValueError, KeyError, AttributeError):
        return [EVERYTHING]


def _statement(raw: dict[str, Any]) -> Statement:
    condition = raw.get("Condition", {})
    if (
        not raw.keys() <= _KEYS
        or raw.get("Effect") not in {"Allow", "Deny"}
        or not isinstance(condition, dict)
    ):
        return EVERYTHING
    return Statement(
        allows=raw["Effect"] == "Allow",
        actions=_listed(raw, "Action") or ["*"],
        resources=_listed(raw, "Resource"),
        principals=["*"] if "NotPrincipal" in raw else list(_principals(raw.get("Principal"))),
        condition=condition,
        text=str(raw.get("Sid") or raw.get("Action")),
    )


def _listed(raw: dict[str, Any], key: str) -> list[str]:
    return ["*"] if f"Not{key}" in raw else [str(item) for item in as_list(raw.get(key))]


def _principals(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for kind, who in value.items():
            yield from (f"{kind}:{one}" for one in as_list(who))
    elif value is not None:
        yield str(value)
