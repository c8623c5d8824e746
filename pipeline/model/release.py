"""The release: everything that will be deployed, named by the digest of its OCI manifest."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError

MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
RELEASE_TYPE = "application/vnd.tollgate.release.v1+json"
TITLE = "org.opencontainers.image.title"
EMPTY_CONFIG = b"{}"
_EMPTY_MEDIA_TYPE = "application/vnd.oci.empty.v1+json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

LAMBDA_PACKAGE = "lambda.zip"
PROVIDER_LOCK = "terraform.lock.hcl"
SMOKE_CHECKS = "smoke.json"


def stack_title(environment: str) -> str:
    """Return the name under which a release holds an environment's stack."""
    return f"stacks/payments-{environment}/cdk.tf.json"


_MEDIA_TYPES = {
    LAMBDA_PACKAGE: "application/zip",
    PROVIDER_LOCK: "text/plain",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a release: where it belongs, and which bytes it must be.

    Attributes:
        title: Its relative path in the release, `/` between folders.
        digest: `sha256:` and 64 hex digits over its bytes.
        size: Bytes.
    """

    title: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Release:
    """What was built once. Two releases with the same files are the same release.

    Attributes:
        layers: Its files, sorted by title.
    """

    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "Release":
        """Return the release made of `files` (title to bytes)."""
        return cls(
            tuple(
                Layer(title, sha256_digest(content), len(content)) for title, content in sorted(files.items())
            )
        )

    @property
    def manifest(self) -> bytes:
        """The OCI manifest, in its one spelling."""
        return canonical_bytes(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_MEDIA_TYPE,
                "artifactType": RELEASE_TYPE,
                "config": {
                    "mediaType": _EMPTY_MEDIA_TYPE,
                    "digest": sha256_digest(EMPTY_CONFIG),
                    "size": len(EMPTY_CONFIG),
                },
                "layers": [
                    {
                        "mediaType": _MEDIA_TYPES.get(layer.title, "application/json"),
                        "digest": layer.digest,
                        "size": layer.size,
                        "annotations": {TITLE: layer.title},
                    }
                    for layer in self.layers
                ],
            }
        )

    @property
    def digest(self) -> str:
        """The release's id: the SHA-256 of its manifest."""
        return sha256_digest(self.manifest)

    def layer(self, title: str) -> Layer:
        """Return the layer called `title`.

        Raises:
            TollgateError: The release has no such file.
        """
        for layer in self.layers:
            if layer.title == title:
                return layer
        message = f"release {short(self.digest)} holds no {title}"
        raise TollgateError(message, "build a new release with `nox -s build`")

    @property
    def environments(self) -> tuple[str, ...]:
        """The environments it has a stack for, sorted by name."""
        pattern = re.compile(re.escape(stack_title("X")).replace("X", "([a-z0-9-]+)"))
        found = (pattern.fullmatch(layer.title) for layer in self.layers)
        return tuple(match.group(1) for match in found if match)


def is_digest(text: str) -> bool:
    """Whether `text` is `sha256:` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def short(digest: str) -> str:
    """Return the first twelve hex digits, which is what people read and type."""
    return digest.removeprefix("sha256:")[:12]
