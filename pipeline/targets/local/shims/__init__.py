"""Where the emulator differs from AWS's documented behaviour: one small correction each, with its reason."""

from pipeline.targets.local.shims import apigateway, cloudwatch


def install_shims() -> None:
    """Correct the emulator that is imported in this process."""
    apigateway.install()
    cloudwatch.install()
