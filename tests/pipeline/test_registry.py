"""A registry as the remote of the release store: what every registry must do, the real one and our small one."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release, short
from pipeline.stores import registry_connection, registry_referrers
from pipeline.stores.layout import Layout
from pipeline.stores.manifests import index_of
from pipeline.stores.registry import Registry
from pipeline.stores.registry_connection import Connection, RegistryError
from pipeline.stores.registry_referrers import fallback_tag, listed
from pipeline.stores.releases import ReleaseStore
from tests.pipeline.registries import DockerRegistry, FakeRegistry, TestRegistry, fingerprint, write_login

_FILES = {"lambda.zip": b"code " * 1000, "smoke.json": b"{}", "stacks/payments-dev/cdk.tf.json": b'{"a": 1}'}
_KIND = "application/vnd.tollgate.note.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_REGISTRIES = ("docker-registry", "small, with referrers API", "small, without")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Short pauses between attempts, and no login of whoever runs the tests."""
    monkeypatch.setattr(registry_connection, "_PAUSES", (0.01, 0.1))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture(params=_REGISTRIES)
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestRegistry]:
    """Each kind of registry, empty."""
    name = request.param
    made = DockerRegistry(tmp_path / "registry") if name == _REGISTRIES[0] else _small("with " in name)
    yield made
    made.close()


def _small(referrers_api: bool) -> TestRegistry:
    return FakeRegistry(referrers_api=referrers_api)


@pytest.fixture
def here(registry: TestRegistry, tmp_path: Path) -> ReleaseStore:
    """The store of the machine that builds."""
    return _store(tmp_path / "here", registry)


@pytest.fixture
def there(registry: TestRegistry, tmp_path: Path) -> ReleaseStore:
    """The store of another machine, which shares nothing but the registry."""
    return _store(tmp_path / "there", registry)


def _store(path: Path, registry: TestRegistry, say: Callable[[str], None] = lambda _: None) -> ReleaseStore:
    return ReleaseStore(path, Registry(registry.address, say))


def _pushed(store: ReleaseStore) -> Release:
    """A release with two attached documents, pushed."""
    release = store.save(_FILES)
    for number in (1, 2):
        store.attach(release.digest, _KIND, {"note": number})
    store.push(release.digest)
    return release


def _notes(store: ReleaseStore, release: Release) -> list[int]:
    return sorted(document["note"] for document in store.attached(release.digest, _KIND))


# --- what is pushed here is pulled there


def test_a_release_comes_whole_with_what_is_attached(here: ReleaseStore, there: ReleaseStore) -> None:
    """A store that never saw a release has it by its digest, byte for byte, with every attached document."""
    release = _pushed(here)

    assert not there.holds(release.digest)
    assert there.load(release.digest) == release
    assert {layer.title: there.read(release, layer.title) for layer in release.layers} == _FILES
    assert _notes(there, release) == [1, 2]


def test_what_is_here_needs_no_registry(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A release that was pulled once is read without the registry."""
    release = _pushed(here)
    there.load(release.digest)
    registry.close()
    registry.close = lambda: None  # type: ignore[method-assign]  # the fixture need not close it again

    assert there.load(release.digest) == release
    assert _notes(there, release) == [1, 2]


def test_what_is_attached_later_comes_too(here: ReleaseStore, there: ReleaseStore) -> None:
    """A store that has the release already gets what was attached since, without getting the release again."""
    release = _pushed(here)
    there.load(release.digest)
    here.attach(release.digest, _KIND, {"note": 3})
    here.push(release.digest)

    assert _notes(there, release) == [1, 2]
    there.pull(release.digest)
    assert _notes(there, release) == [1, 2, 3]


def test_both_sides_may_attach(here: ReleaseStore, there: ReleaseStore) -> None:
    """Two machines that attach to the same release and push one after the other both see both documents."""
    release = _pushed(here)
    there.load(release.digest)
    here.attach(release.digest, _KIND, {"note": 3})
    there.attach(release.digest, _KIND, {"note": 4})
    here.push(release.digest)
    there.push(release.digest)

    for store in (here, there):
        store.pull(release.digest)
        assert _notes(store, release) == [1, 2, 3, 4]


def test_pushing_and_pulling_again_changes_nothing(registry: TestRegistry, tmp_path: Path) -> None:
    """What is there already is not sent again, is not brought again, and nothing is said."""
    said: list[str] = []
    here, there = (_store(tmp_path / name, registry, said.append) for name in ("here", "there"))
    release = _pushed(here)
    there.load(release.digest)
    told, before = len(said), fingerprint(tmp_path / "there")

    here.push(release.digest)
    there.pull(release.digest)

    assert len(said) == told
    assert fingerprint(tmp_path / "there") == before


def test_what_moves_is_said(registry: TestRegistry, tmp_path: Path) -> None:
    """Who waits for a push or a pull reads what moves, to where, and how much."""
    said: list[str] = []
    here, there = (_store(tmp_path / name, registry, said.append) for name in ("here", "there"))
    release = _pushed(here)
    there.load(release.digest)

    name, place = short(release.digest), registry.address
    assert said == [
        f"pushing release {name} to {place} (0.0 MB)",
        f"{place} has release {name} with 2 attached documents (0.0 MB sent)",
        f"release {name} pulled from {place} (0.0 MB)",
    ]


def test_a_damaged_store_is_mended_from_the_registry(here: ReleaseStore) -> None:
    """A file that was altered or lost in the local store comes from the registry again."""
    release = _pushed(here)
    blobs = here.path / "blobs" / "sha256"
    (blobs / release.layer("lambda.zip").digest[7:]).write_bytes(b"altered")
    (blobs / release.layer("smoke.json").digest[7:]).unlink()

    assert here.load(release.digest) == release
    assert here.read(release, "lambda.zip") == _FILES["lambda.zip"]


def test_a_damaged_release_is_not_pushed(registry: TestRegistry, here: ReleaseStore) -> None:
    """What does not match its digest does not leave this machine, and the registry has no half of it."""
    release = here.save(_FILES)
    (here.path / "blobs" / "sha256" / release.layer("smoke.json").digest[7:]).write_bytes(b"altered")

    with pytest.raises(TollgateError, match=r"the release store is damaged: .* was altered"):
        here.push(release.digest)
    assert registry.ask("GET", f"/manifests/{release.digest}").status_code == 404


def test_without_a_registry_nothing_is_pushed_or_pulled(tmp_path: Path) -> None:
    """A store without a remote is what it always was."""
    store = ReleaseStore(tmp_path / "alone")
    release = store.save(_FILES)

    store.push(release.digest)
    store.pull(release.digest)
    assert store.load(release.digest) == release


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_finds_it_by_its_tag(registry: TestRegistry, here: ReleaseStore) -> None:
    """People and their tools find a release under the twelve digits that Tollgate shows."""
    release = _pushed(here)
    image = f"docker://{registry.address}:{short(release.digest)}"

    told = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", "--raw", image],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert told.stdout == release.manifest


# --- the list of what is attached is a hint


def _foreign(registry: TestRegistry, subject: str) -> dict[str, Any]:
    """Attach something that Tollgate does not know, as another tool would; return its entry in the list."""
    parts = []
    for content in (b"{}", b"one", b"two"):
        registry.put_blob(content)
        parts.append({"mediaType": "text/plain", "digest": sha256_digest(content), "size": len(content)})
    manifest = canonical_bytes(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.other",
            "config": parts[0],
            "layers": parts[1:],
            "subject": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": subject,
                "size": len(Release.of(_FILES).manifest),
            },
        }
    )
    digest = sha256_digest(manifest)
    media_type = "application/vnd.oci.image.manifest.v1+json"
    registry.put_manifest(digest, manifest, media_type)
    return {
        "mediaType": media_type,
        "artifactType": "application/vnd.other",
        "digest": digest,
        "size": len(manifest),
    }


def _without_api(registry: TestRegistry) -> None:
    if registry.has_referrers_api:
        pytest.skip("a registry with the referrers API keeps the list itself")


def test_a_document_that_is_not_listed_is_found_by_its_digest(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """The ledger names evidence by digest, so a list that lost it takes nothing away."""
    release = here.save(_FILES)
    named = here.attach(release.digest, _KIND, {"note": 1})
    here.push(release.digest)
    if not registry.has_referrers_api:
        registry.put_manifest(fallback_tag(release.digest), index_of([]))
        assert there.load(release.digest) == release
        assert _notes(there, release) == []

    assert there.document(named) == {"note": 1}


def test_what_others_attached_stays_and_is_passed_over(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """Another tool's attachment is neither lost from the list nor read as ours."""
    release = _pushed(here)
    entry = _foreign(registry, release.digest) | {"annotations": {"org.example.by": "somebody"}}
    if not registry.has_referrers_api:
        registry.put_manifest(fallback_tag(release.digest), index_of([entry]))
    here.push(release.digest)

    with Connection(registry.address, pushes=False) as connection:
        listing = listed(connection, release.digest)
    assert entry["digest"] in listing.digests
    assert registry.has_referrers_api or entry in listing.entries
    there.load(release.digest)
    assert _notes(there, release) == [1, 2]
    assert not there.holds(entry["digest"])


def test_a_writer_that_was_overwritten_writes_again(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another one's list replaces ours at the same moment, both end up in it."""
    _without_api(registry)
    release = here.save(_FILES)
    here.push(release.digest)
    entry = _foreign(registry, release.digest)
    write = registry_referrers._write
    overwritten: list[int] = []

    def raced(connection: Connection, subject: str, entries: list[dict[str, Any]]) -> None:
        write(connection, subject, entries)
        if len(overwritten) < 2:
            overwritten.append(len(entries))
            registry.put_manifest(fallback_tag(subject), index_of([entry]))

    monkeypatch.setattr(registry_referrers, "_write", raced)
    here.attach(release.digest, _KIND, {"note": 1})
    here.push(release.digest)

    assert overwritten == [1, 2]
    there.load(release.digest)
    assert _notes(there, release) == [1]
    with Connection(registry.address, pushes=False) as connection:
        assert entry["digest"] in listed(connection, release.digest).digests


def test_a_writer_that_is_always_overwritten_says_so(
    registry: TestRegistry, here: ReleaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that never keeps our entries is an error, not a silent loss."""
    _without_api(registry)
    release = here.save(_FILES)
    here.push(release.digest)
    monkeypatch.setattr(registry_referrers, "_write", lambda *_: None)
    monkeypatch.setattr(registry_referrers, "_ATTEMPTS", 2)
    here.attach(release.digest, _KIND, {"note": 1})

    with pytest.raises(TollgateError, match="does not keep the list of what is attached"):
        here.push(release.digest)


def test_many_writers_lose_no_document(registry: TestRegistry, tmp_path: Path) -> None:
    """However many push at once, each document is there under its digest, whatever became of the list."""
    stores = [_store(tmp_path / str(number), registry) for number in range(4)]
    release = stores[0].save(_FILES)
    named: dict[int, str] = {}
    trouble: list[Exception] = []
    together = threading.Barrier(len(stores))

    def work(number: int) -> None:
        try:
            stores[number].save(_FILES)
            named[number] = stores[number].attach(release.digest, _KIND, {"note": number})
            together.wait(timeout=120)
            stores[number].push(release.digest)
        except Exception as error:  # noqa: BLE001 - told by the test itself
            trouble.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)

    assert trouble == []
    fresh = _store(tmp_path / "fresh", registry)
    assert fresh.load(release.digest) == release
    assert [fresh.document(named[number]) for number in range(4)] == [{"note": number} for number in range(4)]
    for store in stores:  # whoever lost against a slower writer is back in the list with the next push
        store.push(release.digest)
    fresh.pull(release.digest)
    assert _notes(fresh, release) == [0, 1, 2, 3]


def test_a_list_that_is_none_is_refused(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """Where the tag of the list names something else, it is neither believed nor overwritten."""
    _without_api(registry)
    release = _pushed(here)
    media_type = "application/vnd.oci.image.manifest.v1+json"
    registry.put_manifest(fallback_tag(release.digest), release.manifest, media_type)

    with pytest.raises(RegistryError, match=r"lists as attached to sha256:\w+ is no image index"):
        there.load(release.digest)
    here.attach(release.digest, _KIND, {"note": 3})
    with pytest.raises(RegistryError, match="is no image index"):
        here.push(release.digest)
    assert registry.ask("GET", f"/manifests/{fallback_tag(release.digest)}").content == release.manifest


def test_what_is_listed_and_gone_is_passed_over(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """An attached document that was cleaned away keeps nobody from the release; the evidence gate will miss it."""
    release = here.save(_FILES)
    gone = here.attach(release.digest, _KIND, {"note": 1})
    here.attach(release.digest, _KIND, {"note": 2})
    here.push(release.digest)
    registry.tamper(gone, None)

    try:
        there.load(release.digest)
    except (
        RegistryError
    ):  # docker-registry says 500 of a manifest whose blob is gone, which is no "not there"
        assert isinstance(registry, DockerRegistry)
    else:
        assert _notes(there, release) == [2]
    with pytest.raises(TollgateError):
        there.document(gone)


# --- a registry that gives something else is refused


def _cut(content: bytes) -> bytes:
    return content[:-1]


def _flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def _grown(content: bytes) -> bytes:
    return content + b" "


def _emptied(_: bytes) -> bytes:
    return b""


_TAMPERING = (_cut, _flipped, _grown, _emptied)


@pytest.mark.parametrize("change", _TAMPERING, ids=lambda change: change.__name__.strip("_"))
@pytest.mark.parametrize("which", ["the release", "lambda.zip", "the document", "its content"])
def test_what_was_altered_in_the_registry_is_refused(
    registry: TestRegistry,
    here: ReleaseStore,
    there: ReleaseStore,
    which: str,
    change: Callable[[bytes], bytes],
) -> None:
    """Not one altered byte gets into the store, whatever it belongs to; the sentence names the digest."""
    release = here.save(_FILES)
    document = here.attach(release.digest, _KIND, {"note": 1})
    here.push(release.digest)
    parts = {
        "the release": release.digest,
        "lambda.zip": release.layer("lambda.zip").digest,
        "the document": document,
        "its content": sha256_digest(canonical_bytes({"note": 1})),
    }
    altered = parts[which]
    registry.tamper(altered, change(Layout(here.path).read(altered)))

    def bring() -> None:
        there.load(release.digest)
        there.document(document)

    with pytest.raises(RegistryError) as caught:
        bring()
    assert str(registry.address) in caught.value.message or "answers 500" in caught.value.message
    assert caught.value.hint
    assert not there.holds(altered)
    assert which in {"the document", "its content"} or not there.holds(release.digest)
    for path in (there.path / "blobs").rglob("*"):
        assert path.is_dir() or sha256_digest(path.read_bytes()) == f"sha256:{path.name}"


def test_another_release_in_its_place_is_refused(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A registry that answers with another whole release is found out."""
    release, other = _pushed(here), here.save({"lambda.zip": b"evil"})
    here.push(other.digest)
    registry.tamper(release.digest, other.manifest)

    with pytest.raises(RegistryError, match="gives something else than it was asked for"):
        there.load(release.digest)
    assert not there.holds(release.digest)
    assert not there.holds(other.digest)


def test_a_manifest_that_is_no_release_is_not_pulled(
    registry: TestRegistry, here: ReleaseStore, there: ReleaseStore
) -> None:
    """A digest that fits does not make a release: anybody who may push can push anything."""
    entry = _foreign(registry, here.save(_FILES).digest)

    with pytest.raises(RegistryError, match="is no release manifest"):
        there.load(entry["digest"])
    with pytest.raises(RegistryError, match="is no manifest of an attached document"):
        there.document(entry["digest"])
    assert not there.holds(entry["digest"])


def test_a_blob_that_is_gone_is_said(registry: TestRegistry, here: ReleaseStore, there: ReleaseStore) -> None:
    """A registry that lost a file of a release cannot give the release."""
    release = _pushed(here)
    registry.tamper(release.layer("lambda.zip").digest, None)

    with pytest.raises(RegistryError, match=r"lacks the blob sha256:\w{64}, which \w{12} names|answers 500"):
        there.load(release.digest)
    assert not there.holds(release.digest)


def test_a_release_that_is_not_there_is_said(registry: TestRegistry, there: ReleaseStore) -> None:
    """A digest that the registry never saw is refused in a sentence that names both."""
    digest = "sha256:" + "0" * 64

    with pytest.raises(RegistryError, match=f"{registry.address} holds no release {digest}"):
        there.load(digest)
    with pytest.raises(RegistryError, match=f"{registry.address} holds no attached document {digest}"):
        there.document(digest)


# --- a login


@pytest.fixture(params=["docker-registry, basic", "docker-registry, token", "small, basic", "small, token"])
def closed_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestRegistry]:
    """Registries that want a login."""
    kind, _, login = request.param.partition(", ")
    made = (
        DockerRegistry(tmp_path / "registry", login)
        if kind == "docker-registry"
        else FakeRegistry(referrers_api=True, login=login)
    )
    yield made
    made.close()


def test_a_login_is_used(
    closed_registry: TestRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With the login that `docker login` left, releases are pushed and pulled; no log shows it."""
    caplog.set_level("DEBUG")
    write_login(tmp_path / "docker", closed_registry.host)
    here, there = (_store(tmp_path / name, closed_registry) for name in ("here", "there"))

    release = _pushed(here)
    assert there.load(release.digest) == release
    assert _notes(there, release) == [1, 2]
    login = json.loads((tmp_path / "docker" / "config.json").read_text())["auths"][closed_registry.host][
        "auth"
    ]
    assert login not in caplog.text
    assert "correct horse" not in caplog.text


def test_no_login_is_said(closed_registry: TestRegistry, tmp_path: Path) -> None:
    """Who did not log in is told how."""
    here = _store(tmp_path / "here", closed_registry)

    with pytest.raises(RegistryError, match=r"wants a login to push to") as caught:
        _pushed(here)
    assert caught.value.hint is not None
    assert f"docker login {closed_registry.host}" in caught.value.hint
    with pytest.raises(RegistryError, match="wants a login to pull from"):
        here.load("sha256:" + "0" * 64)


def test_a_wrong_login_is_said_and_not_shown(
    closed_registry: TestRegistry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A login that the registry refuses is named by the file that holds it, never by what it is."""
    caplog.set_level("DEBUG")
    write_login(tmp_path / "docker", closed_registry.host, "wrong horse")

    with pytest.raises(
        RegistryError, match=r"does not accept the login that .*config\.json has for it"
    ) as caught:
        _pushed(_store(tmp_path / "here", closed_registry))
    said = f"{caught.value.message} {caught.value.hint} {caplog.text}"
    assert "wrong horse" not in said
    assert "robot" not in said
