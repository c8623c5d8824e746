"""The way of a change: build, check, then carry one release through the environments in their order.

`promote` finishes what was begun or approved, then builds and reconciles. `reconcile` is level-triggered: it reads
what is wanted and what is deployed from the ledger, takes the next allowed step, and stops where it may not go on.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from pipeline.ask import Wish
from pipeline.begun import Begun, finish, finish_begun, go_on
from pipeline.build.release import record_provenance
from pipeline.build.source import Source, people_since, read_source, source_at
from pipeline.carry import Arrival, Report, carry, offered
from pipeline.ci.place import Machine, Place
from pipeline.context import Context, with_fresh_ledger
from pipeline.evidence.checks import run_checks
from pipeline.evidence.kept import kept_statements
from pipeline.host.faults import reached
from pipeline.model.canonical import canonical_bytes
from pipeline.model.environment import Environment, instance_of
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.release import Release, short
from pipeline.model.trust import PublicKey
from pipeline.stores.statements import document_name
from pipeline.trust.provenance import Provenance
from pipeline.trust.statement import Statement


def build(context: Context, place: Place | None = None) -> Release:
    """Build the release of this checkout and keep it, with a signed word on where it comes from.

    Args:
        context: The project and its accounts.
        place: Where it is built. Default: on this machine, without a word about it.

    Raises:
        TollgateError: It cannot be built.
    """
    return _build(context, place)[0]


def _build(context: Context, place: Place | None, built: Release | None = None) -> tuple[Release, Statement]:
    source = read_source(context.project.root)
    if place is not None:
        context.progress.note("build", place.sentence)
    started = datetime.now(UTC)
    with context.progress.step("build", "release") as step:
        release = built or (place or Machine()).build(
            context.project, context.environments.names, context.home, step.say
        )
        provenance = record_provenance(
            context.store, release, source, project=context.project, keys=context.keys, started=started
        )
        step.result = short(release.digest)
    reached("release-built")
    return release, provenance


def check(context: Context, release: Release, place: Place | None = None) -> tuple[Statement, ...]:
    """Run the checks that this release has not passed yet; return what was signed of each.

    Args:
        context: The project and its accounts.
        release: What is checked.
        place: Where the checks run. Default: on this machine.

    Raises:
        RefusedError: One of them failed; its last words are in the message.
    """
    history = context.history()
    with context.progress.step("build", "checks") as step:
        results = run_checks(
            context.project,
            context.store,
            release,
            context.home.work,
            step.say,
            (place or Machine()).runner,
            keys=context.keys,
            find_key=(lambda keyid: history.authority.keys.key_at(keyid, history.next_number))
            if history.newest
            else None,
            oldest=datetime.now(UTC)
            - timedelta(days=min(each.evidence_days for each in context.environments)),
        )
        step.result = ", ".join(
            f"{result.check} {'passed' if result.passed else 'failed'}{' before' if result.reused else ''}"
            for result in results
        )
    statements = tuple(result.statement for result in results if result.statement is not None)
    for result in results:
        if not result.passed:
            if release.digest in history.evidence:
                # What was believed of this release is believed no more, wherever it waits.
                _publish(context, release, statements)
            message = f"the check {result.check} failed for release {short(release.digest)}:\n{result.output}"
            raise RefusedError(message, "nothing was deployed; mend what it names, then run again")
    return statements


def promote(
    context: Context, wish: Wish, release: Release | None = None, *, place: Place | None = None
) -> tuple[Report, ...]:
    """Finish what was begun, build the release, check it, record it as wanted, and carry it as far as its gates allow.

    Args:
        context: The project and its accounts.
        wish: What the caller asks for.
        release: What was built of exactly this checkout before. Default: it is built now.
        place: Where it is built and checked. Default: on this machine.

    Raises:
        TollgateError: Something went wrong; the message says what, and what to do.
    """
    instance_of(context.environments.up_to(wish.to)[-1], wish.suffix)  # refused before anything is built
    # A checkout that cannot be built or is not fit keeps nobody from finishing what was begun with another one.
    begun = finish_begun(context, wish)
    return reconcile(context, wish, want(context, wish, release, place=place), begun)


def want(
    context: Context, wish: Wish, release: Release | None = None, *, place: Place | None = None
) -> Release:
    """Build the release and check it, record what was signed of it and that it is wanted; carry it nowhere.

    Args:
        context: The project and its accounts.
        wish: What the caller asks for; a suffix makes it a preview, which is no candidate for the others.
        release: What was built of exactly this checkout before. Default: it is built now.
        place: Where it is built and checked. Default: on this machine.

    Raises:
        TollgateError: It cannot be built, or a check failed.
    """
    built, provenance = _build(context, place, release)
    statements = (provenance, *check(context, built, place))
    _publish(context, built, statements)
    if wish.suffix is None:
        with_fresh_ledger(lambda: _want(context, built, wish, read_source(context.project.root)))
    reached("candidate-recorded")
    return built


def promote_existing(context: Context, wish: Wish, digest: str) -> tuple[Report, ...]:
    """Carry a release that was built and checked elsewhere; nothing is built or checked here.

    What was signed of it elsewhere counts as far as the keys that count here verify it.

    Args:
        context: The project, its accounts, and the store that has the release or pulls it.
        wish: What the caller asks for.
        digest: The release's digest.

    Raises:
        TollgateError: The release is nowhere, nothing that verifies says where it comes from, or a step went wrong.
    """
    instance_of(context.environments.up_to(wish.to)[-1], wish.suffix)
    begun = finish_begun(context, wish)
    with context.progress.step("store", "release") as step:
        context.store.pull(digest)
        release = context.store.load(digest)
        step.result = short(digest)
    statements, source = _said_of(context, release)
    if digest not in context.history().evidence:
        _publish(context, release, statements)
    if wish.suffix is None:
        with_fresh_ledger(lambda: _want(context, release, wish, source))
    reached("candidate-recorded")
    return reconcile(context, wish, release, begun)


def _said_of(context: Context, release: Release) -> tuple[tuple[Statement, ...], Source]:
    """Return what was signed about a release by keys that count here, and what it was built from."""
    history = context.history()
    find_key: Callable[[str], PublicKey | None]
    if history.newest is None:
        find_key = {key.keyid: key for key in context.keys_named_by(context.project)}.get
    else:
        find_key = partial(history.authority.keys.key_at, number=history.next_number)
    kept = kept_statements(context.store, release.digest, find_key)
    built = [found.predicate for _, found in kept if isinstance(found.predicate, Provenance)]
    if not built:
        message = f"nothing that verifies here says what release {short(release.digest)} was built from"
        hint = "push it with its evidence from where it was built, and name that machine's keys; docs/trust.md says how"
        raise RefusedError(message, hint)
    commit = built[-1].commit
    source = Source(None, None, None, dirty=True)
    if commit is not None:
        found = source_at(context.project.root, commit, dirty=built[-1].dirty)
        if found is None:
            message = (
                f"release {short(release.digest)} was built from commit {commit[:12]}, which is not here"
            )
            raise RefusedError(message, "fetch that commit: who wrote it decides who may approve it")
        source = found
    return tuple(found.named(digest) for digest, found in kept), source


def _publish(context: Context, release: Release, statements: Sequence[Statement]) -> None:
    """Push a release with all that is attached, then name what was signed: the ledger names only what is there."""
    context.store.push(release.digest)
    with_fresh_ledger(lambda: record_evidence(context, release, statements))


def record_evidence(context: Context, release: Release, statements: Sequence[Statement]) -> None:
    """Name in the ledger what was signed about a release, once, and keep a copy beside.

    A store's own list can be cut or padded, and a clone with another store has the release from its own build but not
    what others signed about it.
    """
    history = context.history()
    known = {
        row["digest"]
        for entry in history.evidence.get(release.digest, ())
        for row in entry.body["statements"]
    }
    new = [statement for statement in statements if statement.digest not in known]
    if not new:
        return
    body = {
        "release": release.digest,
        "settings": context.settings.digest,
        "statements": [statement.to_json() for statement in new],
    }
    copies = {
        document_name(statement.digest): canonical_bytes(context.store.document(statement.digest))
        for statement in new
    }
    context.record(Kind.EVIDENCE, body, history.head, copies)


def reconcile(
    context: Context, wish: Wish, release: Release | None = None, begun: Begun | None = None
) -> tuple[Report, ...]:
    """Carry what is wanted as far as its gates allow, and say for each instance how far that is.

    Args:
        context: The project and its accounts.
        wish: What the caller asks for.
        release: What is wanted. Default: the newest candidate.
        begun: What finishing came to that was begun before. Default: it is finished now.

    Raises:
        TollgateError: Something went wrong; what had been done is recorded.
    """
    if release is None:
        candidate = context.history().candidate
        if candidate is None:
            message = "nothing was ever promoted here"
            raise RefusedError(message, "run `nox -s promote`")
        release = context.release(candidate.release)
    # The glass is broken where the caller says, and nowhere on the way there.
    usual = replace(wish, break_glass=False)
    begun = begun or finish_begun(context, usual)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    way = context.environments.up_to(wish.to)
    reports = {report.instance: report for report in begun.reports}
    for environment in way if wish.suffix is None else way[-1:]:
        instance = instance_of(environment, wish.suffix)
        end = begun.ends.get(instance)
        if isinstance(end, TollgateError):
            break
        # What an unclean stop of the local cloud took away only the cloud itself can tell.
        ask_cloud = wish.check or context.target.may_lack(instance)
        here = wish if environment is way[-1] else usual
        report = end or _advance(context, environment, release, here, ask_cloud=ask_cloud)
        reports.pop(instance, None)  # what was done last comes last
        reports[instance] = report
        if end is not None or report.arrival not in {Arrival.THERE, Arrival.ARRIVED}:
            break
    for end in begun.ends.values():
        if isinstance(end, TollgateError):
            raise end
    return tuple(reports.values())


def _advance(
    context: Context, environment: Environment, release: Release, wish: Wish, *, ask_cloud: bool
) -> Report:
    """Take the next step in one instance: finish what was begun, then what is offered, then what is wanted.

    A newer release never pulls a change set away from the person who reads it. It waits behind it, and only the
    newest of those that wait comes next.
    """
    instance = instance_of(environment, wish.suffix)
    mine = context.history().of(instance)
    if mine.open_start is not None:
        done = finish(context, environment, mine.open_start, wish)
        if done.arrival is not Arrival.ARRIVED or mine.open_start.body["operation"] == Operation.DESTROY:
            return done
        mine = context.history().of(instance)
    waiting = offered(mine, environment, context.settings.digest)
    if waiting is None or _is(waiting, Operation.FORWARD, release.digest):
        return carry(context, environment, instance, release, wish, ask_cloud=ask_cloud)
    operation = Operation(waiting.body["operation"])
    report = go_on(context, environment, instance, wish)
    if report.arrival is Arrival.ARRIVED and operation is Operation.FORWARD:
        return carry(context, environment, instance, release, wish)
    return replace(report, queued=release.digest) if report.release != release.digest else report


def _is(entry: Entry, operation: Operation, release: str) -> bool:
    return bool(entry.body["operation"] == operation and entry.body["release"] == release)


def _want(context: Context, release: Release, wish: Wish, source: Source) -> None:
    """Record the release as the candidate, unless it already is."""
    history = context.history()
    newest = history.candidate
    # A release once built from a clean commit stays clean, whatever lies in the working tree today.
    known = newest is not None and newest.release == release.digest and not newest.is_dirty
    if known or (
        newest is not None and newest.release == release.digest and source.dirty and not wish.allow_dirty
    ):
        return
    since = newest.entry.body["commit"] if newest else None
    context.record(
        Kind.CANDIDATE,
        {
            "release": release.digest,
            "commit": source.commit,
            "subject": source.subject,
            "dirty": source.dirty,
            "dirty_allowed": wish.allow_dirty,
            "people": sorted(people_since(context.project.root, since, source.commit or "HEAD")),
        },
        history.head,
    )
