"""New ways into an API: a method without a key, a body that holds methods of its own, another stage."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.safety.about import about
from pipeline.model.safety.finding import Finding, Kind
from pipeline.model.safety.left_open import is_left_open
from pipeline.model.safety.made_here import is_made_here
from pipeline.model.safety.stack_text import written_at
from pipeline.model.values import Known

Stack = Mapping[str, Any]

_NOTHING = frozenset({None, Known.of("")})
_BODIES = frozenset({"aws_api_gateway_rest_api"})
_STAGING = frozenset({"aws_api_gateway_deployment", "aws_api_gateway_stage"})


def find(change_set: ChangeSet, stack: Stack | None, baseline: Stack | None) -> Iterator[Finding]:
    """Yield a finding for every way in that was not there before, unless it was proven in the environment before."""
    for change in change_set.changes:
        if not _makes(change) or _is_proven(change, stack, baseline):
            continue
        if change.action is Action.CREATE and _is_open_method(change):
            yield _finding("open-method", change, "is a new way into the API that asks for no key")
        if (body := _news(change, _BODIES, "body")) is not None:
            sentence = "gets methods from a body, which nothing here reads: they may ask for no key"
            yield _finding("open-method", change, sentence, body)
        stage = _news(change, _STAGING, "stage_name")
        if stage is not None and not _is_new_api(change, change_set):
            yield _finding("stage", change, "is another stage of an API that is there already", stage)


def _makes(change: ResourceChange) -> bool:
    return change.action in {Action.CREATE, Action.UPDATE} or change.action.replaces


def _is_open_method(change: ResourceChange) -> bool:
    if change.type != "aws_api_gateway_method":
        return False
    key = change.attribute("api_key_required")
    return key is None or key.after != Known.of(True)


def _news(change: ResourceChange, kinds: frozenset[str], name: str) -> AttributeChange | None:
    """Return the attribute if it now says what it did not say before."""
    attribute = change.attribute(name) if change.type in kinds else None
    if attribute is None or not attribute.changes or attribute.after in _NOTHING:
        return None
    return None if is_left_open(attribute) else attribute


def _is_new_api(change: ResourceChange, change_set: ChangeSet) -> bool:
    api = change.attribute("rest_api_id")
    return api is not None and is_made_here(api.after, change_set)


def _is_proven(change: ResourceChange, stack: Stack | None, baseline: Stack | None) -> bool:
    """True if the whole resource is new and written the same in the environment before."""
    here, there = written_at(stack, change.address), written_at(baseline, change.address)
    return change.action is Action.CREATE and here is not None and here == there


def _finding(
    rule: str, change: ResourceChange, told: str, attribute: AttributeChange | None = None
) -> Finding:
    return about(change, f"access/{rule}", Kind.ACCESS, f"{change.label} {told}", attribute)
