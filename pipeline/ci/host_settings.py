"""What containers are told of the host's network, if they are told anything: index, certificates, proxies.

A container gets none of the host's variables. Where the host stands behind a company's index, proxy or certificates,
`TOLLGATE_CONTAINER_NETWORK=host` hands over those three and nothing else.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.model.errors import UsageError

_CHOICES = ("own", "host")
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries")


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What is handed over. Index and proxies may hold passwords, so they travel as secrets.

    Attributes:
        pip_configuration: Text of a pip configuration file, None where pip has no settings that count elsewhere.
        certificates: The bundle of certificates to trust, None where none was chosen.
        proxies: `http_proxy` and its kin to the variable that holds it here, whose case differs between programs.
    """

    pip_configuration: str | None = None
    certificates: Path | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)


def read_host_settings() -> HostSettings:
    """Return what `TOLLGATE_CONTAINER_NETWORK` lets containers know: nothing by default.

    Raises:
        UsageError: The setting says something else than `own` or `host`.
    """
    chosen = os.environ.get("TOLLGATE_CONTAINER_NETWORK", "own")
    if chosen not in _CHOICES:
        message = f"TOLLGATE_CONTAINER_NETWORK is {chosen!r}; it must be own or host"
        raise UsageError(
            message, "`host` hands containers this machine's package index, certificates, proxies"
        )
    if chosen == "own":
        return HostSettings()
    return HostSettings(_pip_configuration(_pip_list()), _certificates(os.environ), _proxies(os.environ))


def _pip_list() -> str:
    # The interpreter below every virtual environment has pip; ours may not.
    python = getattr(sys, "_base_executable", sys.executable)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False, timeout=60
    )
    return listed.stdout


def _pip_configuration(listed: str) -> str | None:
    """Return a pip configuration file made of what `pip config list` said; variables come last, and win."""
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.replace(":env:.", "global.").partition(".")
        if section in {"global", "install"} and key in _PIP_KEYS:
            settings[key] = value.strip().strip("'\"").replace("\\n", "\n    ")
    if not settings:
        return None
    return "\n".join(["[global]", *(f"{key} = {value}" for key, value in sorted(settings.items())), ""])


def _certificates(environment: Mapping[str, str]) -> Path | None:
    for name in _CERTIFICATES:
        path = Path(environment.get(name) or "/nowhere")
        if path.is_file():
            return path
    return None


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PROXIES:
        for spelling in (name, name.upper()):
            if environment.get(spelling):
                found.setdefault(name, spelling)
    return found
