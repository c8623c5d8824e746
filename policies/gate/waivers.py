"""Waivers: findings that stay by a reviewed decision, for a time."""

import datetime as dt
import tomllib
from dataclasses import dataclass, field

from policies.gate import ROOM
from policies.gate.errors import NotJudgedError
from policies.gate.finding import Finding

PATH = ROOM / "waivers.toml"
WARN_DAYS = 14


@dataclass(frozen=True)
class Waiver:
    """One accepted finding: this policy, at these constructs, in these stacks.

    Attributes:
        policy: Id of the policy.
        constructs: Construct paths below the stack, exactly.
        stacks: Names of the stacks.
        reason: Why it may stay.
        owner: Who answers for it.
        expires: The last day on which it counts.
    """

    policy: str
    constructs: tuple[str, ...]
    stacks: tuple[str, ...]
    reason: str
    owner: str
    expires: dt.date


@dataclass
class Waived:
    """What is left after the waivers, and what is wrong or will soon be wrong with them."""

    open: list[Finding] = field(default_factory=list)
    waived: list[tuple[Finding, Waiver]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_waivers() -> list[Waiver]:
    """The written waivers; a malformed file leaves nothing judged."""
    try:
        rows = tomllib.loads(PATH.read_text(encoding="utf-8")).get("waiver", [])
        waivers = [
            Waiver(**{**row, "constructs": tuple(row["constructs"]), "stacks": tuple(row["stacks"])})
            for row in rows
        ]
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise _unusable(problem) from problem
    for waiver in waivers:
        texts: tuple[object, ...] = (waiver.policy, waiver.reason, waiver.owner)
        texts += waiver.constructs + waiver.stacks
        # To Python a TOML date-time is a date as well; only a plain date has the "last day" meant here.
        is_date = type(waiver.expires) is dt.date
        if not waiver.constructs or not waiver.stacks:
            raise _unusable(f"a waiver of {waiver.policy} names no construct or no stack")
        if not is_date or not all(isinstance(text, str) and text.strip() for text in texts):
            raise _unusable(f"{waiver.policy} has an empty text or an `expires` that is no date")
    return waivers


def _unusable(why: object) -> NotJudgedError:
    return NotJudgedError(
        f"policies/waivers.toml is not usable: {why}.",
        "A waiver has policy, constructs, stacks, reason, owner and expires (docs/policies.md).",
    )


def apply_waivers(
    findings: list[Finding],
    waivers: list[Waiver],
    waivable: set[str],
    stacks: set[str],
    known: set[str],
    today: dt.date,
) -> Waived:
    """Take away what is waived, and hold every waiver to its own rules.

    Args:
        findings: What the policies found.
        waivers: The written waivers.
        waivable: Ids of the policies whose findings may be waived.
        stacks: Names of the stacks that were judged: waivers for others are not called unused.
        known: Names of all stacks that there can be.
        today: The day the waivers are measured against.
    """
    result = Waived()
    used: set[tuple[int, str, str]] = set()
    for finding in findings:
        accepted = _accepting(finding, waivers, waivable, today)
        for index, _ in accepted:
            used.add((index, finding.stack, finding.construct))
        if accepted:
            result.waived.append((finding, accepted[0][1]))
        else:
            result.open.append(finding)
    for index, waiver in enumerate(waivers):
        unused = [
            f"{stack}/{construct}"
            for stack in waiver.stacks
            for construct in waiver.constructs
            if stack in stacks and (index, stack, construct) not in used
        ]
        unknown = sorted(set(waiver.stacks) - known)
        result.problems += _problems(waiver, unused, unknown, waivable, today)
        left = (waiver.expires - today).days
        if 0 <= left <= WARN_DAYS:
            result.warnings.append(f"The waiver of {waiver.policy} ({waiver.owner}) expires in {left} days.")
    return result


def _accepting(
    finding: Finding, waivers: list[Waiver], waivable: set[str], today: dt.date
) -> list[tuple[int, Waiver]]:
    return [
        (index, waiver)
        for index, waiver in enumerate(waivers)
        if waiver.policy == finding.policy
        and waiver.policy in waivable
        and finding.stack in waiver.stacks
        and finding.construct in waiver.constructs
        and today <= waiver.expires
    ]


def _problems(
    waiver: Waiver, unused: list[str], unknown: list[str], waivable: set[str], today: dt.date
) -> list[str]:
    if waiver.policy not in waivable:
        return [f"A waiver names {waiver.policy}, which is no policy that can be waived."]
    if unknown:
        return [f"The waiver of {waiver.policy} names {', '.join(unknown)}, which is no stack."]
    if today > waiver.expires:
        return [f"The waiver of {waiver.policy} ({waiver.owner}) expired on {waiver.expires}."]
    return [f"The waiver of {waiver.policy} is used by nothing at {', '.join(unused)}."] if unused else []
