"""Which values of a plan are secret, and what stands in their place.

Three rules, each enough alone: Terraform marks the value as sensitive; its name says so (defence in depth
against a provider or an author who forgot the mark); or its text holds another value that is sensitive
somewhere in the plan.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from pipeline.model.values import Path, Secret, keyed_digest

_WORDS = frozenset(
    {"password", "passwd", "passphrase", "secret", "secrets", "token", "tokens", "credential", "credentials"}
)
_PAIRS = frozenset({("private", "key"), ("access", "key"), ("signing", "key"), ("encryption", "key")})
_HARMLESS_ENDINGS = frozenset({"arn", "arns"})  # an ARN names a secret and does not tell it
_SPLIT = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LOOKS_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:sk|rk)_(?:live|test)_[0-9A-Za-z]{8,}"
    r"|\bgh[pousr]_[0-9A-Za-z]{20,}"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
_SHORTEST_TRACE = 6
"""Shorter sensitive texts occur everywhere by chance, and hiding every `true` would hide the change set."""


class SecretSieve:
    """Decides what may be shown, and gives a keyed digest for what may not.

    Args:
        key: The key of the digests, kept beside the state.
        sensitive: Every value that the plan marks as sensitive anywhere.
    """

    def __init__(self, key: bytes, sensitive: Iterable[Any]) -> None:
        self._key = key
        self._traces = frozenset(
            trace for value in sensitive for trace in _texts(value) if len(trace) >= _SHORTEST_TRACE
        )
        keyed_digest(key, (), None)  # a key too short is refused even where there is no secret today

    def is_secret(self, path: Path, value: Any) -> bool:
        """True if `value` at `path` must not be shown although Terraform does not mark it."""
        if value is None or isinstance(value, bool):
            return False
        if any(isinstance(step, str) and name_says_secret(step) for step in path):
            return True
        return any(self._text_is_secret(text) for text in _texts(value))

    def hide(self, place: Path, value: Any) -> Secret:
        """Return what stands for `value`."""
        return Secret(keyed_digest(self._key, place, value))

    def _text_is_secret(self, text: str) -> bool:
        return (
            _LOOKS_SECRET.search(text) is not None
            or any(trace in text for trace in self._traces)
            or _document_has_secret(text)
        )


def name_says_secret(name: str) -> bool:
    """True if a value of this name is to be treated as a secret."""
    words = [word.lower() for word in _SPLIT.findall(name)]
    if not words or words[-1] in _HARMLESS_ENDINGS:
        return False
    return not _WORDS.isdisjoint(words) or not _PAIRS.isdisjoint(pairwise(words))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _document_has_secret(text: str) -> bool:
    """True if `text` is a JSON document with a text under a name that says secret."""
    if not text.lstrip().startswith(("{", "[")):
        return False
    try:
        return _holds_secret(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _holds_secret(document: Any) -> bool:
    if isinstance(document, dict):
        return any(
            (isinstance(item, str) and name_says_secret(name)) or _holds_secret(item)
            for name, item in document.items()
        )
    return isinstance(document, list) and any(_holds_secret(item) for item in document)
