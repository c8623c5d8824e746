"""The host's side of the containers: it sends the source, takes back what they made, and trusts none of it unread.

A release comes back as bytes and is hashed again; a check comes back as a verdict, its words and its report. Whatever
is signed or recorded is signed and recorded here, by the process that has the keys.
"""

import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import dagger
from dagger import dag

from pipeline.ci.constants import BASE_IMAGE, BUILT, CHECKED, PIPELINE, TOOLS, WHOLE, only
from pipeline.ci.containers import NOX, REPORT, Ci, Network, Source, Workshop
from pipeline.ci.host_settings import HostSettings, read_host_settings
from pipeline.evidence.checks import Result, Runner
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home
from pipeline.model.errors import TollgateError
from pipeline.model.release import RELEASE_TYPE, Release
from pipeline.settings import Check, Project
from pipeline.stores.releases import ReleaseStore

_PIPELINE_ROOT = Path(__file__).resolve().parents[2]
_DEADLINE_SECONDS = 3600
_LAST_LINES = 15
T = TypeVar("T")


class Containers:
    """A Dagger engine, reached through the session that `dagger run` has opened.

    Args:
        engine_version: The version it must have.
    """

    def __init__(self, engine_version: str) -> None:
        self.sentence = f"in containers of Dagger {engine_version}"
        self._version = engine_version
        self.runner: Runner = _ContainerRunner(self)

    def build(
        self, project: Project, environments: tuple[str, ...], home: Home, say: Callable[[str], None]
    ) -> Release:
        """Build the release in a container and keep its bytes, hashed anew, in the store of `home`.

        Raises:
            TollgateError: It cannot be built, or what came back is no release.
        """
        say("building in a container")
        with scratch_folder(home.work, "container") as folder:
            layout = folder / "release"
            self.talk(project, home.work, lambda ci: ci.build.release().export(os.fspath(layout)))
            made = ReleaseStore(layout)
            release = made.load(_only_release(layout))
            if release.environments != tuple(sorted(environments)):
                found = ", ".join(release.environments)
                message = f"the container built stacks for other environments than this project's: {found}"
                raise TollgateError(message, "see that `environments` holds the same files as the commit")
            files = {layer.title: made.read(release, layer.title) for layer in release.layers}
            return ReleaseStore(home.releases).save(files)

    def talk(self, project: Project, work: Path, job: Callable[[Ci], Awaitable[T]]) -> T:
        """Do `job` for a project in one conversation with the engine.

        Raises:
            TollgateError: The engine is not the pinned one, a command in a container failed, or the engine did.
        """
        settings = read_host_settings()
        with scratch_folder(work, "conversation") as private:

            async def conversation() -> T:
                with anyio.fail_after(_DEADLINE_SECONDS):
                    async with dagger.connection():
                        await self._insist_on_version()
                        ci = Ci(workshop=_workshop(project, settings, private))
                        return await job(ci)

            try:
                return anyio.run(conversation)
            except dagger.ExecError as error:
                command = " ".join(error.command).replace(NOX, "nox")
                message = f"in a container, `{command}` failed:\n{_last_words(error.stdout, error.stderr)}"
                hint = "mend what it names; where a package cannot be had, see TOLLGATE_CONTAINER_NETWORK"
                raise TollgateError(message, hint) from None
            except TimeoutError:
                message = f"the Dagger engine did not end within {_DEADLINE_SECONDS} s"
                raise TollgateError(message, "run again: what it has done is cached") from None
            except dagger.DaggerError as error:
                first = (str(error).splitlines() or ["it gave no reason"])[0]
                message = f"the Dagger engine failed: {first}"
                raise TollgateError(
                    message, "look at its log, or run on this machine: `--engine off`"
                ) from None

    async def _insist_on_version(self) -> None:
        found = await dag.version()
        if found != self._version:
            message = f"the Dagger engine is {found}, and this checkout is made for {self._version}"
            raise TollgateError(message, f"install Dagger {self._version}, or say `--engine off`")


class _ContainerRunner:
    """Runs every check at once, each in a container of its own."""

    more: tuple[Check, ...] = (
        Check("lint", ("nox", "-s", "lint"), WHOLE),
        Check("types", ("nox", "-s", "types"), WHOLE),
    )

    def __init__(self, containers: Containers) -> None:
        self._containers = containers

    def run(
        self, project: Project, checks: Sequence[Check], folder: Path, say: Callable[[str], None]
    ) -> tuple[Result, ...]:
        """Run `checks` over the release laid out in `folder` and return one result each, in their order.

        Raises:
            TollgateError: A container could not be made, or the engine failed.
        """
        say(f"{len(checks)} checks in containers: {', '.join(check.name for check in checks)}")

        async def all_at_once(ci: Ci) -> tuple[Result, ...]:
            results: dict[str, Result] = {}
            faults: list[Exception] = []

            async def one(check: Check) -> None:
                try:
                    results[check.name] = await _judge(ci, check, folder)
                except (TollgateError, dagger.DaggerError) as error:
                    faults.append(error)
                    group.cancel_scope.cancel()
                    return
                verdict = "passed" if results[check.name].passed else "failed"
                say(f"{check.name} {verdict}, {len(checks) - len(results)} to go")

            async with anyio.create_task_group() as group:
                for check in checks:
                    group.start_soon(one, check)
            if faults:
                raise faults[0]
            return tuple(results[check.name] for check in checks)

        return self._containers.talk(project, folder.parent, all_at_once)


async def _judge(ci: Ci, check: Check, folder: Path) -> Result:
    """Run one check in its container; a check that fails is a result, a container that cannot be made is an error."""
    started = time.monotonic()
    container = _container_of(ci, check, folder)
    passed, report = True, None
    try:
        output = _last_words(await container.stdout(), "")
        if "{report}" in check.command:
            report = _parsed(check, await container.file(REPORT).contents())
    except dagger.ExecError as error:
        if not _is_of(error.command, check):
            raise
        passed, output = False, _last_words(error.stdout, error.stderr)
    seconds = time.monotonic() - started
    return Result(check.name, passed=passed, reused=False, seconds=seconds, output=output, report=report)


def _container_of(ci: Ci, check: Check, folder: Path) -> dagger.Container:
    if check.name == "lint":
        return ci.check.lint()
    if check.name == "types":
        return ci.check.types()
    release = dag.host().directory(os.fspath(folder))
    if "{policies_python}" in check.command:
        return ci.policies.judged(release, check.name)
    return ci.check.judged(release, check.name)


def _is_of(command: Sequence[str], check: Check) -> bool:
    """Whether a failed command is the check itself, rather than what prepares its container."""
    session = [NOX, "--session", check.name], [NOX, "--session", "check", "--", check.name]
    return any(list(command[: len(each)]) == each for each in session)


def _parsed(check: Check, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        message = f"the check {check.name} wrote no report, so nobody can tell what it checked"
        raise TollgateError(message, "run it by hand and see what it says") from None


def _only_release(layout: Path) -> str:
    """Return the digest of the one release that an image layout holds.

    Raises:
        TollgateError: It holds none or several.
    """
    try:
        entries = json.loads((layout / "index.json").read_bytes())["manifests"]
        digests = [entry["digest"] for entry in entries if entry.get("artifactType") == RELEASE_TYPE]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        digests = []
    if len(digests) != 1:
        message = "the container brought back no release"
        raise TollgateError(message, "run again with `--engine off` to see what the build says")
    return str(digests[0])


def _workshop(project: Project, network: HostSettings, private: Path) -> Workshop:
    settings = None
    if project.bundle is not None:
        settings = dag.host().directory(os.fspath(project.bundle.unpack(private)))
    return Workshop(
        source=Source(
            tools=_sent(project.root, TOOLS),
            built=_sent(project.root, BUILT),
            checked=_sent(project.root, CHECKED),
            whole=_sent(project.root, WHOLE),
        ),
        tools=_sent(_PIPELINE_ROOT, TOOLS),
        pipeline=_sent(_PIPELINE_ROOT, PIPELINE),
        settings=settings,
        foreign=project.root.resolve() != _PIPELINE_ROOT,
        base_image=os.environ.get("TOLLGATE_BASE_IMAGE") or BASE_IMAGE,
        network=_network(network, private),
    )


def _sent(root: Path, names: tuple[str, ...]) -> dagger.Directory:
    return dag.host().directory(os.fspath(root), exclude=only(*names))


def _network(settings: HostSettings, private: Path) -> Network | None:
    """Hand over what the host's settings allow; the cache key keeps a new password from installing everything anew."""
    if settings == HostSettings():
        return None
    pip_configuration = certificates = None
    if settings.pip_configuration is not None:
        path = private / "pip.conf"
        path.touch(0o600)
        path.write_text(settings.pip_configuration, encoding="utf-8")
        pip_configuration = dag.secret(f"file://{path}", cache_key="tollgate-pip-configuration")
    if settings.certificates is not None:
        certificates = dag.host().file(os.fspath(settings.certificates))
    proxies = {
        name: dag.secret(f"env://{source}", cache_key=f"tollgate-{name}")
        for name, source in settings.proxies.items()
    }
    return Network(pip_configuration=pip_configuration, certificates=certificates, **proxies)


def _last_words(stdout: str, stderr: str) -> str:
    """Return what the program itself said last; what Nox says about running it is left out."""
    lines = [line for line in f"{stdout}\n{stderr}".splitlines() if line.strip()]
    return "\n".join([line for line in lines if not line.startswith("nox > ")][-_LAST_LINES:])
