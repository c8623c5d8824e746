"""The verbs that stop, repair and go back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import typer
from rich.text import Text

from pipeline import drift as drifting
from pipeline import promote as promoting
from pipeline import prune as pruning
from pipeline import stops, waiting
from pipeline import sweep as sweeping
from pipeline import ways_back as going_back
from pipeline.ask import Wish
from pipeline.begun import go_on
from pipeline.carry import Arrival, Report
from pipeline.cli.break_lock import break_lock
from pipeline.cli.clock import clock
from pipeline.cli.conclude import conclude, error_documents, raise_first
from pipeline.cli.console import print_json, progress, results
from pipeline.cli.options import Env, Json, Reason, Suffix, Target
from pipeline.context import Context
from pipeline.model.environment import Environment, Instance, instance_of
from pipeline.model.errors import RefusedError, TollgateError, UsageError
from pipeline.model.ledger import Entry
from pipeline.model.release import short
from pipeline.show import change_set as show_change_set
from pipeline.show.text import safe

To = Annotated[
    str | None, typer.Option("--to", metavar="DIGEST", help="Which release; its first digits are enough.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    for verb in (rollback, recover, heal, hold, unhold, freeze, drift, acknowledge, revoke, prune, sweep):
        app.command()(verb)
    app.command("break-glass")(break_glass)
    app.command("break-lock")(break_lock)
    app.command()(clock)


def rollback(
    env: Env,
    reason: Reason,
    to: To = None,
    suffix: Suffix = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Go back to a release that was proven in an environment, and hold it there."""
    context, environment, _ = _open(env, suffix, target)
    report = going_back.rollback(context, environment, suffix, reason, to)
    _conclude(context, env, suffix, report, as_json=as_json)


def recover(
    env: Env, to: To = None, suffix: Suffix = None, target: Target = None, as_json: Json = False
) -> None:
    """Go forward again where the last change did not hold."""
    context, environment, _ = _open(env, suffix, target)
    report = going_back.recover(context, environment, suffix, to)
    _conclude(context, env, suffix, report, as_json=as_json)


def heal(env: Env, suffix: Suffix = None, target: Target = None, as_json: Json = False) -> None:
    """Apply the deployed release again, over what was changed behind its back."""
    context, environment, _ = _open(env, suffix, target)
    _conclude(context, env, suffix, going_back.heal(context, environment, suffix), as_json=as_json)


def hold(env: Env, reason: Reason, suffix: Suffix = None, target: Target = None) -> None:
    """Let nothing move forward in an environment until somebody ends the hold."""
    context, _, instance = _open(env, suffix, target)
    _say(f"{instance} is held", stops.record_hold(context, instance, reason))


def unhold(env: Env, reason: Reason, suffix: Suffix = None, target: Target = None) -> None:
    """End the hold of an environment."""
    context, _, instance = _open(env, suffix, target)
    _say(f"{instance} is held no more", stops.record_unhold(context, instance, reason))


def freeze(
    env: Env,
    reason: Reason,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Until when, such as 2026-12-27T09:00+09:00."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From when. Default: now.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End every recorded freeze there instead.")] = False,
    target: Target = None,
) -> None:
    """Let nothing move forward in an environment between two moments."""
    context, environment, _ = _open(env, None, target)
    if end:
        if until or start:
            raise UsageError(
                "`--end` ends freezes that are on; it takes no times", "leave out `--from` and `--until`"
            )
        for entry in stops.record_thaw(context, environment, reason):
            _say(f"{env} is frozen no more", entry)
        return
    if until is None:
        raise UsageError("a freeze needs an end", "say `--until TIME`, such as 2026-12-27T09:00+09:00")
    begins = _moment("--from", start) if start else None
    entry = stops.record_freeze(context, environment, begins, _moment("--until", until), reason)
    _say(f"{env} is frozen from {entry.body['from']} until {entry.body['until']}", entry)


def drift(
    env: Annotated[
        str | None,
        typer.Argument(metavar="[ENV]", help="The environment. Default: all, with their previews."),
    ] = None,
    suffix: Suffix = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Compare the cloud with the deployed release; exit code 4 says that it differs."""
    context = Context.open(progress(), target)
    if env is None and suffix is not None:
        raise UsageError("a suffix needs the environment it is for", "for example `dev --suffix pr-42`")
    failed: Mapping[Instance, TollgateError] = {}
    if env is None:
        found, failed = drifting.look_everywhere(context)
    else:
        found = [drifting.look_for_drift(context, context.environments.named(env), suffix)]
    if as_json:
        rows = [_drift_document(report) for report in found]
        print_json([*rows, *error_documents(failed)])
    else:
        for report in found:
            _show_drift(report)
    raise_first(failed)
    if not all(report.is_clean for report in found):
        raise typer.Exit(drifting.DRIFTED_EXIT_CODE)


def acknowledge(env: Env, reason: Reason, suffix: Suffix = None, target: Target = None) -> None:
    """Say that you know of the drift found last, so that promotions go on over it."""
    context, _, instance = _open(env, suffix, target)
    _say(f"the drift of {instance} is acknowledged", stops.acknowledge(context, instance, reason))


def revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key's id; its first 8 digits are enough.")],
    reason: Reason,
    target: Target = None,
) -> None:
    """Let a key count no more; what was done with it stays good, a yes that was not used is void."""
    entry = stops.revoke(Context.open(progress(), target), key, reason)
    _say(f"the key {entry.body['key'][:12]} counts no more", entry)


def break_glass(env: Env, reason: Reason, suffix: Suffix = None, target: Target = None) -> None:
    """Apply what waits in an environment alone, through holds, freezes and past the other approvers; it is recorded."""
    context, environment, instance = _open(env, suffix, target)
    wish = Wish(to=env, suffix=suffix, break_glass=True)
    waits = context.history().of(instance).waiting
    if waits is None:
        # A hold or a freeze kept it from being shown; nobody breaks the glass for what they have not seen.
        promoting.reconcile(context, wish)
        waits = context.history().of(instance).waiting
    if waits is None:
        message = f"nothing waits in {instance} that breaking the glass would let through"
        raise RefusedError(message, "`nox -s status` says what stands in the way there")
    judged = waiting.shown_change_set(context, waits)
    show_change_set.show(results(), judged.change_set, judged.findings, judged.needs_person)
    seen = judged.change_set.digest
    entry = waiting.approve(context, environment, instance, reason, break_glass=True, seen=seen)
    _say(f"BREAK-GLASS for {short(entry.body['change_set'])} in {instance}", entry)
    _conclude(context, env, suffix, go_on(context, environment, instance, wish), as_json=False)


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Remove releases that nothing needs any more; say what is kept, and why."""
    pruned = pruning.prune(Context.open(progress(), target), dry_run=dry_run)
    if as_json:
        print_json({"removed": list(pruned.removed), "kept": dict(pruned.kept), "bytes": pruned.freed_bytes})
        return
    console = results()
    for digest, why in pruned.kept.items():
        console.print(Text(f"kept    {short(digest)}: {safe(why)}"), soft_wrap=True)
    verb = "would be removed" if dry_run else "removed"
    for digest in pruned.removed:
        console.print(Text(f"{verb} {short(digest)}"), soft_wrap=True)
    megabytes = pruned.freed_bytes / 1_000_000
    console.print(Text(f"{len(pruned.removed)} releases, {megabytes:.1f} MB; the ledger keeps their digests"))


def sweep(
    now: Annotated[
        str | None,
        typer.Option(
            "--now", metavar="TIME", help="Destroy what is past its time then. Default: at present."
        ),
    ] = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Destroy previews that are older than their environment lets them be."""
    context = Context.open(progress(), target)
    reports, failed = sweeping.sweep(context, _moment("--now", now) if now else None)
    if as_json:
        rows = [{"instance": str(report.instance), "arrival": report.arrival.value} for report in reports]
        print_json([*rows, *error_documents(failed)])
    elif not reports and not failed:
        results().print(Text("no preview is past its time"))
    raise_first(failed)
    if as_json and any(report.arrival is Arrival.REFUSED for report in reports):
        raise typer.Exit(RefusedError.exit_code)
    if reports and not as_json:
        conclude(context, Wish(), tuple(reports))


def _open(env: str, suffix: str | None, target: str | None) -> tuple[Context, Environment, Instance]:
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    return context, environment, instance_of(environment, suffix)


def _conclude(context: Context, env: str, suffix: str | None, report: Report, *, as_json: bool) -> None:
    conclude(context, Wish(to=env, suffix=suffix), (report,), as_json=as_json)


def _say(what: str, entry: Entry) -> None:
    results().print(Text(f"{what} (ledger entry {entry.number})"), soft_wrap=True)


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        message = f"`{option} {text}` is no moment that is the same everywhere"
        raise UsageError(message, "write date, time and zone: 2026-12-27T09:00+09:00 or 2026-12-27T00:00Z")
    return moment


def _show_drift(report: drifting.DriftReport) -> None:
    console = results()
    instance = report.instance
    if report.is_clean:
        console.print(Text(f"{instance}: no drift; it is as {short(report.release)} says"), soft_wrap=True)
        return
    console.print(Text(f"{instance}: changed behind the back of {short(report.release)}"), soft_wrap=True)
    console.print(Text("what healing would change:"))
    judged = report.judged
    show_change_set.show(console, judged.change_set, judged.findings, judged.needs_person)
    console.print(
        Text(
            f"next: `nox -s heal -- {instance.on_command_line}` puts it right, or "
            f'`nox -s acknowledge -- {instance.on_command_line} --reason "…"`'
        ),
        soft_wrap=True,
    )


def _drift_document(report: drifting.DriftReport) -> dict[str, object]:
    judged = report.judged
    return {
        "instance": str(report.instance),
        "release": report.release,
        "clean": report.is_clean,
        "recorded": report.entry.number if report.entry else None,
        "change_set": show_change_set.to_document(judged.change_set, judged.findings, judged.needs_person),
    }
