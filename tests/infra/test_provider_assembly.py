"""The small assembly: the same stacks as the whole one, made once, never trusted when damaged."""

import io
import json
import os
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra import providers
from infra.errors import InfraError
from infra.node import MODE_VARIABLE
from infra.provider_assembly import assembly_of, trimmed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A package of two submodules, laid out like the real one."""
    description = {
        "name": "@cdktf/provider-aws",
        "submodules": {
            f"@cdktf/provider-aws.{name}": {"symbolId": f"src/{folder}/index:"}
            for name, folder in (("kmsKey", "kms-key"), ("s3Bucket", "s3-bucket"))
        },
        "types": {
            "@cdktf/provider-aws.kmsKey.KmsKey": {"kind": "class"},
            "@cdktf/provider-aws.s3Bucket.S3Bucket": {"kind": "class", "docs": 'é, ] and } in " text'},
        },
        "version": "1",
    }
    files = {
        "package/.jsii": json.dumps(description, indent=2),
        "package/package.json": "{}",
        "package/lib/index.js": "all of it",
        "package/lib/kms-key/index.js": "key",
        "package/lib/s3-bucket/index.js": "bucket",
    }
    path = tmp_path / "whole.tgz"
    with tarfile.open(path, "w:gz") as package:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            package.addfile(member, io.BytesIO(text.encode()))
    return path


def unpacked(content: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        return {
            member.name: stream.read().decode()
            for member in package
            if (stream := package.extractfile(member)) is not None
        }


def test_holds_what_is_used_and_nothing_else(source: Path) -> None:
    """Only the namespaces asked for are kept: their types, their submodule, their code."""
    files = unpacked(trimmed(source, {"s3Bucket"}))
    description = json.loads(files["package/.jsii"])

    assert list(description["types"]) == ["@cdktf/provider-aws.s3Bucket.S3Bucket"]
    assert list(description["submodules"]) == ["@cdktf/provider-aws.s3Bucket"]
    assert description["version"] == "1"
    assert sorted(files) == [
        "package/.jsii",
        "package/lib/index.js",
        "package/lib/s3-bucket/index.js",
        "package/package.json",
    ]
    assert files["package/lib/index.js"] == '"use strict";\nexports.s3Bucket = require("./s3-bucket");\n'


def test_bytes_depend_on_the_namespaces_alone(source: Path) -> None:
    """The same namespaces give the same bytes, in whatever order they come."""
    assert trimmed(source, {"s3Bucket", "kmsKey"}) == trimmed(source, {"kmsKey", "s3Bucket"})


def test_unknown_namespace_is_refused(source: Path) -> None:
    """A namespace that the package does not hold is refused with the way out."""
    with pytest.raises(InfraError, match="not packaged as expected: no namespace gone") as refused:
        trimmed(source, {"gone"})

    assert "TOLLGATE_PROVIDER_ASSEMBLY=whole" in refused.value.hint


@pytest.mark.parametrize("size", [0, 10, 200])
def test_damaged_package_is_refused(source: Path, size: int) -> None:
    """A package that ends too early is refused, not half used."""
    source.write_bytes(source.read_bytes()[:size])

    with pytest.raises(InfraError, match="not packaged as expected"):
        trimmed(source, {"s3Bucket"})


BINDINGS = "fake_bindings"
PACKAGED = "whole.tgz"
NAMESPACES = frozenset({"kmsKey"})


@pytest.fixture
def bindings(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package, installed as a wheel would be."""
    site = tmp_path / "site"
    (site / BINDINGS / "_jsii").mkdir(parents=True)
    (site / BINDINGS / "__init__.py").touch()
    (site / BINDINGS / "_jsii" / "__init__.py").touch()
    source.rename(site / BINDINGS / "_jsii" / PACKAGED)
    info = site / "fake_bindings-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-bindings\nVersion: 1\n")
    (info / "RECORD").write_text(f"{BINDINGS}/_jsii/{PACKAGED},sha256=one,1\n")
    monkeypatch.syspath_prepend(site)
    for name in (BINDINGS, f"{BINDINGS}._jsii"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return site


class TestCache:
    """What is kept between runs."""

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A cache of this test's own."""
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return tmp_path / "cache" / "tollgate" / "provider-assembly"

    @pytest.fixture
    def content(self, bindings: Path) -> bytes:
        """What a run should get."""
        return trimmed(bindings / BINDINGS / "_jsii" / PACKAGED, NAMESPACES)

    def read(self) -> bytes:
        """What a run gets."""
        with assembly_of(BINDINGS, PACKAGED, NAMESPACES) as path:
            return path.read_bytes()

    def test_is_filled_once(self, bindings: Path, cache: Path, content: bytes) -> None:
        """The first run makes the assembly; the second finds it and does not look into the package."""
        assert self.read() == content

        (bindings / BINDINGS / "_jsii" / PACKAGED).unlink()
        assert self.read() == content
        assert len(list(cache.iterdir())) == 1

    def test_other_namespaces_are_another_entry(self, bindings: Path, cache: Path) -> None:
        """A new resource makes a new entry by itself."""
        self.read()
        with assembly_of(BINDINGS, PACKAGED, {"s3Bucket"}):
            pass

        assert len(list(cache.iterdir())) == 2

    @pytest.mark.parametrize(
        ("file", "old", "new"), [("METADATA", "Version: 1\n", "Version: 2\n"), ("RECORD", "one", "two")]
    )
    def test_other_wheel_is_another_entry(
        self, bindings: Path, cache: Path, file: str, old: str, new: str
    ) -> None:
        """Another version, or the same one with other content, is not served what the first one left."""
        self.read()
        path = bindings / "fake_bindings-1.dist-info" / file
        path.write_text(path.read_text().replace(old, new))
        self.read()

        assert len(list(cache.iterdir())) == 2

    @pytest.mark.parametrize("damage", [b"", b"garbage", None])
    def test_damaged_entry_is_made_again(self, cache: Path, content: bytes, damage: bytes | None) -> None:
        """An entry that is empty, torn or changed is not used."""
        self.read()
        (entry,) = cache.iterdir()
        entry.write_bytes(entry.read_bytes()[:-1] if damage is None else damage)

        assert self.read() == content

    def test_half_written_entry_is_never_seen(self, cache: Path, content: bytes) -> None:
        """What a killed run left half written has no name that anybody looks for."""
        cache.mkdir(parents=True, mode=0o700)
        (cache / ".making-x").write_bytes(b"half")

        assert self.read() == content

    def test_many_at_once_agree(self, cache: Path, content: bytes) -> None:
        """Runs that start together all get the assembly, and leave one entry."""
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda _: self.read(), range(4)))

        assert read == [content] * 4
        assert len(list(cache.iterdir())) == 1

    def test_folder_open_to_others_is_not_used(self, cache: Path, content: bytes) -> None:
        """Code is not taken from a folder into which somebody else may put it."""
        cache.mkdir(parents=True)
        cache.chmod(0o777)

        assert self.read() == content
        assert not list(cache.iterdir())

    def test_missing_home_is_no_reason_to_fail(self, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there can be no cache, each run makes its own."""
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")

        assert self.read() == content


def test_stacks_are_the_same_bytes(synthesized: Path, tmp_path: Path) -> None:
    """With the packaged assembly, jsii's own start and the classes' own checks, the very same bytes come out."""
    whole = tmp_path / "whole"
    subprocess.run(
        [sys.executable, "-m", "infra.main", "--out", whole],
        cwd=ROOT,
        env={**os.environ, MODE_VARIABLE: "whole"},
        check=True,
        timeout=300,
    )

    def content(out: Path) -> dict[str, bytes]:
        return {
            path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()
        }

    assert content(whole) == content(synthesized)


def test_only_used_submodules_are_imported() -> None:
    """The bindings' other two thousand submodules are never imported."""
    assert 0 < len(providers.bindings.used_namespaces()) < 60
    assert not [name for name in sys.modules if name.endswith(".ec2_fleet")]
