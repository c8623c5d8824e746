"""Whether what the ledger records was allowed when it was done: every step judged again, by the gates themselves.

Signatures, powers and the chain are verified where entries are opened. Here each start is asked the question that the
promotion was asked then, over what the ledger said then, and each entry must fit the entries that it names.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pipeline.model.environment import Environment, Instance
from pipeline.model.facts import EvidenceProblem, Facts
from pipeline.model.gates import Reason, decide
from pipeline.model.history import History, InstanceHistory, histories_before
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import short


class ProblemKind(StrEnum):
    """What is the matter with something that should prove something."""

    MISSING = "missing"
    """The ledger names none, or what it names is not there."""
    FORGED = "forged"
    """It was altered, its signature does not fit, or it says something else than the ledger says it says."""
    STALE = "stale"
    """It is too old, or rests on settings or a configuration that did not count."""
    NOT_ALLOWED = "not-allowed"
    """It is signed by somebody who may not say this, or was done where a gate said no."""
    FAILED = "failed"
    """The newest result is a no."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is the matter.

    Attributes:
        kind: What.
        sentence: The same in words, without a final period.
    """

    kind: ProblemKind
    sentence: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings, as far as they decide over a promotion.

    Attributes:
        environments: In their order.
        identities: For each approver, the addresses and the account by which commits and pushes may know them.
    """

    environments: tuple[Environment, ...]
    identities: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def environment(self, name: str) -> Environment | None:
        """Return the environment with a name."""
        return next((each for each in self.environments if each.name == name), None)

    def before(self, environment: Environment) -> Environment | None:
        """Return the environment that must have proven a release first."""
        position = self.environments.index(environment)
        return self.environments[position - 1] if position else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the documents beside a start say.

    Attributes:
        needs_person: Why the change set needs a person; empty where the environment tolerates it.
        findings: Ids of everything found in it.
    """

    needs_person: tuple[str, ...]
    findings: tuple[str, ...]


Evidence = Callable[[Entry, History], tuple[Problem, ...]]
"""Says what was the matter with the evidence about a start's release, by what the ledger named before it."""


def audit(
    entries: Sequence[Entry],
    rules: Mapping[str, Rules],
    seen: Mapping[str, Seen],
    evidence: Evidence,
    releases: frozenset[str] | None = None,
) -> tuple[Problem, ...]:
    """Return everything that should not have happened, oldest first; nothing if all was allowed.

    Args:
        entries: Verified entries, oldest first.
        rules: The settings by their digest; a digest that is missing cannot be judged and is named.
        seen: What lies beside each start, by the start's digest.
        evidence: Judges the evidence about a start's release.
        releases: Only what was done with these. Default: everything.
    """
    case = _Case(entries, rules, seen, evidence)
    problems = [*case.links(releases)]
    for history, start in histories_before(entries, Kind.START):
        if releases is None or start.body["release"] in releases:
            problems += case.start(history, start)
        case.use(start)
    return tuple(problems)


_SAME = ("environment", "suffix", "release", "change_set")
_SAME_ACCOUNT = (*_SAME, "account", "region")
_OF_A_GATE: Mapping[str, ProblemKind] = {
    "order": ProblemKind.MISSING,
    "approval": ProblemKind.MISSING,
    "clock": ProblemKind.STALE,
}


class _Case:
    """One ledger under judgement."""

    def __init__(
        self,
        entries: Sequence[Entry],
        rules: Mapping[str, Rules],
        seen: Mapping[str, Seen],
        evidence: Evidence,
    ) -> None:
        self._entries = entries
        self._by_digest = {entry.digest: entry for entry in entries}
        self._rules = rules
        self._seen = seen
        self._evidence = evidence
        self._target = str(entries[0].body["target"]) if entries else ""
        self._used: dict[str, Entry] = {}

    def use(self, start: Entry) -> None:
        """Note that a start has used its approvals up."""
        for digest in start.body["approvals"]:
            self._used.setdefault(str(digest), start)

    # --- Entries that name other entries ------------------------------------------------------------------------

    def links(self, releases: frozenset[str] | None) -> Iterator[Problem]:
        """Say which decisions and ends do not fit what they name."""
        ended: dict[str, Entry] = {}
        for entry in self._entries:
            if releases is not None and entry.body.get("release") not in releases:
                continue
            if entry.kind in {Kind.APPROVAL, Kind.BREAK_GLASS}:
                yield from self._link(entry, "shown", Kind.SHOWN, _SAME_ACCOUNT)
            elif entry.kind is Kind.REJECTION:
                yield from self._link(entry, "shown", Kind.SHOWN, _SAME)
            elif entry.kind is Kind.END:
                yield from self._link(entry, "start", Kind.START, (*_SAME[:3], "operation"))
                before = ended.setdefault(str(entry.body["start"]), entry)
                if before is not entry:
                    sentence = f"entry {entry.number} (end) ends again what entry {before.number} ended"
                    yield Problem(ProblemKind.FORGED, sentence)

    def _link(self, entry: Entry, name: str, kind: Kind, fields: Sequence[str]) -> Iterator[Problem]:
        named = self._by_digest.get(str(entry.body[name]))
        what = f"entry {entry.number} ({entry.kind})"
        if named is None or named.number >= entry.number or named.kind is not kind:
            yield Problem(ProblemKind.MISSING, f"{what} names a {kind} that does not stand before it")
            return
        differing = [each for each in fields if entry.body[each] != named.body[each]]
        if differing:
            sentence = f"{what} has another {differing[0]} than entry {named.number} ({kind}), which it names"
            yield Problem(ProblemKind.FORGED, sentence)

    # --- Starts -------------------------------------------------------------------------------------------------

    def start(self, history: History, start: Entry) -> Iterator[Problem]:
        """Say what should have kept a promotion from being started."""
        what = f"entry {start.number} (start in {_place(start)})"
        if start.body["settings"] != history.authority.settings:
            yield Problem(ProblemKind.STALE, f"{what} rests on settings that did not count then")
        rules = self._rules.get(history.authority.settings)
        environment = rules.environment(str(start.body["environment"])) if rules else None
        if rules is None or environment is None:
            yield Problem(ProblemKind.MISSING, f"{what} has no settings by which it can be judged")
            return
        mine = history.of(Instance(start.body["environment"], start.body["suffix"]))
        if mine.open_start is not None:
            sentence = f"{what} was started while entry {mine.open_start.number} had no end"
            yield Problem(ProblemKind.NOT_ALLOWED, sentence)
        yield from self._where(what, start, environment)
        yield from self._wanted(what, start, history)
        yield from self._named_approvals(what, start, mine)
        yield from self._gates(what, start, history, mine, rules, environment)

    def _where(self, what: str, start: Entry, environment: Environment) -> Iterator[Problem]:
        account = environment.accounts.get(self._target)
        if (start.body["account"], start.body["region"]) != (account, environment.region):
            there = f"{start.body['account']} in {start.body['region']}"
            sentence = f"{what} was in the account {there}, not in {account} in {environment.region}"
            yield Problem(ProblemKind.NOT_ALLOWED, sentence)

    def _wanted(self, what: str, start: Entry, history: History) -> Iterator[Problem]:
        is_main = start.body["environment"] == start.body["suffix"]
        wanted = {candidate.release for candidate in history.candidates}
        if start.body["operation"] == Operation.FORWARD and is_main and start.body["release"] not in wanted:
            sentence = f"{what} carries release {short(start.body['release'])}, which no candidate named"
            yield Problem(ProblemKind.MISSING, sentence)

    def _named_approvals(self, what: str, start: Entry, mine: InstanceHistory) -> Iterator[Problem]:
        counted = {entry.digest for entry in mine.approvals}
        named = [str(digest) for digest in start.body["approvals"]]
        if len(set(named)) != len(named):
            yield Problem(ProblemKind.FORGED, f"{what} names one approval twice")
        for digest in named:
            approval = self._by_digest.get(digest)
            before = self._used.get(digest)
            if approval is None or approval.kind not in {Kind.APPROVAL, Kind.BREAK_GLASS}:
                sentence = f"{what} names an approval ({short(digest)}) that the ledger does not hold"
                yield Problem(ProblemKind.MISSING, sentence)
            elif before is not None:
                sentence = f"{what} uses the approval of entry {approval.number}, which entry {before.number} used up"
                yield Problem(ProblemKind.NOT_ALLOWED, sentence)
            elif digest not in counted:
                sentence = f"{what} uses the approval of entry {approval.number}, which was void by then"
                yield Problem(ProblemKind.STALE, sentence)

    def _gates(
        self,
        what: str,
        start: Entry,
        history: History,
        mine: InstanceHistory,
        rules: Rules,
        environment: Environment,
    ) -> Iterator[Problem]:
        seen = self._seen.get(start.digest, Seen(("nobody can read what was applied",), ()))
        problems = self._evidence(start, history)
        operation = Operation(start.body["operation"])
        release = str(start.body["release"])
        forward = operation in {Operation.FORWARD, Operation.RECOVERY}
        before = rules.before(environment)
        # Only what the start itself names counts: another approval that lay there was not used for it.
        named = tuple(entry for entry in mine.approvals if entry.digest in start.body["approvals"])
        decision = decide(
            Facts(
                environment=environment,
                before=before,
                history=replace(mine, approvals=named),
                history_before=history.of(Instance(before.name, before.name)) if before else None,
                candidate=history.candidate,
                operation=operation,
                release=release,
                now=start.time,
                newest=history.newest.time if history.newest else None,
                settings=history.authority.settings,
                account=str(start.body["account"]),
                region=str(start.body["region"]),
                evidence=tuple(
                    EvidenceProblem(problem.sentence, problem.kind is ProblemKind.STALE)
                    for problem in problems
                ),
                freezes=history.freezes,
                change_set=str(start.body["change_set"]),
                needs_person=seen.needs_person,
                findings=seen.findings,
                people=history.people_behind(release, mine.deployed) if forward else frozenset(),
                identities=rules.identities,
                relaxed=self._target == "local",
            )
        )
        kinds = {problem.sentence: problem.kind for problem in problems}
        for reason in decision.reasons:
            yield Problem(_kind(reason, kinds), f"{what} went past a no: {reason.sentence}")


def _kind(reason: Reason, evidence: Mapping[str, ProblemKind]) -> ProblemKind:
    if reason.gate == "evidence":
        return evidence[reason.sentence]
    return _OF_A_GATE.get(reason.gate, ProblemKind.NOT_ALLOWED)


def _place(entry: Entry) -> str:
    return str(Instance(entry.body["environment"], entry.body["suffix"]))
