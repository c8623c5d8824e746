"""Start account processes, all at once, and wait for each."""

import importlib.metadata
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pipeline
from pipeline.model.errors import TollgateError
from pipeline.targets.local.identity import Identity
from pipeline.targets.local.layout import Layout
from pipeline.targets.local.liveness import command
from pipeline.targets.local.spec import AccountSpec

EMULATOR_VERSION = "1.5.22"
"""Later ones refuse what the AWS provider sends; the shims fit this one."""

_DEADLINE_SECONDS = 300.0
_TELL_EVERY_SECONDS = 5.0


def start_together(accounts: Sequence[tuple[AccountSpec, Layout]], progress: Callable[[str], None]) -> None:
    """Start the processes of `accounts` and return when all of them answer.

    Raises:
        TollgateError: The emulator is not installed, or an account could not be started (the first that
            could not is named; those that could are left running).
    """
    if not accounts:
        return
    _insist_on_emulator()
    started = [(spec, layout, _start(spec, layout)) for spec, layout in accounts]
    names = ", ".join(spec.environment for spec, _ in accounts)
    progress(f"starting the local accounts of {names}")
    failures = []
    begun = told = time.monotonic()
    for spec, layout, starter in started:
        while starter.poll() is None and time.monotonic() - begun < _DEADLINE_SECONDS:
            time.sleep(0.02)
            if time.monotonic() - told > _TELL_EVERY_SECONDS:
                told = time.monotonic()
                progress(f"waiting for the account of {spec.environment}, {told - begun:.0f} s")
        failure = _failure(spec, layout, starter)
        if failure is not None:
            failures.append(failure)
    if failures:
        raise failures[0]
    progress(f"the local accounts of {names} answer after {time.monotonic() - begun:.1f} s")


def _insist_on_emulator() -> None:
    """Refuse an emulator that is missing, or another than the one whose differences from AWS are known."""
    try:
        found = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        message = "the emulator of the local cloud is not installed beside this program"
    else:
        if found == EMULATOR_VERSION:
            return
        message = f"the local cloud knows the emulator ministack {EMULATOR_VERSION}, but {found} is installed"
    raise TollgateError(message, "run it through nox, or install requirements/cloud.txt")


def _start(spec: AccountSpec, layout: Layout) -> subprocess.Popen[bytes]:
    """Start one account's program, which returns when the account answers."""
    try:
        layout.folder.mkdir(mode=0o700, exist_ok=True)
        layout.folder.chmod(0o700)
    except OSError as error:
        message = f"the folder {layout.folder} cannot be used: {error.strerror or error}"
        raise TollgateError(message, f"see what stands in the way at {layout.folder}") from error
    kept = Identity.read(layout.identity)
    port = spec.port if spec.port is not None or kept is None else kept.port
    Identity(spec.environment, spec.account_id, spec.region, port, spec.port_is_fixed).write(layout.identity)
    root = Path(pipeline.__file__).resolve().parents[1]
    return subprocess.Popen(
        command(layout),
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _failure(spec: AccountSpec, layout: Layout, starter: subprocess.Popen[bytes]) -> TollgateError | None:
    """Return why the account did not start, or None where it did."""
    if starter.poll() is None:
        starter.kill()
        starter.communicate()
        message = f"the local account of {spec.environment} did not answer within {_DEADLINE_SECONDS:.0f} s"
        return TollgateError(message, f"see {layout.log}, then run again")
    _, words = starter.communicate()
    if starter.returncode == 0:
        return None
    try:
        said = json.loads(words)
        reason, hint = said["message"], said.get("hint")
    except (ValueError, TypeError, KeyError):
        reason, hint = "its program failed to start", None
    message = f"the local account of {spec.environment} could not be started: {reason}"
    return TollgateError(message, hint or f"see {layout.output} and {layout.log}")
