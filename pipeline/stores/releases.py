"""The release store: releases and what is attached to them, in an OCI image layout on disk.

A registry, where one is named, is a remote of it: what is not here is pulled from there, and what was made here is
pushed there. Every manifest and blob is hashed on each read; what does not match its name is never used.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import EMPTY_CONFIG, RELEASE_TYPE, Release, is_digest
from pipeline.stores.layout import CorruptReleaseError, Layout, corrupt
from pipeline.stores.manifests import (
    SAFE_TITLE,
    MalformedError,
    attached_manifest,
    attached_of,
    json_object,
    release_of,
)

__all__ = ["Copy", "CorruptReleaseError", "ReleaseStore", "Remote"]


class Remote(Protocol):
    """Where releases go that other machines shall find; what comes from there is verified before it is saved."""

    def push(self, layout: Layout, digest: str) -> None:
        """Send a release and everything attached to it."""

    def pull(self, layout: Layout, digest: str) -> None:
        """Bring a release, and everything that is listed there as attached to it."""

    def pull_attached(self, layout: Layout, digest: str) -> None:
        """Bring one attached document by its own digest, whether or not it is listed."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of an attached document.

    Attributes:
        subject: The digest that it is about.
        kind: Its type.
        content: Its bytes.
    """

    subject: str
    kind: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReleaseStore:
    """Releases and what is attached to them, by digest.

    Attributes:
        path: The image layout's folder.
        remote: Where releases come from that are not here. Default: from nowhere.
        copies: Gives, for an attached document's digest, what it is about, its type and its bytes, where somebody
            else keeps a copy (the ledger keeps one of every statement). Default: nobody does.
    """

    path: Path
    remote: Remote | None = None
    copies: Callable[[str], Copy | None] = lambda _: None

    def save(self, files: Mapping[str, bytes]) -> Release:
        """Keep `files` as a release; saving the same files again changes nothing.

        Raises:
            TollgateError: The disk is full or not writable, or a name is unsafe; the store is as it was.
        """
        for title in files:
            if not SAFE_TITLE.fullmatch(title):
                message = f"a release cannot hold a file called {title!r}"
                raise TollgateError(message, "use letters, digits and `._-`, with `/` between folders")
        release = Release.of(files)
        for content in (EMPTY_CONFIG, *files.values()):
            self._layout.save_blob(content)
        self._layout.save_manifest(release.manifest)
        return release

    def attach(self, subject: str, kind: str, document: Mapping[str, Any]) -> str:
        """Attach a JSON document to the manifest `subject` as an OCI referrer; return the referrer's digest."""
        content = canonical_bytes(document)
        self._layout.save_blob(EMPTY_CONFIG)
        self._layout.save_blob(content)
        manifest = attached_manifest(subject, len(self._layout.read(subject)), kind, content)
        self._layout.save_manifest(manifest)
        return sha256_digest(manifest)

    def attached(self, subject: str, kind: str) -> tuple[dict[str, Any], ...]:
        """Return the documents of one kind attached to `subject`, oldest first.

        Raises:
            CorruptReleaseError: One of them is missing or altered.
        """
        return tuple(self._document(digest) for digest in self._layout.attached(subject, kind))

    def document(self, digest: str) -> dict[str, Any]:
        """Return the attached document whose referrer has this digest (what `attach` returned).

        This is the way to evidence that the ledger names: a registry's list of what is attached is only a hint.

        Raises:
            TollgateError: It is neither here nor in the registry, or it is altered.
        """
        # A copy stands in for what was never here. What is here and altered is not passed over in silence.
        copy = None if self._layout.holds(digest) else self.copies(digest)
        if copy is not None and self._is_copy(digest, copy):
            return json_object(copy.content)
        if self.remote is not None and not self._layout.is_whole(digest):
            self.remote.pull_attached(self._layout, digest)
        return self._document(digest)

    def load(self, digest: str) -> Release:
        """Return the release with this digest, every one of its files verified.

        Raises:
            CorruptReleaseError: It is not in the store, or something in it is missing or altered.
            TollgateError: The registry it would come from does not give it.
        """
        _require_digest(digest)
        try:
            return self._load(digest)
        except CorruptReleaseError:
            if self.remote is None:
                raise
            self.remote.pull(self._layout, digest)
        return self._load(digest)

    def push(self, digest: str) -> None:
        """Send a release and everything attached to it to the registry; without a registry, do nothing.

        Raises:
            TollgateError: The registry does not take it; what it took is of no harm, and a later push goes on there.
        """
        if self.remote is not None:
            self.remote.push(self._layout, digest)

    def pull(self, digest: str) -> None:
        """Bring a release and everything that is attached to it from the registry; without one, do nothing.

        Raises:
            TollgateError: The registry does not give it, or gives something else.
        """
        _require_digest(digest)
        if self.remote is not None:
            self.remote.pull(self._layout, digest)

    def holds(self, digest: str) -> bool:
        """Whether the store has a manifest with this digest (its content is judged by `load`)."""
        return self._layout.holds(digest)

    def releases(self) -> tuple[str, ...]:
        """Return the digests of the releases that are here, oldest first."""
        return self._layout.of_kind(RELEASE_TYPE)

    def remove(self, digests: Collection[str], *, dry_run: bool = False) -> int:
        """Remove releases, with what is attached to them, from here; return the bytes that this frees.

        Raises:
            TollgateError: The store is damaged or cannot be written; nothing was removed then.
        """
        return self._layout.remove(digests, dry_run=dry_run)

    def read(self, release: Release, title: str) -> bytes:
        """Return the bytes of one file of a release, verified.

        Raises:
            CorruptReleaseError: The file is missing or altered.
        """
        return self._layout.read(release.layer(title).digest)

    def _is_copy(self, digest: str, copy: Copy) -> bool:
        """Whether a copy is what the digest names: the manifest that would attach it has exactly this digest."""
        with suppress(CorruptReleaseError, MalformedError):
            size = len(self._layout.read(copy.subject))
            return sha256_digest(attached_manifest(copy.subject, size, copy.kind, copy.content)) == digest
        return False

    @property
    def _layout(self) -> Layout:
        return Layout(self.path)

    def _load(self, digest: str) -> Release:
        try:
            release = release_of(self._layout.read(digest))
        except MalformedError as error:
            raise corrupt(digest, str(error)) from None
        for layer in release.layers:
            if len(self._layout.read(layer.digest)) != layer.size:
                raise corrupt(layer.digest, "has another size than its manifest says")
        return release

    def _document(self, digest: str) -> dict[str, Any]:
        try:
            _, blob = attached_of(self._layout.read(digest))
            return json_object(self._layout.read(blob.digest))
        except MalformedError as error:
            raise corrupt(digest, str(error)) from None


def _require_digest(digest: str) -> None:
    if not is_digest(digest):
        message = f"{digest!r} is not a release digest, which is `sha256:` and 64 hex digits"
        raise TollgateError(message, "copy one from `nox -s status`")
