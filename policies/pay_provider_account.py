"""Which account a release touches."""

from collections.abc import Iterable
from typing import Any

from policies.gate.policy import ProviderPolicy
from policies.gate.stack import Stack

ALLOWED = {"region", "allowed_account_ids"}


class PayProviderAccount(ProviderPolicy):
    """A release touches only the account that it is promoted to, by credentials from outside.

    Risk: with the wrong credentials at hand, dev's change lands in prod's account.
    Fix: set `allowed_account_ids` to the variable `account_id`, and nothing else but the region.
    """

    policy = "PAY_PROVIDER_2"

    def problems(self, provider: dict[str, Any], stack: Stack) -> Iterable[str]:  # noqa: ARG002  # the same anywhere
        """Another account, or settings that decide who acts or where."""
        if provider.get("allowed_account_ids") != ["${var.account_id}"]:
            yield f"it may touch {provider.get('allowed_account_ids')}, expected the variable account_id"
        if others := sorted(provider.keys() - ALLOWED - {"//"}):
            yield f"it sets {', '.join(others)}"


check = PayProviderAccount()
