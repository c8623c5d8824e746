"""Make a plan for one instance and say what it would do: the same for `plan`, `promote` and `destroy`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.adoption import adopt_unfinished, apply_logs
from pipeline.context import Context
from pipeline.deploy.plan_json import read_plan
from pipeline.deploy.state import State
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.workspace import (
    LOCK_FILE,
    STACK_FILE,
    Event,
    Workspace,
    open_workspace,
)
from pipeline.host import lock
from pipeline.host.faults import reached
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment, Instance
from pipeline.model.kinds import Operation
from pipeline.model.release import LAMBDA_PACKAGE, PROVIDER_LOCK, Release, stack_title
from pipeline.model.safety import findings, needs_person
from pipeline.model.safety.finding import Finding
from pipeline.show.progress import Step
from pipeline.state_lock import past_a_dead_lock
from pipeline.targets.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An instance in its account, ready for Terraform and held by us alone.

    Attributes:
        environment: Its environment.
        instance: The instance.
        release: What is planned there.
        account: Where it lives.
        bucket: What is kept beside its state.
        workspace: A private folder with the release's stack.
        baseline: The same release's stack for the environment before: what is new here was proven there.
            None where there is none before, or where the instance exists already.
    """

    environment: Environment
    instance: Instance
    release: Release
    account: Account
    bucket: StateBucket
    workspace: Workspace
    baseline: Mapping[str, Any] | None = None

    @property
    def state(self) -> State:
        """Its Terraform state."""
        return self.bucket.state(self.instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a plan would do, and what a person should know of it.

    Attributes:
        change_set: Everything it would do.
        findings: What stands out.
        needs_person: Why the environment wants a person's word on it; empty where it tolerates it.
    """

    change_set: ChangeSet
    findings: tuple[Finding, ...]
    needs_person: tuple[str, ...]


@contextmanager
def open_site(
    context: Context, environment: Environment, instance: Instance, release: Release, what: str
) -> Iterator[Site]:
    """Take the instance's locks, make sure of its account, and unpack the release for it.

    Raises:
        LockHeldError: Somebody else is at work there.
        TollgateError: The account is another one or cannot be reached, or the release is damaged.
    """
    path = context.home.locks / f"{context.target.name}.{instance.file_stem}.lock"
    place = str(instance)

    def say(text: str) -> None:
        context.progress.note(place, text)

    try:
        with lock.hold(path, what, on_wait=say) as descriptor:
            account = context.target.account(environment)
            account.insist_on_identity()
            bucket = StateBucket(account)
            if account.target == "local":
                bucket.ensure()
            with bucket.promotion_lock(bucket.state(instance), what, say):
                reached("locked")
                with _site(context, environment, instance, release, account, (descriptor,)) as site:
                    yield site
    except lock.LockHeldError as error:
        message = f"{instance} is held: {error.message}"
        raise lock.LockHeldError(message, error.hint) from None


@contextmanager
def look_at(
    context: Context, environment: Environment, instance: Instance, release: Release
) -> Iterator[Site]:
    """Unpack the release for the instance without taking any lock: for questions that change nothing.

    Raises:
        TollgateError: The account is another one or cannot be reached, or the release is damaged.
    """
    account = context.target.account(environment)
    account.insist_on_identity()
    with _site(context, environment, instance, release, account, ()) as site:
        yield site


@contextmanager
def _site(
    context: Context,
    environment: Environment,
    instance: Instance,
    release: Release,
    account: Account,
    keep_open: tuple[int, ...],
) -> Iterator[Site]:
    bucket = StateBucket(account)
    state = bucket.state(instance)
    state.insist_on_version(context.terraform.version)
    with open_workspace(
        _files(context, release, environment),
        name=instance.file_stem,
        account=account,
        variables={
            "environment_suffix": instance.suffix,
            "account_id": account.account_id,
            "release": release.digest,
        },
        terraform=context.terraform,
        work=context.home.work,
        cache=context.home.cache,
        keep_open=keep_open,
        logs=apply_logs(context, state),
    ) as workspace:
        yield Site(
            environment=environment,
            instance=instance,
            release=release,
            account=account,
            bucket=bucket,
            workspace=workspace,
            baseline=_baseline(context, environment, release, state.resource_count()),
        )


def judge(
    context: Context, site: Site, operation: Operation = Operation.FORWARD, *, takes_over: bool = False
) -> Judged:
    """Plan the release for the instance and say what that would do.

    Args:
        context: The project.
        site: The instance, held by us alone.
        operation: Whether it is destroyed.
        takes_over: Whether what killed runs made is brought into the state first, as whoever may change something
            does. Default: who only looks writes nothing.

    Raises:
        TollgateError: Terraform cannot plan, or the plan holds what Tollgate does not know.
    """
    place = str(site.instance)
    workspace = site.workspace
    with context.progress.step(place, "init"):
        workspace.init(site.state)
    reached("initialised")

    def adopt() -> None:
        adopt_unfinished(
            context,
            site.state,
            workspace,
            lambda digest: _files(context, context.store.load(digest), site.environment),
        )

    if takes_over:
        past_a_dead_lock(context, site.state, workspace, adopt)
    with context.progress.step(place, "plan") as step:
        judged = past_a_dead_lock(context, site.state, workspace, lambda: plan_again(site, step, operation))
    reached("planned")
    return judged


def plan_again(
    site: Site, step: Step, operation: Operation = Operation.FORWARD, *, lock: bool = True
) -> Judged:
    """Plan once more in a folder that is ready for it; without `lock` only to look."""
    destroy = operation is Operation.DESTROY

    def on_event(_: Event) -> None:
        reached("planning")
        step.say("asking the cloud")

    has_changes = site.workspace.plan(on_event, destroy=destroy, lock=lock)
    judged = _read(site, has_changes=has_changes, operation=operation)
    counts = ", ".join(f"{number} {word}" for word, number in judged.change_set.summary.items())
    step.result = "nothing to do" if judged.change_set.is_empty else counts
    return judged


def _read(site: Site, *, has_changes: bool, operation: Operation) -> Judged:
    where = (
        site.release.digest,
        site.instance.environment,
        site.instance.suffix,
        site.account.account_id,
        site.account.region,
    )
    if not has_changes:
        return Judged(change_set=ChangeSet(*where), findings=(), needs_person=())
    release, environment, suffix, account_id, region = where
    change_set = read_plan(
        site.workspace.show_plan(),
        release=release,
        environment=environment,
        suffix=suffix,
        account_id=account_id,
        region=region,
        secret_key=site.bucket.secret_key(),
        stack=site.workspace.stack,
    )
    found = findings(change_set, stack=site.workspace.stack, baseline=site.baseline)
    if operation is Operation.DESTROY:
        # Whoever says `destroy` means deletion; only where changes need a person does it need a second word.
        destroys = ("it destroys everything there",) if site.environment.approvals else ()
        return Judged(change_set=change_set, findings=found, needs_person=destroys)
    accepted = site.environment.accepted_at(datetime.now(UTC))
    unaccepted = tuple(finding for finding in found if finding.id not in accepted)
    reasons = needs_person(change_set, unaccepted, site.environment.tolerates)
    return Judged(change_set=change_set, findings=found, needs_person=reasons)


def _files(context: Context, release: Release, environment: Environment) -> dict[str, bytes]:
    """Return what Terraform needs of a release for one environment, every byte verified."""
    return {
        STACK_FILE: context.store.read(release, stack_title(environment.name)),
        LOCK_FILE: context.store.read(release, PROVIDER_LOCK),
        LAMBDA_PACKAGE: context.store.read(release, LAMBDA_PACKAGE),
    }


def _baseline(
    context: Context, environment: Environment, release: Release, resources: int
) -> Mapping[str, Any] | None:
    before = context.environments.before(environment)
    if before is None or resources:
        return None
    stack: Mapping[str, Any] = json.loads(context.store.read(release, stack_title(before.name)))
    return stack
