"""Settings as one thing that has a digest: every file that decides over a release, pinned and carried together."""

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.host.files import scratch_folder
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.settings.reading import SettingsError
from pipeline.settings.tree import is_setting, read_tree

_ATTEMPTS = 5


@dataclass(frozen=True)
class Bundle:
    """Settings files.

    Attributes:
        files: Each file's bytes by its path below the project's root.
    """

    files: Mapping[str, bytes]

    @classmethod
    def read(cls, root: Path) -> "Bundle":
        """Return the settings of the checkout at `root`.

        Raises:
            SettingsError: A file is a link, cannot be read, or has a name that not every machine can keep.
        """
        return cls(_fitting(read_tree(root)))

    @classmethod
    def from_document(cls, document: bytes) -> "Bundle":
        """Read back what `document` gave, in its one spelling and no other.

        Raises:
            SettingsError: It is another spelling, or names what is no settings file.
        """
        try:
            found = json.loads(document)
            files = {name: _decoded(value) for name, value in found.items()}
            bundle = cls(_fitting(files))
            same = bundle.document == document
        except (ValueError, TypeError, AttributeError, RecursionError):
            same = False
        if not same:
            message = "a document of settings is not in its one spelling (canonical JSON, path to text)"
            raise SettingsError(message, "it was altered or cut: restore it from another copy of the ledger")
        return bundle

    @cached_property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits over the canonical JSON of path to SHA-256 of each file."""
        return sha256_digest(
            canonical_bytes(
                {name: sha256_digest(content).removeprefix("sha256:") for name, content in self.files.items()}
            )
        )

    @cached_property
    def document(self) -> bytes:
        """All files as canonical JSON: path to text, or to `{"base64": …}` where the bytes are no UTF-8."""
        return canonical_bytes({name: _encoded(content) for name, content in self.files.items()})

    def differences(self, other: "Bundle") -> tuple[str, ...]:
        """Say how `other` differs from these settings, a sentence for each file; empty where it does not."""
        said = []
        for name in sorted({*self.files, *other.files}):
            if name not in self.files:
                said.append(f"{name} was added")
            elif name not in other.files:
                said.append(f"{name} was removed")
            elif self.files[name] != other.files[name]:
                said.append(f"{name} differs")
        return tuple(said)

    def diff(self, other: "Bundle") -> Iterator[str]:
        """Yield how `other` differs from these settings, line by line, as `diff -u` says it."""
        for name in sorted({*self.files, *other.files}):
            before, after = self.files.get(name), other.files.get(name)
            if before == after:
                continue
            sides = ("/dev/null" if before is None else name, "/dev/null" if after is None else name)
            old, new = (_lines(content) for content in (before, after))
            if old is None or new is None:
                yield f"{name} is no text; its bytes differ"
                continue
            yield from unified_diff(old, new, *sides, lineterm="")
            if old == new:
                yield f"{name} is empty on one side and missing on the other"

    def unpack(self, folder: Path) -> Path:
        """Return a folder below `folder` that holds exactly these files, as they are seen to lie there now.

        What was altered since, what was added (compiled Python too, which would run instead) and what is a link
        is thrown away, and everything is written anew.

        Raises:
            TollgateError: It cannot be written, or somebody keeps altering it.
        """
        place = folder / self.digest.removeprefix("sha256:")
        for _ in range(_ATTEMPTS):
            if self._lies_at(place):
                return place
            with scratch_folder(folder, "unpacking") as scratch:
                for name, content in self.files.items():
                    path = scratch / "new" / name
                    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    path.write_bytes(content)
                with suppress(FileNotFoundError):
                    place.rename(scratch / "old")
                with suppress(OSError):  # another run may have been faster: what it wrote is looked at next
                    (scratch / "new").rename(place)
        message = f"the pinned settings at {place} cannot be kept as they are"
        raise TollgateError(message, "see what alters the files there, and stop it")

    def _lies_at(self, place: Path) -> bool:
        """Whether exactly these files are there, plain files in plain folders."""
        found: dict[str, bytes] = {}
        folders = {"."}.union(*(_parents(name) for name in self.files))
        try:
            if place.is_symlink() or not place.is_dir():
                return False
            for path, below, names in os.walk(place):
                here = Path(path).relative_to(place)
                if here.as_posix() not in folders or any((Path(path) / name).is_symlink() for name in below):
                    return False
                for name in names:
                    file = Path(path) / name
                    known = self.files.get((here / name).as_posix())
                    if known is None or file.is_symlink() or not file.is_file():
                        return False
                    found[(here / name).as_posix()] = file.read_bytes()
        except OSError:
            return False
        return found == dict(self.files)


def _fitting(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files if they can lie beside one another on any machine.

    Raises:
        SettingsError: One is no settings file, is a folder too, or differs from another by capitals only.
    """
    spelt: dict[str, str] = {}
    for name in files:
        if not is_setting(name):
            message = f"settings hold {name!r:.100}, which is no settings file"
            raise SettingsError(
                message, "settings are tollgate.toml, noxfile.py, environments/ and policies/"
            )
        for each in (name, *_parents(name)):
            known = spelt.setdefault(each.casefold(), each)
            if known != each or (each != name and each in files):
                message = (
                    f"settings hold {known!r:.100} and {name!r:.100}, which some machines cannot tell apart"
                )
                raise SettingsError(message, "rename one of them")
    return dict(files)


def _parents(name: str) -> set[str]:
    return {parent.as_posix() for parent in Path(name).parents} - {"."}


def _lines(content: bytes | None) -> list[str] | None:
    """Return the lines of a text, line ends of another kind kept visible; None where it is no text."""
    try:
        return (content or b"").decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return None


def _encoded(content: bytes) -> Any:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


def _decoded(value: Any) -> bytes:
    """Return the bytes that `_encoded` gave; whether it is their one spelling is seen by encoding them again.

    Raises:
        ValueError: It is no such value.
    """
    if isinstance(value, str):
        return value.encode("utf-8")
    if not isinstance(value, dict) or set(value) != {"base64"} or not isinstance(value["base64"], str):
        raise ValueError("neither text nor base64")
    try:
        return base64.b64decode(value["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
