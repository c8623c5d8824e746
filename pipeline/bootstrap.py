"""What an account has once: the state bucket by an idempotent call, the rest by a stack of its own.

The stack holds what two instances would fight over (API Gateway's logging role, the pipeline's roles, the boundary
that function roles name). The emulated accounts get the same stack before their first release.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.adoption import adopt_unfinished, apply_logs
from pipeline.build.synth import read_stacks, synthesize
from pipeline.context import Context
from pipeline.deploy.plan_json import read_plan
from pipeline.deploy.state import State
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.workspace import LOCK_FILE, STACK_FILE, Event, Workspace, open_workspace
from pipeline.host import lock
from pipeline.host.faults import reached
from pipeline.host.files import scratch_folder
from pipeline.model.canonical import sha256_digest
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment
from pipeline.model.safety import findings
from pipeline.plan import Judged
from pipeline.show.progress import ApplyProgress
from pipeline.state_lock import past_a_dead_lock
from pipeline.targets.account import Account

_NAME = "bootstrap"
_PATIENCE_SECONDS = 900.0
"""How long a promotion waits for another one that gives the account what it has once."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A GitHub repository whose workflows may assume an account's roles.

    Attributes:
        name: `owner/name`.
        number: What GitHub numbers it by, which no other repository gets when the name is free again.
    """

    name: str
    number: int


LOCAL_REPOSITORY = Repository("local/local", 0)
"""Whose workflows may assume an emulated account's roles: none that exists."""

Consent = Callable[[Judged], bool]
"""Shown what the stack would change; says whether to go on."""


def ensure_bootstrapped(context: Context, environment: Environment, account: Account) -> None:
    """Give an emulated account what it has once, if it has not got all of it; real ones are left to `bootstrap`.

    Raises:
        TollgateError: It cannot be deployed.
    """
    if account.target != "local" or StateBucket(account).account_is_done.get() is not None:
        return
    context.progress.note(environment.name, "first use of this account: giving it what it has once")
    bootstrap(context, environment, LOCAL_REPOSITORY, lambda _: True, wait_seconds=_PATIENCE_SECONDS)


def bootstrap(
    context: Context,
    environment: Environment,
    repository: Repository,
    consent: Consent,
    *,
    wait_seconds: float = 0.0,
) -> tuple[str, ...]:
    """Deploy the account's own stack; return what the account allows too little of, in sentences.

    A run that was killed is finished by the next one, as with instances: what it made is taken over.

    Args:
        context: The project and its accounts.
        environment: Whose account.
        repository: Whose workflows may deploy there.
        consent: Asked before anything is changed.
        wait_seconds: How long to wait where another run of this checkout is at it.

    Raises:
        LockHeldError: Somebody else is at it.
        TollgateError: The account is another one or cannot be reached, or the stack cannot be deployed.
    """
    place = environment.name
    path = context.home.locks / f"{context.target.name}.{place}.{_NAME}.lock"

    def say(text: str) -> None:
        context.progress.note(place, text)

    with lock.hold(path, _NAME, wait_seconds=wait_seconds, on_wait=say) as descriptor:
        account = context.target.account(environment)
        account.insist_on_identity()
        bucket = StateBucket(account)
        bucket.make()
        state = bucket.account_state(place)
        state.insist_on_version(context.terraform.version)
        files = {
            STACK_FILE: _stack(context, environment),
            LOCK_FILE: context.project.provider_lock.read_bytes(),
        }
        with (
            bucket.promotion_lock(state, _NAME, say),
            open_workspace(
                files,
                name=f"{_NAME}.{place}",
                account=account,
                variables={
                    "account_id": account.account_id,
                    "github_repository": repository.name,
                    "github_repository_id": str(repository.number),
                },
                terraform=context.terraform,
                work=context.home.work,
                cache=context.home.cache,
                keep_open=(descriptor,),
                logs=apply_logs(context, state),
            ) as workspace,
        ):
            judged = _plan(context, environment, workspace, state, files)
            if judged is not None and not consent(judged):
                say("nothing was changed")
                return ()
            if judged is not None:
                bucket.account_is_done.remove()
                _apply(context, environment, workspace, judged)
            reached("bootstrap-applied")
            bucket.account_is_done.put(sha256_digest(files[STACK_FILE]).encode())
            return too_little(account, workspace.outputs())


def _plan(
    context: Context,
    environment: Environment,
    workspace: Workspace,
    state: State,
    files: Mapping[str, bytes],
) -> Judged | None:
    """Return what there is to do; None where nothing is."""

    def look() -> bool:
        # No release says which stack a killed run applied: what is in the one at hand is taken over.
        adopt_unfinished(context, state, workspace, lambda _: files)
        return workspace.plan(lambda _: step.say("asking the cloud"))

    with context.progress.step(environment.name, _NAME) as step:
        workspace.init(state)
        has_changes = past_a_dead_lock(context, state, workspace, look)
        judged = _judge(workspace, environment) if has_changes else None
        step.result = f"{len(judged.change_set.changes)} to apply" if judged else "nothing to do"
    reached("bootstrap-planned")
    return judged


def _apply(context: Context, environment: Environment, workspace: Workspace, judged: Judged) -> None:
    with context.progress.step(environment.name, "apply") as step:
        follow = ApplyProgress(step, len(judged.change_set.changes))

        def on_event(event: Event) -> None:
            follow(event)
            if event.get("type") == "apply_start":
                reached("bootstrap-applying")

        workspace.apply(on_event, lambda: context.target.insist_alive(environment))
        context.target.saved(environment)


def too_little(account: Account, outputs: Mapping[str, str]) -> tuple[str, ...]:
    """Compare the account's quotas with what the environment is meant to have."""
    wanted = int(outputs["concurrency_target"])
    try:
        limit = int(account.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"])
    except (BotoCoreError, ClientError) as error:
        return (f"the account's Lambda quota cannot be read: {error}",)
    if limit >= wanted:
        return ()
    sentence = f"the account allows {limit} Lambda executions at once, {wanted} are wanted"
    return (f"{sentence}; ask AWS for a higher `Concurrent executions` quota",)


def _stack(context: Context, environment: Environment) -> bytes:
    with scratch_folder(context.home.work, "synth") as folder:
        synthesize(context.project.bootstrap, context.project.root, folder / "out")
        return read_stacks(folder / "out", _NAME, (environment.name,))[environment.name]


def _judge(workspace: Workspace, environment: Environment) -> Judged:
    change_set: ChangeSet = read_plan(
        workspace.show_plan(),
        release=sha256_digest((workspace.folder / STACK_FILE).read_bytes()),
        environment=environment.name,
        suffix=_NAME,
        account_id=workspace.account.account_id,
        region=workspace.account.region,
        secret_key=StateBucket(workspace.account).secret_key(),
        stack=workspace.stack,
    )
    return Judged(
        change_set=change_set, findings=findings(change_set, stack=workspace.stack), needs_person=()
    )
