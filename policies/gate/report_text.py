"""The judgement on a terminal: grouped by resource, the verdict in the last line."""

from collections.abc import Iterator
from itertools import groupby

from policies.gate.finding import Finding
from policies.gate.judge import CLEAN, NOT_JUDGED, Judgement


def to_text(judgement: Judgement) -> str:
    """The whole report."""
    return "\n".join(_lines(judgement)) + "\n"


def verdict_line(judgement: Judgement) -> str:
    """The last line: clean, refused, or could not be judged."""
    stacks = len(judgement.stacks)
    if judgement.verdict == NOT_JUDGED:
        return f"COULD NOT BE JUDGED, therefore refused: {_count(len(judgement.faults), 'fault')} above."
    what = "the release" if judgement.is_release else f"{_count(stacks, 'stack')}, not a whole release"
    if judgement.verdict == CLEAN:
        ran = sum(judged.ran.total() for judged in judgement.stacks)
        waived = _count(len(judgement.waived.waived), "finding")
        return f"CLEAN: {what}; {_count(ran, 'result')}, {waived} waived."
    open_, problems = len(judgement.waived.open), len(judgement.waived.problems)
    return f"REFUSED: {what}; {_count(open_, 'finding')}, {_count(problems, 'waiver problem')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _lines(judgement: Judgement) -> Iterator[str]:
    """What refuses comes last, where a terminal and whoever shows only the last lines still have it."""
    waived = judgement.waived
    if waived.waived:
        yield f"Waived ({len(waived.waived)}):"
        for finding, waiver in waived.waived:
            yield f"  {finding.policy} {finding.stack}/{finding.construct}"
            yield f"    {waiver.reason} ({waiver.owner}, until {waiver.expires})"
    for judged in judgement.stacks:
        checks = {check for check, _ in judged.ran}
        yield (
            f"{judged.stack.name}: {len(judged.stack.resources)} resources, {len(checks)} checks, "
            f"{judged.ran.total()} results, {judged.stack.digest}"
        )
    yield from (f"warning: {warning}" for warning in waived.warnings)
    yield from _findings(waived.open)
    yield from (f"waiver:  {problem}" for problem in waived.problems)
    yield from (f"fault:   {fault}" for fault in judgement.faults)
    yield verdict_line(judgement)


def _findings(findings: list[Finding]) -> Iterator[str]:
    in_order = sorted(findings, key=lambda f: (f.stack, f.construct, f.address, f.policy))
    for (stack, construct, address), group in groupby(in_order, lambda f: (f.stack, f.construct, f.address)):
        yield f"{stack}/{construct} ({address})"
        for finding in group:
            yield f"  {finding.policy}: {finding.title}"
            yield f"    why: {finding.reason}"
            yield f"    fix: {finding.fix}"
        yield ""
