"""Build once: synthesize, package, and keep the result as one release."""

import json
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pipeline.build.package import build_package
from pipeline.build.source import Source
from pipeline.build.synth import read_stacks, synthesize
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home
from pipeline.model.errors import TollgateError
from pipeline.model.release import LAMBDA_PACKAGE, PROVIDER_LOCK, SMOKE_CHECKS, Release, stack_title
from pipeline.settings import Project
from pipeline.stores.releases import ReleaseStore

PROVENANCE_TYPE = "application/vnd.tollgate.provenance.v1+json"
_TOOLS = ("cdktf", "cdktf-cdktf-provider-aws", "uv")


def build_release(
    project: Project, environments: tuple[str, ...], home: Home, say: Callable[[str], None]
) -> Release:
    """Build the release that these files make, and keep it in the store.

    Args:
        project: What to build.
        environments: Names of the environments to synthesize for.
        home: Where the store and the caches are.
        say: Told what is being done.

    Raises:
        TollgateError: Something cannot be built; the store holds nothing of it.
    """
    with scratch_folder(home.work, "build") as folder:
        say("synthesizing one stack per environment")
        synthesize(project.synth, project.root, folder / "out")
        stacks = read_stacks(folder / "out", project.name, environments)
    say("packaging the Lambda function")
    package = build_package(
        project.package_source, project.package_requirements, project.package_python, home.cache
    )
    files = {stack_title(name): content for name, content in stacks.items()}
    files[LAMBDA_PACKAGE] = package
    files[PROVIDER_LOCK] = _read(project.provider_lock)
    files[SMOKE_CHECKS] = _read(project.smoke_checks)
    return ReleaseStore(home.releases).save(files)


def record_provenance(store: ReleaseStore, release: Release, source: Source) -> None:
    """Keep beside the release from what and with what it was built, once per commit."""
    facts: dict[str, Any] = {
        "schema": 1,
        "release": release.digest,
        "commit": source.commit,
        "dirty": source.dirty,
        "tools": {"python": platform.python_version(), **{name: _version(name) for name in _TOOLS}},
    }
    known = store.attached(release.digest, PROVENANCE_TYPE)
    if any(all(document.get(name) == value for name, value in facts.items()) for document in known):
        return
    about = {"subject": source.subject, "author": source.author, "built_on": sys.platform}
    built = {"built_at": datetime.now(UTC).isoformat(timespec="seconds")}
    store.attach(release.digest, PROVENANCE_TYPE, json.loads(json.dumps(facts | about | built)))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}"
        raise TollgateError(message, "run this in a whole checkout") from error


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
