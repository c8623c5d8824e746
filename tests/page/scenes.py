"""Ledgers written in memory for the page: one that shows every state at once, a hostile one, a large one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.model.canonical import sha256_digest
from pipeline.model.change_set import Action, AttributeChange, ChangeSet, ResourceChange
from pipeline.model.entry_body import check_body
from pipeline.model.environment import Environment, Instance
from pipeline.model.errors import TollgateError
from pipeline.model.facts import Facts
from pipeline.model.history import History, InstanceHistory, read_history
from pipeline.model.kinds import Kind, Operation
from pipeline.model.ledger import Entry
from pipeline.model.safety import Finding, findings
from pipeline.model.trust import PublicKey, Role
from pipeline.model.values import Known, Secret
from pipeline.page.asked import Asked, asked_of
from pipeline.page.build import CHANGE_SETS, Material
from pipeline.page.change_sets import Reading
from pipeline.page.model import Proof, Verification
from pipeline.page.rows import plain_rows
from pipeline.waiting import command_to_go_on

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'`--></title></style>\x1b[2J\u202egnp\r\n"
    "{{ 7*7 }} | [x](javascript:alert(3)) <http://evil.example>"
)
_ADDRESSES = Path(__file__).resolve().parent.parent / "infra" / "addresses"
PEOPLE = ("Ann Lee", "Bob Roe", "Cleo Park")
PROVIDER = "registry.terraform.io/hashicorp/aws"


def digest(name: str) -> str:
    """Return the digest that stands for a name."""
    return sha256_digest(name.encode())


def _key_of(person: str) -> PublicKey:
    """Return a key that is this person's alone."""
    return PublicKey.of(Role.APPROVER, "ed25519", digest(person)[7:], " ".join(person.split()))


def environments() -> tuple[Environment, ...]:
    """Return dev, staging and prod."""
    rules = (("dev", "all-but-data-loss", 0), ("staging", "no-widening", 1), ("prod", "nothing", 1))
    return tuple(
        Environment(
            name=name,
            order=order,
            region="ap-northeast-2",
            accounts={"local": f"{order}00000000000"},
            approvals=approvals,
            tolerates=tolerates,
            allows_dirty=name == "dev",
            previews=name == "dev",
            smoke="full",
            settle_seconds=0,
            approval_hours=4,
        )
        for order, (name, tolerates, approvals) in enumerate(rules, start=1)
    )


def change_set_for(release: str, place: str, *, hostile: bool = False) -> ChangeSet:
    """Return a change set with something of each kind in it."""
    text = HOSTILE if hostile else "256 MB is too little for the receipts"
    root = f"payments-{place}/PaymentApi"

    def change(
        kind: str, action: Action, path: str, *attributes: AttributeChange, **other: Any
    ) -> ResourceChange:
        name = path.replace("/", "_").lower()
        return ResourceChange(
            f"{kind}.{name}",
            kind,
            PROVIDER,
            action,
            construct_path=f"{root}/{path}",
            attributes=attributes,
            **other,
        )

    return ChangeSet(
        release=release,
        environment=place,
        suffix=place,
        account_id="300000000003",
        region="ap-northeast-2",
        changes=(
            change(
                "aws_dynamodb_table",
                Action.DELETE,
                "Database/LegacyTable",
                AttributeChange(("name",), Known.of("legacy"), None),
                reason="delete_because_no_resource_config",
            ),
            change(
                "aws_s3_bucket",
                Action.REPLACE_DELETE_FIRST,
                "Storage/Receipts/Bucket",
                AttributeChange(("bucket",), Known.of("receipts-old"), Known.of("receipts-new")),
                replaces_because=("bucket",),
                reason="replace_because_cannot_update",
            ),
            change(
                "aws_lambda_function",
                Action.UPDATE,
                "Compute/Function",
                AttributeChange(("memory_size",), Known.of(256), Known.of(512)),
                AttributeChange(("description",), Known.of("before"), Known.of(text)),
                AttributeChange(
                    ("environment", 0, "variables", "API_KEY"),
                    Secret("hmac-sha256:" + "a" * 64),
                    Secret("hmac-sha256:" + "b" * 64),
                ),
            ),
            *(
                change("aws_cloudwatch_metric_alarm", Action.CREATE, f"Monitoring/Alarm{number}")
                for number in range(4)
            ),
            change(
                "aws_sns_topic",
                Action.CREATE,
                "Monitoring/Topic",
                AttributeChange(("display_name",), None, Known.of("Alarms")),
            ),
        ),
    )


def retagged(release: str, place: str, *, hostile: bool = False) -> ChangeSet:
    """Return an ordinary large change set: two tags of every resource of the real stack change."""
    del hostile
    addresses = (_ADDRESSES / f"payments-{place}.txt").read_text(encoding="utf-8").split()
    changes = tuple(
        ResourceChange(
            address,
            address.partition(".")[0],
            PROVIDER,
            Action.UPDATE,
            construct_path=f"payments-{place}/{'/'.join(address.partition('.')[2].split('_')[:-1])}",
            attributes=tuple(
                AttributeChange((tags, name), Known.of("before"), Known.of(release[7:19]))
                for tags in ("tags", "tags_all")
                for name in ("release", "cost-center")
            ),
        )
        for address in addresses
    )
    return replace(change_set_for(release, place), changes=changes)


@dataclass(frozen=True)
class Judged:
    """A change set with what was found in it."""

    change_set: ChangeSet
    findings: tuple[Finding, ...]
    needs_person: tuple[str, ...]


class Scene:
    """Entries in the order in which they are written, and the documents beside them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.documents: dict[str, Judged] = {}
        self.now = START
        self.planned = change_set_for
        self.write(
            Kind.GENESIS,
            {"project": "payments", "target": "local", "settings": digest("s"), "keys": [], "quorum": 1},
            by="ci",
        )

    def write(self, kind: Kind, body: Mapping[str, Any], by: str = "Ann Lee", minutes: float = 7) -> Entry:
        """Write an entry behind the newest, `minutes` after it."""
        check_body(kind, body, len(self.entries) + 1)
        self.now += timedelta(minutes=minutes)
        entry = Entry(
            number=len(self.entries) + 1,
            previous=self.entries[-1].digest if self.entries else None,
            kind=kind,
            at=self.now.isoformat(timespec="seconds"),
            by=by,
            body=dict(body),
            key=_key_of(by) if kind in {Kind.APPROVAL, Kind.BREAK_GLASS} else None,
        )
        self.entries.append(entry)
        return entry

    def candidate(self, release: str, subject: str, *, dirty: bool = False, evidence: bool = True) -> None:
        """Somebody wants a release carried on, and its checks have passed."""
        self.write(
            Kind.CANDIDATE,
            {
                "release": release,
                "commit": digest(subject)[7:47],
                "subject": subject,
                "dirty": dirty,
                "dirty_allowed": False,
                "people": ["Ann Lee", "ann@example.com"],
            },
            minutes=180,
        )
        if evidence:
            statements = [
                {"name": name, "predicate": "check", "digest": digest(name), "passed": True}
                for name in ("provenance", "unit", "policies")
            ]
            self.write(
                Kind.EVIDENCE,
                {"release": release, "settings": digest("s"), "statements": statements},
                by="checker",
            )

    def shown(self, release: str, place: str, *, hostile: bool = False, operation: str = "forward") -> Entry:
        """A change set is shown and waits."""
        found = self.planned(release, place, hostile=hostile)
        reason = {
            "gate": "approval",
            "sentence": "1 approval missing: every change needs a person here",
            "unblock": f'`nox -s approve -- {place} --reason "…"`',
        }
        entry = self.write(
            Kind.SHOWN,
            self._account(release, place)
            | {
                "change_set": found.digest,
                "operation": operation,
                "needs_person": ["every change needs a person here"],
                "reasons": [reason],
                "findings": [],
                "settings": digest("s"),
            },
            by="ci",
        )
        self.documents[entry.digest] = Judged(
            change_set=found, findings=findings(found), needs_person=("every change needs a person here",)
        )
        return entry

    def approve(
        self, shown: Entry, *, by: str = "Bob Roe", kind: Kind = Kind.APPROVAL, reason: str = "read it"
    ) -> Entry:
        """A person says yes."""
        names = ("environment", "suffix", "release", "account", "region", "change_set")
        expires = (self.now + timedelta(hours=4)).isoformat()
        return self.write(
            kind,
            {name: shown.body[name] for name in names}
            | {
                "shown": shown.digest,
                "findings": [],
                "reason": reason,
                "expires": expires,
                "settings": digest("s"),
            },
            by=by,
        )

    def reject(self, shown: Entry, *, by: str = "Bob Roe", reason: str = "not on a Friday") -> Entry:
        """A person says no."""
        names = ("environment", "suffix", "release", "change_set")
        body = {name: shown.body[name] for name in names} | {"shown": shown.digest, "reason": reason}
        return self.write(Kind.REJECTION, body, by=by)

    def promoted(
        self,
        release: str,
        place: str,
        *,
        suffix: str | None = None,
        outcome: str | None = "SUCCEEDED",
        operation: str = "forward",
        approvals: Sequence[Entry] = (),
        reason: str | None = None,
    ) -> None:
        """A promotion applies and ends; an outcome None leaves it open."""
        found = replace(self.planned(release, place), suffix=suffix or place)
        start = self.write(
            Kind.START,
            self._account(release, place, suffix)
            | {
                "change_set": found.digest,
                "operation": operation,
                "approvals": [entry.digest for entry in approvals],
                "settings": digest("s"),
                "skipped": ["soak"] if operation != "forward" else [],
            },
            by="ci",
        )
        self.documents[start.digest] = Judged(change_set=found, findings=(), needs_person=())
        if outcome is not None:
            told = reason or (
                None if outcome == "SUCCEEDED" else "the smoke check it-answers got 500, not 200"
            )
            self.write(
                Kind.END,
                {
                    "environment": place,
                    "suffix": suffix or place,
                    "release": release,
                    "start": start.digest,
                    "operation": operation,
                    "outcome": outcome,
                    "reason": told,
                    "proof": {"smoke": ["it answers"], "second_plan": "empty"},
                },
                by="ci",
                minutes=3,
            )

    def _account(self, release: str, place: str, suffix: str | None = None) -> dict[str, Any]:
        return {
            "environment": place,
            "suffix": suffix or place,
            "release": release,
            "account": "300000000003",
            "region": "ap-northeast-2",
        }

    def material(self, **other: Any) -> Material:
        """Return what the page of this ledger is made from; `other` fields take the place of ours."""
        history = read_history(self.entries)
        given: dict[str, Any] = {
            "project": "payments",
            "target": "local",
            "relaxes": ("whoever built may approve",),
            "now": NOW,
            "environments": environments(),
            "history": history,
            "entries": tuple(self.entries),
            "rows": rows_of(history),
            "asked": asked_of_all(history, other.get("now", NOW)),
            "verification": Verification(
                verified=len(self.entries),
                total=len(self.entries),
                head=self.entries[-1].digest if self.entries else None,
                anchor="The newest entry is the one noted beside the state of dev.",
                at=NOW.isoformat(timespec="seconds"),
            ),
            "reading": Reading(judged=self._judged, resources=lambda release, place: {}),
            "differences": lambda release, before: (
                "lambda.zip: 1 file changed: payments/service/refund.py",
            ),
            "proofs": lambda release: proofs_of(history, release),
            "commit_times": {},
        }
        return Material(**given | other)

    def _judged(self, entry: Entry) -> Judged:
        if entry.digest not in self.documents:
            message = f"the change set of entry {entry.number} cannot be read"
            raise TollgateError(message)
        return self.documents[entry.digest]


def proofs_of(history: History, release: str) -> list[Proof]:
    """Return the evidence as the ledger names it, as if every statement had been opened."""
    return [
        Proof(name=statement["name"], passed=statement["passed"], at=entry.at, by="checker key 0123456789ab")
        for entry in history.evidence.get(release, ())
        for statement in entry.body["statements"]
    ]


def rows_of(history: History) -> list[dict[str, Any]]:
    """Return the page's own rows of a ledger, with what only the gates and the candidate add."""
    rows = plain_rows(history, environments())
    for row in rows:
        mine = history.of(Instance(row["environment"], row["suffix"]))
        if mine.waiting is not None:
            row |= {"queued": _queued(history, mine), "blocks": list(mine.waiting.body["reasons"])}
    return rows


def asked_of_all(
    history: History, now: datetime, settings: Sequence[Environment] | None = None
) -> dict[str, Asked]:
    """Return what the gates say at a moment of everything that waits, under our settings or others."""
    found = {}
    for environment in settings or environments():
        for instance, mine in history.instances.items():
            if instance.environment == environment.name and mine.waiting is not None:
                facts = _facts(history, environment, mine, mine.waiting.body, now)
                found[str(instance)] = asked_of(facts, PEOPLE, command_to_go_on(mine.waiting))
    return found


def _facts(
    history: History, environment: Environment, mine: InstanceHistory, offer: Mapping[str, Any], now: datetime
) -> Facts:
    return Facts(
        environment=environment,
        before=None,
        history=mine,
        history_before=None,
        candidate=history.candidate,
        operation=Operation(offer["operation"]),
        release=offer["release"],
        now=now,
        settings=digest("s"),
        account=offer["account"],
        region=offer["region"],
        freezes=history.freezes,
        change_set=offer["change_set"],
        needs_person=tuple(offer["needs_person"]),
        people=history.people_behind(offer["release"], mine.deployed),
    )


def _queued(history: History, mine: InstanceHistory) -> str | None:
    newest = history.candidate.release if history.candidate else None
    waits = mine.waiting is not None and mine.waiting.body["release"] != newest
    return newest if waits else None


def everything() -> Scene:
    """A ledger with every kind of entry: waiting, degraded, drifted, held, rolled back, broken glass."""
    scene = Scene()
    one, two, three = digest("one"), digest("two"), digest("three")
    scene.candidate(one, "Take payments in seven currencies")
    for place in ("dev", "staging", "prod"):
        scene.promoted(one, place)
    scene.candidate(two, "Refund in parts")
    scene.promoted(two, "dev", outcome="FAILED")
    scene.promoted(two, "dev", operation="recovery")
    glass = scene.approve(scene.shown(two, "staging"), kind=Kind.BREAK_GLASS, reason="the till is down")
    scene.promoted(two, "staging", approvals=[glass])
    staging = {"environment": "staging", "suffix": "staging"}
    scene.write(
        Kind.DRIFT,
        {
            **staging,
            "release": two,
            "drift": digest("drift"),
            "summary": ["aws_lambda_function.it was changed: memory_size 256 → 128"],
        },
        by="ci",
    )
    scene.write(Kind.HOLD, {**staging, "reason": "the auditors are here"}, by="Cleo Park")
    scene.reject(scene.shown(one, "prod", operation="rollback"))
    scene.write(
        Kind.FREEZE,
        {
            "environment": "prod",
            "from": "2026-11-19T00:00:00+00:00",
            "until": "2026-11-30T00:00:00+00:00",
            "reason": "the big sale",
        },
        by="Cleo Park",
    )
    scene.candidate(three, "Say no to negative amounts")
    scene.promoted(three, "dev", outcome="FAILED")
    scene.promoted(three, "dev", suffix="pr-42")
    scene.shown(two, "prod")
    return scene


def hostile() -> Scene:
    """A ledger in which everything that a person may write is an attack on whoever reads it."""
    scene = Scene()
    release = digest("bad")
    scene.candidate(release, HOSTILE)
    scene.promoted(release, "dev", outcome="FAILED", reason=HOSTILE)
    shown = scene.shown(release, "prod", hostile=True)
    scene.approve(shown, by=HOSTILE, reason=HOSTILE)
    scene.write(Kind.HOLD, {"environment": "prod", "suffix": "prod", "reason": HOSTILE}, by=HOSTILE)
    summary = [HOSTILE]
    scene.write(
        Kind.DRIFT,
        {"environment": "prod", "suffix": "prod", "release": release, "drift": HOSTILE, "summary": summary},
        by=HOSTILE,
    )
    scene.write(
        Kind.BREAK_LOCK,
        {"environment": "prod", "suffix": "prod", "owner": HOSTILE, "reason": HOSTILE},
        by=HOSTILE,
    )
    return scene


def large(releases: int = 500, entries: int = 5_000) -> Scene:
    """A ledger of years: `releases` candidates, filled up with promotions to `entries` entries.

    The newest change sets are as large as those of the real stack; the page holds no others.
    """
    scene = Scene()
    for number in range(releases):
        scene.planned = retagged if number >= releases - 2 * CHANGE_SETS else change_set_for
        release = digest(f"{number:05d}")
        scene.candidate(release, f"Change number {number} of the payment service, as its subject says")
        for place in ("dev", "staging"):
            scene.promoted(release, place)
        if number % 2:
            shown = scene.shown(release, "prod")
            scene.promoted(release, "prod", approvals=[scene.approve(shown)])
    scene.planned = change_set_for
    while len(scene.entries) < entries:
        scene.promoted(digest(f"{len(scene.entries) % (releases - 2 * CHANGE_SETS):05d}"), "dev")
    del scene.entries[entries:]
    return scene


def without(scene: Scene, last: int) -> Material:
    """Return the page's material where the last entries of a ledger did not verify."""
    whole = scene.material()
    kept = Scene()
    kept.entries = scene.entries[:-last]
    kept.documents = scene.documents
    problem = f"the ledger does not verify: entry {len(kept.entries) + 1} does not follow the entry before it"
    verification = replace(
        whole.verification, verified=len(kept.entries), head=kept.entries[-1].digest, problem=problem
    )
    return kept.material(verification=verification)
