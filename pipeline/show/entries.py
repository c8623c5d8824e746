"""One sentence for each entry of the ledger: the same on the page, on a terminal and as JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pipeline.model.release import short
from pipeline.show.text import moment, safe

Weight = Literal["good", "bad", "warning", "plain"]
"""How an entry should strike the eye; the sentence says the same in words."""

Body = Mapping[str, Any]

_BAD_ENDS = {"FAILED", "ERRORED"}
_OPERATIONS = {
    "forward": "the promotion",
    "heal": "the heal",
    "recovery": "the recovery",
    "rollback": "the rollback",
    "destroy": "the destroy",
}


def sentence(kind: str, body: Body) -> str:
    """Say in one line what an entry says, without anything that is not plainly visible.

    A kind that this version does not know is named, not hidden.
    """
    told = _SENTENCES.get(kind)
    if told is None:
        return safe(f"an entry of the kind {kind!r}, which this version does not know")
    return safe(told(body))


def place(body: Body) -> str:
    """Return where an entry belongs: `dev`, `dev/pr-42`, or nothing for the whole ledger."""
    environment, suffix = body.get("environment"), body.get("suffix")
    if not isinstance(environment, str):
        return ""
    return safe(environment if suffix in {None, environment} else f"{environment}/{suffix}")


def release_of(body: Body) -> str | None:
    """Return the digest of the release that an entry is about, if it is about one."""
    release = body.get("release")
    return release if isinstance(release, str) else None


def weight(kind: str, body: Body) -> Weight:
    """Return how the entry should strike the eye."""
    if kind == "end":
        outcome = body.get("outcome")
        return "good" if outcome == "SUCCEEDED" else "bad" if outcome in _BAD_ENDS else "warning"
    if kind in {"break-glass", "revocation", "break-lock", "clock"}:
        return "bad"
    if kind == "drift":
        return "plain" if body.get("drift") is None else "warning"
    if kind in {"rejection", "hold", "freeze"} or kind not in _SENTENCES:
        return "warning"
    return "plain"


def _text(body: Body, name: str) -> str:
    return str(body.get(name) or "")


def _digits(body: Body, name: str) -> str:
    return short(_text(body, name)) or "(none)"


def _because(body: Body) -> str:
    reason = " ".join(_text(body, "reason").split())
    return f": {reason}" if reason else ""


def _genesis(body: Body) -> str:
    return f"the ledger of {_text(body, 'project')} begins"


def _candidate(body: Body) -> str:
    subject = _text(body, "subject")
    said = f"release {_digits(body, 'release')} is to be carried on"
    said += f": {subject}" if subject else ""
    return said + (" (with uncommitted files)" if body.get("dirty") else "")


def _evidence(body: Body) -> str:
    statements = [item for item in body.get("statements") or () if isinstance(item, Mapping)]
    told = ", ".join(
        f"{item.get('name')} {'passed' if item.get('passed') else 'did not pass'}" for item in statements
    )
    return f"evidence for release {_digits(body, 'release')}: {told or 'none'}"


def _shown(body: Body) -> str:
    return (
        f"change set {_digits(body, 'change_set')} of release {_digits(body, 'release')} is shown"
        " and waits for a person"
    )


def _approval(body: Body) -> str:
    return f"approved change set {_digits(body, 'change_set')}{_because(body)}"


def _rejection(body: Body) -> str:
    return f"rejected change set {_digits(body, 'change_set')}{_because(body)}"


def _break_glass(body: Body) -> str:
    return f"broke the glass to apply change set {_digits(body, 'change_set')} alone{_because(body)}"


def _operation(body: Body) -> str:
    return _OPERATIONS.get(_text(body, "operation"), _text(body, "operation"))


def _start(body: Body) -> str:
    said = f"{_operation(body)} of release {_digits(body, 'release')} begins to apply"
    skipped = [str(gate) for gate in body.get("skipped") or ()]
    return said + (f"; gates not asked: {', '.join(skipped)}" if skipped else "")


def _end(body: Body) -> str:
    reason = _text(body, "reason").partition("\n")[0]
    said = f"{_operation(body)} of release {_digits(body, 'release')} ended {_text(body, 'outcome')}"
    return f"{said}: {reason}" if reason else said


def _freeze(body: Body) -> str:
    return f"frozen from {moment(_text(body, 'from'))} until {moment(_text(body, 'until'))}{_because(body)}"


def _drift(body: Body) -> str:
    summary = [str(line) for line in body.get("summary") or ()]
    if body.get("drift") is None:
        return f"looked for drift from release {_digits(body, 'release')} and found none"
    told = f": {summary[0]}" if summary else ""
    more = f" (and {len(summary) - 1} more)" if len(summary) > 1 else ""
    return f"found drift {_digits(body, 'drift')} from release {_digits(body, 'release')}{told}{more}"


_SENTENCES: Mapping[str, Callable[[Body], str]] = {
    "genesis": _genesis,
    "settings": lambda body: f"settings {_digits(body, 'settings')} count from here{_because(body)}",
    "candidate": _candidate,
    "evidence": _evidence,
    "shown": _shown,
    "approval": _approval,
    "rejection": _rejection,
    "break-glass": _break_glass,
    "start": _start,
    "end": _end,
    "hold": lambda body: f"put on hold{_because(body)}",
    "unhold": lambda body: f"the hold ended{_because(body)}",
    "freeze": _freeze,
    "thaw": lambda body: f"a freeze ended before its time{_because(body)}",
    "drift": _drift,
    "acknowledgement": lambda body: f"acknowledged drift {_digits(body, 'drift')}{_because(body)}",
    "revocation": lambda body: f"key {_text(body, 'key')[:12]} counts no more{_because(body)}",
    "clock": lambda body: f"no clock says {moment(_text(body, 'ahead'))} yet{_because(body)}",
    "break-lock": lambda body: f"removed the lock of {_text(body, 'owner')}{_because(body)}",
}
