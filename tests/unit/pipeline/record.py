"""A ledger's entries written in memory, one line each, chained as the real ledger chains them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.model.environment import Environment, Instance
from pipeline.model.history import InstanceHistory, read_history
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""When the first entry is written; each one comes a minute after the one before."""

ONE = "sha256:" + "1" * 64
TWO = "sha256:" + "2" * 64
CHANGES = "sha256:" + "c" * 64
OTHER_CHANGES = "sha256:" + "d" * 64
DEV = Instance("dev", "dev")
PROD = Instance("prod", "prod")


def environment(name: str = "prod", **settings: Any) -> Environment:
    """Return an environment as strict as prod, but for `settings`."""
    strict: dict[str, Any] = {
        "name": name,
        "order": 3,
        "region": "ap-northeast-2",
        "accounts": {"local": "300000000003"},
        "approvals": 1,
        "tolerates": "nothing",
        "allows_dirty": False,
        "previews": False,
        "smoke": "read-only",
        "settle_seconds": 0,
        "approval_hours": 4,
    }
    return Environment(**strict | settings)


class Record:
    """Entries in the order in which they are written."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.write(Kind.GENESIS, {"project": "payments"})

    def write(self, kind: Kind, body: dict[str, Any], by: str = "ann") -> Entry:
        """Write an entry behind the newest."""
        entry = Entry(
            number=len(self.entries) + 1,
            previous=self.entries[-1].digest if self.entries else None,
            kind=kind,
            at=(START + timedelta(minutes=len(self.entries))).isoformat(),
            by=by,
            body=body,
        )
        self.entries.append(entry)
        return entry

    def candidate(self, release: str = ONE, *, dirty: bool = False, dirty_allowed: bool = False) -> Entry:
        """Somebody wants a release moved."""
        body = {"release": release, "commit": None, "subject": None}
        return self.write(Kind.CANDIDATE, body | {"dirty": dirty, "dirty_allowed": dirty_allowed})

    def shown(
        self,
        instance: Instance = PROD,
        release: str = ONE,
        change_set: str = CHANGES,
        operation: Operation = Operation.FORWARD,
    ) -> Entry:
        """A change set is shown and waits."""
        body = {**_fields(instance, release), "change_set": change_set, "operation": operation.value}
        return self.write(Kind.SHOWN, body | {"needs_person": ["it changes something"], "reasons": []})

    def approval(self, shown: Entry, by: str = "bob", *, hours: float = 4.0, **other: Any) -> Entry:
        """Somebody says yes to what is shown; `other` fields make it a yes to something else."""
        expires = START + timedelta(hours=hours)
        body = {**_names(shown), "findings": [], "reason": "it is right", "expires": expires.isoformat()}
        return self.write(Kind.APPROVAL, body | other, by)

    def rejection(self, shown: Entry, by: str = "bob") -> Entry:
        """Somebody says no to what is shown."""
        return self.write(Kind.REJECTION, {**_names(shown), "reason": "not on a Friday"}, by)

    def start(
        self,
        instance: Instance = PROD,
        release: str = ONE,
        change_set: str = CHANGES,
        operation: Operation = Operation.FORWARD,
    ) -> Entry:
        """A promotion begins to change something."""
        body = {**_fields(instance, release), "change_set": change_set, "operation": operation.value}
        return self.write(Kind.START, body | {"approvals": []})

    def end(self, start: Entry, outcome: Outcome = Outcome.SUCCEEDED) -> Entry:
        """A promotion ends."""
        names = ("environment", "suffix", "release", "operation")
        body = {**{name: start.body[name] for name in names}, "start": start.digest, "proof": {}}
        reason = None if outcome is Outcome.SUCCEEDED else "it did not hold"
        return self.write(Kind.END, body | {"outcome": outcome.value, "reason": reason})

    def deployed(self, instance: Instance = PROD, release: str = ONE) -> Entry:
        """A whole promotion goes well."""
        return self.end(self.start(instance, release))

    def of(self, instance: Instance = PROD) -> InstanceHistory:
        """Return what the entries say of an instance."""
        return read_history(self.entries).of(instance)


def _fields(instance: Instance, release: str) -> dict[str, Any]:
    return {"environment": instance.environment, "suffix": instance.suffix, "release": release}


def _names(shown: Entry) -> dict[str, Any]:
    fields = ("environment", "suffix", "release", "change_set")
    return {**{name: shown.body[name] for name in fields}, "shown": shown.digest}
