"""Destroy an instance: a change set like any other, approved where changes need a person, and proven to be gone."""

from datetime import UTC, datetime

from pipeline.apply import apply_and_prove, close_open, record_start, resumable
from pipeline.carry import Arrival, Report
from pipeline.context import Context, with_fresh_ledger
from pipeline.model.environment import Environment, instance_of
from pipeline.model.errors import RefusedError
from pipeline.model.gates import Facts, decide
from pipeline.model.history import InstanceHistory
from pipeline.model.ledger import Entry, Operation
from pipeline.plan import Judged, Site, judge, open_site
from pipeline.waiting import record_shown, waits_already


def destroy(context: Context, environment: Environment, suffix: str | None) -> Report:
    """Destroy everything an instance consists of, or show what waits for an approval.

    Raises:
        RefusedError: There is nothing to destroy.
        TollgateError: Something went wrong; what had been done is recorded.
    """
    instance = instance_of(environment, suffix)
    history, _ = context.history()
    last = _last_release(history.of(instance))
    if last is None:
        message = f"{instance} is empty; there is nothing to destroy"
        raise RefusedError(message, "`nox -s status` says what runs where")
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    release = context.store.load(str(last.body["release"]))
    with open_site(context, environment, instance, release, "destroying it") as site:
        return _destroy_held(context, site)


def _destroy_held(context: Context, site: Site) -> Report:
    judged = judge(context, site, Operation.DESTROY)
    decided = with_fresh_ledger(lambda: _decide(context, site, judged))
    if isinstance(decided, Report):
        return decided
    apply_and_prove(context, site, judged, decided)
    return Report(instance=site.instance, release=site.release.digest, arrival=Arrival.ARRIVED, judged=judged)


def _decide(context: Context, site: Site, judged: Judged) -> Report | Entry:
    """Return the start entry to go on with, or the report with which it ends here."""
    release = site.release
    history, head = context.history()
    mine = history.of(site.instance)
    start = resumable(context, mine, judged, Operation.DESTROY, release)
    if start is not None:
        return start
    decision = decide(
        Facts(
            environment=site.environment,
            before=None,
            history=mine,
            history_before=None,
            candidate=None,
            operation=Operation.DESTROY,
            release=release.digest,
            now=datetime.now(UTC),
            change_set=judged.change_set.digest,
            needs_person=judged.needs_person,
            findings=tuple(finding.id for finding in judged.findings),
        )
    )
    if decision.allowed:
        head = close_open(context, mine, head)
        return record_start(context, site, judged, Operation.DESTROY, decision.approvals, head)
    again = waits_already(context, mine, judged)
    if not again:
        head = close_open(context, mine, head)
        record_shown(context, site, judged, Operation.DESTROY, decision.reasons, head)
    return Report(
        instance=site.instance,
        release=release.digest,
        arrival=Arrival.WAITING,
        reasons=decision.reasons,
        judged=judged,
        mismatch=bool(mine.approvals) and not again,
    )


def _last_release(history: InstanceHistory) -> Entry | None:
    """Return the entry that names the release whose stack describes what may be there."""
    if history.open_start is not None:
        return history.open_start
    if history.is_degraded:
        return history.last_end
    return history.deployed
