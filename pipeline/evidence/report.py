"""What a check reports of its run: what it looked at and in which version, what it found, what it let pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.model.errors import TollgateError

WHOLE = "release"


@dataclass(frozen=True, slots=True)
class Report:
    """A check's report, as far as it is signed.

    Attributes:
        looked_at: What it looked at: its own ids, each with its version; its name where it reports none.
        wrong: Which of them found something.
        waived: Which of them found something that was let pass by a recorded decision.
        versions: The tools it ran with.
    """

    looked_at: Mapping[str, str]
    wrong: frozenset[str]
    waived: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)


def read_report(check: str, document: Any, *, passed: bool) -> Report:
    """Return what a check reports of its run; a report without `checks` says nothing but the verdict.

    Raises:
        TollgateError: It passed, and its report does not bear that out.
    """
    if not isinstance(document, dict) or "checks" not in document:
        return Report({check: ""}, frozenset() if passed else frozenset({check}))
    try:
        found = _read(document)
    except (AttributeError, KeyError, TypeError):
        found = Report({}, frozenset())
    if not passed:
        return found if found.wrong else replace(found, wrong=frozenset({check}))
    if not found.looked_at or found.wrong:
        message = f"the check {check} passed, but by its report it looked at nothing, or found something"
        raise TollgateError(message, "run it by hand and see what it says")
    if document.get("scope") != WHOLE:
        message = f"the check {check} passed, but by its report it did not judge a whole release"
        raise TollgateError(message, "run it by hand and see what it says")
    return found


def _read(document: Mapping[str, Any]) -> Report:
    return Report(
        looked_at={str(row["id"]): str(row["version"]) for row in document["checks"]},
        wrong=frozenset(str(row["policy"]) for row in document["findings"]),
        waived=frozenset(str(row["policy"]) for row in document["waived"]),
        versions={str(tool): str(version) for tool, version in document["versions"].items()},
    )
