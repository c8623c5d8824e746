"""The Lambda package: our code and its pure-Python dependencies as a zip that is the same bytes everywhere.

Files are stored, not deflated: zlib implementations differ in the bytes they make, and Lambda charges nothing for it.
"""

import hashlib
import io
import os
import shutil
import sys
import zipfile
from pathlib import Path

from pipeline.host.files import scratch_folder
from pipeline.host.process import run
from pipeline.model.errors import TollgateError
from pipeline.trust.judged_environment import judged_environment

_EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
_UNIX = 3
_MAX_BYTES = 8 * 1024 * 1024
_COMPILED = {".so", ".pyd", ".dylib", ".dll"}
_OUR_FILES = {".py", ".json"}
_INDEX = ("UV_", "PIP_", "SSL_", "HTTP_", "HTTPS_", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "XDG_")
"""How the names begin of variables by which a package index is found."""


def build_package(source: Path, requirements: Path, python_version: str, cache: Path) -> bytes:
    """Return the zip that Lambda runs.

    Args:
        source: Folder of our package; it becomes a top-level folder of the zip.
        requirements: Hashed requirement file of its dependencies.
        python_version: Version of the Lambda runtime, such as `3.13`; decides which dependencies apply.
        cache: Where unpacked dependencies are kept between builds.

    Raises:
        TollgateError: A dependency cannot be had, is compiled, or the package is too large.
    """
    files = {
        f"{source.name}/{path.relative_to(source).as_posix()}": path.read_bytes()
        for path in sorted(source.rglob("*"))
        if path.suffix in _OUR_FILES and path.is_file() and "__pycache__" not in path.parts
    }
    if not files:
        message = f"{source} holds no Python files, so there is nothing to package"
        raise TollgateError(message, "run this in a whole checkout")
    for name, content in _dependencies(requirements, python_version, cache).items():
        if name in files:
            message = f"a dependency brings the file {name}, which is also ours"
            raise TollgateError(message, f"remove that dependency from {requirements.name}")
        files[name] = content
    package = zip_files(files)
    if len(package) > _MAX_BYTES:
        message = f"the Lambda package has {len(package):,} bytes; at most {_MAX_BYTES:,} are allowed"
        raise TollgateError(message, f"remove a dependency from {requirements.name}")
    return package


def zip_files(files: dict[str, bytes]) -> bytes:
    """Return `files` (name to bytes) as a zip whose bytes depend on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = _FILE_MODE
            entry.compress_type = zipfile.ZIP_STORED
            archive.writestr(entry, content)
    return buffer.getvalue()


def _dependencies(requirements: Path, python_version: str, cache: Path) -> dict[str, bytes]:
    """Return the files of the locked dependencies, unpacked once and kept."""
    try:
        locked = requirements.read_bytes()
    except OSError as error:
        message = f"{requirements} cannot be read: {error.strerror or error}"
        raise TollgateError(message, "run this in a whole checkout") from error
    key = hashlib.sha256(locked + python_version.encode()).hexdigest()[:32]
    kept = cache / f"lambda-{key}"
    if not kept.is_dir():
        with scratch_folder(cache, "lambda") as folder:
            _install(requirements, python_version, folder / "packages")
            try:
                (folder / "packages").rename(kept)
            except OSError:
                if not kept.is_dir():  # another run may have been faster
                    raise
    files = {}
    for path in sorted(kept.rglob("*")):
        name = path.relative_to(kept).as_posix()
        if not path.is_file() or not _belongs(name):
            continue
        if path.suffix in _COMPILED:
            message = f"the dependency file {name} is compiled; the package must run on any processor"
            raise TollgateError(message, f"choose a pure-Python dependency in {requirements.name}")
        files[name] = path.read_bytes()
    return files


def _belongs(name: str) -> bool:
    """Whether an installed file is part of the dependency rather than of its installation."""
    top, _, rest = name.partition("/")
    if top in {"bin", ".lock"} or "__pycache__" in name or name.endswith(".pyc"):
        return False
    # Of the metadata only what says which software this is and under which licence: the rest names the installer.
    return not top.endswith(".dist-info") or rest == "METADATA" or "LICEN" in rest.upper()


def _install(requirements: Path, python_version: str, folder: Path) -> None:
    uv = _find_uv()
    flags = ["--quiet", "--no-config", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    platform = ["--python-version", python_version, "--python-platform", "aarch64-manylinux2014"]
    argv = [uv, "pip", "install", *flags, *platform, "--target", str(folder), "-r", str(requirements)]
    # No code of the commit runs here, so whatever leads to the index may be seen; our keys and accounts may not.
    index = [name for name in os.environ if name.upper().startswith(_INDEX)]
    what = "installing the Lambda package's dependencies"
    result = run(argv, what=what, deadline_seconds=600, env=judged_environment(*index))
    if result.exit_code != 0:
        message = f"the Lambda package's dependencies cannot be installed:\n{result.last_words}"
        raise TollgateError(message, "check the network and pip's index settings, then run again")


def _find_uv() -> str:
    beside_python = Path(sys.executable).with_name("uv")
    found = str(beside_python) if os.access(beside_python, os.X_OK) else shutil.which("uv")
    if found is None:
        message = "uv is not installed beside this Python"
        raise TollgateError(message, "run `nox -s dev`, which makes the environment whole")
    return found
