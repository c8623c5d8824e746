"""What every operation needs, put together once."""

import getpass
import os
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from pipeline.deploy.terraform_binary import TerraformBinary, find_terraform
from pipeline.host.home import Home, project_root
from pipeline.model.history import History, read_history
from pipeline.model.ledger import Entry, Kind
from pipeline.settings import Environments, Project, load_environments, load_project
from pipeline.show.progress import Progress
from pipeline.stores.ledger import Ledger, LedgerMovedError
from pipeline.stores.releases import ReleaseStore
from pipeline.targets.target import Target, find_target

_ATTEMPTS = 8
T = TypeVar("T")


@dataclass(frozen=True)
class Context:
    """A project, its stores, and a way to its accounts.

    Attributes:
        home: Where everything is kept that is not source.
        project: What is built.
        environments: Where it goes, in order.
        target: The accounts.
        store: The releases.
        ledger: The record.
        progress: Where to say what is being done.
        who: Who runs this, for the record: free text, as a git author is.
    """

    home: Home
    project: Project
    environments: Environments
    target: Target
    store: ReleaseStore
    ledger: Ledger
    progress: Progress
    who: str

    @classmethod
    def open(cls, progress: Progress, target: str | None = None) -> "Context":
        """Read the settings of this checkout and open its stores.

        Raises:
            TollgateError: A setting is wrong, or the home folder cannot be used.
        """
        home = Home.find()
        environments = load_environments(project_root() / "environments")
        name = target or os.environ.get("TOLLGATE_TARGET", "local")
        return cls(
            home=home,
            project=load_project(project_root()),
            environments=environments,
            target=find_target(name, tuple(environments), home),
            store=ReleaseStore(home.releases),
            ledger=Ledger(home.ledger),
            progress=progress,
            who=_who(),
        )

    @cached_property
    def terraform(self) -> TerraformBinary:
        """The Terraform to use, looked for when it is first needed."""
        return find_terraform()

    def history(self) -> tuple[History, str | None]:
        """Return what the ledger adds up to, and the digest of its newest entry."""
        entries = self.ledger.entries()
        return read_history(entries), entries[-1].digest if entries else None

    def record(
        self,
        kind: Kind,
        body: Mapping[str, Any],
        after: str | None,
        documents: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """Write an entry behind `after`; an empty ledger gets its genesis first."""
        if after is None:
            after = self.ledger.append(
                Kind.GENESIS, {"project": self.project.name}, by=self.who, after=None
            ).digest
        return self.ledger.append(kind, body, by=self.who, after=after, documents=documents)


def with_fresh_ledger(decide: Callable[[], T]) -> T:
    """Decide and write; where somebody else wrote in between, read again and decide again, never insist.

    Raises:
        LedgerMovedError: Others kept writing all the time.
    """
    for _ in range(_ATTEMPTS - 1):
        with suppress(LedgerMovedError):
            return decide()
    return decide()


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
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
