"""The `tollgate` command: one verb for each thing a person does, the same as the Nox sessions."""

from pipeline.cli.app import main

__all__ = ["main"]
