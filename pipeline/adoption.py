"""Take over what a killed run made in the cloud and could not write into the state."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.context import Context
from pipeline.deploy.adopt import adopt
from pipeline.deploy.apply_log import ApplyLog, ApplyLogs
from pipeline.deploy.state import State
from pipeline.deploy.workspace import (
    STACK_FILE,
    StateLockedError,
    TerraformError,
    Workspace,
    open_workspace,
)
from pipeline.host.faults import reached
from pipeline.stores.layout import CorruptReleaseError


def apply_logs(context: Context, state: State) -> ApplyLogs:
    """Return where the logs of the applies to a state are kept until it is saved."""
    folder = context.home.folder("applies") / f"{context.target.name}.{state.stem}"
    return ApplyLogs(folder, state.note)


def adopt_unfinished(
    context: Context,
    state: State,
    like: Workspace,
    files_of: Callable[[str], Mapping[str, bytes]],
) -> None:
    """Bring the state up to what unfinished applies made; nothing in the cloud is changed.

    Args:
        context: The project.
        state: The state; held by us alone.
        like: A workspace of the same stack; others like it are opened.
        files_of: Returns what Terraform needs of a release, by its digest.

    Raises:
        StateLockedError: Another Terraform holds the state.
        TollgateError: Terraform failed.
    """

    def say(text: str) -> None:
        context.progress.note(state.place, text)

    for log in apply_logs(context, state).unfinished():
        made, replaced = _unknown(log, state.resource_ids())
        if made and log.release is not None:
            try:
                files = files_of(log.release)
            except CorruptReleaseError as error:
                # Nobody shall be kept from repairing an instance by a release that is gone; the log stays.
                say(f"what an interrupted run had made cannot be taken over: {error.message}")
                continue

            @contextmanager
            def opened(
                stack: bytes, files: Mapping[str, bytes] = files, release: str = log.release
            ) -> Iterator[Workspace]:
                with open_workspace(
                    {**files, STACK_FILE: stack},
                    name=state.stem,
                    account=like.account,
                    variables={**like.variables, **({"release": release} if release else {})},
                    terraform=like.terraform,
                    work=context.home.work,
                    cache=context.home.cache,
                    keep_open=like.keep_open,
                ) as workspace:
                    workspace.init(state)
                    reached("adopting")
                    yield workspace

            try:
                adopt(opened, files[STACK_FILE], made, replaced, say)
            except StateLockedError:
                raise
            except TerraformError as error:
                # The plan that comes next says whether Terraform works at all; if it does, the way stays open. What is
                # there all the same is met by name at the apply, and the log stays for the next try.
                say(f"what an interrupted run had made cannot be taken over: {error.message.splitlines()[0]}")
                continue
        log.discard()


def _unknown(log: ApplyLog, known: Mapping[str, str | None]) -> tuple[dict[str, str], frozenset[str]]:
    """Return what the log knows and the state does not, and where the state holds a deleted object instead."""
    removed = log.removed
    made = {
        address: found
        for address, found in log.made.items()
        if known.get(address) != found and (address not in known or address in removed)
    }
    return made, frozenset(address for address in made if address in known)
