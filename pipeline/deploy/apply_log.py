"""What Terraform says during an apply, kept until its state is safe: what it made is known even if it is killed.

Terraform hands its state to the backend every 20 s at most. Killed in between, it has made what no state knows. Its
log is kept on this machine, where Terraform goes on writing when we are killed, and what was made is noted beside the
state, for a next run on another machine.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError

_OURS = "tollgate"
_BUILT_IN = "terraform"
"""Resources of Terraform's own provider live in the state alone: nothing of them can be left over."""


class SharedNote(Protocol):
    """A place beside the state for what was made. Writing to it never fails an apply."""

    def put(self, content: bytes, /) -> None:
        """Keep this in place of what is there."""

    def get(self) -> bytes | None:
        """Return what is there."""

    def remove(self) -> None:
        """Forget it."""


@dataclass(frozen=True, slots=True)
class ApplyLog:
    """The log of one apply that was not seen to save its state.

    Attributes:
        content: Lines of JSON: ours first, then Terraform's as it wrote them; the last one may be cut off.
        discard: Forgets it, once the state knows all that it tells.
    """

    content: bytes
    discard: Callable[[], None]

    @property
    def release(self) -> str | None:
        """Digest of the release that was applied; None where the log does not say."""
        first = next(_events(self.content), {})
        return (
            first["release"] if first.get("type") == _OURS and isinstance(first.get("release"), str) else None
        )

    @property
    def made(self) -> Mapping[str, str]:
        """The id of each resource that was made there, by address, in the order of making."""
        made: dict[str, str] = {}
        for event in _events(self.content):
            hook = event.get("hook")
            if event.get("type") != "apply_complete" or not isinstance(hook, dict):
                continue
            resource, action, found = hook.get("resource", {}), hook.get("action"), hook.get("id_value")
            address = resource.get("addr")
            if resource.get("implied_provider") == _BUILT_IN or not isinstance(address, str):
                continue
            if action == "create" and hook.get("id_key") == "id" and isinstance(found, str):
                made.pop(address, None)
                made[address] = found
        return made

    @property
    def removed(self) -> frozenset[str]:
        """Addresses of which an object was deleted: what the state holds of them may be gone."""
        hooks = (event["hook"] for event in _events(self.content) if event.get("type") == "apply_complete")
        return frozenset(hook["resource"]["addr"] for hook in hooks if hook.get("action") == "delete")


@dataclass(slots=True)
class RunningLog:
    """The log of an apply that runs.

    Attributes:
        path: Where Terraform writes.
        shared: Where what was made is noted as well.
    """

    path: Path
    shared: SharedNote | None
    _noted: list[bytes] = field(default_factory=list)

    def note(self, event: Mapping[str, Any]) -> None:
        """Take down for other machines what was made or deleted."""
        hook = event.get("hook")
        if self.shared is None or event.get("type") != "apply_complete" or not isinstance(hook, dict):
            return
        if hook.get("action") in {"create", "delete"}:
            self._noted.append(json.dumps({"type": event["type"], "hook": hook}).encode() + b"\n")
            first = self.path.read_bytes().partition(b"\n")[0]
            self.shared.put(first + b"\n" + b"".join(self._noted))

    def discard(self) -> None:
        """Forget it: the state is saved."""
        self.path.unlink(missing_ok=True)
        if self.shared is not None and self._noted:
            self.shared.remove()


@dataclass(frozen=True, slots=True)
class ApplyLogs:
    """The logs of one instance.

    Attributes:
        folder: Where they are.
        shared: Where what was made is noted for other machines. Default: nowhere.
    """

    folder: Path
    shared: SharedNote | None = None

    def begin(self, release: str) -> RunningLog:
        """Begin the log of an apply.

        Raises:
            TollgateError: It cannot be written.
        """
        path = self.folder / f"{time.time_ns()}.jsonl"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"the folder {self.folder} cannot be made: {error.strerror or error}"
            raise TollgateError(message, "nothing was changed; free space or permissions there") from error
        write_atomically(path, json.dumps({"type": _OURS, "release": release}).encode() + b"\n")
        return RunningLog(path, self.shared)

    def unfinished(self) -> tuple[ApplyLog, ...]:
        """Return the logs of applies of which nobody saw that their state was saved; this machine's, oldest first.

        Raises:
            TollgateError: The note for other machines cannot be read.
        """
        logs = [
            ApplyLog(path.read_bytes(), partial(path.unlink, missing_ok=True))
            for path in sorted(self.folder.glob("*.jsonl"))
        ]
        # Behind our own, which know as much and more.
        if self.shared is not None and (note := self.shared.get()) is not None:
            logs.append(ApplyLog(note, self.shared.remove))
        return tuple(logs)


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
