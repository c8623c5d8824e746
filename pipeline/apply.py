"""Apply exactly the change set at hand, prove that it holds, and record how it ended."""

from collections.abc import Sequence
from contextlib import suppress

from pipeline.context import Context, with_fresh_ledger
from pipeline.deploy.smoke import SmokeError, find_endpoint, run_smoke_checks
from pipeline.deploy.workspace import Event, TerraformError
from pipeline.host.faults import reached
from pipeline.model.change_set import is_remainder_of
from pipeline.model.errors import InterruptedByUserError, TollgateError
from pipeline.model.history import InstanceHistory
from pipeline.model.ledger import Entry, Kind, Operation, Outcome
from pipeline.model.release import SMOKE_CHECKS, Release
from pipeline.plan import Judged, Site, plan_again
from pipeline.show.progress import ApplyProgress
from pipeline.waiting import documents_of, instance_fields, shown_change_set

_NAMED = 5


class NotProvenError(TollgateError):
    """The cloud is not as the release says after the release was applied."""


def record_start(
    context: Context,
    site: Site,
    judged: Judged,
    operation: Operation,
    approvals: Sequence[Entry],
    head: str | None,
) -> Entry:
    """Record that this change set is about to be applied; its approvals are used up by that."""
    body = {
        **instance_fields(site.instance, site.release.digest),
        "change_set": judged.change_set.digest,
        "operation": operation,
        "approvals": [entry.digest for entry in approvals],
    }
    return context.record(Kind.START, body, head, documents_of(judged))


def resumable(
    context: Context, history: InstanceHistory, judged: Judged, operation: Operation, release: Release
) -> Entry | None:
    """Return the start entry of a killed run, if what is left to do is covered by what it was started with.

    Covered is what the environment tolerates without a person, and what is a part of the change set that was
    approved then. Anything else is asked about again.
    """
    start = history.open_start
    if start is None or start.body["release"] != release.digest or start.body["operation"] != operation:
        return None
    if judged.needs_person and not is_remainder_of(
        shown_change_set(context, start).change_set, judged.change_set
    ):
        return None
    context.progress.note(str(history.instance), f"finishing the run that was interrupted after {start.at}")
    return start


def close_open(context: Context, history: InstanceHistory, head: str | None) -> str | None:
    """End a killed run that cannot be finished as it was started; return the ledger's newest digest."""
    start = history.open_start
    if start is None:
        return head
    reason = "it was interrupted, and what is left to do is not what it was started with"
    return _record_end(context, start, Outcome.ERRORED, reason, {}, head).digest


def apply_and_prove(context: Context, site: Site, judged: Judged, start: Entry) -> None:
    """Apply the plan just made, call the endpoint, plan again, and record the outcome.

    Raises:
        InterruptedByUserError: Ctrl-C; the run stays open and the next one finishes it.
        TollgateError: The change did not hold; the instance is marked degraded.
    """
    place = str(site.instance)
    proof: dict[str, object] = {"terraform": context.terraform.version}
    reached("started")
    try:
        if not judged.change_set.is_empty:
            _apply(context, site, judged)
            reached("applied")
        if start.body["operation"] == Operation.DESTROY:
            proof |= _prove_gone(context, site)
        else:
            proof |= _prove_working(context, site, applied=not judged.change_set.is_empty)
        reached("proven")
    except InterruptedByUserError:
        raise
    except TollgateError as error:
        held = isinstance(error, TerraformError | SmokeError | NotProvenError)
        outcome = Outcome.FAILED if held else Outcome.ERRORED
        _end(context, start, outcome, error.message, proof)
        raise
    with context.progress.step(place, "record") as step:
        entry = _end(context, start, Outcome.SUCCEEDED, None, proof)
        step.result = f"ledger entry {entry.number}"
    reached("ended")


def _apply(context: Context, site: Site, judged: Judged) -> None:
    total = sum(change.action.value != "read" for change in judged.change_set.changes)
    with context.progress.step(str(site.instance), "apply") as step:
        follow = ApplyProgress(step, total)

        def on_event(event: Event) -> None:
            reached("applying")
            follow(event)

        try:
            site.workspace.apply(on_event, lambda: context.target.insist_alive(site.environment))
            context.target.saved(site.environment)
        except TerraformError:
            with suppress(TollgateError):  # what Terraform said matters more
                context.target.saved(site.environment)
            raise


def _prove_working(context: Context, site: Site, *, applied: bool) -> dict[str, object]:
    """Call the endpoint as the release says, then plan again: nothing may be left to do."""
    place, release = str(site.instance), site.release
    checks = context.store.read(release, SMOKE_CHECKS)
    with context.progress.step(place, "smoke") as step:
        endpoint = find_endpoint(checks, site.workspace.outputs(), site.account)
        passed = run_smoke_checks(
            checks,
            endpoint,
            release=release.digest,
            mode=site.environment.smoke,
            settle_seconds=site.environment.settle_seconds,
            say=step.say,
        )
        step.result = f"{len(passed)} passed, {site.environment.smoke}"
    reached("smoked")
    if applied:  # else the plan just made was the empty one already
        with context.progress.step(place, "second plan") as step:
            left = plan_again(site, step)
            if not left.change_set.is_empty:
                addresses = [change.address for change in left.change_set.changes]
                named = ", ".join(addresses[:_NAMED]) + (" …" if len(addresses) > _NAMED else "")
                message = f"a second plan is not empty after the apply: {named or 'outputs differ'}"
                raise NotProvenError(message, f"`nox -s plan -- {site.instance.environment}` shows it whole")
            step.result = "empty"
    return {"smoke": list(passed), "second_plan": "empty"}


def _prove_gone(context: Context, site: Site) -> dict[str, object]:
    with context.progress.step(str(site.instance), "nothing left") as step:
        left = site.bucket.resource_count(site.instance)
        if left:
            message = f"{left} resources are still there after the destroy"
            raise NotProvenError(message, "run the same command again")
        step.result = "0 resources"
    return {"resources": 0}


def _end(
    context: Context, start: Entry, outcome: Outcome, reason: str | None, proof: dict[str, object]
) -> Entry:
    """Record the end. It is a fact and rests on no entry but its start, so it goes behind whatever is newest."""
    return with_fresh_ledger(
        lambda: _record_end(context, start, outcome, reason, proof, context.history()[1])
    )


def _record_end(
    context: Context,
    start: Entry,
    outcome: Outcome,
    reason: str | None,
    proof: dict[str, object],
    head: str | None,
) -> Entry:
    names = ("environment", "suffix", "release", "operation")
    body = {
        **{name: start.body[name] for name in names},
        "start": start.digest,
        "outcome": outcome,
        "reason": reason,
        "proof": proof,
    }
    return context.record(Kind.END, body, head)
