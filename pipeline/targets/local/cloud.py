"""Start, see, stop and forget the local cloud."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.host.lock import LockHeldError, hold
from pipeline.model.errors import TollgateError, UsageError
from pipeline.targets.local import journal
from pipeline.targets.local.client import answers, ask_for_checkpoint
from pipeline.targets.local.identity import Identity
from pipeline.targets.local.layout import Layout
from pipeline.targets.local.liveness import serving_process
from pipeline.targets.local.losses import Losses
from pipeline.targets.local.runrecord import RunRecord, endpoint_at
from pipeline.targets.local.spec import AccountSpec, AccountStatus, CloudAccess, State
from pipeline.targets.local.starting import start_together
from pipeline.targets.local.stopping import stop

_WAIT_FOR_OTHERS_SECONDS = 180.0
_LOOK_SECONDS = 3.0
"""How long `status` waits for an answer."""


def _silent(_line: str) -> None:
    """Tell nobody."""


class LocalCloud:
    """The emulated accounts of one checkout.

    Their processes belong to no command: they go on until `down`, and keep what they hold until `reset`.

    Args:
        home: Folder in which `cloud/<environment>/` is kept.
        specs: The accounts, one per environment.
        patience_seconds: How long an account may be silent before `up` takes it for dead and starts it anew.

    Raises:
        UsageError: Two of them share an environment, an account id or a port.
    """

    def __init__(self, home: Path, specs: Sequence[AccountSpec], patience_seconds: float = 60.0) -> None:
        self._folder = home / "cloud"
        self._specs = tuple(specs)
        self._patience_seconds = patience_seconds
        _insist_on_difference("environment", [spec.environment for spec in specs])
        _insist_on_difference("account id", [spec.account_id for spec in specs])
        _insist_on_difference("port", [spec.port for spec in specs if spec.port is not None])

    def up(self, progress: Callable[[str], None] = _silent) -> tuple[AccountStatus, ...]:
        """See to it that every account answers, and return what is then known; starts only what is missing.

        Args:
            progress: Told, in short lines, what is being waited for.

        Raises:
            TollgateError: One of them cannot be started; the others are left as they are.
        """
        with self._alone("starting the local cloud", progress):
            statuses = tuple(self._status(spec, self._patience_seconds) for spec in self._specs)
            for status in statuses:
                self._insist_on_identity(status.spec)
                if status.state == "dead":
                    progress(f"the account of {status.spec.environment} does not answer; starting it anew")
                    stop([self._layout(status.spec)], patience_seconds=2.0)
            missing = [status.spec for status in statuses if status.state != "up"]
            start_together([(spec, self._layout(spec)) for spec in missing], progress)
            after = tuple(self._status(spec, self._patience_seconds) for spec in self._specs)
            for then, now in zip(statuses, after, strict=True):
                if then.endpoint not in {None, now.endpoint}:
                    name = now.spec.environment
                    progress(
                        f"{then.endpoint} is taken, so the account of {name} now answers at {now.endpoint}"
                    )
            return after

    def status(self) -> tuple[AccountStatus, ...]:
        """Return what is known about each account, without changing anything."""
        return tuple(self._status(spec) for spec in self._specs)

    def down(self, progress: Callable[[str], None] = _silent) -> tuple[AccountStatus, ...]:
        """Stop every account cleanly, keeping what it holds, and return what is then known.

        Raises:
            TollgateError: Somebody else is starting or stopping them.
        """
        with self._alone("stopping the local cloud", progress):
            progress("stopping the local accounts")
            stop([self._layout(spec) for spec in self._specs])
            return self.status()

    def reset(self, progress: Callable[[str], None] = _silent) -> None:
        """Stop every account and remove all it held, ports included.

        Raises:
            TollgateError: Something cannot be removed, or somebody else is at work.
        """
        with self._alone("removing the local cloud", progress):
            progress("removing the local accounts and all they hold")
            layouts = [self._layout(spec) for spec in self._specs]
            stop(layouts, patience_seconds=2.0)
            for layout in layouts:
                try:
                    shutil.rmtree(layout.folder)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    message = f"{layout.folder} cannot be removed: {error.strerror or error}"
                    raise TollgateError(message, "remove that folder by hand") from error

    def access(self, environment: str) -> CloudAccess:
        """Return how to reach the account of `environment`.

        Raises:
            UsageError: There is no such account.
            TollgateError: It is not up.
        """
        status = self._status(self._spec(environment), self._patience_seconds)
        if status.state != "up" or status.endpoint is None:
            message = f"the local account of {environment} is {status.state}, not up"
            raise TollgateError(message, "start it with `tollgate cloud up`")
        return CloudAccess(status.endpoint, status.spec.account_id, status.spec.region)

    def checkpoint(self, environment: str) -> None:
        """Have everything the account of `environment` holds written to disk now.

        Raises:
            UsageError: There is no such account.
            TollgateError: It is not up, or could not write.
        """
        spec = self._spec(environment)
        layout = self._layout(spec)
        record = RunRecord.read(layout.run)
        if record is None or serving_process(layout) is None:
            message = f"the local account of {environment} is not up, so it has nothing to save"
            raise TollgateError(message, "start it with `tollgate cloud up`")
        ask_for_checkpoint(record, environment)

    def losses(self, environment: str) -> Losses:
        """Return what the account of `environment` remembers of what it may have lost.

        Raises:
            UsageError: There is no such account.
        """
        return Losses(self._layout(self._spec(environment)).losses)

    def _status(self, spec: AccountSpec, patience_seconds: float = _LOOK_SECONDS) -> AccountStatus:
        layout = self._layout(spec)
        record = RunRecord.read(layout.run)
        process = serving_process(layout)
        state: State
        vanished: tuple[str, ...] = ()
        if process is not None:
            state = (
                "up" if record is not None and answers(record, spec.account_id, patience_seconds) else "dead"
            )
            vanished = journal.kept(layout)
        elif layout.run.exists():
            state = "unclean"
            vanished = journal.vanished(layout)
        else:
            state = "down"
        port = record.port if record is not None else _remembered_port(layout)
        return AccountStatus(
            spec=spec,
            state=state,
            endpoint=endpoint_at(port) if port is not None else None,
            pid=process.pid if process is not None else None,
            since=record.since if record is not None and process is not None else None,
            vanished=vanished,
            log=layout.log,
        )

    def _insist_on_identity(self, spec: AccountSpec) -> None:
        """Refuse to serve a folder's data as another account than the one it was made for."""
        kept = Identity.read(self._layout(spec).identity)
        if kept is None or (kept.account_id, kept.region) == (spec.account_id, spec.region):
            return
        message = (
            f"the local account of {spec.environment} was made as {kept.account_id} in {kept.region}, "
            f"but the settings now say {spec.account_id} in {spec.region}"
        )
        raise TollgateError(message, "put the settings back, or remove it with `tollgate cloud reset`")

    def _layout(self, spec: AccountSpec) -> Layout:
        return Layout(self._folder / spec.environment)

    def _spec(self, environment: str) -> AccountSpec:
        for spec in self._specs:
            if spec.environment == environment:
                return spec
        message = f"the local cloud has no account for {environment!r}"
        raise UsageError(message, f"choose one of {', '.join(spec.environment for spec in self._specs)}")

    @contextmanager
    def _alone(self, what: str, progress: Callable[[str], None]) -> Iterator[None]:
        """Let one command at a time start and stop accounts; the others wait and find the work done."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {self._folder} cannot be made: {error.strerror or error}"
            raise TollgateError(message, f"see what stands in the way at {self._folder}") from error
        try:
            with hold(self._folder / "lock", what, wait_seconds=_WAIT_FOR_OTHERS_SECONDS, on_wait=progress):
                yield
        except LockHeldError as error:
            message = f"the local cloud is being started or stopped by somebody else ({error.message})"
            raise TollgateError(message, error.hint) from error


def _insist_on_difference(what: str, values: Sequence[object]) -> None:
    for value in values:
        if values.count(value) > 1:
            message = f"two accounts of the local cloud have the same {what}, {value}"
            raise UsageError(message, "give each environment its own in environments/*.toml")


def _remembered_port(layout: Layout) -> int | None:
    try:
        identity = Identity.read(layout.identity)
    except TollgateError:
        return None
    return identity.port if identity is not None else None
