"""Drift: how the cloud differs from the release that the ledger says is deployed. Looking takes no lock."""

from dataclasses import dataclass, replace

from pipeline.context import Context, with_fresh_ledger
from pipeline.each import in_each
from pipeline.host import lock
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.change_set import ChangeSet
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.history import State
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.resource_change import ResourceChange
from pipeline.model.values import Unknown
from pipeline.plan import Judged, look_at, plan_again
from pipeline.show.values import change_told

DRIFT_FILE = "drift.json"
DRIFTED_EXIT_CODE = 4
_MAX_SUMMARY = 100
_MOST_ATTRIBUTES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What looking at one instance came to.

    Attributes:
        instance: Which one.
        release: What should run there.
        judged: What healing would change: the difference, attribute by attribute.
        entry: The entry that records the difference, or that there is none any more; None where nothing is new.
    """

    instance: Instance
    release: str
    judged: Judged
    entry: Entry | None

    @property
    def is_clean(self) -> bool:
        """Whether the cloud is as the release says."""
        return self.judged.change_set.is_empty


def look_everywhere(context: Context) -> tuple[list[DriftReport], dict[Instance, TollgateError]]:
    """Look at each instance in which something runs, and return what was seen, and why some could not be looked at.

    A preview that is being changed or was left half changed is passed over: it need not be as anybody says.
    """
    history = context.history()
    environments = {environment.name: environment for environment in context.environments}
    runs = [
        instance
        for name in environments
        for instance, mine in sorted(
            history.instances.items(), key=lambda each: (not each[0].is_main, each[0])
        )
        if instance.environment == name
        and mine.release is not None
        and (instance.is_main or mine.state is not State.DEGRADED)
    ]
    return in_each(
        context,
        runs,
        lambda instance: look_for_drift(context, environments[instance.environment], instance.suffix),
    )


def look_for_drift(context: Context, environment: Environment, suffix: str | None) -> DriftReport:
    """Compare the cloud with the deployed release, and record what is found once.

    Raises:
        RefusedError: Nothing runs there, or somebody is at work there, so that every difference may be theirs.
        TollgateError: The account cannot be reached, or Terraform cannot plan.
    """
    instance = instance_of(environment, suffix)
    mine = context.history().of(instance)
    if mine.release is None:
        message = f"nothing runs in {instance}, so nothing can drift"
        raise RefusedError(message, "`nox -s status` says what runs where")
    path = context.home.locks / f"{context.target.name}.{instance.file_stem}.lock"
    if mine.open_start is not None or mine.is_degraded or lock.is_held(path):
        message = f"{instance} is being changed or was left half changed, so what differs is no drift"
        raise RefusedError(message, "`nox -s status` says what to do there first")
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    release = context.release(mine.release)
    place = str(instance)
    with look_at(context, environment, instance, release) as site:
        with context.progress.step(place, "init"):
            site.workspace.init(site.state)
        with context.progress.step(place, "compare") as step:
            judged = plan_again(site, step, lock=False)
            step.result = "no drift" if judged.change_set.is_empty else step.result
    entry = with_fresh_ledger(lambda: _record(context, instance, release.digest, judged))
    return DriftReport(instance=instance, release=release.digest, judged=judged, entry=entry)


def _record(context: Context, instance: Instance, release: str, judged: Judged) -> Entry | None:
    history = context.history()
    mine = history.of(instance)
    if mine.release != release or mine.open_start is not None:
        message = f"somebody changed {instance} while it was looked at"
        raise RefusedError(message, "run the same command again when they have ended")
    found = digest_of(judged.change_set)
    if found == (mine.drift.body["drift"] if mine.drift else None):
        return None  # the same drift is one record, however often somebody looks
    body = {
        "environment": instance.environment,
        "suffix": instance.suffix,
        "release": release,
        "drift": found,
        "summary": list(_summary(judged.change_set))[:_MAX_SUMMARY],
    }
    documents = {DRIFT_FILE: canonical_bytes(judged.change_set.to_json())}
    return context.record(Kind.DRIFT, body, history.head, documents)


def digest_of(change_set: ChangeSet) -> str | None:
    """Return the digest of a difference, None where there is none; what was only observed does not count."""
    if change_set.is_empty:
        return None
    return sha256_digest(canonical_bytes(replace(change_set, drift=(), checks=()).to_json()))


def _summary(change_set: ChangeSet) -> tuple[str, ...]:
    """Return one sentence for each thing that differs, seen from what was done behind the release's back."""
    done = {"create": "was deleted", "delete": "was added", "update": "was changed"}
    changes = (
        f"{change.address} {done.get(change.action.value, 'was altered so that it must be made again')}{_how(change)}"
        for change in change_set.changes
        if change.action.value != "read"
    )
    outputs = (f"output {output.name} is another one" for output in change_set.outputs)
    return (*changes, *outputs)


def _how(change: ResourceChange) -> str:
    """Return the first attributes that somebody changed, from what the release says to what is there."""
    if change.action.value != "update":
        return ""
    changed = [attribute for attribute in change.attributes if attribute.changes]
    told = [
        attribute.name
        # What follows from another change is known only when that is undone.
        if isinstance(attribute.after, Unknown)
        else f"{attribute.name} {change_told(attribute.after, attribute.before).text}"
        for attribute in changed[:_MOST_ATTRIBUTES]
    ]
    more = len(changed) - len(told)
    return f": {', '.join(told)}{f' and {more} more' if more else ''}" if told else ""
