"""What differs between two releases: resources of the stacks, files of the package, everything else by name."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

from pipeline.model.release import LAMBDA_PACKAGE, Release
from pipeline.stores.releases import CorruptReleaseError, ReleaseStore

_NAMED = 8
NOTHING = "nothing"


def differences(store: ReleaseStore, release: str, before: str | None) -> tuple[str, ...]:
    """Return what differs from the release before, one line each.

    Raises:
        TollgateError: One of them is missing from the store, or damaged.
    """
    new = store.load(release)
    if before is None:
        return ("the first release in this ledger",)
    old = store.load(before)
    lines: list[str] = []
    titles = sorted({layer.title for layer in (*new.layers, *old.layers)})
    for title in titles:
        lines += _of_file(store, title, old, new)
    return tuple(lines) or (NOTHING,)


def _of_file(store: ReleaseStore, title: str, old: Release, new: Release) -> Iterator[str]:
    digests = [
        next((layer.digest for layer in release.layers if layer.title == title), None)
        for release in (old, new)
    ]
    if digests[0] == digests[1]:
        return
    if None in digests:
        yield f"{title}: {'new' if digests[0] is None else 'gone'}"
        return
    contents = store.read(old, title), store.read(new, title)
    if title == LAMBDA_PACKAGE:
        yield from _lines(title, "file", *(_files(content) for content in contents))
    elif title.startswith("stacks/"):
        yield from _lines(title, "block", *(blocks_of(content, title) for content in contents))
    else:
        yield f"{title}: another content"


def _lines(title: str, noun: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    found = tuple(named_differences(title, noun, old, new))
    yield from found or (f"{title}: only its spelling",)


def named_differences(
    title: str, noun: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[str]:
    """Yield what is gone, changed and new among named things, a line each."""
    added = sorted(new.keys() - old.keys())
    gone = sorted(old.keys() - new.keys())
    changed = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
    for verb, names in (("gone", gone), ("changed", changed), ("new", added)):
        if names:
            yield f"{title}: {len(names)} {noun}{'' if len(names) == 1 else 's'} {verb}: {_named(names)}"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _files(package: bytes) -> Mapping[str, object]:
    try:
        with zipfile.ZipFile(BytesIO(package)) as archive:
            return {info.filename: (info.CRC, info.file_size) for info in archive.infolist()}
    except zipfile.BadZipFile:
        raise CorruptReleaseError("the Lambda package of a release is no zip file") from None


def blocks_of(stack: bytes, title: str) -> Mapping[str, object]:
    """Return the resources, data sources, outputs and variables of a stack by their addresses."""
    try:
        document = json.loads(stack)
    except ValueError:
        raise CorruptReleaseError(f"{title} of a release is not JSON") from None
    found: dict[str, object] = {}
    for section, kinds in document.items():
        if section in {"resource", "data"}:
            prefix = "data." if section == "data" else ""
            for kind, blocks in kinds.items():
                found |= {f"{prefix}{kind}.{name}": block for name, block in blocks.items()}
        elif section != "//":
            found[section] = kinds
    return found
