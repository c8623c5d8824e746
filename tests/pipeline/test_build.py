"""Building in a small project: what goes into the package, what synthesis must have written, and each sentence."""

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.build.package import build_package, zip_files
from pipeline.build.synth import read_stacks, synthesize, synthesize_whole
from pipeline.model.errors import TollgateError, UsageError
from pipeline.settings import Project

_STACK: dict[str, Any] = {"terraform": {"backend": {"s3": {}}}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package's source with what editors and tools leave in it."""
    source = tmp_path / "payments"
    for name in ("__init__.py", "deep/module.py", "schema.json", "notes.txt", "__pycache__/x.py", "x.pyc"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    return source


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """A requirement file that asks for nothing."""
    path = tmp_path / "requirements.txt"
    path.write_text("")
    return path


def _keep(cache: Path, requirements: Path, files: dict[str, bytes]) -> None:
    """Put dependencies into the cache as if they had been installed before."""
    build_package(_some_source(cache), requirements, "3.13", cache)
    (kept,) = cache.glob("lambda-*")
    for name, content in files.items():
        path = kept / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _some_source(cache: Path) -> Path:
    source = cache.parent / "some" / "source"
    source.mkdir(parents=True)
    (source / "x.py").write_text("")
    return source


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """An empty cache."""
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def _names(package: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(package)).namelist()


# --- the package


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?\.py", fullmatch=True), st.binary(max_size=30))
)
def test_a_zip_depends_on_nothing_but_its_files(files: dict[str, bytes]) -> None:
    """The same files in another order are the same bytes, and each is read back with a plain mode and no date."""
    package = zip_files(files)

    assert zip_files(dict(reversed(files.items()))) == package
    archive = zipfile.ZipFile(io.BytesIO(package))
    assert {name: archive.read(name) for name in archive.namelist()} == files
    assert archive.namelist() == sorted(files)
    assert {(entry.date_time, entry.external_attr >> 16) for entry in archive.infolist()} <= {
        ((1980, 1, 1, 0, 0, 0), 0o100644)
    }


def test_only_code_and_data_are_packaged(source: Path, requirements: Path, cache: Path) -> None:
    """Python and JSON files go in, below the package's name; what tools and editors leave does not."""
    package = build_package(source, requirements, "3.13", cache)

    assert _names(package) == ["payments/__init__.py", "payments/deep/module.py", "payments/schema.json"]


def test_neither_modes_nor_times_matter(source: Path, requirements: Path, cache: Path) -> None:
    """The bytes are the same after a touch and another umask."""
    before = build_package(source, requirements, "3.13", cache)
    (source / "deep" / "module.py").chmod(0o600)
    os.utime(source / "schema.json", (1, 1))

    assert build_package(source, requirements, "3.13", cache) == before


def test_of_dependencies_only_the_dependency_is_packaged(
    source: Path, requirements: Path, cache: Path
) -> None:
    """Their code, their name and their licence go in; what says how they were installed does not."""
    files = {
        "lib/__init__.py": b"",
        "lib-1.0.dist-info/METADATA": b"Name: lib",
        "lib-1.0.dist-info/licenses/LICENSE": b"free",
        "lib-1.0.dist-info/RECORD": b"paths",
        "lib-1.0.dist-info/INSTALLER": b"uv",
        "bin/tool": b"#!/here/python",
        "lib/__pycache__/x.cpython-313.pyc": b"",
    }
    _keep(cache, requirements, files)

    names = [
        name for name in _names(build_package(source, requirements, "3.13", cache)) if "payments" not in name
    ]

    assert names == ["lib-1.0.dist-info/METADATA", "lib-1.0.dist-info/licenses/LICENSE", "lib/__init__.py"]


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"lib/fast.cpython-313-x86_64-linux-gnu.so": b""}, "the dependency file lib/fast.* is compiled"),
        (
            {"payments/__init__.py": b""},
            "a dependency brings the file payments/__init__.py, which is also ours",
        ),
        (
            {"lib/data.bin": b"0" * 9_000_000},
            r"the Lambda package has 9,\d+,\d+ bytes; at most 8,388,608 are allowed",
        ),
    ],
)
def test_a_dependency_that_cannot_be_packaged_is_named(
    source: Path, requirements: Path, cache: Path, files: dict[str, bytes], sentence: str
) -> None:
    """Compiled code, a file of ours, or too much of it is refused with which."""
    _keep(cache, requirements, files)

    with pytest.raises(TollgateError, match=sentence):
        build_package(source, requirements, "3.13", cache)


def test_a_requirement_without_a_hash_is_refused(source: Path, requirements: Path, cache: Path) -> None:
    """A dependency that is not locked by its hash is not installed, and nothing of it is kept."""
    requirements.write_text("fastjsonschema==2.22.3\n")

    with pytest.raises(TollgateError, match="the Lambda package's dependencies cannot be installed"):
        build_package(source, requirements, "3.13", cache)
    assert list(cache.iterdir()) == []


def test_a_missing_requirement_file_is_named(source: Path, tmp_path: Path, cache: Path) -> None:
    """Without the lock there is no package."""
    with pytest.raises(TollgateError, match=r"gone.txt cannot be read: No such file"):
        build_package(source, tmp_path / "gone.txt", "3.13", cache)


def test_a_missing_source_is_named(requirements: Path, tmp_path: Path, cache: Path) -> None:
    """Without code there is no package."""
    with pytest.raises(TollgateError, match="gone holds no Python files, so there is nothing to package"):
        build_package(tmp_path / "gone", requirements, "3.13", cache)


# --- the stacks


def _write(out: Path, content: bytes, environment: str = "dev") -> None:
    path = out / "stacks" / f"tiny-{environment}" / "cdk.tf.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def test_stacks_are_read_as_they_were_written(tmp_path: Path) -> None:
    """The bytes that synthesis wrote are the bytes that are released."""
    content = json.dumps(_STACK, indent=7).encode()
    _write(tmp_path, content)

    assert read_stacks(tmp_path, "tiny", ("dev",)) == {"dev": content}


def test_a_missing_stack_is_named(tmp_path: Path) -> None:
    """An environment without a stack is named, with where it must be."""
    _write(tmp_path, json.dumps(_STACK).encode())

    with pytest.raises(TollgateError, match="synthesis wrote no stack for prod") as refused:
        read_stacks(tmp_path, "tiny", ("dev", "prod"))
    assert refused.value.hint == "it must write stacks/tiny-prod/cdk.tf.json"


@pytest.mark.parametrize(
    ("stack", "sentence"),
    [
        (b"not JSON", "the stack for dev is not JSON"),
        (b"\xff", "the stack for dev is not JSON"),
        (b"[]", "the stack for dev brings a backend of its own"),
        (b"{}", "the stack for dev brings a backend of its own"),
        (b'{"terraform": []}', "the stack for dev brings a backend of its own"),
        (b'{"terraform": {"backend": {"local": {}}}}', "the stack for dev brings a backend of its own"),
        (
            b'{"terraform": {"backend": {"s3": {"bucket": "mine"}}}}',
            "the stack for dev brings a backend of its own",
        ),
    ],
)
def test_a_stack_that_decides_where_its_state_is_is_refused(
    tmp_path: Path, stack: bytes, sentence: str
) -> None:
    """Only an empty S3 backend leaves it to the pipeline where the state is; anything else is refused."""
    _write(tmp_path, stack)

    with pytest.raises(TollgateError, match=sentence):
        read_stacks(tmp_path, "tiny", ("dev",))


def test_a_failing_synthesis_speaks_for_itself(tmp_path: Path) -> None:
    """The program's own last words are in the message."""
    command = ("{python}", "-c", "raise SystemExit('the queue has no name')")

    with pytest.raises(TollgateError, match="synthesis failed:\nthe queue has no name"):
        synthesize(command, tmp_path, tmp_path / "out")


def test_synthesis_sees_nothing_that_differs_between_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regions, accounts and settings in the caller's environment cannot change what is synthesized."""
    for name in ("AWS_REGION", "CDKTF_CONTEXT_JSON", "TOLLGATE_TARGET", "ENVIRONMENT", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    code = "import os; assert 'secret' not in os.environ.values(), os.environ"

    synthesize(("{python}", "-c", code), tmp_path, tmp_path / "out")


def _project(root: Path, code: str) -> Project:
    plain: dict[str, Any] = dict.fromkeys(
        ("package_source", "package_requirements", "provider_lock", "smoke_checks"), root
    )
    return Project(
        root=root,
        name="tiny",
        synth=(sys.executable, "-c", code, "{out}"),
        bootstrap=("true",),
        package_python="3.13",
        checks=(),
        **plain,
    )


def test_synthesis_into_a_file_is_refused(tmp_path: Path) -> None:
    """A file in the place of the folder is not overwritten."""
    (tmp_path / "out").write_text("mine")

    with pytest.raises(UsageError, match="out is a file; a folder is needed"):
        synthesize_whole(_project(tmp_path, "pass"), ("dev",), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_synthesis_that_wrote_too_little_is_refused(tmp_path: Path) -> None:
    """A program that ends well and writes nothing did not synthesize."""
    with pytest.raises(TollgateError, match="synthesis wrote no stack for dev"):
        synthesize_whole(_project(tmp_path, "pass"), ("dev",), tmp_path / "out")
