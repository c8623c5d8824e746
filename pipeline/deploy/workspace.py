"""One private folder in which Terraform works on one stack, and nothing in it outlives the run.

Settings of the instance come from outside the stack: the backend at `init`, the variables at `plan`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.deploy.apply_log import ApplyLogs
from pipeline.deploy.region import insist_on_region
from pipeline.deploy.state import State
from pipeline.deploy.terraform_binary import TerraformBinary, clean_environment, cli_config
from pipeline.host.files import scratch_folder
from pipeline.host.process import Completed, run
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

INIT_SECONDS = 600
PLAN_SECONDS = 900
APPLY_SECONDS = 3600
STACK_FILE = "cdk.tf.json"
LOCK_FILE = ".terraform.lock.hcl"
_PLAN_FILE = "plan.bin"
_SUCCEEDED_WITH_CHANGES = 2

Event = Mapping[str, Any]
"""One line of Terraform's JSON log, parsed."""


class TerraformError(TollgateError):
    """Terraform said no, in its own words.

    Attributes:
        problems: Each diagnostic: summary, detail, address.
    """

    def __init__(self, what: str, problems: Sequence[str], hint: str) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{what} failed: " + "\n".join(problems), hint)


class StateLockedError(TerraformError):
    """The state is locked by a Terraform that still works, or died.

    Attributes:
        lock_id: What `force-unlock` wants to hear.
        who: `user@host` as Terraform wrote it.
        since: When it was taken, as Terraform wrote it.
    """

    def __init__(self, what: str, problems: Sequence[str], lock_id: str, who: str, since: str) -> None:
        super().__init__(what, problems, "wait until it ends, then run again")
        self.lock_id = lock_id
        self.who = who
        self.since = since


class ExistsAlreadyError(TerraformError):
    """What was to be made is there, and the state does not know it: a lost log, or somebody else's."""

    def __init__(self, what: str, problems: Sequence[str], addresses: Sequence[str]) -> None:
        super().__init__(what, problems, "delete what is in the way, then run the same command again")
        exists, it = ("exists", "it") if len(addresses) == 1 else ("exist", "them")
        self.message = (
            f"{', '.join(addresses)} {exists} already, and the state does not know {it}: an interrupted run may have "
            f"made {it}; see that nobody else needs {it} and delete {it}. {self.message}"
        )


@dataclass(frozen=True, slots=True)
class Workspace:
    """A stack, ready for Terraform.

    Attributes:
        folder: Where Terraform runs; private to this process.
        account: Where it is deployed.
        variables: Values of the stack's variables.
        stack: The stack, parsed.
        terraform: The program.
        config: Terraform's own configuration: where the provider comes from.
        keep_open: Descriptors that Terraform inherits, so that our lock lives as long as it does.
        logs: Where the log of an apply is kept until the state is saved; None where nothing is to be kept.
    """

    folder: Path
    account: Account
    variables: Mapping[str, str]
    stack: Mapping[str, Any]
    terraform: TerraformBinary
    config: Path
    keep_open: tuple[int, ...] = ()
    logs: ApplyLogs | None = None

    def init(self, state: State) -> None:
        """Connect the folder with its provider and its state.

        Raises:
            TerraformError: The provider is not what the lock file says, or the state cannot be reached.
        """
        settings = {
            "bucket": state.bucket,
            "key": state.key,
            "region": self.account.region,
            "use_lockfile": "true",
            "encrypt": "true",
            "use_path_style": "true" if self.account.target == "local" else "false",
            "skip_metadata_api_check": "true" if self.account.target == "local" else "false",
        }
        flags = [f"-backend-config={name}={value}" for name, value in settings.items()]
        result = self._run("init", ["-input=false", "-no-color", "-lockfile=readonly", *flags], INIT_SECONDS)
        if result.exit_code != 0:
            hint = "check the provider mirror or the network; TOLLGATE_PROVIDER_MIRROR names another mirror"
            raise TerraformError("terraform init", [_plain(result.stderr or result.stdout)], hint)

    def plan(
        self,
        on_event: Callable[[Event], None],
        *,
        destroy: bool = False,
        targets: Sequence[str] = (),
        lock: bool = True,
    ) -> bool:
        """Plan the stack, or these addresses of it; return whether there is anything to do.

        Without `lock` the state is only read: who merely looks must not keep anybody from working.

        Raises:
            StateLockedError: Another Terraform holds the state.
            TerraformError: The plan failed.
        """
        flags = ["-input=false", "-json", "-detailed-exitcode", f"-out={_PLAN_FILE}"]
        flags += [f"-var={name}={value}" for name, value in self.variables.items()]
        flags += [f"-target={address}" for address in targets]
        flags += ["-destroy"] if destroy else []
        flags += [] if lock else ["-lock=false"]
        result = self._run("plan", flags, PLAN_SECONDS, on_event)
        if result.exit_code not in {0, _SUCCEEDED_WITH_CHANGES}:
            raise _failure(
                "terraform plan", result, "nothing was changed; mend what it names, then run again"
            )
        (self.folder / _PLAN_FILE).chmod(0o600)
        return result.exit_code == _SUCCEEDED_WITH_CHANGES

    def show_plan(self) -> dict[str, Any]:
        """Return the plan as JSON. It holds secrets in clear: it never leaves this process.

        Raises:
            TerraformError: Terraform cannot read its own plan.
        """
        result = self._run("show", ["-json", _PLAN_FILE], PLAN_SECONDS)
        try:
            plan = json.loads(result.stdout)
        except ValueError:
            plan = None
        if result.exit_code != 0 or not isinstance(plan, dict):
            raise TerraformError("terraform show", [_plain(result.stderr)], "run again")
        return plan

    def apply(self, on_event: Callable[[Event], None], insist: Callable[[], None]) -> None:
        """Apply the plan just made, and no other, as long as `insist` raises nothing.

        Raises:
            StateLockedError: Another Terraform holds the state.
            ExistsAlreadyError: Something that it would make is there, and the state does not know it.
            TerraformError: It failed; part of it may have been done.
        """
        log = self.logs.begin(self.variables.get("release", "")) if self.logs else None
        arguments = ["-input=false", "-json", _PLAN_FILE]

        def noted(event: Event) -> None:
            if log:
                log.note(event)
            on_event(event)

        result = self._run("apply", arguments, APPLY_SECONDS, noted, insist, log.path if log else None)
        (self.folder / _PLAN_FILE).unlink(missing_ok=True)
        # Terraform leaves this file where it could not hand its state to the bucket.
        if log and result.exit_code in {0, 1} and not (self.folder / "errored.tfstate").exists():
            log.discard()
        if result.exit_code != 0:
            raise _failure("terraform apply", result, "run the same command again to finish it")

    def outputs(self) -> dict[str, str]:
        """Return the stack's plain outputs as the state has them.

        Raises:
            TerraformError: The state cannot be read.
        """
        result = self._run("output", ["-json", "-no-color"], INIT_SECONDS)
        try:
            found = json.loads(result.stdout)
        except ValueError:
            raise TerraformError("terraform output", [_plain(result.stderr)], "run again") from None
        return {name: str(output["value"]) for name, output in found.items() if not output.get("sensitive")}

    def forget(self, addresses: Sequence[str]) -> None:
        """Remove resources from the state; the cloud is not touched.

        Raises:
            StateLockedError: Another Terraform holds the state.
            TerraformError: The state cannot be written.
        """
        result = self._run("state", ["rm", *addresses], INIT_SECONDS)
        if result.exit_code != 0:
            raise _locked_or_not("terraform state rm", [_plain(result.stderr)], "run again")

    def force_unlock(self, lock_id: str) -> None:
        """Remove the lock of a Terraform that is provably dead.

        Raises:
            TerraformError: The lock is another one by now.
        """
        result = self._run("force-unlock", ["-force", lock_id], INIT_SECONDS)
        if result.exit_code != 0:
            raise TerraformError("terraform force-unlock", [_plain(result.stderr)], "run again")

    def _run(
        self,
        command: str,
        arguments: Sequence[str],
        deadline_seconds: float,
        on_event: Callable[[Event], None] | None = None,
        insist: Callable[[], None] | None = None,
        keep_stdout: Path | None = None,
    ) -> Completed:
        def on_line(line: str) -> None:
            event = _event(line)
            if event is not None and on_event is not None:
                on_event(event)

        config = ("TF_CLI_CONFIG_FILE", str(self.config))
        return run(
            [*self.terraform.argv, command, *arguments],
            what=f"terraform {command}",
            deadline_seconds=deadline_seconds,
            cwd=self.folder,
            env=clean_environment([config, *self.account.environment.items()]),
            on_line=on_line,
            insist=insist,
            keep_open=self.keep_open,
            keep_stdout=keep_stdout,
        )


@contextmanager
def open_workspace(
    files: Mapping[str, bytes],
    *,
    name: str,
    account: Account,
    variables: Mapping[str, str],
    terraform: TerraformBinary,
    work: Path,
    cache: Path,
    keep_open: tuple[int, ...] = (),
    logs: ApplyLogs | None = None,
) -> Iterator[Workspace]:
    """Lay a stack's files into a private folder that is removed afterwards.

    Args:
        files: `cdk.tf.json`, `.terraform.lock.hcl` and what the stack reads beside them.
        name: What the folder's name begins with: leftovers of a killed run of the same name go.
        account: Where the stack is deployed.
        variables: Values of its variables.
        terraform: The program.
        work: Where private folders are made.
        cache: Where providers from the registry are kept.
        keep_open: Descriptors that Terraform inherits.
        logs: Where the log of an apply is kept until the state is saved. Default: it is not kept.

    Raises:
        RefusedError: The stack deploys to another region than the account's.
        TollgateError: The disk is full, or the provider mirror that was asked for does not hold the provider.
    """
    stack = json.loads(files[STACK_FILE])
    insist_on_region(stack, account.region)
    with scratch_folder(work, name) as folder:
        run_in = folder / "stack"
        run_in.mkdir(mode=0o700)
        for title, content in files.items():
            (run_in / title).write_bytes(content)
        config = folder / "terraform.rc"
        config.write_text(cli_config(_locked_version(files[LOCK_FILE]), cache / "providers"))
        yield Workspace(
            folder=run_in,
            account=account,
            variables=variables,
            stack=stack,
            terraform=terraform,
            config=config,
            keep_open=keep_open,
            logs=logs,
        )


def _locked_version(lock: bytes) -> str | None:
    """Return the AWS provider's version; None for a stack that needs no provider from outside."""
    found = re.search(rb'hashicorp/aws" \{\s*version\s*=\s*"([0-9.]+)"', lock)
    return found.group(1).decode() if found else None


def _event(line: str) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _failure(what: str, result: Completed, hint: str) -> TerraformError:
    """Turn the diagnostics of Terraform's JSON log into sentences."""
    problems, in_the_way = [], []
    for line in result.stdout.splitlines():
        diagnostic = (_event(line) or {}).get("diagnostic", {})
        if diagnostic.get("severity") == "error":
            # A broken precondition comes without an address, but with the block that it stands in.
            place = diagnostic.get("address") or (diagnostic.get("snippet") or {}).get("context")
            where = f" ({place})" if place else ""
            detail = f": {_plain(diagnostic['detail'])}" if diagnostic.get("detail") else ""
            problems.append(f"{diagnostic.get('summary', 'error')}{where}{detail}")
            if diagnostic.get("address") and _EXISTS.search(problems[-1]):
                in_the_way.append(str(diagnostic["address"]))
    problems = problems or [_plain(result.last_words)]
    if in_the_way:
        return ExistsAlreadyError(what, problems, in_the_way)
    return _locked_or_not(what, problems, hint)


_EXISTS = re.compile(
    r"AlreadyExists|already exists|AlreadyOwnedByYou|ResourceInUseException|ResourceConflictException"
)


_LOCK = re.compile(
    r"Lock Info:.*?ID:\s+(?P<id>\S+).*?Who:\s+(?P<who>\S+)(?:.*?Created:\s+(?P<since>\S+ [0-9:]+))?",
    re.DOTALL,
)


def _locked_or_not(what: str, problems: Sequence[str], hint: str) -> TerraformError:
    lock = _LOCK.search("\n".join(problems))
    if lock:
        since = f"{lock['since']} UTC" if lock["since"] else "an unknown time"
        return StateLockedError(what, problems, lock["id"], lock["who"], since)
    return TerraformError(what, problems, hint)


def _plain(text: str) -> str:
    """Terraform's words without colours and box drawing."""
    without_colours = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = (line.strip("│╷╵ ").rstrip() for line in without_colours.splitlines())
    return "\n".join(line for line in lines if line)
