"""IAM policies as literal JSON, so that whoever reads the stack, person or program, can see them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

VERSION = "2012-10-17"


def statement(
    sid: str,
    actions: Sequence[str] | str,
    resources: Sequence[str] | str | None = None,
    *,
    principal: Mapping[str, str] | str | None = None,
    condition: Mapping[str, Mapping[str, Any]] | None = None,
    effect: str = "Allow",
) -> dict[str, Any]:
    """One statement; what is not given is left out."""
    made: dict[str, Any] = {
        "Sid": sid,
        "Effect": effect,
        "Action": actions if isinstance(actions, str) else list(actions),
    }
    if resources is not None:
        made["Resource"] = resources if isinstance(resources, str) else list(resources)
    if principal is not None:
        made["Principal"] = principal if isinstance(principal, str) else dict(principal)
    if condition is not None:
        made["Condition"] = {test: dict(keys) for test, keys in condition.items()}
    return made


def policy(*statements: Mapping[str, Any]) -> str:
    """A policy document in a fixed form: the same statements give the same text."""
    document = {"Version": VERSION, "Statement": [dict(one) for one in statements]}
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
