"""Writes the stacks: `python -m infra.main --out DIR`."""

import argparse
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
    try:
        synthesize(parser.parse_args(arguments).out)
    except InfraError as trouble:
        sys.stderr.write(f"error: {trouble.message}\n" + (f"hint: {trouble.hint}\n" if trouble.hint else ""))
        return 2
    return 0


def synthesize(out: Path) -> None:
    """Write the stacks of all environments to `out`, all of them or none."""
    # Imported late: a wrong argument should not wait for Node.js.
    from infra.api_definition import ApiDefinition  # noqa: PLC0415 - see above
    from infra.environments import ENVIRONMENTS  # noqa: PLC0415 - see above
    from infra.providers import App  # noqa: PLC0415 - see above
    from infra.stacks import PaymentsStack  # noqa: PLC0415 - see above

    definition = ApiDefinition.read(OPENAPI)

    def build(folder: Path) -> None:
        app = App(outdir=str(folder))
        for config in ENVIRONMENTS.values():
            PaymentsStack(app, config, definition)
        app.synth()

    write_whole(out, build)


def write_whole(out: Path, build: Callable[[Path], None]) -> None:
    """Let `build` write into a folder beside `out`, and put its stacks in place only when it is done."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        made = Path(scratch) / "made"
        build(made)
        fresh = Path(scratch) / "fresh"
        for stack in sorted((made / "stacks").iterdir()):
            target = fresh / "stacks" / stack.name
            target.mkdir(parents=True)
            shutil.copyfile(stack / "cdk.tf.json", target / "cdk.tf.json")
        if out.exists():
            out.rename(Path(scratch) / "old")
        fresh.rename(out)


if __name__ == "__main__":
    raise SystemExit(main())
