"""Which stacks a directory holds, and whether they are a whole release."""

import re
from dataclasses import dataclass
from pathlib import Path

from policies.gate.errors import NotJudgedError
from policies.gate.stack import Stack, read_stack

_FOLDER = re.compile(r"payments-([a-z][a-z0-9]*)")


@dataclass(frozen=True)
class Found:
    """The stacks to judge; a whole release has exactly one per environment."""

    stacks: list[Stack]
    is_release: bool


def find_stacks(directory: Path, environments: list[str]) -> Found:
    """Read the release in a directory, or else every `*.tf.json` below it.

    Args:
        directory: What `infra.main --out` wrote, or any folder with synthesized stacks.
        environments: The environments a release has, in order.
    """
    if (directory / "stacks").is_dir():
        return Found(_release(directory / "stacks", environments), is_release=True)
    paths = sorted(path for path in directory.rglob("*.tf.json") if path.is_file())
    if not paths:
        raise NotJudgedError(
            f"{directory} holds no stack: neither stacks/payments-*/cdk.tf.json nor any *.tf.json.",
            "`nox -s synth` writes them into cdktf.out; name another directory as `-- DIR`.",
        )
    return Found([_loose(path, environments) for path in paths], is_release=False)


def stack_name(environment: str) -> str:
    """What the stack of an environment is called."""
    return f"payments-{environment}"


def _release(folder: Path, environments: list[str]) -> list[Stack]:
    expected = [stack_name(environment) for environment in environments]
    present = sorted(path.name for path in folder.iterdir())
    if present != sorted(expected):
        raise NotJudgedError(
            f"{folder} holds {', '.join(present) or 'nothing'}; a release has {', '.join(expected)}.",
            "Synthesize the whole release; a missing or an additional stack is never judged.",
        )
    for name in expected:
        inside = sorted(path.name for path in (folder / name).iterdir())
        if inside != ["cdk.tf.json"]:
            raise NotJudgedError(
                f"{folder / name} holds {', '.join(inside) or 'nothing'}; expected exactly cdk.tf.json.",
                "Terraform would read every *.tf and *.tf.json beside it; remove them.",
            )
    return [
        read_stack(folder / name / "cdk.tf.json", name, environment)
        for name, environment in zip(expected, environments, strict=True)
    ]


def _loose(path: Path, environments: list[str]) -> Stack:
    match = _FOLDER.fullmatch(path.parent.name)
    if not match or match[1] not in environments:
        raise NotJudgedError(
            f"{path} belongs to no known environment: its folder is named {path.parent.name!r}.",
            f"Name the folder payments-ENV, ENV being one of {', '.join(environments)}.",
        )
    return read_stack(path, path.parent.name, match[1])
