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
        self, value: Any, unknown: Any, sensitive: Any, path: Path = ()
    ) -> Iterator[tuple[Path, Value]]:
        """Yield every attribute that is set or will be: a list of plain values is one, null is none."""
        self._check_mask(unknown, path)
        self._check_mask(sensitive, path)
        if sensitive is True:
            if value is not None or _any(unknown):
                yield path, self._hidden(path, value, unknown)
        elif unknown is True:
            yield path, self._explain(path)
        elif isinstance(value, dict) or isinstance(unknown, dict):
            yield from self._branches(value, unknown, sensitive, path)
        elif isinstance(value, list) and (_any(unknown) or _any(sensitive) or any(map(_is_container, value))):
            for position, item in enumerate(value):
                yield from self.leaves(
                    item, _under(unknown, position), _under(sensitive, position), (*path, position)
                )
        elif value is not None:
            yield path, self._shown(path, value)

    def whole(self, value: Any, unknown: Any, sensitive: Any) -> Value:
        """Return all of it as one value: known, secret if any part is, unknown if any part is."""
        if _any(sensitive):
            sensitive = True
        found = dict(self.leaves(value, _any(unknown), sensitive))
        if any(isinstance(part, Secret) for part in found.values()):
            return self._sieve.hide(self._place, _plain(value, ()))
        return found.get(()) if () in found or not found else Known.of(_plain(value, ()))

    def _branches(self, value: Any, unknown: Any, sensitive: Any, path: Path) -> Iterator[tuple[Path, Value]]:
        if value is not None and not isinstance(value, dict):
            raise RefusedError(f"the plan says that parts of {path} are unknown, but it has no parts")
        known = value or {}
        coming = {name for name in unknown if _any(unknown[name])} if isinstance(unknown, dict) else set()
        names = sorted({*known, *coming})
        if not names and value is not None:
            yield path, Known.of({})
        for name in names:
            yield from self.leaves(
                known.get(name), _under(unknown, name), _under(sensitive, name), (*path, name)
            )

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
