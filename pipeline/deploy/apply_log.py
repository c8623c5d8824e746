"""What Terraform says during an apply, kept until its state is safe: what it made is known even if it is killed.

Terraform hands its state to the backend every 20 s at most. Killed in between, it has made what no state knows.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.host.files import write_atomically
from pipeline.model.errors import TollgateError

_OURS = "tollgate"
_BUILT_IN = "terraform"
"""Resources of Terraform's own provider live in the state alone: nothing of them can be left over."""


@dataclass(frozen=True, slots=True)
class ApplyLog:
    """The log of one apply.

    Attributes:
        path: Lines of JSON: ours first, then Terraform's as it wrote them; the last one may be cut off.
    """

    path: Path

    @property
    def release(self) -> str | None:
        """Digest of the release that was applied; None where the log does not say."""
        first = next(_events(self.path), {})
        return (
            first["release"] if first.get("type") == _OURS and isinstance(first.get("release"), str) else None
        )

    @property
    def made(self) -> Mapping[str, str]:
        """The id of each resource that was made there, by address, in the order of making."""
        made: dict[str, str] = {}
        for event in _events(self.path):
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
        hooks = (event["hook"] for event in _events(self.path) if event.get("type") == "apply_complete")
        return frozenset(hook["resource"]["addr"] for hook in hooks if hook.get("action") == "delete")

    def discard(self) -> None:
        """Forget it: the state knows all that it tells."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class ApplyLogs:
    """The logs of one instance.

    Attributes:
        folder: Where they are.
    """

    folder: Path

    def begin(self, release: str) -> ApplyLog:
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
        return ApplyLog(path)

    def unfinished(self) -> tuple[ApplyLog, ...]:
        """Return the logs of applies of which nobody saw that their state was saved, oldest first."""
        return tuple(ApplyLog(path) for path in sorted(self.folder.glob("*.jsonl")))


def _events(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
