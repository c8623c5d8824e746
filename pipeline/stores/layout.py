"""An OCI image layout on disk that skopeo and oras can read: blobs by their digest, and an index of manifests.

Every blob is hashed on each read; what does not match its name is never used.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.host import lock
from pipeline.host.files import write_atomically
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import MANIFEST_MEDIA_TYPE, is_digest, short
from pipeline.stores.manifests import (
    MalformedError,
    attached_of,
    blobs_of,
    descriptor,
    index_entries,
    index_of,
    json_object,
)

MAX_BLOB_BYTES = 64 * 1024 * 1024
"""Larger than anything Tollgate stores; it is read into memory whole."""

_IN_FLIGHT_SECONDS = 3600
_LAYOUT = canonical_bytes({"imageLayoutVersion": "1.0.0"})


class CorruptReleaseError(TollgateError):
    """A blob or manifest is missing, or is not what its name says."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Blobs and manifests by digest.

    Attributes:
        path: The image layout's folder.
    """

    path: Path

    def holds(self, digest: str) -> bool:
        """Whether there is something of this name (`read` judges its content)."""
        return self._blob_path(digest).exists()

    def lists(self, digest: str) -> bool:
        """Whether the index lists the manifest."""
        return any(entry["digest"] == digest for entry in self._entries())

    def is_whole(self, digest: str) -> bool:
        """Whether the blob is there and is what its name says."""
        with suppress(CorruptReleaseError):
            self.read(digest)
            return True
        return False

    def read(self, digest: str) -> bytes:
        """Return a blob, verified.

        Raises:
            CorruptReleaseError: It is missing or altered.
        """
        path = self._blob_path(digest)
        try:
            if path.stat().st_size > MAX_BLOB_BYTES:
                raise corrupt(digest, "is larger than anything Tollgate stores")
            content = path.read_bytes()
        except FileNotFoundError:
            raise corrupt(digest, "is missing") from None
        except OSError as error:
            raise corrupt(digest, f"cannot be read ({error.strerror or error})") from error
        if sha256_digest(content) != digest:
            raise corrupt(digest, "was altered: its content no longer has this digest")
        return content

    def attached(self, subject: str, kind: str | None = None) -> tuple[str, ...]:
        """Return the digests of the manifests that attach a document to `subject`, oldest first.

        Args:
            subject: The digest that the documents are about.
            kind: Only documents of this type. Default: of every type.

        Raises:
            CorruptReleaseError: A manifest that could be one of them is missing or altered.
        """
        found = []
        for entry in self._entries():
            digest = entry["digest"]
            if kind not in {None, entry.get("artifactType")}:
                continue
            manifest = self.read(digest)
            try:
                if kind is None and "subject" not in json_object(manifest):
                    continue
                about, _ = attached_of(manifest)
            except MalformedError as error:
                raise corrupt(digest, str(error)) from None
            if about == subject:
                found.append(digest)
        return tuple(found)

    def save_blob(self, content: bytes) -> None:
        """Keep a blob; where it is there already, whole, nothing is written.

        Raises:
            TollgateError: The disk is full or not writable.
        """
        digest = sha256_digest(content)
        path = self._blob_path(digest)
        with suppress(OSError):  # what cannot be read is written again
            if sha256_digest(path.read_bytes()) == digest:
                return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"the release store {self.path} cannot be written: {error.strerror or error}"
            raise TollgateError(message, "free space or permissions there, then run again") from error
        write_atomically(path, content, 0o644)

    def save_manifest(self, manifest: bytes) -> None:
        """Keep a manifest and list it in the index; every blob that it names must have been saved before.

        Raises:
            TollgateError: The disk is full or not writable; the index is as it was.
        """
        self.save_blob(manifest)
        digest = sha256_digest(manifest)
        with lock.hold(self.path / ".lock", "writing the release index", wait_seconds=30):
            write_atomically(self.path / "oci-layout", _LAYOUT, 0o644)
            entries = self._entries_without(digest)
            if any(entry["digest"] == digest for entry in entries):
                return
            write_atomically(self.path / "index.json", index_of([*entries, _entry(manifest)]), 0o644)

    def of_kind(self, kind: str) -> tuple[str, ...]:
        """Return the digests of the manifests of one artifact type, oldest first."""
        return tuple(entry["digest"] for entry in self._entries() if entry.get("artifactType") == kind)

    def remove(self, digests: Collection[str], *, dry_run: bool = False) -> int:
        """Remove manifests, what is attached to them, and every blob that nothing names any more.

        The index goes first: whoever reads meanwhile finds a manifest whole or not at all.

        Args:
            digests: Which manifests.
            dry_run: Whether only to count.

        Returns:
            The bytes of the blobs that go.

        Raises:
            TollgateError: A manifest that stays is damaged, or the disk cannot be written; nothing was removed then.
        """
        with lock.hold(self.path / ".lock", "removing releases", wait_seconds=30):
            entries = self._entries()
            manifests = {entry["digest"]: self.read(entry["digest"]) for entry in entries}
            try:
                gone = {name for name, content in manifests.items() if {name, _subject(content)} & {*digests}}
                named = {
                    name: {name, *(blob.digest for blob in blobs_of(manifests[name]))} for name in manifests
                }
            except MalformedError as error:
                raise corrupt(str(self.path), f"lists a manifest that {error}") from None
            needed = set().union(*(blobs for name, blobs in named.items() if name not in gone))
            unneeded = set().union(*(named[name] for name in gone)) - needed
            if not dry_run:
                left = [entry for entry in entries if entry["digest"] not in gone]
                write_atomically(self.path / "index.json", index_of(left), 0o644)
            return sum(self._drop(digest, dry_run=dry_run) for digest in {*unneeded, *self._stray(needed)})

    def _stray(self, needed: Collection[str]) -> Iterator[str]:
        """Yield the blobs that nothing names, but those that were written lately: their manifest may be on its way."""
        for path in self._blobs.iterdir() if self._blobs.is_dir() else ():
            digest = f"sha256:{path.name}"
            age_seconds = time.time() - path.stat().st_mtime
            if is_digest(digest) and digest not in needed and age_seconds >= _IN_FLIGHT_SECONDS:
                yield digest

    def _drop(self, digest: str, *, dry_run: bool) -> int:
        path = self._blob_path(digest)
        try:
            size = path.stat().st_size
            if not dry_run:
                path.unlink()
        except FileNotFoundError:
            return 0
        except OSError as error:
            message = f"the release store {self.path} cannot be written: {error.strerror or error}"
            raise TollgateError(message, "mend its permissions, then run again: it goes on there") from error
        return size

    def _blob_path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise corrupt(str(digest), "is not the name of a blob")
        return self._blobs / digest.removeprefix("sha256:")

    @property
    def _blobs(self) -> Path:
        return self.path / "blobs" / "sha256"

    def _entries(self) -> list[dict[str, Any]]:
        path = self.path / "index.json"
        try:
            return index_entries(path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise corrupt(str(path), f"cannot be read ({error.strerror or error})") from error
        except MalformedError as error:
            raise corrupt(str(path), str(error)) from None

    def _entries_without(self, newest: str) -> list[dict[str, Any]]:
        """Return the index; where it is lost or damaged, one made again from every whole manifest but the newest."""
        if (self.path / "index.json").exists():
            with suppress(CorruptReleaseError):
                return self._entries()
        found = []
        blobs = sorted(self._blobs.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
        for digest in (f"sha256:{path.name}" for path in blobs):
            if digest == newest:
                continue
            with suppress(CorruptReleaseError, MalformedError):
                content = self.read(digest)
                if json_object(content).get("mediaType") == MANIFEST_MEDIA_TYPE:
                    found.append(_entry(content))
        return found


def corrupt(name: str, what: str) -> CorruptReleaseError:
    """Return the error that says what is wrong with something in the store."""
    message = f"the release store is damaged: {name} {what}"
    return CorruptReleaseError(
        message, "nothing was deployed; `nox -s build` makes what this commit holds again, byte for byte"
    )


def _entry(manifest: bytes) -> dict[str, Any]:
    digest = sha256_digest(manifest)
    return descriptor(manifest) | {"annotations": {"org.opencontainers.image.ref.name": short(digest)}}


def _subject(manifest: bytes) -> str | None:
    """Return the digest that an attached document is about; None for what is attached to nothing."""
    return attached_of(manifest)[0] if "subject" in json_object(manifest) else None
