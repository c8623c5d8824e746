"""Synthesis: the project's own program writes one stack per environment; what it wrote is checked for its shape."""

import json
import sys
from pathlib import Path
from typing import Any

from pipeline.host.process import run
from pipeline.model.errors import TollgateError, UsageError
from pipeline.settings import Project
from pipeline.trust.judged_environment import judged_environment

_DEADLINE_SECONDS = 300
STACK_FILE = "cdk.tf.json"
SYNTHESIZED = "cdktf.out"
"""Where a person's stacks go if nobody says where: cdktf's own name and layout for it."""


def synthesize(command: tuple[str, ...], root: Path, out: Path) -> None:
    """Run the synthesis program so that it writes `out/stacks/<project>-<environment>/cdk.tf.json`.

    Raises:
        TollgateError: It failed; its own words are in the message.
    """
    argv = [part.replace("{python}", sys.executable).replace("{out}", str(out)) for part in command]
    environment = judged_environment("TOLLGATE_PROVIDER_ASSEMBLY")
    result = run(argv, what="synthesis", deadline_seconds=_DEADLINE_SECONDS, cwd=root, env=environment)
    if result.exit_code != 0:
        message = f"synthesis failed:\n{result.last_words}"
        raise TollgateError(message, "mend what it names, then run again")


def read_stacks(out: Path, project: str, environments: tuple[str, ...]) -> dict[str, bytes]:
    """Return each environment's stack as it was written.

    Raises:
        TollgateError: One is missing, or has no empty S3 backend, which is where the pipeline puts the state.
    """
    stacks = {}
    for environment in environments:
        path = _path(out, project, environment)
        try:
            content = path.read_bytes()
            stack = json.loads(content)
        except FileNotFoundError:
            message = f"synthesis wrote no stack for {environment}"
            raise TollgateError(
                message, f"it must write stacks/{project}-{environment}/{STACK_FILE}"
            ) from None
        except (ValueError, RecursionError):
            message = f"the stack for {environment} is not JSON"
            raise TollgateError(message, "mend the synthesis program") from None
        if _backend(stack) != {"s3": {}}:
            message = f"the stack for {environment} brings a backend of its own"
            raise TollgateError(message, 'it must hold `"backend": {"s3": {}}`; the pipeline sets the rest')
        stacks[environment] = content
    return stacks


def synthesize_whole(project: Project, environments: tuple[str, ...], out: Path) -> list[Path]:
    """Write every stack below `out`, whole or not at all, and return where each one is.

    Raises:
        UsageError: `out` is there and is no folder.
        TollgateError: Synthesis failed; `out` is as it was.
    """
    if out.exists() and not out.is_dir():
        message = f"{out} is a file; a folder is needed"
        raise UsageError(message, "choose another `--out DIR`")
    synthesize(project.synth, project.root, out.resolve())
    read_stacks(out, project.name, environments)
    return [_path(out, project.name, environment) for environment in environments]


def _path(out: Path, project: str, environment: str) -> Path:
    return out / "stacks" / f"{project}-{environment}" / STACK_FILE


def _backend(stack: Any) -> Any:
    terraform = stack.get("terraform") if isinstance(stack, dict) else None
    return terraform.get("backend") if isinstance(terraform, dict) else None
