"""What stops the gate from reaching a verdict."""


class NotJudgedError(Exception):
    """The release could not be judged, which refuses it; says what was wrong and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
