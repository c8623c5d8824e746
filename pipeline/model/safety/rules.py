"""Every rule that judges a change set, by its id, with what is at stake."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pipeline.model.errors import RefusedError
from pipeline.model.safety.finding import Finding, Kind

RULES: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "access/attribute": Kind.ACCESS,
        "access/grant": Kind.ACCESS,
        "access/open-method": Kind.ACCESS,
        "access/refusal-lost": Kind.ACCESS,
        "access/resource": Kind.ACCESS,
        "access/role": Kind.ACCESS,
        "access/stage": Kind.ACCESS,
        "access/statement": Kind.ACCESS,
        "access/unreadable": Kind.ACCESS,
        "data-loss/delete": Kind.DATA_LOSS,
        "data-loss/index": Kind.DATA_LOSS,
        "data-loss/replace": Kind.DATA_LOSS,
        "data-loss/retention": Kind.DATA_LOSS,
        "disruption/delete": Kind.DISRUPTION,
        "disruption/replace": Kind.DISRUPTION,
        "drift/gone": Kind.DRIFT,
        "drift/undone": Kind.DRIFT,
        "outside/forget": Kind.OUTSIDE,
        "outside/import": Kind.OUTSIDE,
        "outside/move": Kind.OUTSIDE,
        "outside/name": Kind.OUTSIDE,
        "outside/shared": Kind.OUTSIDE,
        "protection/removed": Kind.PROTECTION,
        "protection/unlisted": Kind.PROTECTION,
        "protection/weaker": Kind.PROTECTION,
        "unproven/check": Kind.UNPROVEN,
        "unproven/deferred": Kind.UNPROVEN,
        "unproven/incomplete": Kind.UNPROVEN,
        "unproven/read": Kind.UNPROVEN,
    }
)
"""A finding of a rule that is not here, or of another kind than said here, refuses the change set."""


def registered(found: Iterable[Finding]) -> Iterator[Finding]:
    """Yield each finding whose rule is registered.

    Raises:
        RefusedError: A rule speaks that is not here, or of another kind: nothing shows that it is needed.
    """
    for finding in found:
        if RULES.get(finding.rule) is not finding.kind:
            raise RefusedError(
                f"the rule {finding.rule} found something, but is not registered for {finding.kind.value}",
                "Add it to pipeline/model/safety/rules.py, and a mutation that only it notices to its tests.",
            )
        yield finding
