"""The settings that count: those that the ledger pins, whatever the checkout at hand says.

A pushed commit that edits its own gate, its approvers or its policies is judged by the settings from before it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.home import Home
from pipeline.model.errors import LedgerError, RefusedError
from pipeline.model.ledger import Entry
from pipeline.settings import Environments, Project, load_environments, load_project
from pipeline.settings.bundle import Bundle
from pipeline.stores.ledger import Ledger
from pipeline.stores.sealed import authority_of

SETTINGS_FILE = "settings.json"
REMOTE_VARIABLE = "TOLLGATE_LEDGER_REMOTE"
_TOLD = 4


@dataclass(frozen=True, slots=True)
class Pinned:
    """Settings that count.

    Attributes:
        bundle: All of their files.
        digest: Their digest, as the ledger names it.
        folder: Where they lie, every file as the ledger has it.
        project: The project's own, with the checkout at hand as its sources.
        environments: The environments'.
        differences: How the checkout at hand differs from them, in words; empty where it does not.
    """

    bundle: Bundle
    digest: str
    folder: Path
    project: Project
    environments: Environments
    differences: tuple[str, ...]

    @property
    def notice(self) -> str | None:
        """What a person must know whose checkout says something else; None where it says the same."""
        if not self.differences:
            return None
        first = ", ".join(self.differences[:_TOLD])
        more = f" and {len(self.differences) - _TOLD} more" if len(self.differences) > _TOLD else ""
        return (
            f"those of this checkout do not count: {first}{more} (`nox -s settings` shows all and signs them)"
        )


def find_ledger(home: Home, root: Path) -> Ledger:
    """Return the ledger, with the remote that decides who was first, where one is set.

    `TOLLGATE_LEDGER_REMOTE` goes first, then the pinned settings; only before anything is pinned the checkout's.
    """
    local = Ledger(home.ledger)
    remote = os.environ.get(REMOTE_VARIABLE) or None
    if remote is None:
        entries = local.entries()
        project = _read(home, local, entries, root)[1] if entries else load_project(root)
        remote = project.ledger_remote
    return Ledger(home.ledger, remote)


def pinned_settings(home: Home, ledger: Ledger, root: Path, target: str) -> Pinned:
    """Return the settings that count here; before anything is pinned, those of the checkout.

    Raises:
        SettingsError: They say something they may not say.
        LedgerError: The ledger does not verify, or its settings are not those it names.
        RefusedError: The ledger is another target's.
    """
    tree = Bundle.read(root)
    entries = ledger.entries()
    if not entries:
        return Pinned(
            tree,
            tree.digest,
            root,
            load_project(root, bundle=tree),
            load_environments(root / "environments"),
            (),
        )
    kept = entries[0].body["target"]
    if kept != target:
        message = f"the ledger at {ledger.path} records what happens on {kept}, not on {target}"
        raise RefusedError(
            message, f"set TOLLGATE_HOME to another folder for {target}, or TOLLGATE_TARGET to {kept}"
        )
    bundle, project, folder = _read(home, ledger, entries, root)
    environments = load_environments(folder / "environments")
    return Pinned(bundle, bundle.digest, folder, project, environments, bundle.differences(tree))


def _read(home: Home, ledger: Ledger, entries: tuple[Entry, ...], root: Path) -> tuple[Bundle, Project, Path]:
    authority = authority_of(entries)
    assert authority.pinned_by is not None
    bundle = Bundle.from_document(ledger.document(authority.pinned_by, SETTINGS_FILE))
    if bundle.digest != authority.settings:
        raise LedgerError(f"the settings of entry {authority.pinned_by.number} are not those it names")
    folder = bundle.unpack(home.folder("settings"))
    return bundle, load_project(folder, sources=root, bundle=bundle), folder
