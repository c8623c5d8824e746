"""What was changed since the last checkpoint, written as it happens: what an unclean end would lose."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from pipeline.targets.local.layout import Layout

_READS = ("get", "list", "describe", "head", "query", "scan", "batchget", "lookup", "filter", "search")
_NOT_LOST = frozenset(
    {"s3:putobject", "s3:deleteobject", "s3:deleteobjectversion", "s3:abortmultipartupload"}
)
"""S3's objects are written to disk as they come, so that no checkpoint is needed for them."""
_TOLD_ONE_BY_ONE = 8
_NO_STATE = frozenset({"lambda:invokefunction", "sts:assumerole", "sts:getcalleridentity"})


def changes_state(action: str) -> bool:
    """Whether an action, named as in IAM (`lambda:CreateFunction`), changes anything worth a checkpoint."""
    verb = action.lower().partition(":")[2]
    return bool(verb) and action.lower() not in _NO_STATE and not verb.startswith(_READS)


def record(path: Path, action: str, resource: str) -> None:
    """Append one change to the journal at `path`."""
    if action.lower() in _NOT_LOST:
        return
    line = json.dumps(
        {"at": datetime.now(UTC).isoformat(timespec="seconds"), "action": action, "resource": resource}
    )
    with path.open("a", encoding="utf-8") as journal:
        journal.write(line + "\n")


def sentences(*paths: Path) -> tuple[str, ...]:
    """Say what the journals at `paths` hold: each kind of change, or where they are many, each service."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in paths:
        for entry in _entries(path):
            counts[entry["action"], entry["resource"]] += 1
    if len(counts) > _TOLD_ONE_BY_ONE:
        services: Counter[str] = Counter()
        for (action, _), count in counts.items():
            services[action.partition(":")[0]] += count
        return tuple(
            f"{service}: changes after the last checkpoint are lost, {count} in all"
            for service, count in services.most_common()
        )
    told = []
    for (action, resource), count in counts.items():
        where = f" on {resource}" if resource not in {"", "*"} else ""
        times = f" ({count} times)" if count > 1 else ""
        told.append(f"{action}{where}{times} came after the last checkpoint and is lost")
    return tuple(told)


def kept(layout: Layout) -> tuple[str, ...]:
    """Return what was lost by unclean ends since the last clean one, as far as it was taken down."""
    try:
        return tuple(str(sentence) for sentence in json.loads(layout.vanished.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return ()


def vanished(layout: Layout) -> tuple[str, ...]:
    """Return all that was lost since the last clean end, where the last end was none."""
    return (*kept(layout), *sentences(layout.journal_being_saved, layout.journal))


def _entries(path: Path) -> list[dict[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
            entries.append({"action": str(entry["action"]), "resource": str(entry["resource"])})
        except (ValueError, TypeError, KeyError):
            continue  # the line at which the process was killed
    return entries
