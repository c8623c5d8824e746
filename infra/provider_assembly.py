"""Makes a small jsii assembly out of the packaged one and keeps it for the next run.

The packaged assembly is 34 MB of compressed text, and jsii reads all of it. Only the namespaces in use are
needed: a few hundred kilobytes. What is kept is derived from the installed wheel, never shipped; a file of it
counts only if its content still has the digest in its name, so a torn or damaged one is made again.
"""

import contextlib
import gzip
import hashlib
import importlib.metadata
import importlib.resources
import io
import json
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from infra.cache import cache_folder
from infra.errors import InfraError

_SPACE = re.compile(r"[ \t\r\n]*")
# In a symbol's id: the folder whose index defines it, `src/kms-key/index:`.
_FOLDER = re.compile(r"src/([^/]+)/index:")


@contextlib.contextmanager
def assembly_of(package: str, packaged: str, namespaces: AbstractSet[str]) -> Iterator[Path]:
    """A file with the assembly of `namespaces`, from the cache if it is there; it may be gone afterwards.

    Args:
        package: The Python package that ships the assembly.
        packaged: The assembly's file name in it.
        namespaces: The jsii namespaces to keep.

    Raises:
        InfraError: If the packaged assembly is not laid out as expected.
    """
    key = _key(package, packaged, namespaces)
    folder = cache_folder("provider-assembly")
    found = _find(folder, key) if folder else None
    if found:
        yield found
        return
    content = trimmed(Path(str(importlib.resources.files(f"{package}._jsii"))) / packaged, namespaces)
    if folder:
        # A full or read-only disk is no reason to fail: this run has what it needs.
        with contextlib.suppress(OSError):
            _keep(folder, key, content)
    with tempfile.TemporaryDirectory(prefix="tollgate-") as own:
        yield _keep(Path(own), key, content)


def _key(package: str, packaged: str, namespaces: AbstractSet[str]) -> str:
    """Changes with the wheel, with the set of namespaces and with this very file."""
    distribution = importlib.metadata.distribution(package.replace("_", "-"))
    record = distribution.read_text("RECORD") or ""
    shipped = next((line for line in record.splitlines() if packaged in line), packaged)
    parts = [distribution.version, shipped, Path(__file__).read_text(encoding="utf-8"), *sorted(namespaces)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _find(folder: Path, key: str) -> Path | None:
    for path in sorted(folder.glob(f"{key}-*.tgz")):
        with contextlib.suppress(OSError):
            if path.name == _name(key, path.read_bytes()):
                return path
    return None


def _keep(folder: Path, key: str, content: bytes) -> Path:
    """Write the content so that nobody ever sees half of it."""
    handle, scratch = tempfile.mkstemp(dir=folder, prefix=".making-")
    path = folder / _name(key, content)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    return path


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()}.tgz"


def trimmed(source: Path, namespaces: AbstractSet[str]) -> bytes:
    """The packaged assembly with nothing but `namespaces`, as a tarball whose bytes depend on nothing else.

    Raises:
        InfraError: If the packaged assembly is not laid out as expected.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(source, "r:gz") as package:
            for member in package:
                # Folders are known only once the description was read: keep the small candidates till then.
                if member.name in ("package/.jsii", "package/package.json") or member.name.endswith(
                    "/index.js"
                ):
                    stream = package.extractfile(member)
                    assert stream is not None
                    files[member.name] = stream.read()
        description, folders = _trimmed_description(files.pop("package/.jsii").decode(), namespaces)
        kept = {
            "package/.jsii": json.dumps(description, separators=(",", ":")).encode(),
            "package/package.json": files["package/package.json"],
            "package/lib/index.js": _index(folders),
        }
        for folder in folders.values():
            kept[f"package/lib/{folder}/index.js"] = files[f"package/lib/{folder}/index.js"]
    except (EOFError, KeyError, OSError, ValueError, tarfile.TarError, zlib.error) as trouble:
        raise InfraError(
            f"the AWS bindings are not packaged as expected: {trouble}",
            hint="set TOLLGATE_PROVIDER_ASSEMBLY=whole to use them as they are",
        ) from trouble
    return _tarball(kept)


def _trimmed_description(text: str, namespaces: AbstractSet[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The description with only `namespaces`, and the folder of each of them."""
    description: dict[str, Any] = {}

    def take_one(word: str, start: int) -> int:
        if word not in ("submodules", "types"):
            description[word], end = _DECODER.raw_decode(text, start)
            return end
        kept = description[word] = {}

        def take_needed(name: str, start: int) -> int:
            value, end = _DECODER.raw_decode(text, start)
            if _namespace(name) in namespaces:
                kept[name] = value
            return end

        return _each_member(text, start, take_needed)

    _each_member(text, 0, take_one)
    folders = {}
    for name, submodule in description["submodules"].items():
        match = _FOLDER.match(submodule["symbolId"])
        if match is None:
            raise ValueError(f"no folder in {submodule['symbolId']!r}")
        folders[_namespace(name)] = match[1]
    missing = sorted(set(namespaces) - set(folders))
    if missing:
        raise ValueError(f"no namespace {', '.join(missing)}")
    return description, dict(sorted(folders.items()))


def _namespace(name: str) -> str:
    """`kmsKey` of `@cdktf/provider-aws.kmsKey.KmsKey`."""
    return name.partition("/")[2].partition(".")[2].partition(".")[0]


_DECODER = json.JSONDecoder()


def _each_member(text: str, start: int, take: Callable[[str, int], int]) -> int:
    """Walk the JSON object at `start` and return its end: 120 MB of text never become objects all at once.

    Args:
        text: The text.
        start: Where the object begins.
        take: Gets each key with the place of its value, and returns where that value ends.
    """
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, take(key, _skip(text, _skip(text, at) + 1)))
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _index(folders: dict[str, str]) -> bytes:
    lines = [f'exports.{namespace} = require("./{folder}");\n' for namespace, folder in folders.items()]
    return ('"use strict";\n' + "".join(lines)).encode()


def _tarball(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as package,
    ):
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    return packed.getvalue()
