"""Terraform's three parallel trees (value, what is unknown, what is sensitive) as one list of attributes."""

from collections.abc import Callable, Iterator
from typing import Any

from pipeline.deploy.plan_secrets import SecretSieve
from pipeline.model.errors import RefusedError
from pipeline.model.values import Known, Path, Secret, Unknown, Value

Explain = Callable[[Path], Unknown]
"""Says what the unknown value at a path is computed from."""


class AttributeReader:
    """Reads the attributes of one resource, output or variable.

    Args:
        place: What the digests of its secrets are bound to, `("aws_s3_bucket.log",)`.
        sieve: Decides what is secret.
        explain: Says where unknown values come from.
    """

    def __init__(self, place: Path, sieve: SecretSieve, explain: Explain) -> None:
        self._place = place
        self._sieve = sieve
        self._explain = explain

    def leaves(
        self, value: Any, unknown: Any, sensitive: Any, path: Path = (), whole: frozenset[Path] = frozenset()
    ) -> Iterator[tuple[Path, Value]]:
        """Yield every attribute that is set or will be: a list of plain values is one, null is none.

        Args:
            value: The value, where it is known.
            unknown: Terraform's tree of what is unknown.
            sensitive: Terraform's tree of what is sensitive.
            path: Where in the resource this is.
            whole: Paths that count as one attribute even if they have parts.
        """
        self._check_mask(unknown, path)
        self._check_mask(sensitive, path)
        if sensitive is True:
            if value is not None or _any(unknown):
                yield path, self._hidden(path, value, unknown)
        elif unknown is True:
            yield path, self._explain(path)
        elif path in whole and value is not None:
            yield path, self._lump(path, value, sensitive)
        elif isinstance(value, dict) or isinstance(unknown, dict):
            yield from self._branches(value, unknown, sensitive, path, whole)
        elif isinstance(value, list) and (_any(unknown) or _any(sensitive) or any(map(_is_container, value))):
            for position, item in enumerate(value):
                under = _under(unknown, position), _under(sensitive, position)
                yield from self.leaves(item, *under, (*path, position), whole)
        elif value is not None:
            yield path, self._shown(path, value)

    def whole(self, value: Any, unknown: Any, sensitive: Any) -> Value:
        """Return all of it as one value: secret if any part is, else unknown if any part is."""
        if _any(sensitive) and (value is not None or _any(unknown)):
            return self._hidden((), value, unknown)
        if _any(unknown):
            return self._explain(())
        return None if value is None else self._lump((), value, None)

    def _lump(self, path: Path, value: Any, sensitive: Any) -> Value:
        plain = _plain(value, path)
        parts = self.leaves(value, None, sensitive, path)
        if any(isinstance(part, Secret) for _, part in parts):
            return self._sieve.hide((*self._place, *path), plain)
        return Known.of(plain)

    def _branches(
        self, value: Any, unknown: Any, sensitive: Any, path: Path, whole: frozenset[Path]
    ) -> Iterator[tuple[Path, Value]]:
        if value is not None and not isinstance(value, dict):
            raise RefusedError(f"the plan says that parts of {path} are unknown, but it has no parts")
        known = value or {}
        coming = {name for name in unknown if _any(unknown[name])} if isinstance(unknown, dict) else set()
        names = sorted({*known, *coming})
        if not names and value is not None:
            yield path, Known.of({})
        for name in names:
            under = _under(unknown, name), _under(sensitive, name)
            yield from self.leaves(known.get(name), *under, (*path, name), whole)

    def _shown(self, path: Path, value: Any) -> Value:
        plain = _plain(value, path)
        return (
            self._sieve.hide((*self._place, *path), plain)
            if self._sieve.is_secret(path, plain)
            else Known.of(plain)
        )

    def _hidden(self, path: Path, value: Any, unknown: Any) -> Value:
        if not _any(unknown):
            return self._sieve.hide((*self._place, *path), _plain(value, path))
        return Unknown(self._explain(path).references, secret=True)

    def _check_mask(self, mask: Any, path: Path) -> None:
        if not (mask is None or isinstance(mask, bool | dict | list)):
            raise RefusedError(
                f"the plan marks {'.'.join(map(str, (*self._place, *path)))} with {mask!r},"
                " which this version does not know"
            )


def sensitive_parts(value: Any, sensitive: Any) -> Iterator[Any]:
    """Yield every part of `value` that is marked as sensitive."""
    if sensitive is True:
        yield value
    elif isinstance(sensitive, dict) and isinstance(value, dict):
        for name, mark in sensitive.items():
            yield from sensitive_parts(value.get(name), mark)
    elif isinstance(sensitive, list) and isinstance(value, list):
        for item, mark in zip(value, sensitive, strict=False):
            yield from sensitive_parts(item, mark)


def _any(mask: Any) -> bool:
    if isinstance(mask, dict):
        return any(_any(item) for item in mask.values())
    if isinstance(mask, list):
        return any(_any(item) for item in mask)
    return mask is True


def _under(mask: Any, step: str | int) -> Any:
    if isinstance(mask, dict) and isinstance(step, str):
        return mask.get(step)
    if isinstance(mask, list) and isinstance(step, int) and step < len(mask):
        return mask[step]
    return None


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list)


def _plain(value: Any, path: Path) -> Any:
    """Spell equal numbers equally: Terraform has one kind of number, JSON readers have two."""
    if isinstance(value, float):
        if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - only NaN differs from itself
            raise RefusedError(f"the plan holds at {path} a number that JSON has no spelling for")
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return [_plain(item, path) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item, path) for name, item in value.items()}
    return value
