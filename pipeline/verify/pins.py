"""Settings that the ledger pins, read back from the documents beside its entries."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from pipeline.evidence.checks import wanted_of
from pipeline.evidence.verify import Wanted
from pipeline.model.audit import Problem, ProblemKind, Rules
from pipeline.model.errors import TollgateError
from pipeline.model.kinds import Kind
from pipeline.model.ledger import Entry
from pipeline.settings import Project, load_environments, load_project
from pipeline.settings.bundle import Bundle
from pipeline.stores.ledger_documents import LedgerDocuments

_SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class PinnedRules:
    """Settings as far as a verifier needs them.

    Attributes:
        rules: What decides over a promotion.
        wanted: What the evidence about a release must say.
        project: The project's own settings.
    """

    rules: Rules
    wanted: tuple[Wanted, ...]
    project: Project

    def oldest(self, environment: str, at: datetime) -> datetime | None:
        """Return from when evidence may be that is used in an environment at a time."""
        found = self.rules.environment(environment)
        return at - timedelta(days=found.evidence_days) if found else None


def read_pins(
    documents: LedgerDocuments, entries: tuple[Entry, ...]
) -> tuple[dict[str, PinnedRules], tuple[Problem, ...]]:
    """Return every settings that the ledger names, by digest, and what is the matter with them.

    Raises:
        LedgerError: The repository cannot be read.
    """
    pinned: dict[str, PinnedRules] = {}
    problems: list[Problem] = []
    pinning = [entry for entry in entries if entry.kind in {Kind.GENESIS, Kind.SETTINGS}]
    for entry, (content,) in documents.read(pinning, _SETTINGS):
        what = f"the settings of entry {entry.number}"
        digest = str(entry.body["settings"])
        if content is None:
            problems.append(Problem(ProblemKind.MISSING, f"{what} are missing, or not the ones it names"))
            continue
        try:
            bundle = Bundle.from_document(content)
            if bundle.digest == digest:
                pinned[digest] = pinned.get(digest) or _read(content)
            else:
                problems.append(Problem(ProblemKind.FORGED, f"{what} have another digest than it names"))
        except TollgateError as error:
            problems.append(Problem(ProblemKind.FORGED, f"{what} cannot be read: {error.message}"))
        if digest in pinned:
            is_relaxed = entries[0].body["target"] == "local"
            problems += _misfits(entry, pinned[digest], is_relaxed=is_relaxed)
    return pinned, tuple(problems)


@lru_cache(maxsize=16)
def _read(document: bytes) -> PinnedRules:
    bundle = Bundle.from_document(document)
    with tempfile.TemporaryDirectory(prefix="tollgate-verify-") as scratch:
        folder = bundle.unpack(Path(scratch))
        project = load_project(folder, sources=folder, bundle=bundle)
        environments = tuple(load_environments(folder / "environments"))
    identities = {approver.name: approver.identities for approver in project.approvers}
    # Files of the checkout are not here, so of the checks that rest on them only the program is compared.
    return PinnedRules(Rules(environments, identities), wanted_of(project), project)


def _misfits(entry: Entry, settings: PinnedRules, *, is_relaxed: bool) -> Iterator[Problem]:
    """Say where an entry claims keys or a quorum that its settings do not hold."""
    project = settings.project
    known = {key.keyid for key in (*project.keys, *(approver.key for approver in project.approvers))}
    for key in entry.body["keys"]:
        # Where keys made on first use are trusted, the settings name none of them.
        if key["keyid"] not in known and not is_relaxed:
            named = f"the {key['role']} key {key['keyid'][:12]}"
            sentence = f"entry {entry.number} names {named}, and its settings do not"
            yield Problem(ProblemKind.NOT_ALLOWED, sentence)
    quorum = max(1, *(environment.approvals for environment in settings.rules.environments))
    if entry.body["quorum"] != quorum:
        sentence = (
            f"entry {entry.number} asks for {entry.body['quorum']} signers, and its settings for {quorum}"
        )
        yield Problem(ProblemKind.FORGED, sentence)
