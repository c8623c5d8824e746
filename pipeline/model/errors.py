"""The one root of every error that a user may see: a sentence, and what to do."""


class TollgateError(Exception):
    """Something the user can act on: said in one sentence, no traceback, a non-zero exit.

    Args:
        message: What was wrong and what was expected, as one sentence without a final period.
        hint: What to do next, as a sentence or a command. Default: nothing can be suggested.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TollgateError):
    """What was asked for does not exist or is written wrong."""

    exit_code = 2


class RefusedError(TollgateError):
    """A gate or a safety rule said no; nothing was changed."""

    exit_code = 3


class InterruptedByUserError(TollgateError):
    """Ctrl-C: what had been done is recorded, the next run finishes it."""

    exit_code = 130


class LedgerError(TollgateError):
    """The ledger is not what it must be, so nothing may rest on it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the ledger does not verify: {what}",
            "nothing was changed; restore it from a clone or a backup before you promote again",
        )
