"""How a verb that moves something ends: where everything stands, what waits, and the right exit code."""

import sys
from collections.abc import Mapping

import typer
from rich.console import Console
from rich.text import Text

from pipeline import waiting
from pipeline.ask import Wish
from pipeline.begun import go_on
from pipeline.carry import Arrival, Report
from pipeline.cli.console import print_json, results
from pipeline.context import Context
from pipeline.model.environment import Instance
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.release import short
from pipeline.show import change_set as show_change_set
from pipeline.show.paragraph import paragraph
from pipeline.show.summary import add_to_summary, rows_markdown
from pipeline.show.words import show_reasons, show_rows
from pipeline.status import status_rows


def conclude(context: Context, wish: Wish, reports: tuple[Report, ...], *, as_json: bool = False) -> None:
    """Say where everything stands, ask on a terminal if something waits, and end with the right code."""
    last = decisive(reports)
    if as_json:
        print_json(
            {"target": context.target.name, "instances": [report_document(report) for report in reports]}
        )
    else:
        _show_end(context, last)
    if last.mismatch:
        message = f"what was approved for {last.instance} is not what would be done now, so nothing was done"
        raise RefusedError(message, "read the change set above, then approve that one or reject it")
    if last.arrival is Arrival.REFUSED:
        raise typer.Exit(RefusedError.exit_code)
    decidable = last.arrival is Arrival.WAITING and last.judged is not None
    if decidable and not as_json and sys.stdin.isatty() and sys.stderr.isatty():
        _ask(context, wish, last)


def decisive(reports: tuple[Report, ...]) -> Report:
    """Return the report that a person must not overlook: a yes that did not fit, else a refusal, else the last."""
    mismatched = (report for report in reports if report.mismatch)
    refused = (report for report in reports if report.arrival is Arrival.REFUSED)
    return next(mismatched, None) or next(refused, reports[-1])


def _show_end(context: Context, last: Report) -> None:
    console = results()
    if last.arrival is Arrival.WAITING and last.judged is not None:
        console.print()
        show_change_set.show(console, last.judged.change_set, last.judged.findings, last.judged.needs_person)
        add_to_summary(
            show_change_set.to_markdown(
                last.judged.change_set, last.judged.findings, last.judged.needs_person
            )
        )
    console.print()
    rows = status_rows(context)
    show_rows(console, rows)
    add_to_summary(rows_markdown(rows))
    if last.reasons and (last.arrival is Arrival.REFUSED or last.judged is None):
        show_reasons(console, last.reasons)
    say_relaxed(console, context)


def say_relaxed(console: Console, context: Context) -> None:
    """Say which rules do not hold on this target."""
    if context.target.relaxes:
        rules = "; ".join(context.target.relaxes)
        paragraph(
            console, Text(f"target {context.target.name}, where three rules are relaxed: {rules}", "dim"), 0
        )


def _ask(context: Context, wish: Wish, report: Report) -> None:
    """Let the person who watches decide at once; nothing typed leaves it waiting."""
    assert report.judged is not None
    digits = short(report.judged.change_set.digest)
    prompt = f"To approve {digits} for {report.instance}, type your reason; Enter leaves it waiting"
    reason = typer.prompt(prompt, default="", show_default=False, err=True)
    if not reason.strip():
        return
    environment = context.environments.named(report.instance.environment)
    # However long they read: what they say yes to is what they were shown.
    seen = report.judged.change_set.digest
    waiting.approve(context, environment, report.instance, reason, seen=seen)
    conclude(context, wish, (go_on(context, environment, report.instance),))


def error_documents(errors: Mapping[Instance, TollgateError]) -> list[dict[str, object]]:
    """Return the errors of instances as rows beside those of others."""
    return [
        {"instance": str(instance), "error": error.message, "next": error.hint}
        for instance, error in errors.items()
    ]


def raise_first(errors: Mapping[Instance, TollgateError]) -> None:
    """End with the first error, if there is one; the others were told when they came."""
    for error in errors.values():
        raise error


def report_document(report: Report) -> dict[str, object]:
    """Return a report as the JSON twin of what people read."""
    judged = report.judged
    return {
        "instance": str(report.instance),
        "release": report.release,
        "queued": report.queued,
        "arrival": report.arrival.value,
        "reasons": [
            {"gate": reason.gate, "sentence": reason.sentence, "unblock": reason.unblock}
            for reason in report.reasons
        ],
        "change_set": show_change_set.to_document(judged.change_set, judged.findings, judged.needs_person)
        if judged
        else None,
    }
