"""Read Terraform's plan as JSON (`terraform show -json`) into a change set, strictly.

The plan's JSON holds secrets in clear: it is read here and goes no further. Whatever this reader does not
know (a format version, a key, an action, a reason) refuses, because it might be something that apply does
and nobody sees.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.deploy.plan_secrets import SecretSieve
from pipeline.deploy.plan_sources import Sources
from pipeline.deploy.plan_values import AttributeReader, sensitive_parts
from pipeline.model.change_set import (
    Action,
    AttributeChange,
    ChangeSet,
    Check,
    DeferredChange,
    OutputChange,
    ResourceChange,
)
from pipeline.model.errors import RefusedError
from pipeline.model.strict_json import fields, items, mapping, optional_text, text, typed
from pipeline.model.values import Known, Secret, Unknown, Value, path_order, path_text

FORMAT_VERSIONS = frozenset({"1.2"})

_PLAN_REQUIRED = ("format_version", "terraform_version", "configuration", "applyable", "complete", "errored")
_PLAN_READ = (
    "variables",
    "resource_changes",
    "resource_drift",
    "deferred_changes",
    "output_changes",
    "checks",
)
# What these say is said again by the changes, or is about the past, or is a hint for displays.
_PLAN_LEFT = ("planned_values", "prior_state", "relevant_attributes", "timestamp")
# Run things that no change set shows: known, and only ever accepted empty.
_PLAN_REFUSED = ("action_invocations", "deferred_action_invocations")

_RESOURCE_REQUIRED = ("address", "mode", "type", "name", "provider_name", "change")
_RESOURCE_OPTIONAL = ("previous_address", "module_address", "index", "deposed", "action_reason")
_CHANGE_OPTIONAL = (
    "before",
    "after",
    "after_unknown",
    "before_sensitive",
    "after_sensitive",
    "replace_paths",
    "importing",
    # The identity is made of attributes that are compared anyway; older states do not hold it yet.
    "before_identity",
    "after_identity",
)
_ACTIONS = {
    ("no-op",): Action.KEEP,
    ("create",): Action.CREATE,
    ("read",): Action.READ,
    ("update",): Action.UPDATE,
    ("delete", "create"): Action.REPLACE_DELETE_FIRST,
    ("create", "delete"): Action.REPLACE_CREATE_FIRST,
    ("create", "forget"): Action.REPLACE_FORGET,
    ("delete",): Action.DELETE,
    ("forget",): Action.FORGET,
}
_REASONS = frozenset(
    {
        "replace_because_cannot_update",
        "replace_because_tainted",
        "replace_by_request",
        "replace_by_triggers",
        "delete_because_no_resource_config",
        "delete_because_wrong_repetition",
        "delete_because_count_index",
        "delete_because_each_key",
        "delete_because_no_module",
        "delete_because_no_move_target",
        "read_because_config_unknown",
        "read_because_dependency_pending",
        "read_because_check_nested",
    }
)
_STATUSES = frozenset({"pass", "fail", "error", "unknown"})


def read_plan(
    plan: Mapping[str, Any],
    *,
    release: str,
    environment: str,
    suffix: str,
    account_id: str,
    region: str,
    secret_key: bytes,
    stack: Mapping[str, Any] | None = None,
) -> ChangeSet:
    """Return what applying `plan` would do.

    Args:
        plan: What `terraform show -json PLAN` wrote, parsed.
        release: Digest of the release that was planned.
        environment: Name of the environment.
        suffix: The instance inside it.
        account_id: The account that the plan was made against.
        region: The region that the plan was made against.
        secret_key: Key of the digests that stand for secrets, at least 16 bytes.
        stack: The release's `cdk.tf.json` of this environment. With it the change set names construct paths
            and the text of what is known only after apply.

    Raises:
        RefusedError: The plan failed, or holds something that this reader does not know.
    """
    return _Reader(plan, secret_key, stack).change_set(
        release=release, environment=environment, suffix=suffix, account_id=account_id, region=region
    )


class _Reader:
    def __init__(self, plan: Mapping[str, Any], key: bytes, stack: Mapping[str, Any] | None) -> None:
        version = mapping(plan, "the plan").get("format_version")
        if version not in FORMAT_VERSIONS:
            raise RefusedError(
                f"the plan has format version {version!r}; known is {', '.join(sorted(FORMAT_VERSIONS))}",
                "Use a Terraform that writes this format, or a Tollgate that knows the newer one.",
            )
        optional = (*_PLAN_READ, *_PLAN_LEFT, *_PLAN_REFUSED)
        self._plan = fields(plan, "the plan", required=_PLAN_REQUIRED, optional=optional)
        for name in _PLAN_REFUSED:
            if plan.get(name):
                raise RefusedError(
                    f"the plan holds {name}, which run things that no change set can show",
                    "Remove the action blocks from the stack.",
                )
        if typed(plan["errored"], bool, "the plan's errored"):
            raise RefusedError("the plan failed, so it says only a part of what would happen")
        self._sources = Sources(plan["configuration"], stack)
        self._sieve = SecretSieve(key, _sensitive_values(plan, self._sources))

    def change_set(self, **identity: str) -> ChangeSet:
        changes = (self._resource(item) for item in self._list("resource_changes"))
        result = ChangeSet(
            **identity,
            variables=tuple(self._variables()),
            changes=tuple(change for change in changes if change is not None),
            outputs=tuple(self._outputs()),
            deferred=tuple(self._deferred()),
            complete=typed(self._plan["complete"], bool, "the plan's complete"),
            drift=tuple(
                change
                for item in self._list("resource_drift")
                if (change := self._resource(item)) is not None
            ),
            checks=tuple(_checks(self._list("checks"))),
        )
        if typed(self._plan["applyable"], bool, "the plan's applyable") and _does_nothing(result):
            raise RefusedError(
                "Terraform says that there is something to apply, but its plan does not show what"
            )
        return result

    def _list(self, name: str) -> list[Any]:
        return items(self._plan.get(name, []), f"the plan's {name}")

    def _resource(self, item: Any) -> ResourceChange | None:
        where = "a resource in the plan"
        found = fields(item, where, required=_RESOURCE_REQUIRED, optional=_RESOURCE_OPTIONAL)
        address = text(found["address"], where)
        mode, kind, name = (text(found[part], address) for part in ("mode", "type", "name"))
        if mode not in {"managed", "data"}:
            raise RefusedError(f"{address} is of mode {mode!r}, which this version does not know")
        change = fields(found["change"], address, required=("actions",), optional=_CHANGE_OPTIONAL)
        action = _action(change["actions"], address)
        reader = AttributeReader(
            (address,),
            self._sieve,
            lambda path: self._cleaned(self._sources.of_resource(mode, kind, name, path)),
        )
        importing = self._importing(change.get("importing"), address)
        previous = optional_text(found.get("previous_address"), address)
        if action is Action.KEEP and importing is None and previous is None:
            return None
        return ResourceChange(
            address=address,
            type=f"data.{kind}" if mode == "data" else kind,
            provider=text(found["provider_name"], address),
            action=action,
            construct_path=self._sources.construct_path(mode, kind, name),
            previous_address=previous,
            importing=importing,
            deposed=optional_text(found.get("deposed"), address),
            reason=_reason(found.get("action_reason"), address),
            replaces_because=_forcing_paths(change.get("replace_paths"), address),
            attributes=_attributes(reader, change, only_changed=action in {Action.UPDATE, Action.KEEP}),
        )

    def _cleaned(self, unknown: Unknown) -> Unknown:
        """An expression is text of the release, where nothing secret should stand: if it does, hide it."""
        if unknown.expression is not None and self._sieve.is_secret((), unknown.expression):
            return Unknown(unknown.references, None, unknown.secret)
        return unknown

    def _importing(self, document: Any, address: str) -> Value:
        if document is None:
            return None
        found = fields(document, f"{address}, importing", optional=("id", "identity", "unknown"))
        if found.get("unknown") or not (found.get("id") or found.get("identity")):
            raise RefusedError(f"{address} would be imported from an object that is not known yet")
        value = dict(found)
        if self._sieve.is_secret((), value):
            return self._sieve.hide((address, "importing"), value)
        return Known.of(value)

    def _variables(self) -> Iterator[tuple[str, Value]]:
        for name, item in mapping(self._plan.get("variables", {}), "the plan's variables").items():
            found = fields(item, f"variable {name}", optional=("value",))
            sensitive = bool(self._sources.variables.get(name, {}).get("sensitive"))
            value = found.get("value")
            plain = Known.of(value)
            hidden = sensitive or self._sieve.is_secret((name,), value)
            yield name, self._sieve.hide(("var", name), value) if hidden else plain

    def _outputs(self) -> Iterator[OutputChange]:
        for name, item in mapping(self._plan.get("output_changes", {}), "the plan's output_changes").items():
            where = f"output {name}"
            change = fields(item, where, required=("actions",), optional=_CHANGE_OPTIONAL)
            action = _action(change["actions"], where)
            if action is Action.KEEP:
                continue
            reader = AttributeReader(
                ("output", name),
                self._sieve,
                lambda path, name=name: self._cleaned(self._sources.of_output(name, path)),  # type: ignore[misc]  # the default binds the loop's name
            )
            yield OutputChange(
                name,
                action,
                reader.whole(change.get("before"), None, change.get("before_sensitive")),
                reader.whole(change.get("after"), change.get("after_unknown"), change.get("after_sensitive")),
            )

    def _deferred(self) -> Iterator[DeferredChange]:
        for item in self._list("deferred_changes"):
            found = fields(item, "a deferred change", required=("reason", "resource_change"))
            document = {
                name: part
                for name, part in mapping(found["resource_change"], "a deferred change").items()
                if name != "index_unknown"
            }
            if (change := self._resource(document)) is not None:
                yield DeferredChange(text(found["reason"], change.address), change)


def _does_nothing(change_set: ChangeSet) -> bool:
    return not (change_set.changes or change_set.outputs or change_set.deferred or change_set.drift)


def _action(document: Any, where: str) -> Action:
    actions = tuple(items(document, f"{where}, actions"))
    if actions not in _ACTIONS:
        raise RefusedError(f"{where} has the actions {list(actions)}, which this version does not know")
    return _ACTIONS[actions]


def _reason(document: Any, where: str) -> str | None:
    if document is not None and document not in _REASONS:
        raise RefusedError(f"{where} has the action reason {document!r}, which this version does not know")
    return optional_text(document, where)


def _forcing_paths(document: Any, where: str) -> tuple[str, ...]:
    if document is None:
        return ()
    return tuple(sorted({path_text(tuple(items(path, where))) for path in items(document, where)}))


def _attributes(
    reader: AttributeReader, change: Mapping[str, Any], *, only_changed: bool
) -> tuple[AttributeChange, ...]:
    after = dict(
        reader.leaves(change.get("after"), change.get("after_unknown"), change.get("after_sensitive"))
    )
    # What becomes one unknown or one secret is one attribute before, too, however many parts it has.
    whole = frozenset(path for path, value in after.items() if isinstance(value, Secret | Unknown))
    before = dict(reader.leaves(change.get("before"), None, change.get("before_sensitive"), whole=whole))
    found = (
        AttributeChange(path, before.get(path), after.get(path))
        for path in sorted({*before, *after}, key=path_order)
    )
    return tuple(attribute for attribute in found if attribute.changes or not only_changed)


def _checks(documents: list[Any]) -> Iterator[Check]:
    for item in documents:
        found = fields(item, "a check", required=("address", "status"), optional=("instances", "//"))
        address = text(mapping(found["address"], "a check").get("to_display"), "a check's address")
        if found["status"] not in _STATUSES:
            raise RefusedError(
                f"{address} has the status {found['status']!r}, which this version does not know"
            )
        problems = [
            text(mapping(problem, address).get("message"), address)
            for instance in items(found.get("instances", []), address)
            for problem in items(mapping(instance, address).get("problems", []), address)
        ]
        yield Check(address, found["status"], tuple(sorted(problems)))


def _sensitive_values(plan: Mapping[str, Any], sources: Sources) -> Iterator[Any]:
    """Yield everything that is marked as sensitive anywhere in the plan, changed or not."""
    for name, item in mapping(plan.get("variables", {}), "the plan's variables").items():
        if sources.variables.get(name, {}).get("sensitive"):
            yield mapping(item, f"variable {name}").get("value")
    changes = [
        mapping(mapping(item, "a resource").get("change"), "a change")
        for part in ("resource_changes", "resource_drift")
        for item in items(plan.get(part, []), f"the plan's {part}")
    ]
    outputs = mapping(plan.get("output_changes", {}), "the plan's output_changes").values()
    for change in (*changes, *(mapping(output, "an output") for output in outputs)):
        for side in ("before", "after"):
            yield from sensitive_parts(change.get(side), change.get(f"{side}_sensitive"))
    prior = plan.get("prior_state") or {}
    for resource in _state_resources(prior.get("values", {}).get("root_module", {})):
        yield from sensitive_parts(resource.get("values"), resource.get("sensitive_values"))


def _state_resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _state_resources(child)
