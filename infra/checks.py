"""What Props ask of their values; the numbers in a message are those of the comparison."""

import math
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
    if value is None or (counts and lowest <= value <= highest) or _is_token(value):
        return
    if not counts:
        raise InfraError(f"{field} is {value!r}, expected a {'number' if parts else 'whole number'}")
    raise InfraError(f"{field} is {value}, expected {lowest} to {highest}: {why}")


def flag(field: str, value: object) -> None:
    """Refuse what is neither true nor false.

    Raises:
        InfraError: Naming the field and the value.
    """
    if not isinstance(value, bool):
        raise InfraError(f"{field} is {value!r}, expected True or False")


def text(field: str, value: object) -> None:
    """Refuse what is no text.

    Raises:
        InfraError: Naming the field and the value.
    """
    if not isinstance(value, str):
        raise InfraError(f"{field} is {value!r}, expected a text")


def one_of(field: str, value: object, allowed: Sequence[object], *, why: str) -> None:
    """Refuse what is not in `allowed`.

    Raises:
        InfraError: Naming the field, the value and the allowed ones.
    """
    if value not in allowed and not _is_token(value):
        raise InfraError(f"{field} is {value!r}, expected one of {', '.join(map(str, allowed))}: {why}")


def _is_token(value: object) -> bool:
    """Whether Terraform will know the value; asked last, because Node.js answers, and no infinity has a form for it."""
    return not (isinstance(value, float) and not math.isfinite(value)) and bool(Token.is_unresolved(value))
