"""Promotion by way of a registry: built on one machine, carried on another that shares neither disk nor sources."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.model.kinds import Kind
from pipeline.stores.releases import ReleaseStore
from tests.pipeline.registries import REPOSITORY, DockerRegistry, FakeRegistry, TestRegistry
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    """The real registry where it is installed, else the small one that stands in for it."""
    made: TestRegistry
    if shutil.which("docker-registry"):
        made = DockerRegistry(tmp_path_factory.mktemp("registry") / "registry")
    else:
        made = FakeRegistry(referrers_api=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared(registry: TestRegistry, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What two machines share: a registry, and a git repository for the ledger."""
    ledger = tmp_path_factory.mktemp("ledger") / "ledger.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(ledger)], check=True, timeout=60)
    return {
        "TOLLGATE_STORE": f"oci://{registry.host}/{REPOSITORY}",
        "TOLLGATE_LEDGER_REMOTE": str(ledger),
        "DOCKER_CONFIG": str(ledger.parent),
    }


@pytest.fixture(scope="module")
def builder(tiny: TinyProject, shared: dict[str, str]) -> TinyProject:
    """The machine that builds, with a release in its dev."""
    tiny.succeed("promote", "--to", "dev", **shared)
    return tiny


@pytest.fixture
def fresh(builder: TinyProject, tmp_path: Path) -> Iterator[TinyProject]:
    """A fresh clone elsewhere, which could not build if it had to."""
    project = TinyProject.make(tmp_path / "fresh")
    project.write("synth.py", "raise SystemExit('nothing is built here')\n")
    yield project
    if (project.home / "cloud").exists():
        project.close()
    else:
        project.service.close()


def _release(project: TinyProject) -> str:
    (candidate,) = (entry for entry in project.entries() if entry.kind is Kind.CANDIDATE)
    return str(candidate.body["release"])


def _give_keys(builder: TinyProject, fresh: TinyProject) -> None:
    """Let the clone sign with the machine keys that the ledger names, as a key service would let both."""
    shutil.copytree(builder.home / "keys", fresh.home / "keys")


def test_a_fresh_clone_goes_on_without_building(
    builder: TinyProject, fresh: TinyProject, shared: dict[str, str]
) -> None:
    """What one machine built and proved in dev, another one carries to prod, by its digest alone."""
    digest = _release(builder)
    _give_keys(builder, fresh)

    shown = json.loads(fresh.succeed("promote", "--release", digest, "--json", **shared))
    assert [(row["instance"], row["release"]) for row in shown["instances"]] == [
        ("dev", digest),
        ("prod", digest),
    ]
    fresh.succeed("approve", "prod", "--reason", "read it", "--go", **shared)

    assert fresh.serial("prod") > 0
    assert ReleaseStore(fresh.home / "releases").load(digest).digest == digest
    assert len([entry for entry in fresh.entries() if entry.kind is Kind.CANDIDATE]) == 1
    assert len([entry for entry in fresh.entries() if entry.kind is Kind.EVIDENCE]) == 1


def test_a_registry_is_verified_anew(
    builder: TinyProject, registry: TestRegistry, shared: dict[str, str]
) -> None:
    """`verify` reads all of it from the registry, whatever lies on this machine, and says what was altered there."""
    digest = _release(builder)
    package = ReleaseStore(builder.home / "releases").load(digest).layer("lambda.zip").digest
    content = registry.ask("GET", f"/blobs/{package}").content

    builder.succeed("verify", "--store", shared["TOLLGATE_STORE"])
    registry.tamper(package, content[:-1])
    try:
        builder.succeed("verify")
        result = builder.tollgate("verify", "--store", shared["TOLLGATE_STORE"])
    finally:
        registry.tamper(package, content)
    assert result.returncode == 1
    assert f"gives something else than it was asked for: {package}" in result.stdout


def test_a_ledger_of_its_own_believes_what_its_keys_verify(
    builder: TinyProject, fresh: TinyProject, shared: dict[str, str]
) -> None:
    """Where the ledger is not shared, the evidence from the registry counts as far as named keys signed it."""
    digest = _release(builder)
    _give_keys(builder, fresh)
    alone = {name: value for name, value in shared.items() if name != "TOLLGATE_LEDGER_REMOTE"}

    fresh.succeed("promote", "--release", digest, "--to", "dev", **alone)
    assert fresh.serial("dev") > 0
    (evidence,) = (entry for entry in fresh.entries() if entry.kind is Kind.EVIDENCE)
    assert {row["name"] for row in evidence.body["statements"]} == {"provenance", "unit"}


def test_evidence_of_unknown_keys_is_none(
    builder: TinyProject, fresh: TinyProject, shared: dict[str, str]
) -> None:
    """A machine that trusts other keys does not promote what they never signed, however whole it came."""
    alone = {name: value for name, value in shared.items() if name != "TOLLGATE_LEDGER_REMOTE"}
    result = fresh.tollgate("promote", "--release", _release(builder), "--to", "dev", **alone)

    assert result.returncode == 3
    assert "nothing that verifies here says what release" in result.stderr
    assert "Traceback" not in result.stderr
    assert fresh.entries() == ()


def test_a_release_that_the_registry_lacks_is_said(fresh: TinyProject, shared: dict[str, str]) -> None:
    """A wrong digest is refused in a sentence, before anything is recorded."""
    result = fresh.tollgate("promote", "--release", "sha256:" + "0" * 64, "--store", shared["TOLLGATE_STORE"])

    assert result.returncode == 1
    assert f"holds no release sha256:{'0' * 64}" in result.stderr
    assert "Traceback" not in result.stderr
    assert fresh.entries() == ()


def test_without_the_registry_nothing_is_named_or_deployed(fresh: TinyProject, builder: TinyProject) -> None:
    """What cannot be pushed is not recorded: others would be sent to look for what is not there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shutil.copy(builder.root / "synth.py", fresh.root / "synth.py")
    result = fresh.tollgate("promote", "--to", "dev", "--store", f"oci://127.0.0.1:{port}/team/tollgate")

    assert result.returncode == 1
    assert f"the registry 127.0.0.1:{port} does not answer to the end" in result.stderr
    assert "Traceback" not in result.stderr
    assert fresh.entries() == ()


def test_a_build_is_pushed(fresh: TinyProject, builder: TinyProject, registry: TestRegistry) -> None:
    """`build --store` leaves the release, and where it comes from, in the registry."""
    shutil.copy(builder.root / "synth.py", fresh.root / "synth.py")
    fresh.write("value.txt", "another")
    digest = fresh.succeed("build", "--store", f"oci://{registry.address}").strip()

    assert registry.ask("GET", f"/manifests/{digest}").status_code == 200


def test_a_commit_that_is_not_here_is_refused(
    fresh: TinyProject, builder: TinyProject, shared: dict[str, str], tmp_path: Path
) -> None:
    """Who wrote a release decides who may approve it, so a checkout without its commit does not promote it."""
    other = TinyProject.make(tmp_path / "other")
    try:
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost", "-c", "commit.gpgsign=false"]
        for arguments in (
            ["init", "--quiet"],
            ["add", "."],
            [*identity, "commit", "--quiet", "-m", "Say one"],
        ):
            subprocess.run(["git", "-C", str(other.root), *arguments], check=True, timeout=60)
        for project in (fresh, other):
            _give_keys(builder, project)
        store = shared["TOLLGATE_STORE"]
        digest = other.succeed("build", "--store", store).strip()
        result = fresh.tollgate("promote", "--release", digest, "--store", store)
    finally:
        other.service.close()

    assert result.returncode == 3
    assert "was built from commit" in result.stderr
    assert "which is not here" in result.stderr
    assert fresh.entries() == ()


def test_the_page_of_a_fresh_clone_finds_nothing_wrong(
    builder: TinyProject, fresh: TinyProject, shared: dict[str, str]
) -> None:
    """An approver or a job with an empty disk sees the releases by way of the registry, and no false problem."""
    del builder  # it has filled what both share
    found = json.loads(fresh.succeed("page", "--json", **shared))["verification"]

    assert (found["problems"], found["unchecked"]) == ([], [])
    assert "sees the ledger for the first time" in found["anchor"]
