"""Take over what a killed run of an instance made in the cloud and could not write into its state."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from pipeline.context import Context
from pipeline.deploy.adopt import adopt
from pipeline.deploy.apply_log import ApplyLog, ApplyLogs
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.workspace import (
    STACK_FILE,
    StateLockedError,
    TerraformError,
    Workspace,
    open_workspace,
)
from pipeline.host.faults import reached
from pipeline.model.environment import Instance
from pipeline.model.release import Release
from pipeline.stores.layout import CorruptReleaseError


def apply_logs(context: Context, instance: Instance, bucket: StateBucket) -> ApplyLogs:
    """Return where the logs of an instance's applies are kept until its state is saved."""
    folder = context.home.folder("applies") / f"{context.target.name}.{instance.file_stem}"
    return ApplyLogs(folder, bucket.note(instance))


def adopt_unfinished(
    context: Context,
    instance: Instance,
    bucket: StateBucket,
    like: Workspace,
    files_of: Callable[[Release], Mapping[str, bytes]],
) -> None:
    """Bring the state up to what unfinished applies made; nothing in the cloud is changed.

    Args:
        context: The project.
        instance: Which one; held by us alone.
        bucket: Where its state is.
        like: A workspace of the instance; others like it are opened.
        files_of: Returns what Terraform needs of a release.

    Raises:
        StateLockedError: Another Terraform holds the state.
        TollgateError: Terraform failed.
    """

    def say(text: str) -> None:
        context.progress.note(str(instance), text)

    for log in apply_logs(context, instance, bucket).unfinished():
        made, replaced = _unknown(log, bucket.resource_ids(instance))
        if made and log.release is not None:
            try:
                release = context.store.load(log.release)
                files = files_of(release)
            except CorruptReleaseError as error:
                # Nobody shall be kept from repairing an instance by a release that is gone; the log stays.
                say(f"what an interrupted run had made cannot be taken over: {error.message}")
                continue

            @contextmanager
            def opened(
                stack: bytes, files: Mapping[str, bytes] = files, release: Release = release
            ) -> Iterator[Workspace]:
                with open_workspace(
                    {**files, STACK_FILE: stack},
                    name=instance.file_stem,
                    account=like.account,
                    variables={**like.variables, "release": release.digest},
                    terraform=like.terraform,
                    work=context.home.work,
                    cache=context.home.cache,
                    keep_open=like.keep_open,
                ) as workspace:
                    workspace.init(bucket.name, bucket.state_key(instance))
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
