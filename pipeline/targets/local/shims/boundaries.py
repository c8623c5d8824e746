"""A permissions boundary bounds.

The emulator stores a role's boundary, whether there is such a policy or not, and then forgets it: a role may do
all that its policies say. On AWS it may do only what its policies and its boundary both allow, conditions can
ask for the boundary, and no role gets a boundary that does not exist.
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
"""

from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam

from pipeline.targets.local.shims.authorization import BOUNDARY_ASKED

_GIVING_A_BOUNDARY = ("CreateRole", "PutRolePermissionsBoundary")


def install() -> None:
    """Judge what a role's policies allow once more, by its boundary, which has to be there."""
    for operation in _GIVING_A_BOUNDARY:
        iam._IAM_HANDLERS[operation] = _asking_for_the_policy(iam._IAM_HANDLERS[operation])  # noqa: SLF001 (its only door)
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


def _asking_for_the_policy(give: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def give_what_exists(params: Any) -> Any:
        arn = iam._p(params, "PermissionsBoundary")  # noqa: SLF001 (its own reading of its forms)
        if arn and not _document(arn, get_account_id()):
            message = f"Scope ARN: {arn} does not exist or is not attachable."
            return iam._error(404, "NoSuchEntity", message, ns="iam")  # noqa: SLF001 (its own form of an error)
        return give(params)

    return give_what_exists


def _document(arn: str, account_id: str) -> Any:
    return iam_evaluator._resolve_managed_policy_document(arn, account_id)  # noqa: SLF001 (its only door)


def _boundary(principal: Any) -> list[Any] | None:
    """Return the statements of the principal's boundary, or None where it has none."""
    if principal.type != "AssumedRole":
        return None
    name = iam_evaluator._role_name_from_assumed_arn(principal.arn)  # noqa: SLF001 (its own reading of its own ARNs)
    role = iam._roles.get_scoped(principal.account, None, name) or {}  # noqa: SLF001 (its store has no other door)
    arn = role.get("PermissionsBoundary")
    if not arn:
        return None
    # A wall that was torn down later lets nothing through.
    return list(iam_evaluator.parse_policy_document(_document(arn, principal.account) or {}) or [])
