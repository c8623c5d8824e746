"""Everything a decision rests on, gathered by the caller; the gates ask nobody else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.model.environment import Environment
from pipeline.model.history import InstanceHistory
from pipeline.model.kinds import Operation
from pipeline.model.ledger import Entry
from pipeline.model.makers import Candidate


@dataclass(frozen=True, slots=True)
class EvidenceProblem:
    """What is wrong with what is known of a release.

    Attributes:
        sentence: What is the matter.
        stale: Whether it only is too old, or rests on settings that no longer count.
    """

    sentence: str
    stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a decision rests on.

    Attributes:
        environment: Where to, with its settings.
        before: The environment before it in the order, None for the first.
        history: What the ledger says of the instance.
        history_before: What it says of the main instance of `before`.
        candidate: What is wanted there, with where it comes from.
        operation: What would be done.
        release: The release it would be done with.
        now: The time of the question.
        newest: When the newest entry was written, None for an empty ledger.
        settings: Digest of the settings that count.
        account: The account's 12 digits, and `region` its region; empty before one is reached.
        region: As above.
        evidence: What is wrong with the evidence about the release.
        freezes: Freezes of the environment that nobody ended: entries of the ledger.
        change_set: Digest of the change set about to be applied, None before there is a plan.
        needs_person: Why this change set needs a person; empty where the environment tolerates it.
        findings: Ids of everything found in it: an approval counts only if it was given with all of them in view.
        people: Names and addresses of everyone whose work is new in the release; they do not approve it.
        identities: For each approver, the addresses and the account by which commits and pushes may know them.
        relaxed: Whether whoever built may approve, and nothing has to soak: the local target.
        ask_again: Whether a rejected change set may be shown again.
    """

    environment: Environment
    before: Environment | None
    history: InstanceHistory
    history_before: InstanceHistory | None
    candidate: Candidate | None
    operation: Operation
    release: str
    now: datetime
    newest: datetime | None = None
    settings: str = ""
    account: str = ""
    region: str = ""
    evidence: tuple[EvidenceProblem, ...] = ()
    freezes: tuple[Entry, ...] = ()
    change_set: str | None = None
    needs_person: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    people: frozenset[str] = frozenset()
    identities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    relaxed: bool = False
    ask_again: bool = False

    @property
    def instance(self) -> str:
        """The instance as a command line names it: `prod`, or `dev --suffix pr-42`."""
        return self.history.instance.on_command_line
