"""Does one IAM pattern match everything that another one matches?

The answer may be a wrong no (then a person looks), never a wrong yes.
"""

import re

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
    """Try each `*` with as little as it can match, and give the last one more where that does not do."""
    i = j = after_star = matched = 0
    while j < len(narrower):
        if i < len(wider) and wider[i] == "*":
            i += 1
            after_star, matched = i, j
        elif i < len(wider) and _is_alike(wider[i], narrower[j]):
            i, j = i + 1, j + 1
        elif after_star:
            matched += 1
            i, j = after_star, matched
        else:
            return False
    return all(step == "*" for step in wider[i:])


def _is_alike(wider: str, narrower: str) -> bool:
    """True for one token against one token; a `*` is matched by another `*` only."""
    return narrower != "*" and (wider == narrower or (wider == "?" and len(narrower) == 1))
