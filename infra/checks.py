"""What Props ask of their values; the numbers in a message are those of the comparison."""

from collections.abc import Sequence

from infra.errors import InfraError
from infra.providers import Token


def within(
    field: str, value: float | None, lowest: float, highest: float, *, why: str, parts: bool = False
) -> None:
    """Refuse a number outside `lowest`..`highest`; a token, whose value Terraform will know, and None pass.

    Args:
        field: What it is called.
        value: The number.
        lowest: The least it may be.
        highest: The most it may be.
        why: Where the range comes from.
        parts: Whether a number need not be a whole one.

    Raises:
        InfraError: Naming the field, the value, the range and where it comes from.
    """
    counts = isinstance(value, (int, float) if parts else int) and not isinstance(value, bool)
    # Whether it is a token is asked last: Node.js has to answer.
    if value is None or (counts and lowest <= value <= highest) or Token.is_unresolved(value):
        return
    if not counts:
        raise InfraError(f"{field} is {value!r}, expected a {'number' if parts else 'whole number'}")
    raise InfraError(f"{field} is {value}, expected {lowest} to {highest}: {why}")


def one_of(field: str, value: str, allowed: Sequence[str], *, why: str) -> None:
    """Refuse a word that is not in `allowed`.

    Raises:
        InfraError: Naming the field, the word and the allowed ones.
    """
    if value not in allowed and not Token.is_unresolved(value):
        raise InfraError(f"{field} is {value!r}, expected one of {', '.join(allowed)}: {why}")
