"""A release is its content: what changes its digest, what does not, and how it is spelled."""

import hashlib
import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.model.errors import TollgateError
from pipeline.model.release import Release, is_digest, short

_TITLES = st.from_regex(r"[a-z][a-z0-9.-]{0,8}(/[a-z][a-z0-9.-]{0,8})?", fullmatch=True)
_FILES = st.dictionaries(_TITLES, st.binary(max_size=40), min_size=1, max_size=6)


@given(_FILES, st.randoms(use_true_random=False))
def test_the_order_of_files_does_not_matter(files: dict[str, bytes], random: object) -> None:
    """The same files in any order are the same release."""
    shuffled = list(files.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis calls its Random an object

    assert Release.of(dict(shuffled)) == Release.of(files)


@given(_FILES, st.data())
def test_any_byte_changes_the_digest(files: dict[str, bytes], data: st.DataObject) -> None:
    """Flipping a bit, or adding a byte, anywhere makes another release."""
    title = data.draw(st.sampled_from(sorted(files)))
    content = files[title]
    position = data.draw(st.integers(0, len(content)))
    changed = bytearray(content + b"\0")
    changed[position] ^= data.draw(st.sampled_from([1, 2, 128]))

    assert Release.of(files | {title: bytes(changed)}).digest != Release.of(files).digest


@given(_FILES, _TITLES, st.data())
def test_any_title_changes_the_digest(files: dict[str, bytes], title: str, data: st.DataObject) -> None:
    """The same bytes under another name are another release."""
    assume(title not in files)
    renamed = dict(files)
    renamed[title] = renamed.pop(data.draw(st.sampled_from(sorted(files))))

    assert Release.of(renamed).digest != Release.of(files).digest


@given(_FILES, st.data())
def test_a_file_less_changes_the_digest(files: dict[str, bytes], data: st.DataObject) -> None:
    """Leaving a file out makes another release."""
    gone = data.draw(st.sampled_from(sorted(files)))
    rest = {title: content for title, content in files.items() if title != gone}

    assert Release.of(rest).digest != Release.of(files).digest


@given(_FILES)
def test_the_digest_is_of_the_manifest(files: dict[str, bytes]) -> None:
    """The id is the SHA-256 of exactly the bytes that the store keeps as the manifest."""
    release = Release.of(files)

    assert release.digest == "sha256:" + hashlib.sha256(release.manifest).hexdigest()


@given(_FILES)
def test_the_manifest_has_one_spelling(files: dict[str, bytes]) -> None:
    """Keys are sorted, nothing is spaced, and each layer names its file, size and digest, sorted by title."""
    manifest = Release.of(files).manifest
    document = json.loads(manifest)

    assert manifest == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert [
        (layer["annotations"]["org.opencontainers.image.title"], layer["size"], layer["digest"])
        for layer in document["layers"]
    ] == [
        (title, len(content), "sha256:" + hashlib.sha256(content).hexdigest())
        for title, content in sorted(files.items())
    ]


def test_the_digest_of_a_known_release_stays_what_it_was() -> None:
    """A change of how releases are spelled would rename every release that ledgers name: it shows here."""
    release = Release.of(
        {"lambda.zip": b"code", "smoke.json": b"{}", "stacks/payments-dev/cdk.tf.json": b"{}"}
    )

    assert release.digest == "sha256:56d741c3f7b966d51230017a465b63f9faa637cba72c3b15a5b5af3f07f49fa8"


def test_a_layer_is_found_by_its_title() -> None:
    """A file of the release is there under its name, with its size."""
    assert Release.of({"a": b"12", "b": b"345"}).layer("b").size == 3


def test_a_missing_layer_is_a_sentence() -> None:
    """Asking for a file that a release does not hold names both."""
    release = Release.of({"a": b"1"})

    with pytest.raises(TollgateError, match=f"release {short(release.digest)} holds no smoke.json"):
        release.layer("smoke.json")


def test_environments_are_read_from_the_stacks() -> None:
    """A release can go where it has a stack for, and nowhere else."""
    release = Release.of(
        {
            "stacks/payments-prod/cdk.tf.json": b"{}",
            "stacks/payments-dev/cdk.tf.json": b"{}",
            "stacks/payments-dev/cdk.tf.json.bak": b"{}",
            "lambda.zip": b"",
        }
    )

    assert release.environments == ("dev", "prod")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sha256:" + "a" * 64, True),
        ("sha256:" + "A" * 64, False),
        ("sha256:" + "a" * 63, False),
        ("sha256:" + "a" * 64 + "\n", False),
        ("sha512:" + "a" * 64, False),
        ("a" * 64, False),
        ("", False),
    ],
)
def test_only_one_spelling_is_a_digest(text: str, expected: bool) -> None:
    """A digest is `sha256:` and 64 lower-case hex digits, and nothing around them."""
    assert is_digest(text) is expected


def test_people_read_twelve_digits() -> None:
    """The short form is the first twelve hex digits."""
    assert short("sha256:" + "0123456789abcdef" * 4) == "0123456789ab"
