"""A registry as the remote of the release store: releases and what is attached to them, pushed and pulled by digest.

Blobs go before the manifest that names them, in both directions, so nothing is ever half there. Whatever comes from
the registry is hashed before it is saved, and hashed again on each read; the registry itself is not trusted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.host import lock
from pipeline.model.canonical import sha256_digest
from pipeline.model.release import MANIFEST_MEDIA_TYPE, is_digest, short
from pipeline.stores.layout import MAX_BLOB_BYTES, Layout, corrupt
from pipeline.stores.manifests import (
    Blob,
    MalformedError,
    attached_of,
    blobs_of,
    descriptor,
    release_of,
)
from pipeline.stores.registry_address import Address
from pipeline.stores.registry_connection import (
    MAX_MANIFEST_BYTES,
    Answer,
    Connection,
    RegistryAlteredError,
    RegistryError,
)
from pipeline.stores.registry_referrers import listed, publish

_IS_THERE = {200, 302, 303, 307}
"""Statuses that answer HEAD for a blob: it is here, or it is kept over there."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A repository in a registry; what it holds is found by digest, tags are for people.

    Attributes:
        address: Where it is.
        say: Told what is pushed and pulled, one line each.
    """

    address: Address
    say: Callable[[str], None]

    def push(self, layout: Layout, digest: str) -> None:
        """Send a release, and everything attached to it, unless the registry has it already.

        Raises:
            CorruptReleaseError: The store lacks some of it.
            TollgateError: The registry does not take it; what it took is of no harm, and a later push goes on there.
        """
        manifest = layout.read(digest)
        attached = {one: layout.read(one) for one in layout.attached(digest)}
        with Connection(self.address, pushes=True) as connection:
            sent = self._push_release(connection, layout, manifest)
            known = listed(connection, digest).digests
            missing = [one for name, one in attached.items() if name not in known]
            for one in missing:
                sent += self._push_blobs(connection, layout, one)
                self._put_manifest(connection, one, sha256_digest(one))
            if missing:
                entries = [descriptor(one) for one in attached.values()]
                with lock.hold(layout.path / ".push-lock", "listing what is attached", wait_seconds=120):
                    publish(connection, digest, entries)
        if sent or missing:
            documents = f"{len(attached)} attached document{'' if len(attached) == 1 else 's'}"
            self.say(f"{self.address} has release {short(digest)} with {documents} ({_megabytes(sent)} sent)")

    def pull(self, layout: Layout, digest: str) -> None:
        """Bring a release where the store lacks it, and everything that is listed as attached to it.

        Raises:
            RegistryError: The registry does not have it, or gives something else; nothing of that is saved.
            TollgateError: The disk is full.
        """
        with Connection(self.address, pushes=False) as connection:
            manifest = self._wanted(connection, layout, digest, "release")
            try:
                release_of(manifest)
            except MalformedError as error:
                raise self._wrong(digest, str(error)) from None
            brought = self._bring(connection, layout, manifest)
            documents = [
                self._bring_listed(connection, layout, digest, entry)
                for entry in listed(connection, digest).entries
            ]
        if brought or any(documents):
            what = f"release {short(digest)}" if brought else f"what is attached to release {short(digest)}"
            self.say(f"{what} pulled from {self.address} ({_megabytes(brought + sum(documents))})")

    def pull_attached(self, layout: Layout, digest: str) -> None:
        """Bring one attached document by its own digest, whether or not it is listed.

        Raises:
            RegistryError: The registry does not have it, or gives something else; nothing of that is saved.
        """
        with Connection(self.address, pushes=False) as connection:
            manifest = self._wanted(connection, layout, digest, "attached document")
            try:
                attached_of(manifest)
            except MalformedError as error:
                raise self._wrong(digest, str(error)) from None
            self._bring(connection, layout, manifest)

    # --- pushing

    def _push_release(self, connection: Connection, layout: Layout, manifest: bytes) -> int:
        """Send a release's blobs, then its manifest, then the tag by which people find it; return the bytes sent."""
        digest = sha256_digest(manifest)
        # The tag is written last: where it is right, all the rest is there.
        found = connection.get(f"/manifests/{short(digest)}", accept=MANIFEST_MEDIA_TYPE)
        if found.status == 200 and found.content == manifest:
            return 0
        if found.status not in {200, 404}:
            raise connection.refusal(found)
        size = sum(blob.size for blob in _blobs(manifest))
        self.say(f"pushing release {short(digest)} to {self.address} ({_megabytes(size)})")
        sent = self._push_blobs(connection, layout, manifest)
        self._put_manifest(connection, manifest, digest)
        self._put_manifest(connection, manifest, short(digest))  # untagged manifests may be cleaned away
        return sent + len(manifest)

    def _push_blobs(self, connection: Connection, layout: Layout, manifest: bytes) -> int:
        sent = 0
        for blob in _blobs(manifest):
            content = layout.read(blob.digest)
            path = f"/blobs/{blob.digest}"
            found = connection.patiently(partial(connection.send, "HEAD", path))
            if found.status in _IS_THERE:
                continue
            if found.status != 404:
                raise connection.refusal(found)
            answer = connection.patiently(partial(_upload, connection, blob.digest, content))
            if answer.status != 201:
                raise connection.refusal(answer)
            sent += len(content)
        return sent

    def _put_manifest(self, connection: Connection, manifest: bytes, reference: str) -> None:
        answer = connection.patiently(
            lambda: connection.send(
                "PUT",
                f"/manifests/{reference}",
                headers={"Content-Type": MANIFEST_MEDIA_TYPE},
                content=manifest,
            )
        )
        if answer.status != 201:
            raise connection.refusal(answer)

    # --- pulling

    def _wanted(self, connection: Connection, layout: Layout, digest: str, what: str) -> bytes:
        """Return a manifest that must be there."""
        manifest = self._manifest(connection, layout, digest)
        if manifest is None:
            message = f"{self.address} holds no {what} {digest}"
            hint = "check the digest and the address; what is built with this `--store` is pushed there"
            raise RegistryError(message, hint)
        return manifest

    def _manifest(self, connection: Connection, layout: Layout, digest: str) -> bytes | None:
        """Return a manifest, from the store where that has it whole, else from the registry, verified."""
        if layout.is_whole(digest):
            return layout.read(digest)
        answer = connection.get(f"/manifests/{digest}", accept=MANIFEST_MEDIA_TYPE)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise connection.refusal(answer)
        return self._verified(answer.content, digest, MAX_MANIFEST_BYTES)

    def _bring(self, connection: Connection, layout: Layout, manifest: bytes) -> int:
        """Save what a manifest names, then the manifest; return how many bytes came from the registry."""
        digest = sha256_digest(manifest)
        try:
            blobs = blobs_of(manifest)
        except MalformedError as error:
            raise self._wrong(digest, str(error)) from None
        missing = [blob for blob in blobs if not layout.is_whole(blob.digest)]
        for blob in missing:
            layout.save_blob(self._blob(connection, blob, digest))
        if missing or not layout.lists(digest):
            layout.save_manifest(manifest)
        return sum(blob.size for blob in missing)

    def _blob(self, connection: Connection, blob: Blob, named_by: str) -> bytes:
        if blob.size > MAX_BLOB_BYTES:
            raise self._wrong(blob.digest, "is larger than anything Tollgate stores")
        answer = connection.get(f"/blobs/{blob.digest}", limit=blob.size)
        if answer.status == 404:
            message = f"{self.address} lacks the blob {blob.digest}, which {short(named_by)} names"
            raise RegistryError(message, "push the release again from the machine that built it")
        if answer.status != 200:
            raise connection.refusal(answer)
        content = self._verified(answer.content, blob.digest, blob.size)
        if len(content) != blob.size:
            raise self._wrong(blob.digest, "has another size than its manifest says")
        return content

    def _bring_listed(
        self, connection: Connection, layout: Layout, subject: str, entry: dict[str, Any]
    ) -> int:
        """Bring an attached document; what the list names and is not ours, or not there, is passed over."""
        digest = entry["digest"]
        manifest = self._manifest(connection, layout, digest) if is_digest(digest) else None
        if manifest is None:
            return 0
        try:
            about, _ = attached_of(manifest)
        except MalformedError:
            return 0  # others may attach what they like; we read only what Tollgate attaches
        if about != subject:
            return 0
        return self._bring(connection, layout, manifest)

    def _verified(self, content: bytes, digest: str, limit: int) -> bytes:
        if len(content) > limit:
            raise self._wrong(digest, "has more bytes than it may have")
        if sha256_digest(content) != digest:
            raise self._wrong(digest, f"came with {len(content)} bytes that have another digest")
        return content

    def _wrong(self, digest: str, what: str) -> RegistryAlteredError:
        message = f"{self.address} gives something else than it was asked for: {digest} {what}"
        return RegistryAlteredError(
            message,
            "nothing of it was saved; find out who or what alters the registry before you use it again",
        )


def _upload(connection: Connection, digest: str, content: bytes) -> Answer:
    """Send one blob; a broken upload is begun anew by asking again."""
    opened = connection.send("POST", "/blobs/uploads/")
    if opened.status != 202:
        return opened
    url = connection.location(opened).copy_merge_params({"digest": digest})
    return connection.send(
        "PUT", str(url), headers={"Content-Type": "application/octet-stream"}, content=content
    )


def _blobs(manifest: bytes) -> tuple[Blob, ...]:
    """Return the blobs of a manifest of the store, once each."""
    try:
        return tuple(dict.fromkeys(blobs_of(manifest)))
    except MalformedError as error:
        raise corrupt(sha256_digest(manifest), str(error)) from None


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
