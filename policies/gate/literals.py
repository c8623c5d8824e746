"""Texts that should never stand in a release: secrets, account ids, other regions."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from policies.gate.stack import without_comment

_KNOWN_SECRETS = re.compile(
    r"(?:A3T|AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|whsec_[A-Za-z0-9]{8,}|xox[abprs]-[A-Za-z0-9-]{8,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@$]+:[^/\s:@$]+@"
)
_SECRET_KEY = re.compile(
    r"(?i)(?:secret|password|passwd|token|credential|private_?key|access_?key|api_?key)s?$"
)
_REFERENCE = re.compile(r"\$\{[^{}]*\}|aws_\w+\.[\w-]+")
_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
# Not after `":`, where JSON inside a text has a number: an account id stands there in quotes.
_ACCOUNT = re.compile(r'(?<![0-9A-Fa-f])(?<!":)(?<!": )[0-9]{12}(?![0-9A-Fa-f])')
_REGION = re.compile(
    r"(?<![a-z0-9])[a-z]{2}(?:-(?:gov|iso[a-z]?))?-(?:north|south|east|west|central)[a-z]*-[0-9](?![0-9])"
)
# Bits per character: English, identifiers and hexadecimal (at most 4) stay below; random base64 is above.
_RANDOM_BITS = 4.5


def secret_like(value: Any, path: str = "") -> Iterator[str]:
    """Where a value holds a literal that looks like a secret, without repeating it."""
    for where, key, text in _texts(value, path, ""):
        bare = _REFERENCE.sub("", text)
        if _KNOWN_SECRETS.search(bare):
            yield f"{where} holds what looks like a key or a token"
        elif _SECRET_KEY.search(key) and bare and bare == text and not _is_switch(text):
            yield f"{where} is called a secret and holds a literal"
        elif any(_bits(word) > _RANDOM_BITS for word in _RANDOM.findall(bare)):
            yield f"{where} holds a long random text"


def account_ids(value: Any, path: str = "") -> Iterator[str]:
    """Where a value holds twelve digits that may be an account."""
    for where, _, text in _texts(value, path, ""):
        if _ACCOUNT.search(_REFERENCE.sub("", text)):
            yield f"{where} holds twelve digits, as an account id has"


def regions(value: Any) -> Iterator[tuple[str, str]]:
    """Where a value names an AWS region, and which."""
    for where, _, text in _texts(value, "", ""):
        for region in _REGION.findall(text):
            yield where, region


def _is_switch(text: str) -> bool:
    return text.lower() in {"true", "false", "none"} or text.isdigit()


def _texts(value: Any, path: str, key: str) -> Iterator[tuple[str, str, str]]:
    """Every text and number with its path and nearest key; keys are texts as well."""
    if isinstance(value, dict):
        for name, inner in value.items() if path else without_comment(value):
            yield path or name, "", name
            yield from _texts(inner, f"{path}.{name}" if path else name, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, path, key)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield path, key, str(value)


def _bits(word: str) -> float:
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())
