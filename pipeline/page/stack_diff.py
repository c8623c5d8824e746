"""How the stacks of two releases differ, line by line: folded Markdown for a pull request, never longer than given."""

import html
import json
import re
from collections.abc import Iterator, Mapping
from difflib import unified_diff

from pipeline.model.release import Release
from pipeline.page.differences import blocks_of
from pipeline.show.text import safe
from pipeline.stores.releases import ReleaseStore

_STACKS = "stacks/"
_FRAME = 80
"""What closes a part and says how much it leaves out, at most."""


def stack_diffs(store: ReleaseStore, release: str, before: str, room: int) -> str:
    """Return a folded part for each stack that differs, with its blocks as JSON before and after.

    Args:
        store: Holds both releases.
        release: The one.
        before: The other.
        room: How many characters there are; each stack gets an equal share, and says what it leaves out.

    Raises:
        TollgateError: One of the releases is missing from the store, or damaged.
    """
    new, old = store.load(release), store.load(before)
    titles = sorted({layer.title for layer in (*new.layers, *old.layers) if layer.title.startswith(_STACKS)})
    found = {title: list(_lines(_blocks(store, old, title), _blocks(store, new, title))) for title in titles}
    differing = {title: lines for title, lines in found.items() if lines}
    return "".join(_folded(title, lines, room // len(differing)) for title, lines in differing.items())


def _blocks(store: ReleaseStore, release: Release, title: str) -> Mapping[str, object]:
    is_there = any(layer.title == title for layer in release.layers)
    return blocks_of(store.read(release, title), title) if is_there else {}


def _lines(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    for name in sorted({*old, *new}):
        before, after = (_written(side.get(name)) for side in (old, new))
        if before != after:
            yield f"@@ {name}"
            yield from list(unified_diff(before, after, lineterm=""))[2:]


def _written(block: object) -> list[str]:
    if block is None:
        return []
    return json.dumps(block, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _folded(title: str, lines: list[str], room: int) -> str:
    """Return one stack's part; its fence is longer than any run of backticks in it."""
    told = [safe(line) for line in lines]
    longest = max((len(run) for line in told for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    begin = f"\n<details><summary>{html.escape(safe(title))}, line by line</summary>\n\n{fence}diff\n"
    left = room - len(begin) - len(fence) - _FRAME
    kept: list[str] = []
    for line in told:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    more = len(told) - len(kept)
    rest = f"\n{more} more {'line is' if more == 1 else 'lines are'} left out.\n" if more else ""
    body = "".join(f"{line}\n" for line in kept)
    return f"{begin}{body}{fence}\n{rest}\n</details>\n"
