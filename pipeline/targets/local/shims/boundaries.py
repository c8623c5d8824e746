"""A permissions boundary bounds.

The emulator stores a role's boundary and then forgets it: a role may do all that its policies say. On AWS it
may do only what its policies and its boundary both allow, and conditions can ask for the boundary.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

import logging
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam

from pipeline.targets.local.shims.authorization import BOUNDARY_ASKED

_log = logging.getLogger(__name__)


def install() -> None:
    """Judge what a role's policies allow once more, by its boundary."""
    enforce = iam_evaluator.enforce

    def within_boundary(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        asked = BOUNDARY_ASKED.get()
        if service == "iam" and asked:
            service_context = {**(service_context or {}), "iam:PermissionsBoundary": asked}
        denied = enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        if denied is not None or iam_action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:  # noqa: SLF001 (AWS's own list)
            return denied
        principal = iam_evaluator.resolve_principal(access_key_id or "", get_account_id())
        boundary = _boundary(principal)
        if boundary is None:
            return None
        context = iam_evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=principal.account,
            action=iam_action,
            resource_arn=resource_arn,
            region=region,
            service_context={name.lower(): value for name, value in (service_context or {}).items()},
        )
        result = iam_evaluator.evaluate(context, [boundary])
        return None if result.decision == "Allow" else result

    iam_evaluator.enforce = within_boundary


def _boundary(principal: Any) -> list[Any] | None:
    """Return the statements of the principal's boundary, or None where it has none."""
    if principal.type != "AssumedRole":
        return None
    name = iam_evaluator._role_name_from_assumed_arn(principal.arn)  # noqa: SLF001 (its own reading of its own ARNs)
    role = iam._roles.get_scoped(principal.account, None, name) or {}  # noqa: SLF001 (its store has no other door)
    arn = role.get("PermissionsBoundary")
    if not arn:
        return None
    document = iam_evaluator._resolve_managed_policy_document(arn, principal.account)  # noqa: SLF001 (as above)
    if not document:
        _log.warning(
            "%s has the boundary %s, which does not exist: AWS would not have made the role", name, arn
        )
        return None
    return list(iam_evaluator.parse_policy_document(document) or [])
