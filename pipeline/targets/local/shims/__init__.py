"""Where the emulator differs from AWS's documented behaviour: one small correction each, with its reason."""


def install_shims() -> None:
    """Correct the emulator that is imported in this process."""
