"""Checks of a release: programs judged by their exit status, their results bound to the release's digest.

A result counts for one release and one configuration (the command and everything its verdict rests on). The
code being judged runs here without credentials and without a way to the ledger; signing what it said is the
pipeline's part and does not happen here.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.host.files import scratch_folder
from pipeline.host.process import run
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.release import Release, short
from pipeline.settings import Check, Project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore

RESULT_TYPE = "application/vnd.tollgate.check-result.v1+json"
PASSED = "PASSED"
FAILED = "FAILED"
_DEADLINE_SECONDS = 900
_KEPT_OUT = ("AWS_", "TOLLGATE_", "GIT_", "DAGGER_", "TF_")
_NOT_SOURCE = {"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache"}


@dataclass(frozen=True, slots=True)
class Result:
    """What a check said of a release.

    Attributes:
        check: The check's name.
        passed: Its verdict.
        reused: Whether it was found out before, for the same release and configuration.
        seconds: How long it took.
        output: Its last words.
        report: What it wrote at `{report}`, a JSON document; None where its command asks for none.
    """

    check: str
    passed: bool
    reused: bool
    seconds: float
    output: str
    report: Any = None


class Runner(Protocol):
    """Where checks run: on this machine, or each in a container. It judges; it holds no key and records nothing.

    Attributes:
        more: Checks that this place adds to the project's own.
    """

    more: tuple[Check, ...]

    def run(
        self, project: Project, checks: Sequence[Check], folder: Path, say: Callable[[str], None]
    ) -> tuple[Result, ...]:
        """Run `checks` over the release laid out in `folder` and return one result each, in their order."""
        ...


def run_checks(
    project: Project,
    store: ReleaseStore,
    release: Release,
    work: Path,
    say: Callable[[str], None],
    runner: Runner | None = None,
) -> tuple[Result, ...]:
    """Run every check that has not yet passed for this release; keep each result.

    Args:
        project: Whose checks they are.
        store: Where results are kept.
        release: What is checked.
        work: Where the release's files may be laid out.
        say: Told what is being done.
        runner: Where they run. Default: on this machine, one after the other.

    Raises:
        TollgateError: A check cannot be started.
    """
    runner = runner or Here()
    known = {check.name for check in project.checks}
    checks = (*project.checks, *(check for check in runner.more if check.name not in known))
    configurations = {check.name: configuration_of(project, check) for check in checks}
    missing = [
        check for check in checks if not _has_passed(store, release, check, configurations[check.name])
    ]
    found: dict[str, Result] = {}
    if missing:
        with scratch_folder(work, "check") as folder:
            _lay_out(store, release, folder)
            found = {result.check: result for result in runner.run(project, missing, folder, say)}
    results = []
    for check in checks:
        if check not in missing:
            results.append(Result(check.name, passed=True, reused=True, seconds=0.0, output=""))
            continue
        result = found[check.name]
        configuration = configurations[check.name]
        document = {
            "schema": 1,
            "release": release.digest,
            "check": check.name,
            "configuration": configuration,
            "command": list(check.command),
            "result": PASSED if result.passed else FAILED,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": str(round(result.seconds, 1)),
            "output": sha256_digest(result.output.encode()),
            "report": result.report,
        }
        store.attach(release.digest, RESULT_TYPE, document)
        results.append(result)
    return tuple(results)


def require_passed(project: Project, store: ReleaseStore, release: Release) -> None:
    """Refuse a release of which a check has not passed as it is configured now.

    Raises:
        RefusedError: It names every check that is missing.
    """
    missing = [
        check.name
        for check in project.checks
        if not _has_passed(store, release, check, configuration_of(project, check))
    ]
    if missing:
        message = f"release {short(release.digest)} lacks a passed result of: {', '.join(missing)}"
        raise RefusedError(message, "run `nox -s promote` in the checkout that it was built from")


def configuration_of(project: Project, check: Check) -> str:
    """Return the digest of what a verdict rests on beside the release: the command and its inputs.

    Of a check that runs from the pinned settings, the inputs are files of those.

    Raises:
        TollgateError: An input is not there.
    """
    files = {}
    for name in check.inputs:
        if check.settings and project.bundle is not None:
            files.update(_pinned_inputs(project.bundle, check, name))
            continue
        path = project.root / name
        if not path.exists():
            message = f"the check {check.name} names the input {name}, which is not there"
            raise TollgateError(message, "run this in a whole checkout")
        found = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in found:
            if file.is_file() and not _NOT_SOURCE & set(file.parts) and file.suffix != ".pyc":
                files[file.relative_to(project.root).as_posix()] = hashlib.sha256(
                    file.read_bytes()
                ).hexdigest()
    return sha256_digest(canonical_bytes({"command": list(check.command), "inputs": files}))


def _pinned_inputs(bundle: Bundle, check: Check, name: str) -> dict[str, str]:
    found = {
        path: hashlib.sha256(content).hexdigest()
        for path, content in bundle.files.items()
        if path == name or path.startswith(f"{name}/")
    }
    if not found:
        message = f"the check {check.name} names the input {name}, which the pinned settings do not hold"
        raise TollgateError(message, "settings are tollgate.toml, noxfile.py, environments/ and policies/")
    return found


def _has_passed(store: ReleaseStore, release: Release, check: Check, configuration: str) -> bool:
    return any(
        document.get("check") == check.name
        and document.get("configuration") == configuration
        and document.get("release") == release.digest
        and document.get("result") == PASSED
        for document in store.attached(release.digest, RESULT_TYPE)
    )


class Here:
    """This machine: one check after the other."""

    more: tuple[Check, ...] = ()

    def run(
        self, project: Project, checks: Sequence[Check], folder: Path, say: Callable[[str], None]
    ) -> tuple[Result, ...]:
        """Run `checks` over the release laid out in `folder` and return one result each, in their order."""
        results = []
        for check in checks:
            say(f"checking: {check.name}")
            # A copy for each: what one check does to its files is not what the next one judges.
            with scratch_folder(folder.parent, "check") as own:
                shutil.copytree(folder, own / "release")
                results.append(run_check(project, check, own / "release", own / "report.json"))
        return tuple(results)


def run_check(project: Project, check: Check, folder: Path, report: Path) -> Result:
    """Run one check over the release laid out in `folder`; it writes its report, where it makes one, to `report`.

    Raises:
        TollgateError: It cannot be started, or wrote no report although it was asked for one.
    """
    argv = [_fill(part, project.root, folder, report) for part in check.command]
    environment: dict[str, Any] = {
        name: value for name, value in os.environ.items() if not name.startswith(_KEPT_OUT)
    }
    root = project.root
    if check.settings and project.bundle is not None:
        # Written anew for each run, from memory: what was built or checked before this could have altered files.
        root = project.bundle.unpack(report.parent)
        environment["PYTHONPATH"] = str(root)
    started = time.monotonic()
    result = run(
        argv,
        what=f"the check {check.name}",
        deadline_seconds=_DEADLINE_SECONDS,
        cwd=root,
        env=environment,
    )
    found = _read_report(check, report) if "{report}" in check.command else None
    return Result(
        check.name,
        passed=result.exit_code == 0,
        reused=False,
        seconds=time.monotonic() - started,
        output=result.last_words,
        report=found,
    )


def _lay_out(store: ReleaseStore, release: Release, folder: Path) -> None:
    for layer in release.layers:
        path = folder / layer.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read(release, layer.title))


def _read_report(check: Check, path: Path) -> Any:
    """Return the report of a check; a check that passes without the report it was asked for has not passed.

    Raises:
        TollgateError: There is none, or it is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        message = f"the check {check.name} wrote no report, so nobody can tell what it checked"
        raise TollgateError(message, "run it by hand and see what it says") from None


def _fill(part: str, root: Path, release: Path, report: Path) -> str:
    policies = os.environ.get("TOLLGATE_POLICIES_PYTHON") or str(
        root / ".nox" / "policies" / "bin" / "python"
    )
    return (
        part.replace("{python}", sys.executable)
        .replace("{policies_python}", policies)
        .replace("{release}", str(release))
        .replace("{report}", str(report))
    )
