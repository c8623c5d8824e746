"""The words of the ledger: what an entry may say, what a promotion does, how it may end."""

from enum import StrEnum


class Kind(StrEnum):
    """What an entry says."""

    GENESIS = "genesis"
    """The ledger begins: its target, the first settings and keys."""
    SETTINGS = "settings"
    """A named person wants other settings to count."""
    CANDIDATE = "candidate"
    """Somebody wants a release moved through the environments."""
    EVIDENCE = "evidence"
    """These signed statements speak about a release."""
    SHOWN = "shown"
    """A change set was shown and waits for a person."""
    APPROVAL = "approval"
    """A person said yes to exactly one change set."""
    REJECTION = "rejection"
    """A person said no to it."""
    BREAK_GLASS = "break-glass"
    """A person applies it alone, past everyone else, and says why."""
    START = "start"
    """A change set is about to be applied."""
    END = "end"
    """How that ended."""
    HOLD = "hold"
    """Nothing moves forward in an instance until somebody ends the hold."""
    UNHOLD = "unhold"
    """Somebody ended it."""
    FREEZE = "freeze"
    """Nothing moves forward in an environment between two moments."""
    THAW = "thaw"
    """Somebody ended a freeze before its time."""
    DRIFT = "drift"
    """What a comparison of the cloud with the deployed release found."""
    ACKNOWLEDGEMENT = "acknowledgement"
    """A person knows of a drift and lets promotions go on."""
    REVOCATION = "revocation"
    """A key counts no more from here on."""
    CLOCK = "clock"
    """A person said that the newest times were those of a clock that ran ahead; from here on they count no more."""
    BREAK_LOCK = "break-lock"
    """A person removed the lock of a run that no longer is."""


class Operation(StrEnum):
    """What a promotion does to an instance, which decides the gates that it must pass."""

    FORWARD = "forward"
    """Carry a release on, as automation does."""
    HEAL = "heal"
    """Apply the deployed release again, over what was changed behind its back."""
    RECOVERY = "recovery"
    """Go on, by a person's word, where an apply did not hold."""
    ROLLBACK = "rollback"
    """Go back to a release that was proven there, and hold."""
    DESTROY = "destroy"
    """Remove everything."""

    @property
    def is_way_back(self) -> bool:
        """Whether it repairs: gates that would lock the door behind it do not apply, approvals do."""
        return self in {Operation.HEAL, Operation.RECOVERY, Operation.ROLLBACK}


class Outcome(StrEnum):
    """How a promotion ended."""

    SUCCEEDED = "SUCCEEDED"
    """The change was applied and proven."""
    FAILED = "FAILED"
    """The change did not hold: an apply, a smoke check or the second plan said so."""
    ERRORED = "ERRORED"
    """The machinery broke; what it was doing may be half done."""
    REFUSED = "REFUSED"
    """A gate said no before anything was changed."""
