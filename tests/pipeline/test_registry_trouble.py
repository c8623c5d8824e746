"""Trouble with a registry: a sentence and what to do, nothing half-written, and no login where it may not go."""

import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from pipeline.model.errors import TollgateError
from pipeline.model.release import Release, short
from pipeline.stores import registry_connection
from pipeline.stores.registry import Registry
from pipeline.stores.registry_address import Address
from pipeline.stores.registry_connection import Connection, RegistryDownError, RegistryError
from pipeline.stores.registry_referrers import listed
from pipeline.stores.releases import ReleaseStore
from tests.pipeline.registries import PASSWORD, Asked, FakeRegistry, Reply, write_login

_FILES = {"lambda.zip": b"code " * 1000, "smoke.json": b'{"checks": []}'}
_KIND = "application/vnd.tollgate.note.v1+json"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short pauses between attempts, and no login of whoever runs the tests."""
    monkeypatch.setattr(registry_connection, "_PAUSES", (0.01, 0.01))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A small registry with the referrers API."""
    made = FakeRegistry(referrers_api=True)
    yield made
    made.close()


@pytest.fixture
def here(registry: FakeRegistry, tmp_path: Path) -> ReleaseStore:
    """The store of the machine that builds."""
    return _store(tmp_path / "here", registry.address)


@pytest.fixture
def there(registry: FakeRegistry, tmp_path: Path) -> ReleaseStore:
    """The store of another machine."""
    return _store(tmp_path / "there", registry.address)


def _store(path: Path, address: Address) -> ReleaseStore:
    return ReleaseStore(path, Registry(address, lambda _: None))


def _saved(store: ReleaseStore) -> Release:
    release = store.save(_FILES)
    store.attach(release.digest, _KIND, {"note": 1})
    return release


def _answers(registry: FakeRegistry, pattern: str, reply: Reply, times: int = 1000) -> None:
    """Have requests that match (`METHOD PATH`) answered by `reply`, as often as `times`."""
    left = [times]

    def refuse(asked: Asked) -> Reply | None:
        if re.search(pattern, str(asked)) and left[0] > 0:
            left[0] -= 1
            return reply
        return None

    registry.refuse = refuse


def _breaks_off(registry: FakeRegistry, pattern: str, times: int = 1000) -> None:
    """Have answers to requests that match (`METHOD PATH`) end one byte too early, as often as `times`."""
    left = [times]

    def change(asked: Asked, usual: Reply) -> Reply:
        if re.search(pattern, str(asked)) and left[0] > 0:
            left[0] -= 1
            return replace(usual, cut=len(usual.content) - 1)
        return usual

    registry.change = change


# --- a registry that is busy, slow of mind or gone


def test_nobody_answers(tmp_path: Path) -> None:
    """Where no registry runs, the sentence names the address and what the system said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    store = _store(tmp_path / "here", Address.parse(f"oci://127.0.0.1:{port}/team/tollgate"))
    release = _saved(store)

    with pytest.raises(
        RegistryDownError, match=f"the registry 127.0.0.1:{port} does not answer to the end: .*refused"
    ) as caught:
        store.push(release.digest)
    assert (
        caught.value.hint == "see that it runs and that the address is right, then run the same command again"
    )
    assert store.load(release.digest) == release


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize(
    "what", ["POST .*uploads", "PUT .*uploads", "PUT .*manifests", "HEAD .*blobs", "GET .*refer"]
)
def test_a_busy_registry_is_asked_again(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore, what: str, status: int
) -> None:
    """What a registry cannot do at this moment is asked of it again, twice."""
    release = _saved(here)
    _answers(registry, what, Reply(status), times=2)

    here.push(release.digest)
    assert there.load(release.digest) == release
    assert there.attached(release.digest, _KIND) == ({"note": 1},)


@pytest.mark.parametrize(
    "what", ["POST .*uploads", "PUT .*uploads", "PUT .*manifests/sha256:", "PUT .*manifests/\\w{12}$"]
)
def test_a_push_that_stops_goes_on_with_the_next_one(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore, what: str
) -> None:
    """A push that ends in the middle leaves no release behind that lacks something; the next push completes it."""
    release = _saved(here)
    _answers(registry, what, Reply(503))

    with pytest.raises(RegistryError, match="answers 503 to an attempt to push to"):
        here.push(release.digest)
    if "12" not in what:
        with pytest.raises(RegistryError, match="holds no release"):
            there.load(release.digest)
    registry.refuse = lambda _: None
    here.push(release.digest)
    assert there.load(release.digest) == release
    assert there.attached(release.digest, _KIND) == ({"note": 1},)


def test_blobs_go_before_the_manifest_that_names_them(registry: FakeRegistry, here: ReleaseStore) -> None:
    """At no moment does the registry name something that it does not have; the tag comes last."""
    release = _saved(here)
    here.push(release.digest)

    puts = [asked.path.rpartition("/")[2] for asked in registry.asked if asked.method == "PUT"]
    assert puts[:5] == ["one", "one", "one", release.digest, short(release.digest)]
    assert puts[5:] == ["one", here.attach(release.digest, _KIND, {"note": 1})]


def test_a_registry_that_confuses_two_uploads_is_asked_again(
    registry: FakeRegistry, here: ReleaseStore
) -> None:
    """docker-registry says that a digest is wrong where two push the same blob at once; it is not."""
    release = _saved(here)
    content = b'{"errors":[{"code":"DIGEST_INVALID"}]}'
    _answers(registry, "PUT .*uploads", Reply(400, content), times=2)

    here.push(release.digest)


def test_an_answer_that_breaks_off_is_asked_for_again(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A connection lost in the middle of a blob is made again."""
    release = _saved(here)
    here.push(release.digest)
    _breaks_off(registry, "GET .*blobs", times=2)

    assert there.load(release.digest) == release


@pytest.mark.parametrize("what", ["GET .*blobs", "GET .*manifests", "GET .*referrers"])
def test_an_answer_that_always_breaks_off_is_said(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore, what: str
) -> None:
    """Where the registry never answers to the end, nothing of it is saved."""
    release = _saved(here)
    here.push(release.digest)
    _breaks_off(registry, what)

    with pytest.raises(RegistryDownError, match="does not answer to the end"):
        there.load(release.digest)
    assert there.attached(release.digest, _KIND) == ()
    assert what == "GET .*referrers" or not there.holds(release.digest)


def test_an_answer_without_end_is_cut_off(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A registry that sends more than a blob has bytes is refused before it fills the memory."""
    release = _saved(here)
    here.push(release.digest)
    _answers(registry, "GET .*blobs", Reply(200, b"code " * 1_000_000))

    with pytest.raises(RegistryError, match="has more bytes than it may have"):
        there.load(release.digest)


# --- a registry that says no


@pytest.mark.parametrize(
    ("status", "sentence", "hint"),
    [
        (
            404,
            "answers 404 NAME_UNKNOWN to an attempt to push to",
            "some registries want the repository to be made",
        ),
        (413, "answers 413 NAME_UNKNOWN to an attempt to push to", "what is in the local store is untouched"),
        (403, "wants a login to push to", "docker login"),
    ],
)
def test_a_refusal_is_a_sentence(
    registry: FakeRegistry, here: ReleaseStore, status: int, sentence: str, hint: str
) -> None:
    """What the registry refuses is said with its status and its own word for it."""
    release = _saved(here)
    _answers(registry, "POST .*uploads", Reply(status, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'))

    with pytest.raises(RegistryError, match=sentence) as caught:
        here.push(release.digest)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"no JSON", b'{"errors": []}', b'{"errors": [{"code": "Basic c2VjcmV0"}]}', b"[" * 10_000],
)
def test_what_a_registry_says_is_not_passed_on_unread(
    registry: FakeRegistry, here: ReleaseStore, content: bytes
) -> None:
    """A registry could say anything, even the login that it was given: only its plain code word is shown."""
    release = _saved(here)
    _answers(registry, "POST .*uploads", Reply(418, content))

    with pytest.raises(RegistryError, match="answers 418 to an attempt"):
        here.push(release.digest)


def test_a_permission_that_is_missing_is_said(tmp_path: Path) -> None:
    """Who is logged in and may only read is told so."""
    registry = FakeRegistry(referrers_api=True, login="basic")
    try:
        write_login(tmp_path / "docker", registry.host)
        store = _store(tmp_path / "here", registry.address)
        release = _saved(store)
        _answers(registry, "POST .*uploads", Reply(403, b'{"errors":[{"code":"DENIED"}]}'))
        with pytest.raises(RegistryError, match="does not allow this login to push to"):
            store.push(release.digest)
    finally:
        registry.close()


@pytest.mark.parametrize(
    ("challenge", "sentence"),
    [
        ("Negotiate", "asks for a login of a kind that Tollgate does not know"),
        ("Bearer", "asks for a login of a kind that Tollgate does not know"),
        ('Bearer realm="http://[::1"', "names an address that is none"),
        ('Bearer realm="ftp://127.0.0.1/token"', "does not answer to the end"),
    ],
)
def test_a_challenge_that_makes_no_sense_is_said(
    registry: FakeRegistry, here: ReleaseStore, challenge: str, sentence: str
) -> None:
    """A registry that asks for a login in an unknown way is refused in a sentence."""
    release = _saved(here)
    _answers(registry, "GET", Reply(401, headers={"WWW-Authenticate": challenge}))

    with pytest.raises(RegistryError, match=sentence):
        here.push(release.digest)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"token": 5}', b'{"token": "one\\r\\nX-Evil: 1"}', b'{"token": ""}']
)
def test_a_token_that_is_none_is_said(registry: FakeRegistry, here: ReleaseStore, content: bytes) -> None:
    """A token server that gives no token is refused in a sentence."""
    release = _saved(here)

    def change(asked: Asked, usual: Reply) -> Reply:
        if asked.path == "/token":
            return Reply(200, content)
        return Reply(401, headers={"WWW-Authenticate": f'Bearer realm="http://{registry.host}/token"'})

    registry.change = change
    with pytest.raises(RegistryError, match="gives no token"):
        here.push(release.digest)


def test_an_upload_without_a_place_is_said(registry: FakeRegistry, here: ReleaseStore) -> None:
    """A registry that opens an upload and does not say where is refused."""
    release = _saved(here)
    _answers(registry, "POST .*uploads", Reply(202))

    with pytest.raises(RegistryError, match="answers 202 to an attempt to push to"):
        here.push(release.digest)


# --- where credentials go


def test_a_login_does_not_follow_a_redirect(tmp_path: Path) -> None:
    """Blobs may be kept elsewhere; the login stays with the registry."""
    elsewhere = FakeRegistry(referrers_api=True)
    registry = FakeRegistry(referrers_api=True, login="basic")
    try:
        write_login(tmp_path / "docker", registry.host)
        here, there = (_store(tmp_path / name, registry.address) for name in ("here", "there"))
        release = _saved(here)
        here.push(release.digest)
        _store(tmp_path / "here", elsewhere.address).push(release.digest)
        elsewhere.asked.clear()

        def change(asked: Asked, usual: Reply) -> Reply:
            if asked.method == "GET" and "/blobs/" in asked.path and usual.status == 200:
                return Reply(307, headers={"Location": f"http://{elsewhere.host}{asked.path}"})
            return usual

        registry.change = change
        assert there.load(release.digest) == release
        assert elsewhere.asked
        assert all("authorization" not in asked.headers for asked in elsewhere.asked)
    finally:
        registry.close()
        elsewhere.close()


def test_a_login_does_not_go_where_an_upload_is_sent(tmp_path: Path) -> None:
    """A registry that has blobs uploaded elsewhere gets them there, without the login."""
    elsewhere = FakeRegistry(referrers_api=True)
    registry = FakeRegistry(referrers_api=True, login="basic")
    try:
        write_login(tmp_path / "docker", registry.host)
        here = _store(tmp_path / "here", registry.address)
        release = _saved(here)

        def change(asked: Asked, usual: Reply) -> Reply:
            if asked.method == "POST" and usual.status == 202:
                place = f"http://{elsewhere.host}{usual.headers['Location']}"
                return replace(usual, headers={"Location": place})
            return usual

        registry.change = change
        with pytest.raises(RegistryError, match="MANIFEST_BLOB_UNKNOWN"):  # it never got them
            here.push(release.digest)
        assert [asked.method for asked in elsewhere.asked] == ["PUT"] * 3
        assert all("authorization" not in asked.headers for asked in elsewhere.asked)
    finally:
        registry.close()
        elsewhere.close()


def test_a_token_is_asked_for_what_is_done_with_it(tmp_path: Path) -> None:
    """A push asks for the right to write from the beginning, a pull for none."""
    registry = FakeRegistry(referrers_api=True, login="token")
    assert registry.tokens is not None
    try:
        write_login(tmp_path / "docker", registry.host)
        here, there = (_store(tmp_path / name, registry.address) for name in ("here", "there"))
        release = _saved(here)
        here.push(release.digest)
        there.load(release.digest)

        scopes = [asked.query["scope"] for asked in registry.tokens.asked]
        assert scopes == ["repository:team/tollgate:pull,push", "repository:team/tollgate:pull"]
    finally:
        registry.close()


def test_a_blob_that_is_kept_elsewhere_is_there(registry: FakeRegistry, here: ReleaseStore) -> None:
    """A registry that answers HEAD with a redirect has the blob; the place it names is for GET."""
    release = _saved(here)
    here.push(release.digest)
    later = here.save({**_FILES, "more": b"1"})
    registry.asked.clear()

    def change(asked: Asked, usual: Reply) -> Reply:
        if asked.method == "HEAD" and usual.status == 200:
            return Reply(307, headers={"Location": f"http://{registry.host}/signed-for-get"})
        return usual

    registry.change = change
    here.push(later.digest)
    assert [asked.method for asked in registry.asked if asked.path.endswith("/one")] == ["PUT"]
    assert not [asked for asked in registry.asked if asked.path == "/signed-for-get"]


def test_no_login_goes_over_the_network_unencrypted(
    registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain registry off this machine that asks for a login does not get it."""
    name = registry.host.replace("127.0.0.1", "registry.example")
    write_login(tmp_path / "docker", name)
    store = _store(tmp_path / "here", Address.parse(f"oci+http://{name}/team/tollgate"))
    release = _saved(store)
    monkeypatch.setattr(socket, "getaddrinfo", _always_loopback(socket.getaddrinfo))
    _answers(registry, "GET", Reply(401, headers={"WWW-Authenticate": 'Basic realm="test"'}))

    with pytest.raises(RegistryError, match=f"the login for {name} would go over the network unencrypted"):
        store.push(release.digest)
    assert registry.asked
    assert all("authorization" not in asked.headers for asked in registry.asked)


def _always_loopback(usual: Callable[..., object]) -> Callable[..., object]:
    def resolve(host: str, *rest: object, **more: object) -> object:
        return usual("127.0.0.1", *rest, **more)

    return resolve


def test_an_encrypted_registry_does_not_send_us_to_plain_text() -> None:
    """Neither a redirect nor a token server may take us from https to http."""
    address = Address.parse("oci://registry.example/team/tollgate")

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.scheme == "https"
        return httpx.Response(307, headers={"Location": "http://registry.example/elsewhere"})

    with Connection(address, pushes=False) as connection:
        connection._client._transport = httpx.MockTransport(answer)
        connection._client._mounts = {}
        with pytest.raises(RegistryError, match="sends us on to an address that is not encrypted"):
            connection.get("/blobs/sha256:0")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SSL_CERT_FILE"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", r"oci\+http://"),
    ],
)
def test_trouble_with_encryption_has_its_own_hint(said: str, hint: str) -> None:
    """Certificates and missing encryption are what goes wrong first with a company's own registry."""
    address = Address.parse("oci://registry.example/team/tollgate")

    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(said)

    with Connection(address, pushes=False) as connection:
        connection._client._transport = httpx.MockTransport(answer)
        connection._client._mounts = {}
        with pytest.raises(RegistryDownError) as caught:
            connection.get("/blobs/sha256:0")
    assert re.search(hint, caught.value.hint or "")


def test_the_login_is_in_no_representation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a debugger or a log would print of a login is nothing of it."""
    from pipeline.stores.registry_login import find_login

    write_login(tmp_path / "docker", "registry.example")

    assert repr(find_login("registry.example")) == "Login()"
    assert PASSWORD not in repr(find_login("registry.example"))


# --- the list of what is attached


def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    """A registry may give the list in parts; all of them are read."""
    registry = FakeRegistry(referrers_api=True, page=2)
    try:
        here, there = (_store(tmp_path / name, registry.address) for name in ("here", "there"))
        release = here.save(_FILES)
        for number in range(5):
            here.attach(release.digest, _KIND, {"note": number})
        here.push(release.digest)

        there.load(release.digest)
        assert sorted(note["note"] for note in there.attached(release.digest, _KIND)) == [0, 1, 2, 3, 4]
    finally:
        registry.close()


@pytest.mark.parametrize(
    "reply",
    [Reply(400), Reply(404), Reply(405), Reply(406), Reply(200, b"<html>", {"Content-Type": "text/html"})],
    ids=lambda reply: str(reply.status),
)
def test_a_registry_without_the_api_has_many_ways_to_say_so(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore, reply: Reply
) -> None:
    """Whatever stands in for "there is no such API", the tag is read and written instead."""
    release = _saved(here)
    _answers(registry, "GET .*referrers", reply)
    here.push(release.digest)

    there.load(release.digest)
    assert there.attached(release.digest, _KIND) == ({"note": 1},)


@pytest.mark.parametrize(
    "digest", ["latest", "../../../v2/other", "sha512:" + "0" * 128, "sha256:" + "A" * 64]
)
def test_a_listed_name_that_is_no_digest_is_not_asked_for(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore, digest: str
) -> None:
    """A list cannot make us ask for anything but a digest."""
    release = _saved(here)
    here.push(release.digest)
    index = f'{{"manifests": [{{"digest": "{digest}"}}]}}'.encode()
    _answers(
        registry,
        "GET .*referrers",
        Reply(200, index, {"Content-Type": "application/vnd.oci.image.index.v1+json"}),
    )

    assert there.load(release.digest) == release
    assert not [asked for asked in registry.asked if digest in asked.path]


def test_a_document_about_something_else_is_passed_over(
    registry: FakeRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A list that names what is attached to another release does not attach it to this one."""
    release, other = _saved(here), here.save({"other": b"1"})
    here.attach(other.digest, _KIND, {"note": 2})
    for digest in (release.digest, other.digest):
        here.push(digest)
    with Connection(registry.address, pushes=False) as connection:
        (entry,) = listed(connection, other.digest).entries
    index = f'{{"manifests": [{{"digest": "{entry["digest"]}"}}]}}'.encode()
    _answers(
        registry,
        "GET .*referrers",
        Reply(200, index, {"Content-Type": "application/vnd.oci.image.index.v1+json"}),
    )

    assert there.load(release.digest) == release
    assert there.attached(release.digest, _KIND) == ()
    assert not there.holds(entry["digest"])


# --- trouble on this side


def test_a_full_disk_is_a_sentence(small_disk: Path, registry: FakeRegistry, here: ReleaseStore) -> None:
    """A release that does not fit is not half there, and what was there is whole."""
    there = _store(small_disk / "releases", registry.address)
    kept = there.save({"small": b"1"})
    large = here.save({"lambda.zip": os.urandom(300 * 1024)})
    here.push(large.digest)

    with pytest.raises(TollgateError, match="cannot be written: No space left on device"):
        there.load(large.digest)
    assert not there.holds(large.digest)
    assert there.load(kept.digest) == kept


def test_two_pushes_from_one_store_wait_for_one_another(registry: FakeRegistry, here: ReleaseStore) -> None:
    """Two commands of one machine that push at the same moment both succeed."""
    release = _saved(here)
    trouble: list[Exception] = []

    def push() -> None:
        try:
            here.push(release.digest)
        except Exception as error:  # noqa: BLE001 - told by the test itself
            trouble.append(error)

    threads = [threading.Thread(target=push) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert trouble == []
