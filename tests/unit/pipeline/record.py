"""A ledger's entries written in memory, one line each, chained as the real ledger chains them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.model.entry_body import check_body
from pipeline.model.environment import Environment, Instance
from pipeline.model.history import InstanceHistory, read_history
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from pipeline.model.powers import MAY_WRITE
from pipeline.model.trust import ED25519, PublicKey, Role

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""When the first entry is written; each one comes a minute after the one before."""

ONE = "sha256:" + "1" * 64
TWO = "sha256:" + "2" * 64
CHANGES = "sha256:" + "c" * 64
OTHER_CHANGES = "sha256:" + "d" * 64
SETTINGS = "sha256:" + "5" * 64
ACCOUNT = {"account": "300000000003", "region": "ap-northeast-2"}
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


LEDGER_KEY = PublicKey.of(Role.LEDGER, ED25519, "00" * 32, None)


def approver_key(person: str) -> PublicKey:
    """Return the key by which a person says yes in these tests."""
    return PublicKey.of(Role.APPROVER, ED25519, hashlib.sha256(person.encode()).hexdigest(), person)


class Record:
    """Entries in the order in which they are written, as they are once their signatures were verified."""

    def __init__(self, *approvers: str, quorum: int = 1) -> None:
        self.entries: list[Entry] = []
        keys = [LEDGER_KEY, *(approver_key(person) for person in approvers or ("ann", "bob", "carol"))]
        body = {"project": "payments", "target": "local", "settings": SETTINGS, "quorum": quorum}
        self.write(Kind.GENESIS, body | {"keys": [key.to_json() for key in keys]})

    def write(self, kind: Kind, body: dict[str, Any], by: str = "ann") -> Entry:
        """Write an entry behind the newest."""
        check_body(kind, body, len(self.entries) + 1)
        role = Role.LEDGER if Role.LEDGER in MAY_WRITE[kind] else Role.APPROVER
        entry = Entry(
            number=len(self.entries) + 1,
            previous=self.entries[-1].digest if self.entries else None,
            kind=kind,
            at=(START + timedelta(minutes=len(self.entries))).isoformat(),
            by=by,
            body=body,
            key=LEDGER_KEY if role is Role.LEDGER else approver_key(by),
        )
        self.entries.append(entry)
        return entry

    def candidate(
        self,
        release: str = ONE,
        *,
        dirty: bool = False,
        dirty_allowed: bool = False,
        people: tuple[str, ...] = (),
        by: str = "ann",
    ) -> Entry:
        """Somebody wants a release moved."""
        body = {"release": release, "commit": None, "subject": None, "people": list(people)}
        return self.write(Kind.CANDIDATE, body | {"dirty": dirty, "dirty_allowed": dirty_allowed}, by)

    def shown(
        self,
        instance: Instance = PROD,
        release: str = ONE,
        change_set: str = CHANGES,
        operation: Operation = Operation.FORWARD,
    ) -> Entry:
        """A change set is shown and waits."""
        body = {
            **_fields(instance, release),
            **ACCOUNT,
            "change_set": change_set,
            "operation": operation.value,
        }
        asked = {
            "needs_person": ["it changes something"],
            "reasons": [],
            "findings": [],
            "settings": SETTINGS,
        }
        return self.write(Kind.SHOWN, body | asked)

    def approval(
        self, shown: Entry, by: str = "bob", *, hours: float = 4.0, glass: bool = False, **other: Any
    ) -> Entry:
        """Somebody says yes to what is shown; `other` fields make it a yes to something else."""
        expires = START + timedelta(hours=hours)
        body = {**_names(shown), **ACCOUNT, "findings": [], "reason": "it is right", "settings": SETTINGS}
        kind = Kind.BREAK_GLASS if glass else Kind.APPROVAL
        return self.write(kind, body | {"expires": expires.isoformat()} | other, by)

    def rejection(self, shown: Entry, by: str = "bob") -> Entry:
        """Somebody says no to what is shown."""
        return self.write(Kind.REJECTION, {**_names(shown), "reason": "not on a Friday"}, by)

    def start(
        self,
        instance: Instance = PROD,
        release: str = ONE,
        change_set: str = CHANGES,
        operation: Operation = Operation.FORWARD,
        approvals: tuple[Entry, ...] = (),
    ) -> Entry:
        """A promotion begins to change something."""
        body = {
            **_fields(instance, release),
            **ACCOUNT,
            "change_set": change_set,
            "operation": operation.value,
        }
        used = [entry.digest for entry in approvals]
        return self.write(Kind.START, body | {"approvals": used, "settings": SETTINGS, "skipped": []})

    def end(self, start: Entry, outcome: Outcome = Outcome.SUCCEEDED) -> Entry:
        """A promotion ends."""
        names = ("environment", "suffix", "release", "operation")
        body = {**{name: start.body[name] for name in names}, "start": start.digest, "proof": {}}
        reason = None if outcome is Outcome.SUCCEEDED else "it did not hold"
        return self.write(Kind.END, body | {"outcome": outcome.value, "reason": reason})

    def deployed(
        self, instance: Instance = PROD, release: str = ONE, operation: Operation = Operation.FORWARD
    ) -> Entry:
        """A whole promotion goes well."""
        return self.end(self.start(instance, release, operation=operation))

    def hold(self, instance: Instance = PROD, by: str = "bob") -> Entry:
        """Somebody holds an instance."""
        return self.write(Kind.HOLD, _place(instance) | {"reason": "the auditors are here"}, by)

    def unhold(self, instance: Instance = PROD, by: str = "bob") -> Entry:
        """Somebody ends the hold."""
        return self.write(Kind.UNHOLD, _place(instance) | {"reason": "they left"}, by)

    def freeze(self, start: datetime, until: datetime, name: str = "prod") -> Entry:
        """Somebody freezes an environment."""
        times = {"from": start.isoformat(), "until": until.isoformat()}
        return self.write(Kind.FREEZE, {"environment": name, **times, "reason": "the holidays"})

    def drift(self, found: str | None = CHANGES, instance: Instance = PROD, release: str = ONE) -> Entry:
        """The cloud is compared with the release."""
        summary = [] if found is None else ["aws_s3_bucket.logs: tags were changed"]
        return self.write(Kind.DRIFT, _fields(instance, release) | {"drift": found, "summary": summary})

    def acknowledge(self, drift: Entry, by: str = "bob") -> Entry:
        """Somebody knows of the drift."""
        place = {name: drift.body[name] for name in ("environment", "suffix")}
        body = {**place, "drift": drift.body["drift"], "reason": "it is ours"}
        return self.write(Kind.ACKNOWLEDGEMENT, body, by)

    def of(self, instance: Instance = PROD) -> InstanceHistory:
        """Return what the entries say of an instance."""
        return read_history(self.entries).of(instance)


def _fields(instance: Instance, release: str) -> dict[str, Any]:
    return {"environment": instance.environment, "suffix": instance.suffix, "release": release}


def _place(instance: Instance) -> dict[str, Any]:
    return {"environment": instance.environment, "suffix": instance.suffix}


def _names(shown: Entry) -> dict[str, Any]:
    fields = ("environment", "suffix", "release", "change_set")
    return {**{name: shown.body[name] for name in fields}, "shown": shown.digest}
