"""What one apply would do to one resource."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.model.errors import RefusedError
from pipeline.model.strict_json import fields, items, optional_text, text
from pipeline.model.values import Path, Value, path_from_json, path_text, value_from_json, value_to_json


class Action(StrEnum):
    """What apply does to a resource or an output."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    REPLACE_DELETE_FIRST = "replace, delete first"
    REPLACE_CREATE_FIRST = "replace, create first"
    REPLACE_FORGET = "replace, forget the old"
    FORGET = "forget"
    READ = "read"
    KEEP = "keep"
    """Nothing but what goes with it: an import, or a move to another address."""

    @property
    def replaces(self) -> bool:
        """True if another object takes the place of the old one."""
        return self in {Action.REPLACE_CREATE_FIRST, Action.REPLACE_DELETE_FIRST, Action.REPLACE_FORGET}

    @property
    def destroys(self) -> bool:
        """True if an object ceases to exist."""
        return self in {Action.DELETE, Action.REPLACE_CREATE_FIRST, Action.REPLACE_DELETE_FIRST}


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """One attribute before and after; the same on both sides where a replacement keeps it."""

    path: Path
    before: Value
    after: Value

    @property
    def name(self) -> str:
        """The path as people write it."""
        return path_text(self.path)

    @property
    def changes(self) -> bool:
        """False for what a replacement carries over as it was."""
        return self.before != self.after

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "path": list(self.path),
            "before": value_to_json(self.before),
            "after": value_to_json(self.after),
        }

    @classmethod
    def from_json(cls, document: Any, where: str) -> "AttributeChange":
        """Read what `to_json` wrote, strictly."""
        found = fields(document, where, required=("path", "before", "after"))
        path = path_from_json(found["path"], where)
        place = f"{where}, {path_text(path)}"
        return cls(path, value_from_json(found["before"], place), value_from_json(found["after"], place))


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """What happens to one resource, or was found to have happened to it (drift).

    Attributes:
        address: Terraform's address, `aws_s3_bucket.log` or `aws_s3_bucket.log["a"]`.
        type: Its type, `aws_s3_bucket`; a data source has `data.` before it.
        provider: Full name of the provider that does it.
        action: What apply does.
        construct_path: Where it stands in the construct tree, if the release's stack names it.
        previous_address: The address it moves from.
        importing: The id of the existing object that is taken over, as JSON data.
        deposed: Terraform's key of a left-over object that a replacement did not get to delete.
        reason: Why Terraform chose the action, in its own keyword.
        replaces_because: The attributes that force a replacement, sorted.
        attributes: Sorted by path. Of an update only what changes; else everything that is set.
    """

    address: str
    type: str
    provider: str
    action: Action
    construct_path: str | None = None
    previous_address: str | None = None
    importing: Value = None
    deposed: str | None = None
    reason: str | None = None
    replaces_because: tuple[str, ...] = ()
    attributes: tuple[AttributeChange, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What makes it unique in a plan."""
        return self.address, self.deposed or ""

    @property
    def label(self) -> str:
        """What people call it: type and place in the construct tree, or the address if no place is known."""
        if self.construct_path is None:
            return self.address
        _, _, place = self.construct_path.partition("/")
        return f"{self.type} {place or self.construct_path}"

    def attribute(self, *path: str | int) -> AttributeChange | None:
        """Return the attribute at `path`, if it is part of the change."""
        return next((attribute for attribute in self.attributes if attribute.path == path), None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return {
            "address": self.address,
            "type": self.type,
            "provider": self.provider,
            "action": self.action.value,
            "construct_path": self.construct_path,
            "previous_address": self.previous_address,
            "importing": value_to_json(self.importing),
            "deposed": self.deposed,
            "reason": self.reason,
            "replaces_because": list(self.replaces_because),
            "attributes": [attribute.to_json() for attribute in self.attributes],
        }

    @classmethod
    def from_json(cls, document: Any, where: str) -> "ResourceChange":
        """Read what `to_json` wrote, strictly."""
        found = fields(document, where, required=cls.__slots__)
        address = text(found["address"], where)
        where = f"{where}, {address}"
        return cls(
            address=address,
            type=text(found["type"], where),
            provider=text(found["provider"], where),
            action=action_from_json(found["action"], where),
            construct_path=optional_text(found["construct_path"], where),
            previous_address=optional_text(found["previous_address"], where),
            importing=value_from_json(found["importing"], where),
            deposed=optional_text(found["deposed"], where),
            reason=optional_text(found["reason"], where),
            replaces_because=tuple(text(path, where) for path in items(found["replaces_because"], where)),
            attributes=tuple(
                AttributeChange.from_json(item, where) for item in items(found["attributes"], where)
            ),
        )


def action_from_json(document: Any, where: str) -> Action:
    """Return the action of that name.

    Raises:
        RefusedError: There is no such action.
    """
    try:
        return Action(document)
    except ValueError:
        raise RefusedError(f"{where} has the action {document!r}, which this version does not know") from None
