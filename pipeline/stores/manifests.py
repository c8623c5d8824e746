"""What OCI manifests and indexes say, read strictly, and written in their one spelling."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.release import (
    EMPTY_CONFIG,
    MANIFEST_MEDIA_TYPE,
    RELEASE_TYPE,
    TITLE,
    Layer,
    Release,
    is_digest,
)

INDEX_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"
SAFE_TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


class MalformedError(ValueError):
    """A document is not what it must be; the text goes on from the document's name: "is not JSON"."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What a manifest says of a blob that it names.

    Attributes:
        digest: `sha256:` and 64 hex digits.
        size: Bytes.
    """

    digest: str
    size: int


def json_object(content: bytes) -> dict[str, Any]:
    """Return the JSON object that `content` is.

    Raises:
        MalformedError: It is none.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise MalformedError("is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedError("is not a JSON object")
    return document


def index_entries(content: bytes) -> list[dict[str, Any]]:
    """Return the descriptors that an image index lists, each with a digest; what else they say is kept.

    Raises:
        MalformedError: It is no image index.
    """
    entries = json_object(content).get("manifests")
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("digest"), str) for entry in entries
    ):
        raise MalformedError("is no image index")
    return entries


def index_of(entries: list[dict[str, Any]]) -> bytes:
    """Return the image index that lists `entries`."""
    return canonical_bytes({"schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": entries})


def descriptor(manifest: bytes) -> dict[str, Any]:
    """Return what an index says of a manifest.

    Raises:
        MalformedError: It is not JSON.
    """
    return {
        "mediaType": MANIFEST_MEDIA_TYPE,
        "artifactType": kind_of(manifest),
        "digest": sha256_digest(manifest),
        "size": len(manifest),
    }


def kind_of(manifest: bytes) -> str:
    """Return a manifest's artifact type.

    Raises:
        MalformedError: It is not JSON.
    """
    return str(json_object(manifest).get("artifactType"))


def blobs_of(manifest: bytes) -> tuple[Blob, ...]:
    """Return the blobs that a manifest names, its configuration first.

    Raises:
        MalformedError: It is no manifest.
    """
    document = json_object(manifest)
    if document.get("mediaType") != MANIFEST_MEDIA_TYPE:
        raise MalformedError("is no image manifest")
    try:
        named = [(part["digest"], part["size"]) for part in (document["config"], *document["layers"])]
    except (KeyError, TypeError):
        raise MalformedError("is no image manifest") from None
    for digest, size in named:
        if not (isinstance(digest, str) and is_digest(digest) and type(size) is int and size >= 0):
            raise MalformedError("is no image manifest")
    return tuple(Blob(digest, size) for digest, size in named)


def release_of(manifest: bytes) -> Release:
    """Return the release whose manifest these very bytes are.

    Raises:
        MalformedError: No release has this manifest.
    """
    document = json_object(manifest)
    layers = _layers(document)
    release = Release(layers)
    titles = [layer.title for layer in layers]
    # A name twice would let what is checked be another file than what is deployed.
    in_order = titles == sorted(set(titles))
    if release.manifest != manifest or document.get("artifactType") != RELEASE_TYPE or not in_order:
        raise MalformedError("is no release manifest in its one spelling")
    return release


def attached_of(manifest: bytes) -> tuple[str, Blob]:
    """Return what an attached document is about (a digest), and the blob that it is.

    Raises:
        MalformedError: It is no manifest of an attached document.
    """
    try:
        subject = json_object(manifest)["subject"]["digest"]
        _config, blob = blobs_of(manifest)
    except (KeyError, TypeError, ValueError):
        raise MalformedError("is no manifest of an attached document") from None
    if not (isinstance(subject, str) and is_digest(subject)):
        raise MalformedError("is no manifest of an attached document")
    return subject, blob


def attached_manifest(subject: str, subject_size: int, kind: str, content: bytes) -> bytes:
    """Return the manifest that attaches `content`, a document of one kind, to the manifest `subject`."""
    return canonical_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "artifactType": kind,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": sha256_digest(EMPTY_CONFIG),
                "size": len(EMPTY_CONFIG),
            },
            "layers": [{"mediaType": kind, "digest": sha256_digest(content), "size": len(content)}],
            "subject": {"mediaType": MANIFEST_MEDIA_TYPE, "digest": subject, "size": subject_size},
        }
    )


def _layers(manifest: Mapping[str, Any]) -> tuple[Layer, ...]:
    """Return the layers that a manifest names, each part of the type it must have and each name safe."""
    try:
        named = [
            (layer["annotations"][TITLE], layer["digest"], layer["size"]) for layer in manifest["layers"]
        ]
    except (KeyError, TypeError):
        raise MalformedError("is no release manifest") from None
    for title, blob, size in named:
        if not (isinstance(title, str) and isinstance(blob, str) and isinstance(size, int)):
            raise MalformedError("is no release manifest")
        if not SAFE_TITLE.fullmatch(title):
            raise MalformedError(f"holds a file with the unsafe name {title!r}")
    return tuple(Layer(*each) for each in named)
