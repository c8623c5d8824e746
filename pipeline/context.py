"""What every operation needs, put together once."""

import getpass
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from pipeline.deploy.terraform_binary import TerraformBinary, find_terraform
from pipeline.evidence.checks import wanted_of
from pipeline.evidence.verify import Wanted
from pipeline.host.home import Home, project_root
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.history import History, read_history
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.model.powers import MAY_WRITE
from pipeline.model.release import Release, short
from pipeline.model.trust import PublicKey, Role
from pipeline.pinned import SETTINGS_FILE, Pinned, find_ledger, pinned_settings
from pipeline.settings import Environments, Project
from pipeline.settings.bundle import Bundle
from pipeline.show.progress import Progress
from pipeline.stores.layout import CorruptReleaseError
from pipeline.stores.ledger import Ledger, LedgerMovedError
from pipeline.stores.registry import Registry
from pipeline.stores.registry_address import Address
from pipeline.stores.releases import ReleaseStore
from pipeline.stores.statements import copies_in
from pipeline.targets.target import Target, find_target
from pipeline.trust.keys import Keys

_ATTEMPTS = 8
_MACHINES = (Role.BUILDER, Role.CHECKER, Role.LEDGER)
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """A project under the settings that count, its stores, and a way to its accounts.

    Attributes:
        home: Where everything is kept that is not source.
        settings: The settings that count: those that the ledger pins, not those of this checkout.
        project: What is built.
        environments: Where it goes, in order.
        target: The accounts.
        store: The releases.
        ledger: The record.
        keys: What this machine and this person sign with.
        progress: Where to say what is being done.
        who: Who runs this, for the record: free text, as a git author is.
        voice: The role whose key signs what takes a person: their own, or the witness of what a forge saw them do.
    """

    home: Home
    settings: Pinned
    project: Project
    environments: Environments
    target: Target
    store: ReleaseStore
    ledger: Ledger
    keys: Keys
    progress: Progress
    who: str
    voice: Role = Role.APPROVER

    @classmethod
    def open(cls, progress: Progress, target: str | None = None, store: str | None = None) -> "Context":
        """Read the settings that count and open the stores.

        Args:
            progress: Where to say what is being done.
            target: The accounts' name. Default: `TOLLGATE_TARGET`, else local.
            store: The address of a registry that releases are pushed to and pulled from. Default: `TOLLGATE_STORE`,
                else none.

        Raises:
            TollgateError: A setting is wrong, the ledger does not verify, or the home folder cannot be used.
        """
        home = Home.find()
        name = target or os.environ.get("TOLLGATE_TARGET", "local")
        ledger = find_ledger(home, project_root())
        settings = pinned_settings(home, ledger, project_root(), name)
        if settings.notice is not None:
            progress.note("settings", settings.notice)
        who = _who()
        return cls(
            home=home,
            settings=settings,
            project=settings.project,
            environments=settings.environments,
            target=find_target(name, tuple(settings.environments), home),
            store=ReleaseStore(
                home.releases,
                _remote(store or os.environ.get("TOLLGATE_STORE"), progress),
                copies_in(ledger, ledger.entries),
            ),
            ledger=ledger,
            keys=Keys(home.path / "keys", settings.project.signers, who),
            progress=progress,
            who=who,
        )

    @cached_property
    def terraform(self) -> TerraformBinary:
        """The Terraform to use, looked for when it is first needed."""
        return find_terraform()

    @cached_property
    def wanted_evidence(self) -> tuple[Wanted, ...]:
        """What must be proven of every release under the settings that count."""
        return wanted_of(self.project)

    def history(self) -> History:
        """Return what the ledger adds up to.

        Raises:
            RefusedError: Other settings were pinned since this run began.
        """
        history = read_history(self.ledger.entries())
        if history.newest is not None and history.authority.settings != self.settings.digest:
            message = "other settings were pinned while this run was at work"
            raise RefusedError(message, "run the same command again: it uses them")
        return history

    def release(self, digest: str) -> Release:
        """Return a release that the ledger names.

        Raises:
            RefusedError: It is not on this machine; what to do names the commit that makes it again.
            TollgateError: It is damaged, or the registry does not give it.
        """
        try:
            return self.store.load(digest)
        except CorruptReleaseError:
            if self.store.remote is not None or digest in self.store.releases():
                raise
        bodies = [candidate.entry.body for candidate in self.history().candidates]
        made = next((body for body in reversed(bodies) if body["release"] == digest), None)
        hint = (
            "take it from where it was built: `--store oci://HOST/REPOSITORY`, pushed there and pulled here"
        )
        if made is not None and made["commit"] is not None and not made["dirty"]:
            hint = f"`git checkout {made['commit'][:12]}`, `nox -s build`, then the same command again"
        raise RefusedError(f"release {short(digest)} is not on this machine", hint)

    def newest(self) -> str | None:
        """Return the digest of the newest entry, whatever settings count by now: a fact is recorded all the same."""
        entries = self.ledger.entries()
        return entries[-1].digest if entries else None

    def record(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        after: str | None,
        documents: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Write a signed entry behind `after`; an empty ledger gets its genesis first.

        Raises:
            LedgerMovedError: Somebody else wrote in between.
            RefusedError: The key at hand may not write it.
            TollgateError: It could not be written.
        """
        if after is None:
            after = self._begin().digest
        role = Role.LEDGER if Role.LEDGER in MAY_WRITE[kind] else self.voice
        return self.ledger.append(
            kind,
            body,
            self.keys.signer(role),
            by=self.who,
            after=after,
            documents=documents,
            other_clock=self.other_clock,
        )

    def other_clock(self) -> datetime | None:
        """Return what time it is at the first account that answers; None where none does."""
        for environment in self.environments:
            with suppress(TollgateError):
                said = self.target.account(environment).time()
                if said is not None:
                    return said
        return None

    def witnessing(self, person: str) -> "Context":
        """Return this context for what a forge saw `person` do: it is recorded as theirs, signed by the witness."""
        return replace(self, who=person, voice=Role.WITNESS)

    def keys_named_by(self, project: Project) -> tuple[PublicKey, ...]:
        """Return the keys that count under a project's settings.

        Where keys made on first use are trusted, those of this machine count beside them.

        Raises:
            RefusedError: The settings name no key for a power that nothing can go without.
        """
        named = [*project.keys, *(approver.key for approver in project.approvers)]
        roles = {key.role for key in named}
        for role in _MACHINES:
            if role not in roles and self.target.is_relaxed:
                named.append(self.keys.public(role))
            elif role not in roles:
                message = (
                    f"tollgate.toml names no {role} key, and on {self.target.name} only named keys count"
                )
                raise RefusedError(message, "add a [[keys]] table with that role; docs/trust.md says how")
        if self.target.is_relaxed:
            own = self.keys.public(Role.APPROVER)
            if own.keyid not in {key.keyid for key in named}:
                named.append(own)
        return tuple(named)

    def pin(self, bundle: Bundle, project: Project, environments: Environments) -> dict[str, Any]:
        """Return what an entry says that pins settings: their digest, the keys, and who decides on the next."""
        return {
            "settings": bundle.digest,
            "keys": [key.to_json() for key in self.keys_named_by(project)],
            "quorum": max(1, *(environment.approvals for environment in environments)),
        }

    def _begin(self) -> Entry:
        body = {
            "project": self.project.name,
            "target": self.target.name,
            **self.pin(self.settings.bundle, self.project, self.environments),
        }
        documents = {SETTINGS_FILE: self.settings.bundle.document}
        signer = self.keys.signer(Role.LEDGER)
        return self.ledger.append(
            Kind.GENESIS,
            body,
            signer,
            by=self.who,
            after=None,
            documents=documents,
            other_clock=self.other_clock,
        )


def with_fresh_ledger(decide: Callable[[], T]) -> T:
    """Decide and write; where somebody else wrote in between, read again and decide again, never insist.

    Raises:
        LedgerMovedError: Others kept writing all the time.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(LedgerMovedError):
            return decide()
    return decide()


def _remote(address: str | None, progress: Progress) -> Registry | None:
    if not address:
        return None
    return Registry(Address.parse(address), lambda text: progress.note("store", text))


def _who() -> str:
    """Return the name by which git knows the person, else the one the machine knows."""
    try:
        named = subprocess.run(
            ["git", "config", "user.name"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            cwd=project_root(),
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        named = ""
    if named:
        return " ".join(named.split())
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
