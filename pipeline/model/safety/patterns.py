"""Does one IAM pattern match everything that another one matches?

The answer may be a wrong no (then a person looks), never a wrong yes.
"""

import re
from functools import cache

_TOKEN = re.compile(r"\$\{[^{}]*\}|.", re.DOTALL)
_ARN_PARTS = 6

_Tokens = tuple[str, ...]


def covers(wider: str, narrower: str) -> bool:
    """True if every text that matches `narrower` also matches `wider` (`*` and `?` are wild, case counts)."""
    return _covers(_tokens(wider), _tokens(narrower))


def action_covers(wider: str, narrower: str) -> bool:
    """True if every action that `narrower` names is named by `wider`: actions have no case."""
    return covers(wider.lower(), narrower.lower())


def resource_covers(wider: str, narrower: str) -> bool:
    """True if every resource that `narrower` names is named by `wider`.

    Two ARNs are compared part by part, since a `*` in the middle of one part does not reach into the next.
    """
    one, other = _tokens(wider), _tokens(narrower)
    if one == ("*",):
        return True
    ones, others = _arn_parts(one), _arn_parts(other)
    if ones is not None and others is not None:
        return all(_covers(part, against) for part, against in zip(ones, others, strict=True))
    if ones is not None or others is not None:
        return False
    return _covers(one, other)


def _tokens(pattern: str) -> _Tokens:
    """Split into characters; `${aws:username}` or a reference is one token: only itself and `*` match it."""
    return tuple(_TOKEN.findall(pattern))


def _arn_parts(tokens: _Tokens) -> list[_Tokens] | None:
    if tokens[:4] != ("a", "r", "n", ":"):
        return None
    parts: list[list[str]] = [[]]
    for step in tokens:
        if step == ":" and len(parts) < _ARN_PARTS:
            parts.append([])
        else:
            parts[-1].append(step)
    return [tuple(part) for part in parts] if len(parts) == _ARN_PARTS else None


def _covers(wider: _Tokens, narrower: _Tokens) -> bool:
    @cache
    def from_here(i: int, j: int) -> bool:
        if i == len(wider):
            return j == len(narrower)
        if wider[i] == "*":
            return from_here(i + 1, j) or (j < len(narrower) and from_here(i, j + 1))
        if j == len(narrower) or narrower[j] == "*":
            return False
        alike = wider[i] == narrower[j] or (wider[i] == "?" and len(narrower[j]) == 1)
        return alike and from_here(i + 1, j + 1)

    return from_here(0, 0)
