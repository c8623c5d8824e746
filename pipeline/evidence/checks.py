"""Checks of a release: programs judged by their exit status, their results signed for the release's digest.

A result counts for one release and one configuration (the command and everything its verdict rests on). The
code being judged runs in a child process that holds no key, no credentials and no way to the ledger; the pipeline
signs what it said.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pipeline.evidence.kept import kept_results, newest_passed
from pipeline.evidence.report import read_report
from pipeline.evidence.required_tests import required_tests
from pipeline.evidence.verify import Wanted
from pipeline.host.files import scratch_folder
from pipeline.host.home import project_root
from pipeline.host.process import run
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release
from pipeline.model.trust import PublicKey, Role
from pipeline.settings import Check, Project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.check_result import CheckResult
from pipeline.trust.judged_environment import judged_environment
from pipeline.trust.keys import Keys
from pipeline.trust.statement import ENVELOPE_TYPE, Statement, Verified, sign_statement

_DEADLINE_SECONDS = 900
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
        statement: What the ledger records of it, once it is signed.
    """

    check: str
    passed: bool
    reused: bool
    seconds: float
    output: str
    report: Any = None
    statement: Statement | None = None


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
    *,
    keys: Keys,
    find_key: Callable[[str], PublicKey | None] | None = None,
    oldest: datetime | None = None,
) -> tuple[Result, ...]:
    """Run every check that has not yet passed for this release; sign each result and attach it to the release.

    Args:
        project: Whose checks they are.
        store: Where results are kept.
        release: What is checked.
        work: Where the release's files may be laid out.
        say: Told what is being done.
        runner: Where they run. Default: on this machine, one after the other.
        keys: Gives the checker key.
        find_key: Gives the checker keys whose earlier results count. Default: this machine's only.
        oldest: A result from before this time is not used again. Default: age does not matter.

    Raises:
        TollgateError: A check cannot be started, or its result cannot be signed.
    """
    runner = runner or Here()
    signer = keys.signer(Role.CHECKER)
    known = {check.name for check in project.checks}
    checks = (*project.checks, *(check for check in runner.more if check.name not in known))
    configurations = {check.name: configuration_of(project, check) for check in checks}
    kept = kept_results(store, release.digest, find_key or {signer.public.keyid: signer.public}.get)
    passed = {
        check.name: found
        for check in checks
        if (found := newest_passed(kept, check.name, configurations[check.name], oldest)) is not None
    }
    missing = [check for check in checks if check.name not in passed]
    ran: dict[str, Result] = {}
    if missing:
        with scratch_folder(work, "check") as folder:
            lay_out(store, release, folder)
            ran = {result.check: result for result in runner.run(project, missing, folder, say)}
    results = []
    for check in checks:
        if check.name in passed:
            statement = passed[check.name]
            results.append(
                Result(check.name, passed=True, reused=True, seconds=0.0, output="", statement=statement)
            )
            continue
        if check.name not in ran:
            message = f"nobody said how the check {check.name} went"
            raise TollgateError(message, "nothing was recorded of it; run the same command again")
        said = result_of(check, configurations[check.name], ran[check.name])
        raw = sign_statement(release.digest, said, signer)
        digest = store.attach(release.digest, ENVELOPE_TYPE, json.loads(raw))
        statement = Verified(said, signer.public).named(digest)
        results.append(replace(ran[check.name], statement=statement))
    return tuple(results)


def wanted_of(project: Project, more: Sequence[Check] = ()) -> tuple[Wanted, ...]:
    """Return what the evidence about a release must say under these settings, for `verify_evidence`.

    What a check reads of the pinned settings must be what counts now. What it reads of a checkout is what belonged to
    the release when it was checked; the checkout at hand may be of another commit.
    """
    return tuple(
        Wanted(
            check.name,
            configuration_of(project, check) if check.settings else None,
            check.command,
            required_tests(project, check),
        )
        for check in (*project.checks, *more)
    )


def result_of(check: Check, configuration: str, result: Result) -> CheckResult:
    """Return what is signed of a run: what was looked at and the verdict, nothing that the program printed.

    Raises:
        TollgateError: It passed, and its report does not bear that out.
    """
    report = read_report(check.name, result.report, passed=result.passed)
    named = {test: version for test, version in report.looked_at.items() if version}
    warned = report.waived - report.wrong
    return CheckResult(
        name=check.name,
        configuration=configuration,
        command=check.command,
        versions=report.versions,
        test_versions=named,
        passed=result.passed,
        passed_tests=tuple(sorted(report.looked_at.keys() - report.wrong - warned)),
        warned_tests=tuple(sorted(warned)),
        failed_tests=tuple(sorted(report.wrong)),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        milliseconds=round(result.seconds * 1000),
    )


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
    argv = [_fill(part, folder, report) for part in check.command]
    root, environment = project.root, judged_environment()
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


def lay_out(store: ReleaseStore, release: Release, folder: Path) -> None:
    """Write the files of a release below `folder`, as checks want them."""
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


def _fill(part: str, release: Path, report: Path) -> str:
    policies = os.environ.get("TOLLGATE_POLICIES_PYTHON") or str(
        project_root() / ".nox" / "policies" / "bin" / "python"
    )
    return (
        part.replace("{python}", sys.executable)
        .replace("{policies_python}", policies)
        .replace("{release}", str(release))
        .replace("{report}", str(report))
    )
