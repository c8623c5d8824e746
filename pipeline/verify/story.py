"""What is shown of a release: from what it was built, what it passed, who said yes to what, and what was applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.evidence.verify import Named
from pipeline.model.environment import Instance
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.trust.check_result import CheckResult
from pipeline.trust.provenance import Provenance
from pipeline.trust.statement import Predicate


@dataclass(frozen=True, slots=True)
class Story:
    """What verified entries and statements say of a release.

    Attributes:
        release: Its digest.
        built: From which commits, newest last.
        checked: Each check's newest result.
        promotions: Each start with its approvals and its end.
    """

    release: str
    built: tuple[Mapping[str, Any], ...]
    checked: tuple[Mapping[str, Any], ...]
    promotions: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "release": self.release,
            "built": [dict(each) for each in self.built],
            "checks": [dict(each) for each in self.checked],
            "promotions": [dict(each) for each in self.promotions],
        }

    def lines(self) -> tuple[str, ...]:
        """Return it for people, a fact a line."""
        built = [
            f"  built from {each['commit'] or 'no commit'}{' (with uncommitted changes)' if each['dirty'] else ''}"
            for each in self.built
        ]
        checked = [
            f"  {each['check']}: {each['result']} {each['at']}, {each['tests']} looked at"
            for each in self.checked
        ]
        return (f"release {short(self.release)}", *built, *checked, *map(_promotion, self.promotions))


def tell(release: str, about: Sequence[Entry], opened: Sequence[tuple[Named, Predicate]]) -> Story:
    """Tell the story of a release by what verified.

    Args:
        release: Its digest.
        about: The verified entries about it, in their order.
        opened: The statements about it that verified, in the ledger's order.
    """
    checks = {said.name: said for _, said in opened if isinstance(said, CheckResult)}
    built = [
        {"commit": said.commit, "dirty": said.dirty, "at": said.finished, "entry": named.number}
        for named, said in opened
        if isinstance(said, Provenance)
    ]
    checked = [
        {
            "check": name,
            "result": "passed" if said.passed else "failed",
            "at": said.finished,
            "tests": len(said.passed_tests) + len(said.warned_tests) + len(said.failed_tests),
            "configuration": said.configuration,
        }
        for name, said in sorted(checks.items())
    ]
    by_digest = {entry.digest: entry for entry in about}
    ends = {str(entry.body["start"]): entry for entry in about if entry.kind is Kind.END}
    promotions = [
        _told(entry, by_digest, ends.get(entry.digest)) for entry in about if entry.kind is Kind.START
    ]
    return Story(release, tuple(built), tuple(checked), tuple(promotions))


def _told(start: Entry, by_digest: Mapping[str, Entry], end: Entry | None) -> dict[str, Any]:
    named = [by_digest[digest] for digest in start.body["approvals"] if digest in by_digest]
    approvals = [entry for entry in named if entry.kind in {Kind.APPROVAL, Kind.BREAK_GLASS}]
    return {
        "instance": str(Instance(start.body["environment"], start.body["suffix"])),
        "account": start.body["account"],
        "operation": start.body["operation"],
        "change_set": start.body["change_set"],
        "started": {"entry": start.number, "at": start.at},
        "approved": [
            {
                "entry": entry.number,
                "by": entry.by,
                "key": entry.key.keyid if entry.key else None,
                "shown": by_digest[entry.body["shown"]].number if entry.body["shown"] in by_digest else None,
                "reason": entry.body["reason"],
                "break_glass": entry.kind is Kind.BREAK_GLASS,
            }
            for entry in approvals
        ],
        "ended": None if end is None else {"entry": end.number, "at": end.at, "outcome": end.body["outcome"]},
    }


def _promotion(told: Mapping[str, Any]) -> str:
    said = [
        f"{'glass broken' if each['break_glass'] else 'approved'} by {each['by']} (entry {each['entry']})"
        for each in told["approved"]
    ]
    end = told["ended"]
    outcome = f"{end['outcome']} (entry {end['entry']})" if end else "no end yet"
    words = [
        f"change set {short(told['change_set'])}",
        *said,
        f"started (entry {told['started']['entry']})",
        outcome,
    ]
    return f"  {told['instance']}, {told['operation']}: " + ", ".join(words)
