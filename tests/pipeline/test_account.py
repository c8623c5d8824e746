"""Which account answers, and what time it is there: asked before anything else is done in it."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account

CASES = 40
_OWN = "300000000003"
_IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>{}</Account></GetCallerIdentityResult>"
    "</GetCallerIdentityResponse>"
)


class Somewhere:
    """An endpoint that answers as an account would.

    Attributes:
        account: Whose it says it is.
        ahead: How far its clock is ahead of this machine's; None where it says no time.
        asked: Of each request, whether it was signed.
    """

    def __init__(self) -> None:
        self.account = _OWN
        self.ahead: timedelta | None = timedelta()
        self.asked: list[bool] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append("Authorization" in self.headers)
                content = _IDENTITY.format(outer.account).encode() if outer.asked[-1] else b"<Error/>"
                self.send_response_only(200 if outer.asked[-1] else 403)
                if outer.ahead is not None:
                    self.send_header("Date", format_datetime(datetime.now(UTC) + outer.ahead, usegmt=True))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def reached_by(self, **environment: str) -> Account:
        """Return the account that these credentials are meant for."""
        endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        return Account(
            "aws", _OWN, "eu-west-1", {"AWS_ENDPOINT_URL": endpoint, **environment}, lambda *_: endpoint
        )

    @property
    def account_reached(self) -> Account:
        """The account, with credentials."""
        return self.reached_by(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y")

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def somewhere() -> Iterator[Somewhere]:
    """An endpoint."""
    made = Somewhere()
    yield made
    made.close()


def test_the_account_that_is_meant_is_taken(somewhere: Somewhere) -> None:
    """The control: the right id, at the right time."""
    somewhere.account_reached.insist_on_identity()

    assert somewhere.asked == [True]


def test_another_account_behind_the_endpoint_is_refused(somewhere: Somewhere) -> None:
    """Whatever other id answers, the sentence names both and nothing else is asked."""
    ids = {f"{int(_OWN) ^ 1 << bit:012d}" for bit in range(38)} | {"", "000000000000", _OWN + "0"}
    assert len(ids) >= CASES
    for number in sorted(ids):
        somewhere.account, somewhere.asked = number, []
        with pytest.raises(TollgateError) as no:
            somewhere.account_reached.insist_on_identity()
        assert no.value.message == (
            f"these credentials lead to account {number}, but this environment is account {_OWN}"
        )
        assert no.value.hint == "nothing was changed; use that environment's own credentials"
        assert somewhere.asked == [True]


@pytest.mark.parametrize("minutes", [-3, -60 * 24 * 400])
def test_a_clock_ahead_of_the_account_is_refused(somewhere: Somewhere, minutes: int) -> None:
    """What this machine would record would keep every other machine from recording anything."""
    somewhere.ahead = timedelta(minutes=minutes)

    with pytest.raises(TollgateError, match=r"this machine's clock says .*, but at the account it is") as no:
        somewhere.account_reached.insist_on_identity()
    assert no.value.hint == "nothing was written; set the clock, then run again"


@pytest.mark.parametrize("ahead", [None, timedelta(minutes=-1), timedelta(minutes=3)])
def test_a_clock_that_keeps_nobody_from_recording_is_taken(
    somewhere: Somewhere, ahead: timedelta | None
) -> None:
    """A little off, behind, or where the answer says no time."""
    somewhere.ahead = ahead

    somewhere.account_reached.insist_on_identity()


def test_the_time_there_takes_no_credentials(somewhere: Somewhere) -> None:
    """Whoever approves need not have access to the account, and a wrong clock must not spoil the question."""
    somewhere.ahead = timedelta(hours=-5)
    said = somewhere.reached_by().time()

    assert said is not None
    assert abs(datetime.now(UTC) - timedelta(hours=5) - said) < timedelta(minutes=1)
    assert somewhere.asked == [False]
    somewhere.ahead = None
    assert somewhere.reached_by().time() is None


def test_where_nobody_answers_there_is_no_time() -> None:
    """What cannot be asked is not known; that is no error."""
    account = Account("aws", _OWN, "eu-west-1", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, lambda *_: "")

    assert account.time() is None
