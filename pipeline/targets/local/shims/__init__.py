"""Where the emulator differs from AWS's documented behaviour: one small correction each, with its reason."""

from pathlib import Path

from pipeline.targets.local.shims import (
    apigateway,
    authorization,
    boundaries,
    cloudwatch,
    functions,
    logs,
    output,
    starts,
    transactions,
    validation,
)


def install_shims(runtime: Path, settings: frozenset[str]) -> None:
    """Correct the emulator that is imported in this process.

    Args:
        runtime: A folder not yet made, for what Lambda's Python runtime offers.
        settings: Names of the environment variables that are the emulator's own.
    """
    apigateway.install()
    authorization.install()
    boundaries.install()
    cloudwatch.install()
    functions.install(runtime, settings)
    logs.install()
    output.install()
    starts.install()
    validation.install()
    transactions.install()  # after the others that judge, so that each item meets them
