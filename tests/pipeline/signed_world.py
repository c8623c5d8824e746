"""A ledger and a store as a promotion leaves them, made in a moment: real signatures, real git, no cloud.

The rows of the ledger can be spoilt and written anew, by somebody who has some of the keys or none.
"""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.build.release import record_provenance
from pipeline.build.source import Source
from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.change_set import Action, ChangeSet
from pipeline.model.kinds import Kind, Operation, Outcome
from pipeline.model.ledger import Entry
from pipeline.model.release import Release
from pipeline.model.trust import Role
from pipeline.settings import Project, load_project
from pipeline.settings.bundle import Bundle
from pipeline.stores.ledger import BRANCH, ENTRY_FILE
from pipeline.stores.releases import ReleaseStore
from pipeline.stores.sealed import seal
from pipeline.trust.check_result import CheckResult
from pipeline.trust.envelope import SigningKey
from pipeline.trust.keys import Keys
from pipeline.trust.statement import ENVELOPE_TYPE, Statement, sign_statement
from pipeline.verify import Anchor, Verification, verify
from tests.pipeline.tiny_project import TinyProject
from tests.unit.pipeline.change_sets import change

START = datetime(2026, 3, 4, 9, tzinfo=UTC)
"""When the first entry is written; each one comes a minute after the one before."""

ACCOUNTS = {"dev": "100000000001", "prod": "300000000003"}
REGION = "ap-northeast-2"
COMMIT = "1" * 40
ANN = 1815
"""Ann's account at GitHub."""
Digests = Sequence[str]


@dataclass(frozen=True)
class Row:
    """An entry before it is signed.

    Attributes:
        kind: What it says.
        body: Its fields, once the digests of the entries before it are known; number N is at N - 1.
        role: Whose key signs it.
        documents: What lies beside it.
        signer: Another key than the role's.
        by: Who says it.
    """

    kind: Kind
    body: Callable[[Digests], dict[str, Any]]
    role: Role = Role.LEDGER
    documents: Mapping[str, bytes] = field(default_factory=dict)
    signer: SigningKey | None = None
    by: str = "Ann"

    def saying(self, **fields: Any) -> "Row":
        """Return the row with other fields."""
        return replace(self, body=lambda digests: {**self.body(digests), **fields})


@dataclass
class World:
    """A ledger, a store and the keys of everybody.

    Attributes:
        folder: Where all of it lies.
        rows: The honest ledger.
        release: What was promoted to dev, then to prod.
        target: Which accounts the settings and the ledger speak of.
    """

    folder: Path
    store: ReleaseStore
    keys: Keys
    release: Release
    rows: list[Row]
    settings: Bundle
    project: Project
    target: str = "local"

    @classmethod
    def make(cls, folder: Path, target: str = "local") -> "World":
        """Promote one release to dev and, with an approval, to prod."""
        project = TinyProject.make(folder / "project")
        project.service.close()
        store = ReleaseStore(folder / "releases")
        keys = Keys(folder / "keys", {}, "Ann")
        if target != "local":
            _name_all(project, keys, target)
        settings = Bundle.read(project.root)
        release = store.save(
            {
                "lambda.zip": b"code " * 200,
                "smoke.json": b'{"schema":1}',
                "stacks/payments-dev/cdk.tf.json": b'{"terraform":{}}',
                "stacks/payments-prod/cdk.tf.json": b'{"terraform":{"backend":{}}}',
                "terraform.lock.hcl": b'provider "registry.terraform.io/hashicorp/aws" {}\n' * 3,
            }
        )
        world = cls(folder, store, keys, release, [], settings, load_project(project.root), target)
        world.rows = [world.genesis(), world.evidence(), world.candidate()]
        world.rows += [world.start("dev"), world.end(4)]
        world.rows += [world.shown(), world.approval(6), world.start("prod", approvals=(7,)), world.end(8)]
        world.write(world.rows)
        return world

    # --- Rows ---------------------------------------------------------------------------------------------------

    def genesis(self) -> Row:
        """The ledger begins."""
        body = {
            "project": "tiny",
            "target": self.target,
            "settings": self.settings.digest,
            "keys": [self.keys.public(role).to_json() for role in Role if role is not Role.WITNESS],
            "quorum": 1,
        }
        return Row(Kind.GENESIS, lambda _: body, documents={"settings.json": self.settings.document})

    def evidence(self, *statements: Statement) -> Row:
        """Statements are named; by default what a build and its check said."""
        if not statements:
            source = Source(COMMIT, "subject", "Ann", dirty=False)
            built = record_provenance(self.store, self.release, source, project=self.project, keys=self.keys)
            statements = (built, self.checked())
        body = {
            "release": self.release.digest,
            "settings": self.settings.digest,
            "statements": [statement.to_json() for statement in statements],
        }
        return Row(Kind.EVIDENCE, lambda _: body)

    def checked(self, *, signer: SigningKey | None = None, **changes: Any) -> Statement:
        """Sign and attach what the check said."""
        plain: dict[str, Any] = {
            "name": "unit",
            "configuration": "sha256:" + "cd" * 32,
            "command": ("{python}", "check.py"),
            "passed": True,
            "passed_tests": ("unit",),
            "failed_tests": (),
            "finished": START.isoformat(),
            "milliseconds": 1,
        }
        said = CheckResult(**plain | changes)
        raw = sign_statement(self.release.digest, said, signer or self.keys.signer(Role.CHECKER))
        digest = self.store.attach(self.release.digest, ENVELOPE_TYPE, json.loads(raw))
        return Statement(said.name, said.type, digest, said.passed)

    def candidate(self, release: str | None = None, people: Sequence[str] = ("Cat",)) -> Row:
        """Somebody wants the release moved, in which these people had a part."""
        body = {
            "release": release or self.release.digest,
            "commit": COMMIT,
            "subject": "subject",
            "dirty": False,
            "dirty_allowed": False,
            "people": list(people),
        }
        return Row(Kind.CANDIDATE, lambda _: body, by="ci")

    def change_set(self, environment: str, name: str = "it") -> ChangeSet:
        """What a promotion of the release there would do."""
        return ChangeSet(
            release=self.release.digest,
            environment=environment,
            suffix=environment,
            account_id=ACCOUNTS[environment],
            region=REGION,
            changes=(change("terraform_data", Action.CREATE, name=name),),
        )

    def shown(self, name: str = "it", operation: Operation = Operation.FORWARD) -> Row:
        """A change set waits in prod."""
        body = {
            **self._fields("prod", name),
            "operation": operation.value,
            "needs_person": ["prod is changed by nothing without a person"],
            "reasons": [],
            "findings": [],
            "settings": self.settings.digest,
        }
        return Row(Kind.SHOWN, lambda _: body, documents=self._documents("prod", name))

    def approval(self, shown: int, name: str = "it", *, kind: Kind = Kind.APPROVAL) -> Row:
        """Ann says yes to what entry `shown` shows."""
        body: dict[str, Any] = {
            **self._fields("prod", name),
            "findings": [],
            "reason": "it is right",
            "expires": (START + timedelta(hours=4)).isoformat(),
            "settings": self.settings.digest,
        }
        return Row(kind, lambda digests: {**body, "shown": digests[shown - 1]}, Role.APPROVER)

    def start(
        self,
        environment: str,
        name: str = "it",
        approvals: Sequence[int] = (),
        operation: Operation = Operation.FORWARD,
    ) -> Row:
        """A promotion begins."""
        body: dict[str, Any] = {
            **self._fields(environment, name),
            "operation": operation.value,
            "settings": self.settings.digest,
            "skipped": [],
        }
        return Row(
            Kind.START,
            lambda digests: {**body, "approvals": [digests[number - 1] for number in approvals]},
            documents=self._documents(environment, name),
        )

    def end(self, start: int, environment: str | None = None, outcome: Outcome = Outcome.SUCCEEDED) -> Row:
        """A promotion ends."""
        place = environment or ("dev" if start == 4 else "prod")
        body: dict[str, Any] = {
            "environment": place,
            "suffix": place,
            "release": self.release.digest,
            "operation": Operation.FORWARD.value,
            "outcome": outcome.value,
            "reason": None,
            "proof": {},
        }
        return Row(Kind.END, lambda digests: {**body, "start": digests[start - 1]})

    def _fields(self, environment: str, name: str) -> dict[str, Any]:
        return {
            "environment": environment,
            "suffix": environment,
            "release": self.release.digest,
            "account": ACCOUNTS[environment],
            "region": REGION,
            "change_set": self.change_set(environment, name).digest,
        }

    def _documents(self, environment: str, name: str) -> dict[str, bytes]:
        document = canonical_bytes(self.change_set(environment, name).to_json())
        return {"change-set.json": document, "findings.json": b"[]"}

    def grown(self, length: int) -> list[Row]:
        """Return the honest rows with more releases behind them, each promoted as the first one was."""
        rows = list(self.rows)
        while len(rows) + 8 <= length:
            number, other = len(rows), self.other(b"code %d" % len(rows))
            expires = (START + timedelta(minutes=number + 60)).isoformat()
            rows += [other.evidence(), other.candidate(), other.start("dev"), other.end(number + 3, "dev")]
            rows += [other.shown(), other.approval(number + 5).saying(expires=expires)]
            rows += [other.start("prod", approvals=(number + 6,)), other.end(number + 7, "prod")]
        return rows

    def other(self, code: bytes) -> "World":
        """Return the world as rows about another release see it."""
        files = {layer.title: self.store.read(self.release, layer.title) for layer in self.release.layers}
        return replace(self, release=self.store.save({**files, "lambda.zip": code}))

    # --- Writing ------------------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Path:
        """The ledger's repository."""
        return self.folder / "ledger.git"

    def signed(self, rows: Sequence[Row]) -> list[dict[str, bytes]]:
        """Return what lies in each commit of a ledger of these rows."""
        digests: list[str] = []
        commits = []
        for number, row in enumerate(rows, start=1):
            entry = Entry(
                number=number,
                previous=digests[-1] if digests else None,
                kind=row.kind,
                at=(START + timedelta(minutes=number)).isoformat(),
                by=row.by,
                body=row.body(digests),
                documents={name: sha256_digest(content) for name, content in row.documents.items()},
            )
            raw = seal(entry, row.signer or self.keys.signer(row.role))
            digests.append(sha256_digest(raw))
            commits.append({ENTRY_FILE: raw, **row.documents})
        return commits

    def write(self, rows: Sequence[Row]) -> None:
        """Make the ledger one of these rows, each signed by its key."""
        self.write_commits(self.signed(rows))

    def write_commits(self, commits: Sequence[Mapping[str, bytes]]) -> None:
        """Make the ledger one of these commits, whatever they hold."""
        if not self.ledger.exists():
            self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.ledger))
        stream = [b"reset refs/heads/%b\n\n" % BRANCH.encode()]
        for files in commits:
            stream.append(
                b"commit refs/heads/%b\ncommitter t <t@localhost> 0 +0000\ndata 0\ndeleteall\n"
                % BRANCH.encode()
            )
            for name, content in files.items():
                stream.append(b"M 100644 inline %b\ndata %d\n%b\n" % (name.encode(), len(content), content))
        self._git("fast-import", "--quiet", "--force", stdin=b"".join(stream))

    def _git(self, *arguments: str, stdin: bytes = b"") -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        argv = ["git", *([f"--git-dir={self.ledger}"] if self.ledger.exists() else []), *arguments]
        subprocess.run(argv, input=stdin, check=True, capture_output=True, env=kept, timeout=60)

    # --- Verifying ----------------------------------------------------------------------------------------------

    def verify(self, contains: Anchor | None = None) -> Verification:
        """Check everything."""
        return verify(self.ledger, self.store, contains=contains)

    def problems(self, contains: Anchor | None = None) -> list[str]:
        """Return what is the matter, kind and sentence in one."""
        return [f"{problem.kind.value}: {problem.sentence}" for problem in self.verify(contains).problems]

    def blob(self, digest: str) -> Path:
        """Return where the store keeps a blob."""
        return self.store.path / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _name_all(project: TinyProject, keys: Keys, target: str) -> None:
    """Name accounts of a target, the machines' keys and Ann in the settings: there nothing counts unnamed."""
    for name, account in ACCOUNTS.items():
        path = project.root / "environments" / f"{name}.toml"
        path.write_text(f'{path.read_text()}{target} = "{account}"\n')
    text = (project.root / "tollgate.toml").read_text()
    for role in (Role.BUILDER, Role.CHECKER, Role.LEDGER):
        own = keys.public(role)
        text += f'\n[[keys]]\nrole = "{role}"\nscheme = "{own.scheme}"\npublic = "{own.public}"\n'
    own = keys.public(Role.APPROVER)
    text += f'\n[[approvers]]\nname = "Ann"\nemails = ["ann@example.com"]\ngithub = {ANN}\n'
    text += f'key = {{scheme = "{own.scheme}", public = "{own.public}"}}\n'
    project.write("tollgate.toml", text)
