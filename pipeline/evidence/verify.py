"""Whether the evidence that the ledger names about a release is there, genuine, fresh and good.

Promotion and `nox -s verify` ask the same question here. It reads only what the ledger names, by digest: what a
store lists can be cut or padded by whoever writes to the store.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.model.audit import Problem, ProblemKind
from pipeline.model.canonical import canonical_bytes
from pipeline.model.errors import TollgateError
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.model.trust import PublicKey
from pipeline.stores.layout import CorruptReleaseError
from pipeline.stores.registry_connection import RegistryAlteredError
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.check_result import TEST_RESULT, CheckResult
from pipeline.trust.envelope import UnknownKeyError
from pipeline.trust.provenance import PROVENANCE
from pipeline.trust.statement import (
    NotAllowedError,
    SignatureError,
    Statement,
    StatementError,
    Verified,
    open_statement,
    signed_at,
)

__all__ = ["Named", "Problem", "ProblemKind", "Wanted", "named_in", "open_named", "verify_evidence"]

_CLOCKS_MAY_DIFFER = timedelta(minutes=5)
FindKey = Callable[[str, int], PublicKey | None]
"""Gives the key with an id that counts at an entry's number: `Keyring.key_at`."""


@dataclass(frozen=True, slots=True)
class Named:
    """A statement that the ledger names.

    Attributes:
        number: The number of the entry that named it first: its key must count there.
        statement: What that entry says of it.
    """

    number: int
    statement: Statement


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the evidence must say.

    Attributes:
        check: The check that must have passed.
        configuration: What its verdict must rest on; None where nobody here can compute it.
        command: The program that it must have been; None where any will do.
        tests: Ids that it must have looked at.
    """

    check: str
    configuration: str | None
    command: tuple[str, ...] | None = None
    tests: frozenset[str] = frozenset()


def named_in(entries: Iterable[Entry], release: str) -> tuple[Named, ...]:
    """Return the statements that verified ledger entries name about a release, oldest first.

    Raises:
        RefusedError: An entry names something else than statements.
    """
    return tuple(
        Named(entry.number, Statement.from_json(document))
        for entry in entries
        if entry.kind.value == "evidence" and entry.body["release"] == release
        for document in entry.body["statements"]
    )


def verify_evidence(
    store: ReleaseStore,
    release: str,
    named: Sequence[Named],
    find_key: FindKey,
    wanted: Sequence[Wanted],
    *,
    oldest: datetime | None = None,
    now: datetime | None = None,
) -> tuple[Problem, ...]:
    """Return everything that is the matter with the evidence about a release; nothing if it may go on.

    The newest result of each wanted check decides: a newer no revokes an older yes, and an older yes that is named
    once more stays old.

    Args:
        store: Where the statements are.
        release: The release's digest.
        named: What the ledger names about it, oldest first (`named_in`).
        find_key: Gives the key that counts at an entry.
        wanted: Which checks must have passed, and how.
        oldest: A result from before this time is stale. Default: age does not matter.
        now: A result from after this time is stale. Default: nobody looks.
    """
    case = _Case(store, release, _first_named(named), find_key, oldest, now)
    problems = list(case.contradictions(named))
    problems += case.provenance()
    for want in wanted:
        problems += case.check(want)
    return tuple(problems)


def open_named(
    store: ReleaseStore, release: str, named: Sequence[Named], find_key: FindKey
) -> Iterator[tuple[Named, Verified | Problem]]:
    """Yield each named statement once, with what it says or what is the matter with it."""
    case = _Case(store, release, _first_named(named), find_key, None, None)
    for each in case.named:
        yield each, case.open(each)


@dataclass(frozen=True, slots=True)
class _Case:
    """One release and all that is named about it."""

    store: ReleaseStore
    release: str
    named: tuple[Named, ...]
    find_key: FindKey
    oldest: datetime | None
    now: datetime | None

    def contradictions(self, named: Sequence[Named]) -> list[Problem]:
        """Say where the ledger names one digest as two things."""
        first = {each.statement.digest: each.statement for each in self.named}
        return [
            Problem(
                ProblemKind.FORGED,
                f"entry {each.number} says of {short(each.statement.digest)} what an earlier entry does not",
            )
            for each in named
            if first[each.statement.digest] != each.statement
        ]

    def provenance(self) -> list[Problem]:
        """Say what is the matter with the newest word on where the release comes from."""
        about = [each for each in self.named if each.statement.predicate == PROVENANCE]
        if not about:
            return [
                Problem(
                    ProblemKind.MISSING, f"nothing says what release {short(self.release)} was built from"
                )
            ]
        found = self.open(about[-1])
        return [found] if isinstance(found, Problem) else []

    def check(self, want: Wanted) -> list[Problem]:
        """Say what is the matter with the newest result of a check."""
        about = [
            each
            for each in self.named
            if each.statement.predicate == TEST_RESULT and each.statement.name == want.check
        ]
        if not about:
            sentence = f"release {short(self.release)} has no result of the check {want.check}"
            return [Problem(ProblemKind.MISSING, sentence)]
        found = self.open(about[-1])
        if isinstance(found, Problem):
            return [found]
        result = found.predicate
        assert isinstance(result, CheckResult), "`open` compared the predicate with what the ledger says"
        if not result.passed:
            return [Problem(ProblemKind.FAILED, f"the newest result of the check {want.check} is a failure")]
        return [*self._later_failures(about[:-1], result), *_misfits(result, want), *self._ages(result)]

    def open(self, named: Named) -> Verified | Problem:
        """Return what a named statement says, or what is the matter with it."""
        statement = named.statement
        what = f"the statement {statement.name} ({short(statement.digest)}) of release {short(self.release)}"
        try:
            found = self._open(named)
        except CorruptReleaseError as error:
            gone = error.message.endswith("is missing")
            kind = ProblemKind.MISSING if gone else ProblemKind.FORGED
            return Problem(kind, f"{what} cannot be read: {error.message}")
        except (UnknownKeyError, NotAllowedError) as error:
            return Problem(ProblemKind.NOT_ALLOWED, f"{what}: {error.message}")
        except (SignatureError, StatementError, RegistryAlteredError) as error:
            return Problem(ProblemKind.FORGED, f"{what}: {error.message}")
        except TollgateError as error:  # the registry does not give it
            return Problem(ProblemKind.MISSING, f"{what} cannot be read: {error.message}")
        if found.named(statement.digest) != statement:
            sentence = f"entry {named.number} says of {what} something else than it says"
            return Problem(ProblemKind.FORGED, sentence)
        return found

    def _open(self, named: Named) -> Verified:
        try:
            raw = canonical_bytes(self.store.document(named.statement.digest))
        except ValueError:  # NaN, which Python reads and no JSON holds
            raise StatementError("it is not JSON") from None
        return open_statement(raw, self.release, lambda keyid: self.find_key(keyid, named.number))

    def _later_failures(self, earlier: Sequence[Named], result: CheckResult) -> list[Problem]:
        """Say where a result that the ledger named before says no, and is younger by its own time."""
        problems = []
        for each in earlier:
            if each.statement.passed:
                continue
            found = self.open(each)
            if isinstance(found, Problem):
                problems.append(found)
            elif signed_at(found.predicate) > signed_at(result):
                sentence = f"the check {result.name} failed after the result that the ledger names as newest"
                problems.append(Problem(ProblemKind.FAILED, sentence))
        return problems

    def _ages(self, result: CheckResult) -> list[Problem]:
        at = signed_at(result)
        if self.oldest is not None and at < self.oldest:
            sentence = f"the result of the check {result.name} is of {result.finished}, which is too old"
            return [Problem(ProblemKind.STALE, sentence)]
        if self.now is not None and at > self.now + _CLOCKS_MAY_DIFFER:
            sentence = f"the result of the check {result.name} is of {result.finished}, which is not yet"
            return [Problem(ProblemKind.STALE, sentence)]
        return []


def _misfits(result: CheckResult, want: Wanted) -> list[Problem]:
    """Say where a good result is not the one that is wanted."""
    problems = []
    if want.command is not None and result.command != want.command:
        sentence = f"the check {want.check} was another program than the settings ask for"
        problems.append(Problem(ProblemKind.STALE, sentence))
    elif want.configuration is not None and result.configuration != want.configuration:
        sentence = f"the result of the check {want.check} rests on other files than those that count now"
        problems.append(Problem(ProblemKind.STALE, sentence))
    if left_out := sorted(want.tests - {*result.passed_tests, *result.warned_tests}):
        sentence = f"the check {want.check} did not look at {', '.join(left_out)}"
        problems.append(Problem(ProblemKind.MISSING, sentence))
    return problems


def _first_named(named: Sequence[Named]) -> tuple[Named, ...]:
    """Return each statement once, where it was named first."""
    found: dict[str, Named] = {}
    for each in named:
        found.setdefault(each.statement.digest, each)
    return tuple(found.values())
