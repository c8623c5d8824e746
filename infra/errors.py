"""The one error of this room: a sentence for whoever wrote the configuration."""


class InfraError(Exception):
    """Raised when a configuration cannot become a stack; its text is shown to the user as it is."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
