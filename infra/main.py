"""Writes the stacks: `python -m infra.main --out DIR`; no network, no credentials, no Terraform needed."""

import argparse
import gc
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.errors import InfraError

OPENAPI = Path(__file__).parent.parent / "app" / "openapi.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every stack, or say in one sentence why not."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.main", description="Synthesize the stacks, offline."
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="write DIR/stacks/<stack>/cdk.tf.json"
    )
    parser.add_argument(
        "--environment",
        action="append",
        metavar="ENV",
        help="only this one; may be given again (default: all)",
    )
    parser.add_argument(
        "--bootstrap",
        action="store_true",
        help="the stacks of the accounts instead of those of the payment API",
    )
    chosen = parser.parse_args(arguments)
    try:
        build = _bootstraps if chosen.bootstrap else _payments
        write_whole(chosen.out, lambda folder: build(folder, chosen.environment))
    except InfraError as trouble:
        hint = f"hint: {trouble.hint}\n" if trouble.hint else ""
        sys.stderr.write(f"error: {trouble.message}\n{hint}")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return 130
    return 0


def write_whole(out: Path, build: Callable[[Path], None]) -> None:
    """Let `build` write into a folder of its own, and put its stacks in place only when all of them are done.

    Raises:
        InfraError: If `out` holds what we did not write, or cannot be written.
    """
    _refuse_foreign(out)
    with tempfile.TemporaryDirectory(prefix="tollgate-synth-") as folder:
        # Absolute: Node.js may have started in another folder.
        made = Path(folder).absolute() / "made"
        build(made)
        try:
            _put(made / "stacks", out)
        except OSError as trouble:
            raise InfraError(
                f"{out} cannot be written: {trouble.strerror}", hint="choose another directory with --out"
            ) from trouble


def _put(stacks: Path, out: Path) -> None:
    """Replace `out` by the stacks, and by nothing else of what cdktf writes for its own command line."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        fresh = Path(scratch) / "fresh"
        for stack in sorted(stacks.iterdir()):
            target = fresh / "stacks" / stack.name
            target.mkdir(parents=True)
            shutil.copyfile(stack / "cdk.tf.json", target / "cdk.tf.json")
        old = Path(scratch) / "old"
        try:
            if out.exists():
                out.rename(old)
            fresh.rename(out)
        except BaseException:  # Ctrl-C between the two
            if old.exists() and not out.exists():
                old.rename(out)
            raise


def _refuse_foreign(out: Path) -> None:
    """What is replaced has to be an earlier synth: a mistyped directory loses nothing."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InfraError(f"{out} is no directory, expected one that is new, empty or an earlier synth")
    if out.is_dir():
        foreign = sorted(
            path.relative_to(out).as_posix()
            for path in out.rglob("*")
            if not (path.is_dir() or (path.match("stacks/*/cdk.tf.json")))
        )
        if foreign:
            raise InfraError(
                f"{out} holds {foreign[0]}, expected a directory that is new, empty or an earlier synth",
                hint="choose another directory with --out",
            )


# The imports stand in the functions: a wrong argument should not wait for Node.js.
# ruff: noqa: PLC0415


def _payments(folder: Path, names: Sequence[str] | None) -> None:
    from infra.api_definition import ApiDefinition
    from infra.environments import ENVIRONMENTS, environment
    from infra.providers import App
    from infra.stacks import PaymentsStack, PaymentsStackProps

    configs = [environment(name) for name in dict.fromkeys(names or ENVIRONMENTS)]
    definition = ApiDefinition.read(OPENAPI)
    app = App(outdir=str(folder))
    for config in configs:
        PaymentsStack(
            app, f"payments-{config.name}", PaymentsStackProps(config=config, definition=definition)
        )
    app.synth()


def _bootstraps(folder: Path, names: Sequence[str] | None) -> None:
    from infra.environments import ENVIRONMENTS, environment
    from infra.providers import App
    from infra.stacks import BootstrapStack, BootstrapStackProps

    configs = [environment(name) for name in dict.fromkeys(names or ENVIRONMENTS)]
    app = App(outdir=str(folder))
    for config in configs:
        BootstrapStack(app, f"bootstrap-{config.name}", BootstrapStackProps(config=config))
    app.synth()


if __name__ == "__main__":
    # It ends in a second or two, with all that it made still in use: looking for garbage would only take time.
    gc.disable()
    status = main()
    gc.freeze()  # Python looks once more when it ends
    raise SystemExit(status)
