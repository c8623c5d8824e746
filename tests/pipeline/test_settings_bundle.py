"""Settings as one thing: what belongs to it, its one spelling, and a folder that holds exactly it."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model.canonical import canonical_bytes
from pipeline.settings import SettingsError, load_environments, load_project
from pipeline.settings.bundle import Bundle

_ROOT = Path(__file__).resolve().parents[2]
_FILES = {
    "tollgate.toml": b"name = 'tiny'\n",
    "noxfile.py": b"# sessions\n",
    "requirements/policies.txt": b"checkov==1\n",
    "environments/dev.toml": b"order = 1\n",
    "environments/lock.hcl": b"\xff\x00 no text",
    "policies/__init__.py": b"",
    "policies/gate/rule.py": b"RULE = 1\n",
}
_BUNDLE = Bundle(_FILES)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with settings, sources and what tools leave behind."""
    for name, content in {
        **_FILES,
        "app/main.py": b"",
        "pyproject.toml": b"",
        "requirements/dev.txt": b"",
        "policies/__pycache__/rule.cpython-311.pyc": b"compiled",
        "policies/gate/rule.pyc": b"compiled",
    }.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "tree"


# --- what belongs to it


def test_settings_are_what_decides_and_nothing_else(tree: Path) -> None:
    """Sources, other locks and compiled Python are no settings."""
    assert dict(Bundle.read(tree).files) == _FILES


def test_a_project_may_lack_most_of_it(tmp_path: Path) -> None:
    """A project without policies or a noxfile has fewer settings."""
    (tmp_path / "tollgate.toml").write_bytes(b"x = 1\n")

    assert dict(Bundle.read(tmp_path).files) == {"tollgate.toml": b"x = 1\n"}


def test_in_a_git_checkout_ignored_files_are_none(tree: Path) -> None:
    """What git ignores is on this machine only; what it would add counts, what is deleted does not."""
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", str(tree), *command], check=True)
    (tree / ".gitignore").write_text("environments/mine.toml\n")
    (tree / "environments" / "mine.toml").write_text("order = 9\n")
    (tree / "environments" / "new.toml").write_text("order = 2\n")
    (tree / "noxfile.py").unlink()

    expected = {**_FILES, "environments/new.toml": b"order = 2\n"}
    del expected["noxfile.py"]
    assert dict(Bundle.read(tree).files) == expected


@pytest.mark.parametrize("in_git", [True, False])
@pytest.mark.parametrize("name", ["tollgate.toml", "policies/gate/rule.py", "policies/gate", "environments"])
def test_a_link_is_refused(tree: Path, tmp_path: Path, name: str, in_git: bool) -> None:
    """What lies elsewhere can change unseen, so a linked file or folder is named and refused."""
    if in_git:
        subprocess.run(["git", "-C", str(tree), "init", "-q"], check=True)
    (tree / name).rename(tmp_path / "elsewhere")
    (tree / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError, match=f"{name}.* is a link or lies behind one"):
        Bundle.read(tree)


def test_a_name_that_not_every_machine_can_keep_is_refused(tree: Path) -> None:
    """Spaces, accents and the like are refused where they are read, not where they are unpacked."""
    (tree / "policies" / "my rule.py").write_text("")

    with pytest.raises(SettingsError, match=r"'policies/my rule.py' is no name for a settings file"):
        Bundle.read(tree)


def test_what_is_no_file_is_refused(tree: Path) -> None:
    """A pipe in a file's place would block whoever reads it."""
    (tree / "environments" / "dev.toml").unlink()
    os.mkfifo(tree / "environments" / "dev.toml")

    with pytest.raises(SettingsError, match=r"environments/dev.toml is no plain file"):
        Bundle.read(tree)


def test_too_much_is_refused(tree: Path) -> None:
    """Settings are written into the ledger, so a large file among them is a mistake."""
    (tree / "policies" / "data.bin").write_bytes(bytes(9_000_000))

    with pytest.raises(SettingsError, match=r"at most 8,388,608 can be pinned"):
        Bundle.read(tree)


# --- one spelling

_NAMES = st.sampled_from(
    [*_FILES, "policies/a.py", "policies/b/c.py", "environments/x.toml", "environments/.hidden"]
)
_BUNDLES = st.dictionaries(_NAMES, st.binary(max_size=30)).map(Bundle)


@settings(deadline=None)
@given(_BUNDLES)
def test_the_document_is_the_settings(bundle: Bundle) -> None:
    """What is read back from the document is the same, digest and document included."""
    again = Bundle.from_document(bundle.document)

    assert again == bundle
    assert (again.digest, again.document) == (bundle.digest, bundle.document)


@settings(deadline=None)
@given(_BUNDLES, _BUNDLES)
def test_the_digest_tells_settings_apart(one: Bundle, other: Bundle) -> None:
    """Two bundles have one digest exactly if they hold the same files, and only then nothing differs."""
    assert (one.digest == other.digest) == (one.files == other.files)
    assert (one.differences(other) == ()) == (one.files == other.files)


def test_the_document_can_be_read_by_people() -> None:
    """Text stands there as text; what is no text is marked as base64."""
    document = json.loads(_BUNDLE.document)

    assert document["noxfile.py"] == "# sessions\n"
    assert document["environments/lock.hcl"] == {"base64": "/wAgbm8gdGV4dA=="}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{",
        b"[" * 100_000,
        b'{"tollgate.toml":1}',
        b'{"tollgate.toml":null}',
        b'{"tollgate.toml": "x"}',
        b'{"tollgate.toml":"x"}\n',
        b'{"tollgate.toml":"x","noxfile.py":"y"}',
        b'{"tollgate.toml":"x","tollgate.toml":"y"}',
        b'{"tollgate.toml":"\\u0041"}',
        b'{"tollgate.toml":"\\ud800"}',
        b'{"tollgate.toml":{"base64":"/wA"}}',
        b'{"tollgate.toml":{"base64":"/wA\\n="}}',
        b'{"tollgate.toml":{"base64":"QQ=="}}',
        b'{"tollgate.toml":{"base64":"/wA=","more":1}}',
        b"\xff",
    ],
    ids=lambda document: repr(document[:40]),
)
def test_another_spelling_is_refused(document: bytes) -> None:
    """One digest has one document: nothing that merely means the same is read."""
    with pytest.raises(SettingsError, match="is not in its one spelling"):
        Bundle.from_document(document)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../tollgate.toml",
        "policies/../../x.py",
        "policies/./x.py",
        "policies//x.py",
        "policies/",
        "policies",
        "policies/x\x00.py",
        "policies\\x.py",
        "policies/é.py",
        "policies/__pycache__/x.py",
        "policies/x.pyc",
        "app/main.py",
        "Tollgate.toml",
        ".git/config",
    ],
)
def test_a_document_that_would_write_elsewhere_is_refused(name: str) -> None:
    """Only settings files are unpacked, and only where settings lie."""
    with pytest.raises(SettingsError, match="which is no settings file"):
        Bundle.from_document(canonical_bytes({name: "x"}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("policies/a.py", "policies/A.py"),
        ("policies/gate/a.py", "policies/Gate/b.py"),
        ("policies/gate", "policies/gate/a.py"),
    ],
)
def test_names_that_some_machines_cannot_tell_apart_are_refused(one: str, other: str) -> None:
    """Where capitals count for nothing, one file would hide the other."""
    with pytest.raises(SettingsError, match="which some machines cannot tell apart"):
        Bundle.from_document(canonical_bytes({one: "x", other: "y"}))


# --- what differs


def test_differences_are_said_file_by_file() -> None:
    """Seen from the pinned settings: what the other ones have more, less or otherwise."""
    files = {**_FILES, "environments/dev.toml": b"order = 2\n", "policies/x.py": b""}
    del files["policies/gate/rule.py"]

    assert _BUNDLE.differences(Bundle(files)) == (
        "environments/dev.toml differs",
        "policies/gate/rule.py was removed",
        "policies/x.py was added",
    )
    assert _BUNDLE.differences(_BUNDLE) == ()


# --- a folder that holds exactly it


def _lies_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_it_is_unpacked_below_its_digest(tmp_path: Path) -> None:
    """The folder is named by the digest, holds every file, and nothing else is left beside it."""
    place = _BUNDLE.unpack(tmp_path)

    assert place == tmp_path / _BUNDLE.digest.removeprefix("sha256:")
    assert _lies_in(place) == _FILES
    assert list(tmp_path.iterdir()) == [place]


def test_what_lies_there_unharmed_is_left_alone(tmp_path: Path) -> None:
    """A second use reads and writes nothing, so that a run at work keeps its files."""
    place = _BUNDLE.unpack(tmp_path)
    before = (place / "tollgate.toml").stat()

    assert _BUNDLE.unpack(tmp_path) == place
    assert (place / "tollgate.toml").stat() == before


def _alter(place: Path) -> None:
    (place / "environments" / "dev.toml").write_bytes(b"order = 9\n")


def _remove(place: Path) -> None:
    (place / "policies" / "gate" / "rule.py").unlink()


def _add(place: Path) -> None:
    (place / "policies" / "sitecustomize.py").write_text("x = 1\n")


def _compile(place: Path) -> None:
    (place / "policies" / "__pycache__").mkdir()
    (place / "policies" / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"other code")


def _empty_folder(place: Path) -> None:
    (place / "json").mkdir()


def _link(place: Path) -> None:
    (place / "noxfile.py").rename(place.parent / "noxfile.py")
    (place / "noxfile.py").symlink_to(place.parent / "noxfile.py")


def _link_folder(place: Path) -> None:
    shutil.copytree(place / "policies", place.parent / "others")
    shutil.rmtree(place / "policies")
    (place / "policies").symlink_to(place.parent / "others")


def _link_all(place: Path) -> None:
    place.rename(place.parent / "moved")
    place.symlink_to(place.parent / "moved")


def _file_instead(place: Path) -> None:
    shutil.rmtree(place)
    place.write_text("")


@pytest.mark.parametrize(
    "harm",
    [_alter, _remove, _add, _compile, _empty_folder, _link, _link_folder, _link_all, _file_instead],
    ids=lambda harm: harm.__name__.strip("_"),
)
def test_what_was_altered_there_is_written_anew(tmp_path: Path, harm: object) -> None:
    """Nothing that was changed, added or linked there since is ever used."""
    place = _BUNDLE.unpack(tmp_path)
    assert callable(harm)
    harm(place)

    assert _BUNDLE.unpack(tmp_path) == place
    assert not place.is_symlink()
    assert not any(path.is_symlink() for path in place.rglob("*"))
    assert _lies_in(place) == _FILES
    assert not (place / "json").exists()


# --- the repository's own


def test_the_repositorys_own_settings_work_from_where_they_are_unpacked(tmp_path: Path) -> None:
    """Project and environments are read from the bundle alone; sources stay those of the checkout."""
    place = Bundle.read(_ROOT).unpack(tmp_path)
    project = load_project(place, sources=_ROOT)

    assert load_environments(place / "environments").names == load_environments(_ROOT / "environments").names
    assert project.root == _ROOT
    assert project.provider_lock == place / "environments" / "terraform.lock.hcl"
    assert project.smoke_checks.is_file()
    for check in project.checks:
        root = place if check.settings else project.root
        assert all((root / name).exists() for name in check.inputs)


def test_every_file_that_the_policies_need_is_in_the_bundle(tmp_path: Path) -> None:
    """No module or data file of the policies is left out, so that they run from the bundle alone."""
    files = Bundle.read(_ROOT).files
    tracked = subprocess.run(
        ["git", "-C", str(_ROOT), "ls-files", "policies"], capture_output=True, text=True, check=True
    ).stdout.split()

    assert tracked
    assert set(tracked) <= set(files)
