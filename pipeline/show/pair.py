"""Two long texts beside each other: what they share is folded, every place where they differ is shown or counted."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from pipeline.show.text import FOLD_AT, folded

_CONTEXT = 24
_MOST_PLACES = 6
_MOST_WORDS = 400
"""Finer than this two texts are not compared: the time it takes grows with the square."""

_WORDS = re.compile(r"\\.|\w+|\s+|.", re.DOTALL)


class Pair(NamedTuple):
    """Two texts, folded.

    Attributes:
        before: The one.
        after: The other.
        hidden: How many places differ and are not, or not whole, in them.
    """

    before: str
    after: str
    hidden: int = 0


class _Place(NamedTuple):
    """A stretch of both texts: the same in both, or not."""

    before: str
    after: str

    @property
    def differs(self) -> bool:
        return self.before != self.after


def folded_pair(before: str, after: str) -> Pair:
    """Return both with what they share folded; places that differ beyond the first few are counted."""
    if len(before) <= FOLD_AT and len(after) <= FOLD_AT:
        return Pair(before, after)
    places = list(_places(before, after))
    differing = [number for number, place in enumerate(places) if place.differs]
    shown = differing[:_MOST_PLACES]
    cut = sum(max(map(len, places[number])) > FOLD_AT for number in shown)
    last = shown[-1] + 1 if shown else 0
    hidden = len(differing) - len(shown)
    sides = (_side(places[:last], places[last:], side) for side in (0, 1))
    texts = [
        text if len(whole) <= FOLD_AT and not hidden else f"{text} ({len(whole)} characters)"
        for text, whole in zip(sides, (before, after), strict=True)
    ]
    return Pair(texts[0], texts[1], hidden + cut)


def _side(shown: Sequence[_Place], rest: Sequence[_Place], side: int) -> str:
    """Lay out one of the texts: of what is shared only what touches a difference."""
    pieces = []
    for number, place in enumerate(shown):
        text = place[side]
        if place.differs:
            pieces.append(folded(text))
        else:
            pieces.append(_shared(text, is_first=number == 0))
    return "".join(pieces) + _end("".join(place[side] for place in rest))


def _shared(text: str, *, is_first: bool) -> str:
    left = "" if is_first else text[:_CONTEXT]
    return text if len(text) <= 2 * _CONTEXT else f"{left}…{text[-_CONTEXT:]}"


def _end(text: str) -> str:
    return text if len(text) <= 2 * _CONTEXT else f"{text[:_CONTEXT]}…"


def _places(before: str, after: str) -> Iterator[_Place]:
    """Yield the stretches of both texts in their order; the shared and the differing ones take turns."""
    start = _shared_beginning(before, after)
    old, new = before[start:], after[start:]
    end = _shared_beginning(old[::-1], new[::-1])
    if start:
        yield _Place(before[:start], before[:start])
    yield from _inside(old[: len(old) - end], new[: len(new) - end])
    if end:
        yield _Place(before[-end:], before[-end:])


def _inside(old: str, new: str) -> Iterator[_Place]:
    words = _WORDS.findall(old), _WORDS.findall(new)
    if max(map(len, words)) > _MOST_WORDS:
        yield _Place(old, new)
        return
    matcher = SequenceMatcher(None, *words, autojunk=False)
    for _, first, last, other_first, other_last in matcher.get_opcodes():
        yield _Place("".join(words[0][first:last]), "".join(words[1][other_first:other_last]))


def _shared_beginning(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
