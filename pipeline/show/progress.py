"""Progress on standard error: what, how far, how long. A live line on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from pipeline.host.now import Now
from pipeline.show.github import WorkflowLog
from pipeline.show.text import safe

_HEARTBEAT_SECONDS = 15.0
_TELL_SECONDS = 0.5


class Step:
    """One thing being done; it can say how far it is, and tells by itself for how long."""

    def __init__(self, progress: "Progress", title: str) -> None:
        self._progress = progress
        self._title = title
        self._detail = ""
        self._started = time.monotonic()
        self.result = ""

    def __rich__(self) -> Text:
        """Return the line as it is now: a terminal asks for it again and again."""
        return Text(safe(self.line))

    @property
    def line(self) -> str:
        """What is being done, how far it is, for how long."""
        return f"{self._title}{self._detail} ({self.seconds:.0f} s)"

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._started

    def say(self, detail: str) -> None:
        """Show how far it is: at once on a terminal, every quarter of a minute elsewhere."""
        self._detail = f": {detail}"
        self._progress.tell(f"{self._title}{self._detail}")


class Progress:
    """Where a command says what it is doing.

    Args:
        console: Writes to standard error, so that standard output holds results only.
        log: Groups the lines by place, where a job's log can fold them.
        now: Where another process can read what is being done.
    """

    def __init__(self, console: Console, log: WorkflowLog | None = None, now: Now | None = None) -> None:
        self._console = console
        self._log = log
        self._now = now
        self._told = float("-inf")

    def line(self, text: str, style: str = "") -> None:
        """Write one line that stays."""
        self._console.print(Text(safe(text), style), soft_wrap=True)

    def note(self, place: str, text: str) -> None:
        """Write one line about a place that stays, however many lines the text has."""
        self._enter(place)
        for part in text.splitlines() or [""]:
            self.line(f"{place:<8} {part}")

    def tell(self, text: str, *, at_once: bool = False) -> None:
        """Say it to whoever watches from another process; twice a second is enough."""
        if self._now is not None and (at_once or time.monotonic() - self._told > _TELL_SECONDS):
            self._told = time.monotonic()
            self._now.tell(text)

    @contextmanager
    def step(self, place: str, what: str) -> Iterator[Step]:
        """Show a step while it runs, and one line with its time when it has ended."""
        self._enter(place)
        step = Step(self, f"{place:<8} {what}")
        self.tell(f"{place:<8} {what}", at_once=True)
        word, style = "stopped", "red"
        try:
            with self._shown(step):
                yield step
            word, style = "ok", "green"
        except Exception:
            word = "failed"
            raise
        finally:
            line = Text(safe(f"{place:<8} {what:<14} "))
            line.append(f"{word:<7}", style)
            line.append(safe(f"{step.seconds:6.1f} s  {step.result}".rstrip()))
            self._console.print(line, soft_wrap=True)

    def _shown(self, step: Step) -> AbstractContextManager[object]:
        """Show the step's line while it runs: one that changes on a terminal, one now and then elsewhere."""
        if self._console.is_terminal:
            return Status(step, console=self._console)
        return self._repeated(step)

    @contextmanager
    def _repeated(self, step: Step) -> Iterator[None]:
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(_HEARTBEAT_SECONDS):
                self.line(step.line)

        repeating = threading.Thread(target=repeat, daemon=True)
        repeating.start()
        try:
            yield
        finally:
            ended.set()
            repeating.join()

    def _enter(self, place: str) -> None:
        if self._log is not None:
            self._log.group(place)


class ApplyProgress:
    """Follows Terraform's JSON log during an apply: how many are done, in progress, to go, and which is slowest."""

    def __init__(self, step: Step, total: int) -> None:
        self._step = step
        self._total = total
        self._running: dict[str, float] = {}
        self._failed: list[str] = []
        self._done = 0

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one line of the log."""
        address = event.get("hook", {}).get("resource", {}).get("addr")
        kind = event.get("type")
        if address is None:
            return
        if kind == "apply_start":
            self._running[address] = time.monotonic()
        elif kind in {"apply_complete", "apply_errored"}:
            self._running.pop(address, None)
            self._done += kind == "apply_complete"
            self._failed += [address] * (kind == "apply_errored")
        failed = f", failed: {', '.join(self._failed)}" if self._failed else ""
        self._step.result = f"{self._done} of {self._total}{failed}"
        self._step.say(self.sentence)

    @property
    def sentence(self) -> str:
        """How far it is, in words."""
        # A replacement is two steps of one resource, so more can be at work than seems to be left.
        to_go = max(self._total - self._done - len(self._running) - len(self._failed), 0)
        text = f"{self._done} of {self._total} done"
        if self._failed:
            text += f", {len(self._failed)} failed"
        if self._running:
            slowest = min(self._running, key=lambda address: self._running[address])
            seconds = time.monotonic() - self._running[slowest]
            text += f", {len(self._running)} in progress, {to_go} to go, slowest {slowest} {seconds:.0f} s"
            if slowest.startswith("aws_s3_bucket_lifecycle_configuration."):
                text += " (the provider itself waits about a minute here)"
        return text
