import pytest

from payments.adapters.sandbox import DECLINES, SLOW_SECONDS, SandboxProvider
from payments.domain.errors import ProviderUnavailableError
from payments.domain.ports import Accepted, Declined
from tests.unit.payments.memory import Clock


@pytest.fixture
def clock() -> Clock:
    """The time the sandbox waits in."""
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> SandboxProvider:
    """A sandbox."""
    return SandboxProvider(sleep=clock.sleep)


def charge(sandbox: SandboxProvider, token: str, key: str = "k") -> Accepted | Declined:
    """Charge 1500 won."""
    return sandbox.charge(key, amount=1500, currency="KRW", token=token)


@pytest.mark.parametrize(("token", "code"), DECLINES.items())
def test_a_declining_token_declines(sandbox: SandboxProvider, token: str, code: str) -> None:
    """A declining token is declined with its code."""
    assert charge(sandbox, token) == Declined(code)


def test_a_timeout_token_gives_no_answer(sandbox: SandboxProvider) -> None:
    """A timeout token leaves the outcome open."""
    with pytest.raises(ProviderUnavailableError, match="in time"):
        charge(sandbox, "tok_timeout")


def test_a_slow_token_takes_its_time(sandbox: SandboxProvider, clock: Clock) -> None:
    """A slow token is accepted after two seconds."""
    before = clock.moment

    assert isinstance(charge(sandbox, "tok_slow"), Accepted)
    assert (clock.moment - before).total_seconds() == SLOW_SECONDS


def test_any_worker_answers_a_key_alike(sandbox: SandboxProvider) -> None:
    """Two sandboxes give one key the same reference, and two keys different ones."""
    other = SandboxProvider(sleep=Clock().sleep)

    assert charge(sandbox, "tok_visa") == charge(other, "tok_visa") != charge(other, "tok_visa", "k2")


def test_refunds_follow_their_charge(sandbox: SandboxProvider) -> None:
    """A charge made with the refund-declining token is not refunded; others are."""
    for token, kind in {"tok_visa": Accepted, "tok_refund_declined": Declined}.items():
        charged = charge(sandbox, token)
        assert isinstance(charged, Accepted)
        assert isinstance(sandbox.refund("r", charge=charged.reference, amount=1, currency="KRW"), kind)
