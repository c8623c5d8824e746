"""Gather everything that a decision rests on, and ask the gates."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.context import Context
from pipeline.evidence.verify import named_in, verify_evidence
from pipeline.model.audit import ProblemKind
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.facts import EvidenceProblem, Facts
from pipeline.model.gates import Decision, decide
from pipeline.model.history import History
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry
from pipeline.plan import Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asks for.

    Attributes:
        to: The last environment to carry the release to; None for all.
        suffix: A second instance in an environment with previews, beside the main one.
        check: Whether to ask the cloud too where the ledger says that all is well.
        allow_dirty: Whether uncommitted files may go beyond the first environment.
        ask_again: Whether a change set that was rejected may be shown again.
        break_glass: Whether a change set is shown although a hold or a freeze is on, for a person to break through.
    """

    to: str | None = None
    suffix: str | None = None
    check: bool = False
    allow_dirty: bool = False
    ask_again: bool = False
    break_glass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """What would be done, as far as the gates ask.

    Attributes:
        account: Where, by its 12 digits, in which `region`.
        change_set: Its digest.
        needs_person: Why it needs a person.
        findings: Ids of everything found in it.
    """

    account: str
    region: str
    change_set: str
    needs_person: tuple[str, ...]
    findings: tuple[str, ...]


def ask_gates(
    context: Context,
    history: History,
    environment: Environment,
    instance: Instance,
    release: str,
    operation: Operation,
    wish: Wish,
    judged: Judged | None = None,
) -> Decision:
    """Ask the gates; before there is a plan, only those that need none."""
    offer = None
    if judged is not None:
        offer = _Offer(
            account=judged.change_set.account_id,
            region=judged.change_set.region,
            change_set=judged.change_set.digest,
            needs_person=judged.needs_person,
            findings=tuple(finding.id for finding in judged.findings),
        )
    return decide(_facts(context, history, environment, instance, release, operation, wish, offer))


def facts_of_shown(context: Context, history: History, environment: Environment, shown: Entry) -> Facts:
    """Return what decides now over a change set that was shown, if a plan came to the same."""
    body = shown.body
    offer = _Offer(
        account=str(body["account"]),
        region=str(body["region"]),
        change_set=str(body["change_set"]),
        needs_person=tuple(body["needs_person"]),
        findings=tuple(body["findings"]),
    )
    instance, operation = Instance(body["environment"], body["suffix"]), Operation(body["operation"])
    return _facts(
        context, history, environment, instance, str(body["release"]), operation, Wish(ask_again=True), offer
    )


def decide_shown(context: Context, history: History, environment: Environment, shown: Entry) -> Decision:
    """Return what the gates say now of a change set that was shown, if a plan came to the same."""
    return decide(facts_of_shown(context, history, environment, shown))


def _facts(
    context: Context,
    history: History,
    environment: Environment,
    instance: Instance,
    release: str,
    operation: Operation,
    wish: Wish,
    offer: _Offer | None,
) -> Facts:
    before = context.environments.before(environment)
    mine = history.of(instance)
    candidate = history.candidate
    if wish.allow_dirty and candidate is not None and candidate.release == release:
        candidate = None
    forward = operation in {Operation.FORWARD, Operation.RECOVERY}
    return Facts(
        environment=environment,
        before=before,
        history=mine,
        history_before=history.of(instance_of(before, None)) if before else None,
        candidate=candidate,
        operation=operation,
        release=release,
        now=datetime.now(UTC),
        newest=history.newest.time if history.newest else None,
        settings=context.settings.digest,
        account=offer.account if offer else "",
        region=offer.region if offer else "",
        evidence=evidence_problems(context, history, environment, release, operation),
        freezes=history.freezes,
        change_set=offer.change_set if offer else None,
        needs_person=offer.needs_person if offer else (),
        findings=offer.findings if offer else (),
        people=history.people_behind(release, mine.deployed) if forward else frozenset(),
        identities={approver.name: approver.identities for approver in context.project.approvers},
        relaxed=context.target.is_relaxed,
        ask_again=wish.ask_again,
    )


def evidence_problems(
    context: Context, history: History, environment: Environment, release: str, operation: Operation
) -> tuple[EvidenceProblem, ...]:
    """Return what is missing, forged, stale or failed in the evidence about a release."""
    if operation is Operation.DESTROY:
        return ()  # what is taken away need not be fit to run
    now = datetime.now(UTC)
    found = verify_evidence(
        context.store,
        release,
        named_in(history.evidence.get(release, ()), release),
        history.authority.keys.key_at,
        context.wanted_evidence,
        oldest=now - timedelta(days=environment.evidence_days),
        now=now,
    )
    return tuple(
        EvidenceProblem(problem.sentence, stale=problem.kind is ProblemKind.STALE) for problem in found
    )
