"""Build once: synthesize, package, and keep the result as one release."""

import json
import platform
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.build.package import build_package
from pipeline.build.source import Source
from pipeline.build.synth import read_stacks, synthesize
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import LAMBDA_PACKAGE, PROVIDER_LOCK, SMOKE_CHECKS, Release, stack_title
from pipeline.model.trust import Role
from pipeline.settings import Project
from pipeline.stores.layout import Layout
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.keys import Keys
from pipeline.trust.provenance import Provenance
from pipeline.trust.statement import (
    ENVELOPE_TYPE,
    NotAllowedError,
    SignatureError,
    Statement,
    StatementError,
    Verified,
    open_statement,
    sign_statement,
)

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


def record_provenance(
    store: ReleaseStore,
    release: Release,
    source: Source,
    *,
    project: Project,
    keys: Keys,
    started: datetime | None = None,
) -> Statement:
    """Say, signed, from what and with what the release was built, and attach it; once for the same facts.

    Args:
        store: Where the release is.
        release: What was built.
        source: What git says of the files.
        project: Whose lock files are materials.
        keys: Gives the builder key.
        started: When the build began. Default: now.

    Raises:
        TollgateError: It cannot be signed, or a lock file cannot be read.
    """
    now = datetime.now(UTC)
    signer = keys.signer(Role.BUILDER)
    said = Provenance(
        project=project.name,
        commit=source.commit,
        dirty=source.dirty,
        locks=_locks(project),
        tools={
            "python": platform.python_version(),
            "platform": sys.platform,
            **{name: found for name in _TOOLS if (found := _version(name))},
        },
        started=(started or now).isoformat(timespec="seconds"),
        finished=now.isoformat(timespec="seconds"),
    )
    for digest in Layout(store.path).attached(release.digest, ENVELOPE_TYPE):
        raw = canonical_bytes(store.document(digest))
        with suppress(SignatureError, StatementError, NotAllowedError):
            known = open_statement(raw, release.digest, {signer.public.keyid: signer.public}.get)
            if isinstance(known.predicate, Provenance) and known.predicate.facts == said.facts:
                return known.named(digest)
    raw = sign_statement(release.digest, said, signer)
    digest = store.attach(release.digest, ENVELOPE_TYPE, json.loads(raw))
    return Verified(said, signer.public).named(digest)


def _locks(project: Project) -> dict[str, str]:
    """Return the lock files that decide what is built, path to digest."""
    beside = sorted(project.package_requirements.parent.glob("*.txt"))
    paths = {project.package_requirements, *beside}
    locks = {path.relative_to(project.root).as_posix(): sha256_digest(_read(path)) for path in sorted(paths)}
    # The pinned lock file lies among the settings, not in the checkout.
    return locks | {PROVIDER_LOCK: sha256_digest(_read(project.provider_lock))}


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
