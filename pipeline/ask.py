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
    before = context.environments.before(environment)
    mine = history.of(instance)
    candidate = history.candidate
    if wish.allow_dirty and candidate is not None and candidate.release == release:
        candidate = None
    forward = operation in {Operation.FORWARD, Operation.RECOVERY}
    change_set = judged.change_set if judged else None
    return decide(
        Facts(
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
            account=change_set.account_id if change_set else "",
            region=change_set.region if change_set else "",
            evidence=evidence_problems(context, history, environment, release, operation),
            freezes=history.freezes,
            change_set=change_set.digest if change_set else None,
            needs_person=judged.needs_person if judged else (),
            findings=tuple(finding.id for finding in judged.findings) if judged else (),
            people=history.people_behind(release, mine.release) if forward else frozenset(),
            identities={approver.name: frozenset(approver.emails) for approver in context.project.approvers},
            relaxed=context.target.is_relaxed,
            ask_again=wish.ask_again,
        )
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
