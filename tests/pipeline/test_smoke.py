"""Smoke checks against an API on loopback: the project's own, and small ones that fail in every way there is."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.deploy import smoke
from pipeline.deploy.smoke import Endpoint, SmokeError, find_endpoint, read_checks, run_smoke_checks
from pipeline.model.environment import SmokeMode
from pipeline.model.errors import TollgateError
from pipeline.targets.account import Account
from tests.fakes import FakePaymentApi

_OWN = (Path(__file__).resolve().parents[2] / "app" / "smoke.json").read_bytes()
_RELEASE = "sha256:" + "1" * 64


@pytest.fixture
def api() -> Iterator[FakePaymentApi]:
    """The API with the release that was promoted."""
    with FakePaymentApi(_RELEASE) as api:
        yield api


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again after a moment, not after half a second."""
    monkeypatch.setattr(smoke, "_PAUSE_SECONDS", 0.02)


def _run(
    api: FakePaymentApi, checks: bytes = _OWN, *, mode: SmokeMode = "full", settle: float = 0.0
) -> tuple[str, ...]:
    return run_smoke_checks(
        checks,
        Endpoint(api.url, {"api_key": api.api_key}),
        release=_RELEASE,
        mode=mode,
        settle_seconds=settle,
        say=lambda _: None,
    )


def _checks(*checks: dict[str, Any], **other: Any) -> bytes:
    document = {"schema": 1, "endpoint": {"url": "url"}, "secrets": {}, "checks": list(checks)}
    return json.dumps(document | other).encode()


def _check(path: str = "/health", expect: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    plain = {"name": "it", "writes": False, "request": {"method": "GET", "path": path}}
    return {**plain, "expect": expect or {"status": 200}} | other


# --- the project's own checks


def test_the_projects_own_checks_pass_where_all_is_well(api: FakePaymentApi) -> None:
    """All of them run in their order, and one payment is made."""
    passed = _run(api)

    assert passed == tuple(check["name"] for check in json.loads(_OWN)["checks"])
    assert len(api.payments) == 1


def test_read_only_writes_nothing(api: FakePaymentApi) -> None:
    """Where checks may not write, those that do are left out and the others still run."""
    passed = _run(api, mode="read-only")

    assert passed == tuple(check["name"] for check in json.loads(_OWN)["checks"] if not check["writes"])
    assert api.payments == {}


@pytest.mark.parametrize("mode", ["full", "read-only"])
def test_another_release_is_not_taken_for_this_one(api: FakePaymentApi, mode: SmokeMode) -> None:
    """An endpoint that still runs the release before fails, however well it works."""
    api.release = "sha256:" + "2" * 64

    with pytest.raises(
        SmokeError,
        match=f"'health says .*' failed: GET /health answered 200, but release is not '{_RELEASE}'",
    ):
        _run(api, mode=mode)


def test_an_open_door_is_noticed(api: FakePaymentApi) -> None:
    """An API that answers without a key fails."""
    api.is_open = True

    with pytest.raises(
        SmokeError, match=r"'a call without a key is refused' failed: .* answered 404, expected 403"
    ):
        _run(api)


def test_a_payment_made_twice_is_noticed(api: FakePaymentApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another payment for the same idempotency key fails."""
    monkeypatch.setattr(api, "_by_key", _Forgetful())

    with pytest.raises(
        SmokeError, match=r"'the same idempotency key gives the same payment' failed: .* but id is not"
    ):
        _run(api)


class _Forgetful(dict[str, str]):
    """A memory that never holds a key."""

    def __contains__(self, key: object) -> bool:
        return False


# --- settling


def test_a_settling_endpoint_is_asked_again(api: FakePaymentApi) -> None:
    """Wrong answers within the time to settle are repeated, and the right one counts."""
    api.unready = 3

    assert len(_run(api, settle=120.0)) == len(json.loads(_OWN)["checks"])
    assert api.calls.count("GET /health") == 4


def test_without_time_to_settle_the_first_answer_counts(api: FakePaymentApi) -> None:
    """Where nothing may be repeated, nothing is."""
    api.unready = 1

    with pytest.raises(SmokeError, match="GET /health answered 503, expected 200"):
        _run(api)
    assert api.calls == ["GET /health"]


class _Clock:
    """Time that passes only while somebody sleeps, so that a slow machine has as much of it as a fast one."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


def test_settling_ends(api: FakePaymentApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that never becomes right fails when its time is over, with the last answer."""
    api.broken["/health"] = (500, b"{}")
    monkeypatch.setattr(smoke, "time", _Clock())

    with pytest.raises(SmokeError, match="answered 500, expected 200"):
        _run(api, settle=0.3)
    assert len(api.calls) > 1


def test_an_endpoint_that_does_not_answer_has_a_deadline(
    api: FakePaymentApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence ends in a sentence that says so."""
    monkeypatch.setattr(smoke, "_REQUEST_SECONDS", 0.3)
    api.silent = threading.Event()

    with pytest.raises(SmokeError, match=r"GET /health got no answer \(ReadTimeout"):
        _run(api)


def test_an_endpoint_that_is_not_there_is_a_sentence() -> None:
    """A refused connection is no traceback."""
    with FakePaymentApi() as gone:
        pass

    with pytest.raises(SmokeError, match=r"GET /health got no answer \(ConnectError"):
        _run(gone)


def test_a_proxy_of_the_machine_is_not_asked(api: FakePaymentApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """What answers is the endpoint, whatever proxy the environment names."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    assert _run(api, _checks(_check())) == ("it",)


# --- answers


@pytest.mark.parametrize(
    ("body", "expect", "sentence"),
    [
        (b"not JSON", {"status": 200, "json": {"a": 1}}, "with a body that is no JSON object"),
        (b"[1]", {"status": 200, "json": {"a": 1}}, "with a body that is no JSON object"),
        (b"{}", {"status": 200, "json": {"a": 1}}, "but a is not 1"),
        (b'{"a": "1"}', {"status": 200, "json": {"a": 1}}, "but a is not 1"),
        (b'{"a": true}', {"status": 200, "json": {"a": 1}}, "but a is not 1"),
        (b'{"a": null}', {"status": 200, "json": {"a": 1}}, "but a is not 1"),
    ],
)
def test_another_body_fails(api: FakePaymentApi, body: bytes, expect: dict[str, Any], sentence: str) -> None:
    """A field that is missing, or is not exactly what is expected, fails with its name."""
    api.broken["/health"] = (200, body)

    with pytest.raises(SmokeError, match=sentence):
        _run(api, _checks(_check(expect=expect)))


@pytest.mark.parametrize("body", [b"{}", b'{"id": 5}', b'{"id": null}'])
def test_what_later_checks_need_must_be_there(api: FakePaymentApi, body: bytes) -> None:
    """An answer without the text that is to be kept from it fails."""
    api.broken["/health"] = (200, body)

    with pytest.raises(SmokeError, match="answered 200 without id"):
        _run(api, _checks(_check(keep={"payment": "id"})))


def test_kept_values_reach_later_checks(api: FakePaymentApi) -> None:
    """What one check kept is put into the requests of those behind it."""
    api.broken["/health"] = (200, b'{"id": "pay_7"}')
    api.broken["/payments/pay_7"] = (200, b'{"id": "pay_7"}')
    later = _check("/payments/${payment}", {"status": 200, "json": {"id": "${payment}"}}, name="later")

    assert _run(api, _checks(_check(keep={"payment": "id"}), later)) == ("it", "later")


# --- the checks themselves


def test_no_check_is_no_proof(api: FakePaymentApi) -> None:
    """A release whose checks all write proves nothing where nothing may be written."""
    with pytest.raises(
        SmokeError, match="has no smoke check that may run here, so nothing shows that it works"
    ):
        _run(api, _checks(_check(writes=True)), mode="read-only")


@pytest.mark.parametrize(
    "checks",
    [
        b"not JSON",
        b"[]",
        b"{}",
        b"[" * 100_000,
        _checks(schema=2),
        _checks(extra=1),
        _checks(checks={}),
        _checks(checks=["it"]),
        _checks(checks=[5]),
        _checks(_check() | {"expects": {}}),
        _checks({"name": "it"}),
        _checks(_check(writes="no")),
        _checks(_check(expect={"stauts": 200})),
        _checks(_check(expect={"status": 200, "jsn": {}})),
        _checks(_check(expect={"status": "200"})),
        _checks(_check(request={"method": "GET"})),
        _checks(_check(request={"method": "GET", "path": "/", "body": ""})),
        _checks(_check(keep=["id"])),
        _checks(_check(), endpoint={}),
        _checks(_check(), endpoint={"rest_api": "x"}),
        _checks(_check(), endpoint={"url": 5}),
        _checks(_check(), secrets={"api_key": "x"}),
        _checks(_check(), secrets=[]),
    ],
)
def test_checks_that_are_none_are_refused(checks: bytes) -> None:
    """A misspelt check must not become one that cannot fail: the shape is known exactly or refused."""
    with pytest.raises(TollgateError, match="not of a shape that this version of Tollgate knows"):
        read_checks(checks)


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (_check("/payments/${payment}"), "payment"),
        (_check(expect={"status": 200, "json": {"a": "${pay}"}}), "pay"),
    ],
)
def test_a_name_that_nothing_fills_is_named(api: FakePaymentApi, check: dict[str, Any], name: str) -> None:
    """A placeholder without a value is a mistake of the checks, told with its name."""
    with pytest.raises(
        TollgateError, match=rf"the smoke check 'it' asks for \$\{{{name}\}}, which nothing has set"
    ):
        _run(api, _checks(check))


# --- where the endpoint is


def _account() -> Account:
    def base_url(rest_api_id: str, stage: str) -> str:
        return f"http://127.0.0.1:9/{rest_api_id}/{stage}"

    nobody = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    return Account("local", "100000000001", "ap-northeast-2", nobody, base_url)


def test_the_endpoint_is_found_by_the_stacks_outputs() -> None:
    """A REST API is called by its id and stage, or an output has the URL."""
    rest = _checks(_check(), endpoint={"rest_api": "api", "stage": "stage"})

    assert find_endpoint(rest, {"api": "abc", "stage": "v1"}, _account()).url == "http://127.0.0.1:9/abc/v1"
    assert find_endpoint(_checks(_check()), {"url": "http://x/"}, _account()).url == "http://x"


def test_a_missing_output_is_named() -> None:
    """A stack without the output that the checks rest on is refused with its name."""
    with pytest.raises(TollgateError, match="the stack has no output 'url', which the smoke checks need"):
        find_endpoint(_checks(_check()), {}, _account())
