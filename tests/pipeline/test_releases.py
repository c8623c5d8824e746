"""The release store: whole or refused, readable by others, and never the worse for many writers or a full disk."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.model.canonical import canonical_bytes, sha256_digest
from pipeline.model.errors import TollgateError
from pipeline.model.release import Release
from pipeline.stores.releases import CorruptReleaseError, ReleaseStore

_ROOT = Path(__file__).resolve().parents[2]
_FILES = {"lambda.zip": b"code", "smoke.json": b"{}", "stacks/payments-dev/cdk.tf.json": b'{"a": 1}'}
_KIND = "application/vnd.tollgate.note.v1+json"


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    """A store that nobody has written to."""
    return ReleaseStore(tmp_path / "releases")


def _blob(store: ReleaseStore, digest: str) -> Path:
    return store.path / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _plant(store: ReleaseStore, manifest: dict[str, Any]) -> str:
    """Put a manifest into the store under its own digest, as somebody with access to the folder could."""
    content = canonical_bytes(manifest)
    digest = sha256_digest(content)
    _blob(store, digest).write_bytes(content)
    return digest


def _manifest(release: Release) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(release.manifest)
    return document


# --- what is saved is read back


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}(/[A-Za-z0-9][A-Za-z0-9._-]{0,6})?", fullmatch=True),
        st.binary(max_size=50),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_saved_is_read_back(store: ReleaseStore, files: dict[str, bytes]) -> None:
    """A release comes back by its digest with the same files, byte for byte."""
    saved = store.save(files)

    loaded = store.load(saved.digest)

    assert loaded == saved
    assert {layer.title: store.read(loaded, layer.title) for layer in loaded.layers} == files


def test_saving_again_changes_nothing(store: ReleaseStore) -> None:
    """The same files are the same release, kept once."""
    first = store.save(_FILES)
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*") if path.name != ".lock"}
    before.pop(store.path / "oci-layout")

    assert store.save(_FILES) == first
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_release_that_is_not_there(store: ReleaseStore) -> None:
    """A digest that the store does not hold is refused as missing."""
    digest = "sha256:" + "0" * 64

    assert not store.holds(digest)
    with pytest.raises(CorruptReleaseError, match=f"{digest} is missing"):
        store.load(digest)


@pytest.mark.parametrize("text", ["", "latest", "sha256:abc", "../../etc/passwd", "SHA256:" + "0" * 64])
def test_what_is_no_digest_is_refused(store: ReleaseStore, text: str) -> None:
    """Anything but a whole digest is refused before any file is touched."""
    with pytest.raises(TollgateError, match="is not a release digest, which is `sha256:` and 64 hex digits"):
        store.load(text)


def test_the_layout_is_one_that_others_can_read(store: ReleaseStore) -> None:
    """It is an OCI image layout: a version file, an index that names each manifest, blobs by their digest."""
    release = store.save(_FILES)

    layout = json.loads((store.path / "oci-layout").read_bytes())
    (entry,) = json.loads((store.path / "index.json").read_bytes())["manifests"]
    assert layout == {"imageLayoutVersion": "1.0.0"}
    assert (entry["digest"], entry["size"]) == (release.digest, len(release.manifest))
    for path in (store.path / "blobs" / "sha256").iterdir():
        assert sha256_digest(path.read_bytes()) == f"sha256:{path.name}"


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="skopeo is not installed")
def test_skopeo_reads_it(store: ReleaseStore) -> None:
    """Skopeo finds the manifest by its reference name, byte for byte."""
    release = store.save(_FILES)

    told = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{store.path}:{release.digest[7:19]}"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert told.stdout == release.manifest


# --- what was damaged is refused, and saving repairs it


def _altered(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _renamed(path: Path) -> None:
    path.rename(path.with_name("0" * 64))


def _replaced(path: Path) -> None:
    path.unlink()
    path.mkdir()


_DAMAGE: list[Callable[[Path], None]] = [_altered, _truncated, _emptied, _renamed, _replaced, Path.unlink]


@pytest.mark.parametrize("damage", _DAMAGE, ids=lambda damage: damage.__name__.strip("_"))
@pytest.mark.parametrize("which", ["the manifest", *_FILES])
def test_a_damaged_blob_is_refused_until_it_is_saved_again(
    store: ReleaseStore, which: str, damage: Callable[[Path], None]
) -> None:
    """Whatever happens to any file of a release, it is not used; building the same again mends it."""
    release = store.save(_FILES)
    digest = release.digest if which == "the manifest" else release.layer(which).digest
    damage(_blob(store, digest))

    with pytest.raises(
        CorruptReleaseError, match=f"the release store is damaged: {digest} (was altered|is miss|cannot)"
    ):
        store.load(release.digest)
    if damage is _replaced:
        _blob(store, digest).rmdir()  # a folder in a blob's place is somebody's, so it is theirs to remove
    assert store.save(_FILES) == release
    assert store.load(release.digest) == release


@pytest.mark.parametrize("damage", _DAMAGE[:3], ids=lambda damage: damage.__name__.strip("_"))
def test_a_damaged_index_is_refused_until_it_is_saved_again(
    store: ReleaseStore, damage: Callable[[Path], None]
) -> None:
    """The index is made again from the manifests that are whole, with everything that was attached."""
    release = store.save(_FILES)
    store.attach(release.digest, _KIND, {"note": 1})
    store.attach(release.digest, _KIND, {"note": 2})
    damage(store.path / "index.json")

    with pytest.raises(CorruptReleaseError, match=r"index\.json is (not JSON|no image index)"):
        store.attached(release.digest, _KIND)
    store.save(_FILES)
    assert sorted(note["note"] for note in store.attached(release.digest, _KIND)) == [1, 2]


def test_a_lost_index_is_made_again(store: ReleaseStore) -> None:
    """Without its index the store says of nothing that it is attached; the next save finds all of it again."""
    release = store.save(_FILES)
    store.attach(release.digest, _KIND, {"note": 1})
    (store.path / "index.json").unlink()

    assert store.attached(release.digest, _KIND) == ()
    store.save({"other": b"1"})
    assert store.attached(release.digest, _KIND) == ({"note": 1},)


@pytest.mark.parametrize(
    "index",
    [
        b"[]",
        b"{}",
        b'{"manifests": {}}',
        b'{"manifests": ["one"]}',
        b'{"manifests": [{"artifactType": "application/vnd.tollgate.note.v1+json"}]}',
        b'{"manifests": [{"artifactType": "application/vnd.tollgate.note.v1+json", "digest": 5}]}',
        b"[" * 100_000,
    ],
)
def test_an_index_that_is_none_is_refused(store: ReleaseStore, index: bytes) -> None:
    """JSON of another shape in the index's place is damage, told in a sentence."""
    release = store.save(_FILES)
    (store.path / "index.json").write_bytes(index)

    with pytest.raises(CorruptReleaseError, match="the release store is damaged"):
        store.attached(release.digest, _KIND)


# --- what was never a release is refused


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda manifest: manifest | {"artifactType": "application/vnd.other"},
            "is no release manifest in its one",
        ),
        (lambda manifest: manifest | {"annotations": {"by": "mallory"}}, "is no release manifest in its one"),
        (
            lambda manifest: {**manifest, "layers": manifest["layers"][::-1]},
            "is no release manifest in its one",
        ),
        (
            lambda manifest: {**manifest, "layers": manifest["layers"] + manifest["layers"][-1:]},
            "is no release man",
        ),
        (lambda manifest: {**manifest, "layers": "none"}, "is no release manifest"),
        (lambda manifest: {**manifest, "layers": [{}]}, "is no release manifest"),
        (lambda manifest: {**manifest, "layers": [5]}, "is no release manifest"),
        (
            lambda manifest: {**manifest, "layers": [manifest["layers"][0] | {"digest": 5}]},
            "is no release manifest",
        ),
        (
            lambda manifest: {**manifest, "layers": [manifest["layers"][0] | {"size": "4"}]},
            "is no release manifest",
        ),
        (
            lambda manifest: {**manifest, "layers": [manifest["layers"][0] | {"size": 5}]},
            "has another size than its",
        ),
        (lambda manifest: {"schemaVersion": 2}, "is no release manifest"),
    ],
    ids=[
        "another type",
        "something beside",
        "another order",
        "a file twice",
        "no layers",
        "empty layer",
        "layer is no object",
        "digest is a number",
        "size is a string",
        "another size",
        "nothing of it",
    ],
)
def test_a_manifest_that_is_no_release_is_refused(store: ReleaseStore, change: Any, sentence: str) -> None:
    """Whatever a manifest says that a release's would not, the release is refused, although its digest fits."""
    digest = _plant(store, change(_manifest(store.save(_FILES))))

    with pytest.raises(CorruptReleaseError, match=sentence):
        store.load(digest)


def test_a_name_twice_is_refused(store: ReleaseStore) -> None:
    """Two files of one name would let what is checked be another one than what is deployed."""
    release = store.save({"a": b"checked", "b": b"deployed"})
    manifest = _manifest(release)
    manifest["layers"][1]["annotations"] = manifest["layers"][0]["annotations"]

    with pytest.raises(CorruptReleaseError, match="is no release manifest in its one spelling"):
        store.load(_plant(store, manifest))


@pytest.mark.parametrize(
    "title", ["../up", "/etc/x", "a/../b", ".hidden", "a//b", "a/", "a\\b", "a b", "", "a\n", "é"]
)
def test_an_unsafe_name_is_refused(store: ReleaseStore, title: str) -> None:
    """A file whose name could leave the folder it is unpacked into is neither read nor written."""
    release = store.save(_FILES)
    manifest = _manifest(release)
    manifest["layers"] = [manifest["layers"][1] | {"annotations": {"org.opencontainers.image.title": title}}]

    with pytest.raises(CorruptReleaseError, match="holds a file with the unsafe name"):
        store.load(_plant(store, manifest))
    with pytest.raises(TollgateError, match="cannot hold a file called"):
        store.save({title: b"1"})


# --- attached documents


def test_attached_documents_come_back_oldest_first(store: ReleaseStore) -> None:
    """Documents are found by what they are about and of which kind they are, in the order in which they came."""
    release, other = store.save(_FILES), store.save({"other": b"1"})
    for number in (3, 1, 2):
        store.attach(release.digest, _KIND, {"note": number})
    store.attach(release.digest, "application/vnd.other+json", {"note": 4})
    store.attach(other.digest, _KIND, {"note": 5})

    assert [document["note"] for document in store.attached(release.digest, _KIND)] == [3, 1, 2]


def test_an_altered_document_is_refused(store: ReleaseStore) -> None:
    """A result that somebody changed after it was attached is not read."""
    release = store.save(_FILES)
    store.attach(release.digest, _KIND, {"result": "FAILED"})
    forged = next(path for path in (store.path / "blobs/sha256").iterdir() if b"FAILED" in path.read_bytes())
    forged.write_bytes(forged.read_bytes().replace(b"FAILED", b"PASSED"))

    with pytest.raises(CorruptReleaseError, match="was altered: its content no longer has this digest"):
        store.attached(release.digest, _KIND)


def test_nothing_is_attached_to_what_is_not_there(store: ReleaseStore) -> None:
    """A result about a release that the store does not hold is refused."""
    with pytest.raises(CorruptReleaseError, match="is missing"):
        store.attach("sha256:" + "0" * 64, _KIND, {"note": 1})


# --- many writers


_SAVER = """
import sys
from pathlib import Path
from pipeline.stores.releases import ReleaseStore

store, name = ReleaseStore(Path(sys.argv[1])), sys.argv[2]
sys.stdin.readline()
for number in range(5):
    release = store.save({"same": b"for all", "own": f"{name} {number}".encode()})
    store.attach(release.digest, sys.argv[3], {"by": name, "number": number})
    print(release.digest)
"""


def test_many_processes_save_and_nothing_is_lost(store: ReleaseStore) -> None:
    """Releases saved at the same moment are all there afterwards, with all that was attached to them."""
    savers = [
        subprocess.Popen(
            [sys.executable, "-c", _SAVER, str(store.path), f"saver {number}", _KIND],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for saver in savers:
        assert saver.stdin is not None
        saver.stdin.write("go\n")
        saver.stdin.flush()
    digests = []
    for saver in savers:
        stdout, stderr = saver.communicate(timeout=120)
        assert saver.returncode == 0, stderr
        digests += stdout.split()

    assert len(set(digests)) == 15
    for digest in digests:
        assert store.load(digest).digest == digest
        assert len(store.attached(digest, _KIND)) == 1


# --- trouble with the disk


def test_a_full_disk_leaves_the_store_as_it_was(small_disk: Path) -> None:
    """Where a release does not fit, one sentence says so; what was there is whole, and nothing half is left."""
    store = ReleaseStore(small_disk / "releases")
    kept = store.save(_FILES)
    index = (store.path / "index.json").read_bytes()

    with pytest.raises(TollgateError, match="cannot be written: No space left on device"):
        store.save({"lambda.zip": os.urandom(300 * 1024)})

    assert store.load(kept.digest) == kept
    assert (store.path / "index.json").read_bytes() == index
    assert not [path for path in store.path.rglob(".*") if path.name != ".lock"]


def test_a_disk_without_a_single_free_byte_is_a_sentence(small_disk: Path) -> None:
    """Not even the lock's own record fits: that too is said, and the store is as it was."""
    store = ReleaseStore(small_disk / "releases")
    kept = store.save(_FILES)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)

    with pytest.raises(TollgateError, match="No space left on device"):
        store.save({"other": b"1"})
    with pytest.raises(TollgateError, match="No space left on device"):
        ReleaseStore(small_disk / "new").save(_FILES)
    assert store.load(kept.digest) == kept


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    """Where the store's folder cannot be made, the sentence names it."""
    (tmp_path / "releases").write_text("")

    with pytest.raises(TollgateError, match=r"the release store .*releases cannot be written"):
        ReleaseStore(tmp_path / "releases").save(_FILES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; the full disk stands for this")
def test_a_folder_without_permission_is_a_sentence(store: ReleaseStore) -> None:
    """Where the store may not be written, the sentence says so and it is as it was."""
    kept = store.save(_FILES)
    (store.path / "blobs" / "sha256").chmod(0o500)

    with pytest.raises(TollgateError, match="cannot be written: Permission denied"):
        store.save({"other": b"1"})
    assert store.load(kept.digest) == kept
