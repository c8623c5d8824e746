"""What an account has once: the state bucket by an idempotent call, the rest by a stack of its own.

The stack holds what two instances would fight over (API Gateway's logging role, the pipeline's roles, the boundary
that function roles name). The emulated accounts get the same stack before their first release.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.build.synth import read_stacks, synthesize
from pipeline.context import Context
from pipeline.deploy.plan_json import read_plan
from pipeline.deploy.state_bucket import StateBucket
from pipeline.deploy.workspace import LOCK_FILE, STACK_FILE, Workspace, open_workspace
from pipeline.host import lock
from pipeline.host.files import scratch_folder
from pipeline.model.canonical import sha256_digest
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment
from pipeline.model.safety import findings
from pipeline.plan import Judged
from pipeline.show.progress import ApplyProgress
from pipeline.targets.account import Account

_NAME = "bootstrap"
_STATE_KEY = f"{_NAME}/terraform.tfstate"


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
    """Give an emulated account what it has once, if it has not got it yet; real ones are left to `bootstrap`.

    Raises:
        TollgateError: It cannot be deployed.
    """
    if account.target != "local" or StateBucket(account).has(_STATE_KEY):
        return
    context.progress.note(environment.name, "first use of this account: giving it what it has once")
    bootstrap(context, environment, LOCAL_REPOSITORY, lambda _: True)


def bootstrap(
    context: Context, environment: Environment, repository: Repository, consent: Consent
) -> tuple[str, ...]:
    """Deploy the account's own stack; return what the account allows too little of, in sentences.

    Args:
        context: The project and its accounts.
        environment: Whose account.
        repository: Whose workflows may deploy there.
        consent: Asked before anything is changed.

    Raises:
        LockHeldError: Somebody else is at it.
        TollgateError: The account is another one or cannot be reached, or the stack cannot be deployed.
    """
    place = environment.name
    with lock.hold(context.home.locks / f"{context.target.name}.{place}.{_NAME}.lock", _NAME) as descriptor:
        account = context.target.account(environment)
        account.insist_on_identity()
        bucket = StateBucket(account)
        bucket.ensure()
        variables = {
            "account_id": account.account_id,
            "github_repository": repository.name,
            "github_repository_id": str(repository.number),
        }
        with open_workspace(
            {STACK_FILE: _stack(context, environment), LOCK_FILE: context.project.provider_lock.read_bytes()},
            name=f"{_NAME}.{place}",
            account=account,
            variables=variables,
            terraform=context.terraform,
            work=context.home.work,
            cache=context.home.cache,
            keep_open=(descriptor,),
        ) as workspace:
            with context.progress.step(place, _NAME) as step:
                workspace.init(bucket.name, _STATE_KEY)
                has_changes = workspace.plan(lambda _: step.say("asking the cloud"))
                judged = _judge(workspace, bucket, environment) if has_changes else None
                step.result = f"{len(judged.change_set.changes)} to apply" if judged else "nothing to do"
            if judged is not None and not consent(judged):
                context.progress.note(place, "nothing was changed")
                return ()
            if judged is not None:
                _apply(context, environment, workspace, judged)
            return _too_little(account, workspace.outputs())


def _apply(context: Context, environment: Environment, workspace: Workspace, judged: Judged) -> None:
    with context.progress.step(environment.name, "apply") as step:
        follow = ApplyProgress(step, len(judged.change_set.changes))
        workspace.apply(follow, lambda: context.target.insist_alive(environment))
        context.target.saved(environment)


def _too_little(account: Account, outputs: Mapping[str, str]) -> tuple[str, ...]:
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


def _judge(workspace: Workspace, bucket: StateBucket, environment: Environment) -> Judged:
    change_set: ChangeSet = read_plan(
        workspace.show_plan(),
        release=sha256_digest((workspace.folder / STACK_FILE).read_bytes()),
        environment=environment.name,
        suffix=_NAME,
        account_id=workspace.account.account_id,
        region=workspace.account.region,
        secret_key=bucket.secret_key(),
        stack=workspace.stack,
    )
    return Judged(
        change_set=change_set, findings=findings(change_set, stack=workspace.stack), needs_person=()
    )
