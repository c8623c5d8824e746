"""Apply exactly the change set at hand, prove that it holds, and record how it ended."""

from collections.abc import Mapping
from contextlib import suppress

from pipeline.context import Context, with_fresh_ledger
from pipeline.deploy.smoke import SmokeError, find_endpoint, run_smoke_checks
from pipeline.deploy.workspace import Event, TerraformError
from pipeline.host.faults import reached
from pipeline.model.change_set import is_remainder_of
from pipeline.model.errors import InterruptedByUserError, LedgerError, TollgateError
from pipeline.model.gates import Decision
from pipeline.model.history import History, InstanceHistory
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from pipeline.model.release import SMOKE_CHECKS, Release
from pipeline.model.ways_out import ways_out
from pipeline.plan import Judged, Site, plan_again
from pipeline.show.half_done import half_done
from pipeline.show.progress import ApplyProgress
from pipeline.waiting import change_set_fields, documents_of, shown_change_set

_NAMED = 5
_MAX_NAMED = 500


class NotProvenError(TollgateError):
    """The cloud is not as the release says after the release was applied."""


def record_start(
    context: Context,
    site: Site,
    judged: Judged,
    operation: Operation,
    decision: Decision,
    history: History,
) -> Entry:
    """Record that this change set is about to be applied; its approvals are used up by that.

    First the newest entry is noted beside the Terraform state, where who writes the ledger cannot: a ledger that was
    shortened, and with it a hold, a rejection or a used approval, is noticed by the next run.

    Raises:
        LedgerMovedError: Somebody else wrote in between; nothing was started.
    """
    if history.newest is not None:
        site.bucket.write_anchor(site.instance, history.newest.number, history.newest.digest)
    reached("anchored")
    body = {
        **change_set_fields(judged.change_set),
        "operation": operation,
        "approvals": [entry.digest for entry in decision.approvals],
        "settings": context.settings.digest,
        "skipped": [f"{reason.gate}: {reason.sentence}" for reason in decision.skipped],
    }
    return context.record(Kind.START, body, history.head, documents_of(judged))


def insist_on_anchor(context: Context, site: Site) -> None:
    """Refuse a ledger that does not hold the entry noted beside the instance's state.

    Raises:
        LedgerError: It does not.
    """
    anchor = site.bucket.anchor(site.instance)
    entries = context.ledger.entries()
    if anchor is None:
        return
    if len(entries) < anchor.number or entries[anchor.number - 1].digest != anchor.digest:
        message = f"it does not hold entry {anchor.number} ({anchor.digest}), noted beside the state of {site.instance}"
        raise LedgerError(message)


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


def close_open(context: Context, history: InstanceHistory, head: str | None) -> None:
    """End a killed run that cannot be finished as it was started."""
    assert history.open_start is not None
    reason = "it was interrupted, and what is left to do is not what it was started with"
    _record_end(context, history.open_start, Outcome.ERRORED, reason, {}, head)


def apply_and_prove(context: Context, site: Site, judged: Judged, start: Entry) -> None:
    """Apply the plan just made, call the endpoint, plan again, and record the outcome.

    Raises:
        InterruptedByUserError: Ctrl-C; the run stays open and the next one finishes it.
        TollgateError: The change did not hold; the instance is marked degraded.
    """
    place = str(site.instance)
    proof: dict[str, object] = {"terraform": context.terraform.version}
    reached("started")
    done: list[str] = []
    try:
        if not judged.change_set.is_empty:
            _apply(context, site, judged, done)
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
        left = _left_to_do(context, site, Operation(start.body["operation"]))
        context.progress.note(
            place, half_done(done, left.change_set if left else None, left.findings if left else ())
        )
        said = {"applied": done[:_MAX_NAMED], "left": dict(left.change_set.summary) if left else None}
        _end(context, start, outcome, error.message, proof | said, documents_of(left) if left else None)
        ways = f"{place} is degraded: {ways_out(context.history().of(site.instance))}"
        # Terraform's own hint is to run the same command again, which the gate would now refuse.
        particular = None if isinstance(error, TerraformError) else error.hint
        error.hint = f"{particular}; {ways}" if particular else ways
        raise
    with context.progress.step(place, "record") as step:
        entry = _end(context, start, Outcome.SUCCEEDED, None, proof)
        step.result = f"ledger entry {entry.number}"
    reached("ended")


def _left_to_do(context: Context, site: Site, operation: Operation) -> Judged | None:
    """Plan at once after a failure, so that everybody sees what is half there; None where nobody can tell."""
    with suppress(TollgateError):
        context.target.insist_alive(site.environment)
        with context.progress.step(str(site.instance), "what is left") as step:
            return plan_again(site, step, operation)
    return None


def _apply(context: Context, site: Site, judged: Judged, done: list[str]) -> None:
    """Apply the plan just made; `done` is told the address of each resource that was changed."""
    total = sum(change.action.value != "read" for change in judged.change_set.changes)
    with context.progress.step(str(site.instance), "apply") as step:
        follow = ApplyProgress(step, total)

        def on_event(event: Event) -> None:
            reached("applying")
            if event.get("type") == "apply_complete":
                done.append(str(event.get("hook", {}).get("resource", {}).get("addr")))
                reached("half-applied")
            follow(event)

        try:
            site.workspace.apply(on_event, lambda: context.target.insist_alive(site.environment))
            reached("applied-unsaved")
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
                raise NotProvenError(
                    message, f"`nox -s plan -- {site.instance.on_command_line}` shows it whole"
                )
            step.result = "empty"
    return {"smoke": list(passed), "second_plan": "empty"}


def _prove_gone(context: Context, site: Site) -> dict[str, object]:
    with context.progress.step(str(site.instance), "nothing left") as step:
        left = site.state.resource_count()
        if left:
            message = f"{left} resources are still there after the destroy"
            raise NotProvenError(message)
        step.result = "0 resources"
    return {"resources": 0}


def _end(
    context: Context,
    start: Entry,
    outcome: Outcome,
    reason: str | None,
    proof: dict[str, object],
    documents: Mapping[str, bytes] | None = None,
) -> Entry:
    """Record the end. It is a fact and rests on no entry but its start, so it goes behind whatever is newest."""
    return with_fresh_ledger(
        lambda: _record_end(context, start, outcome, reason, proof, context.newest(), documents)
    )


def _record_end(
    context: Context,
    start: Entry,
    outcome: Outcome,
    reason: str | None,
    proof: dict[str, object],
    head: str | None,
    documents: Mapping[str, bytes] | None = None,
) -> Entry:
    names = ("environment", "suffix", "release", "operation")
    body = {
        **{name: start.body[name] for name in names},
        "start": start.digest,
        "outcome": outcome,
        "reason": reason,
        "proof": proof,
    }
    return context.record(Kind.END, body, head, documents)
