"""The release store: an OCI image layout on disk that skopeo and oras can read.

Every manifest and blob is hashed on each read; what does not match its name is never used.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.host import lock
from pipeline.host.files import write_atomically
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import (
    EMPTY_CONFIG,
    MANIFEST_MEDIA_TYPE,
    RELEASE_TYPE,
    TITLE,
    Layer,
    Release,
    is_digest,
    short,
)

_LAYOUT = canonical_bytes({"imageLayoutVersion": "1.0.0"})
_INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"
_SAFE_TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MAX_DOCUMENT_BYTES = 64 * 1024 * 1024


class CorruptReleaseError(TollgateError):
    """A blob or manifest is missing, or is not what its name says."""


@dataclass(frozen=True, slots=True)
class ReleaseStore:
    """Releases and what is attached to them, by digest.

    Attributes:
        path: The image layout's folder.
    """

    path: Path

    def save(self, files: Mapping[str, bytes]) -> Release:
        """Keep `files` as a release; saving the same files again changes nothing.

        Raises:
            TollgateError: The disk is full or not writable, or a name is unsafe; the store is as it was.
        """
        for title in files:
            if not _SAFE_TITLE.fullmatch(title):
                message = f"a release cannot hold a file called {title!r}"
                raise TollgateError(message, "use letters, digits and `._-`, with `/` between folders")
        release = Release.of(files)
        self._save_blob(EMPTY_CONFIG)
        for content in files.values():
            self._save_blob(content)
        self._save_manifest(release.manifest, RELEASE_TYPE)
        return release

    def attach(self, subject: str, kind: str, document: Mapping[str, Any]) -> str:
        """Attach a JSON document to the manifest `subject` as an OCI referrer; return the referrer's digest."""
        content = canonical_bytes(document)
        self._save_blob(EMPTY_CONFIG)
        self._save_blob(content)
        subject_bytes = self._read(subject)
        manifest = canonical_bytes(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_MEDIA_TYPE,
                "artifactType": kind,
                "config": {
                    "mediaType": "application/vnd.oci.empty.v1+json",
                    "digest": sha256_digest(EMPTY_CONFIG),
                    "size": len(EMPTY_CONFIG),
                },
                "layers": [
                    {"mediaType": kind, "digest": sha256_digest(content), "size": len(content)},
                ],
                "subject": {
                    "mediaType": MANIFEST_MEDIA_TYPE,
                    "digest": subject,
                    "size": len(subject_bytes),
                },
            }
        )
        self._save_manifest(manifest, kind)
        return sha256_digest(manifest)

    def attached(self, subject: str, kind: str) -> tuple[dict[str, Any], ...]:
        """Return the documents of one kind attached to `subject`, oldest first.

        Raises:
            CorruptReleaseError: One of them is missing or altered.
        """
        documents = []
        for entry in self._index()["manifests"]:
            if entry.get("artifactType") != kind:
                continue
            manifest = _json(self._read(entry["digest"]), entry["digest"])
            try:
                about, (layer,) = manifest["subject"]["digest"], manifest["layers"]
                digest = layer["digest"]
            except (KeyError, TypeError, ValueError):
                raise _corrupt(entry["digest"], "is no manifest of an attached document") from None
            if about == subject:
                documents.append(_json(self._read(digest), digest))
        return tuple(documents)

    def load(self, digest: str) -> Release:
        """Return the release with this digest, every one of its files verified.

        Raises:
            CorruptReleaseError: It is not in the store, or something in it is missing or altered.
        """
        if not is_digest(digest):
            message = f"{digest!r} is not a release digest, which is `sha256:` and 64 hex digits"
            raise TollgateError(message, "copy one from `nox -s status`")
        manifest = _json(self._read(digest), digest)
        layers = _layers(manifest, digest)
        release = Release(layers)
        titles = [layer.title for layer in layers]
        # A name twice would let what is checked be another file than what is deployed.
        in_order = titles == sorted(set(titles))
        if release.digest != digest or manifest.get("artifactType") != RELEASE_TYPE or not in_order:
            raise _corrupt(digest, "is no release manifest in its one spelling")
        for layer in layers:
            if len(self._read(layer.digest)) != layer.size:
                raise _corrupt(layer.digest, "has another size than its manifest says")
        return release

    def holds(self, digest: str) -> bool:
        """Whether the store has a manifest with this digest (its content is judged by `load`)."""
        return self._blob_path(digest).exists()

    def read(self, release: Release, title: str) -> bytes:
        """Return the bytes of one file of a release, verified.

        Raises:
            CorruptReleaseError: The file is missing or altered.
        """
        return self._read(release.layer(title).digest)

    def _blob_path(self, digest: str) -> Path:
        if not is_digest(digest):
            raise _corrupt(str(digest), "is not the name of a blob")
        return self._blobs / digest.removeprefix("sha256:")

    @property
    def _blobs(self) -> Path:
        return self.path / "blobs" / "sha256"

    def _read(self, digest: str) -> bytes:
        path = self._blob_path(digest)
        try:
            if path.stat().st_size > _MAX_DOCUMENT_BYTES:
                raise _corrupt(digest, "is larger than anything Tollgate stores")
            content = path.read_bytes()
        except FileNotFoundError:
            raise _corrupt(digest, "is missing") from None
        except OSError as error:
            raise _corrupt(digest, f"cannot be read ({error.strerror or error})") from error
        if sha256_digest(content) != digest:
            raise _corrupt(digest, "was altered: its content no longer has this digest")
        return content

    def _save_blob(self, content: bytes) -> None:
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

    def _save_manifest(self, manifest: bytes, kind: str) -> None:
        self._save_blob(manifest)
        digest = sha256_digest(manifest)
        with lock.hold(self.path / ".lock", "writing the release index", wait_seconds=30):
            write_atomically(self.path / "oci-layout", _LAYOUT, 0o644)
            index = self._index_without(digest)
            if any(entry.get("digest") == digest for entry in index["manifests"]):
                return
            index["manifests"].append(_index_entry(digest, kind, len(manifest)))
            write_atomically(self.path / "index.json", canonical_bytes(index), 0o644)

    def _index_without(self, newest: str) -> dict[str, Any]:
        """Return the index; where it is lost or damaged, one made again from every whole manifest but the newest."""
        if (self.path / "index.json").exists():
            with suppress(CorruptReleaseError):
                return self._index()
        found = []
        blobs = sorted(self._blobs.iterdir(), key=lambda path: (path.stat().st_mtime_ns, path.name))
        for digest in (f"sha256:{path.name}" for path in blobs):
            if digest == newest:
                continue
            with suppress(CorruptReleaseError):
                content = self._read(digest)
                manifest = _json(content, digest)
                if manifest.get("mediaType") == MANIFEST_MEDIA_TYPE:
                    found.append(_index_entry(digest, str(manifest.get("artifactType")), len(content)))
        return {"schemaVersion": 2, "mediaType": _INDEX_MEDIA_TYPE, "manifests": found}

    def _index(self) -> dict[str, Any]:
        path = self.path / "index.json"
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": _INDEX_MEDIA_TYPE, "manifests": []}
        except OSError as error:
            raise _corrupt(str(path), f"cannot be read ({error.strerror or error})") from error
        index = _json(content, str(path))
        entries = index.get("manifests")
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and isinstance(entry.get("digest"), str) for entry in entries
        ):
            raise _corrupt(str(path), "is no image index")
        return index


def _index_entry(digest: str, kind: str, size: int) -> dict[str, Any]:
    return {
        "mediaType": MANIFEST_MEDIA_TYPE,
        "artifactType": kind,
        "digest": digest,
        "size": size,
        "annotations": {"org.opencontainers.image.ref.name": short(digest)},
    }


def _layers(manifest: Mapping[str, Any], digest: str) -> tuple[Layer, ...]:
    """Return the layers that a manifest names, each part of the type it must have and each name safe."""
    try:
        named = [
            (layer["annotations"][TITLE], layer["digest"], layer["size"]) for layer in manifest["layers"]
        ]
    except (KeyError, TypeError):
        raise _corrupt(digest, "is no release manifest") from None
    for title, blob, size in named:
        if not (isinstance(title, str) and isinstance(blob, str) and isinstance(size, int)):
            raise _corrupt(digest, "is no release manifest")
        if not _SAFE_TITLE.fullmatch(title):
            raise _corrupt(digest, f"holds a file with the unsafe name {title!r}")
    return tuple(Layer(*each) for each in named)


def _json(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise _corrupt(name, "is not JSON") from None
    if not isinstance(document, dict):
        raise _corrupt(name, "is not a JSON object")
    return document


def _corrupt(name: str, what: str) -> CorruptReleaseError:
    message = f"the release store is damaged: {name} {what}"
    return CorruptReleaseError(
        message, "nothing was deployed; `nox -s build` makes what this commit holds again, byte for byte"
    )
