"""Who we are to a registry: the login that `docker login` left, from Docker's own configuration."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.model.errors import TollgateError

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Login:
    """A user and a password, or a token in a password's place; neither is ever shown.

    Attributes:
        user: The name.
        password: The secret.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def config_file() -> Path:
    """Return where Docker keeps its logins: below `DOCKER_CONFIG`, else below `~/.docker`."""
    chosen = os.environ.get("DOCKER_CONFIG")
    return (Path(chosen).expanduser() if chosen else Path.home() / ".docker") / "config.json"


def find_login(host: str) -> Login | None:
    """Return the login for a registry, or None where nobody logged in there.

    Credential helpers (`credHelpers`, `credsStore`) are asked first, as Docker does.

    Raises:
        TollgateError: Docker's configuration cannot be read, or a helper fails; no secret is in the message.
    """
    config = _config()
    helpers = config.get("credHelpers")
    helper = helpers.get(host) if isinstance(helpers, Mapping) else None
    helper = helper or config.get("credsStore")
    if isinstance(helper, str) and (login := _ask_helper(helper, host)):
        return login
    auths = config.get("auths")
    for name, entry in auths.items() if isinstance(auths, Mapping) else ():
        if _host_of(name) == host and isinstance(entry, Mapping) and (login := _from_entry(entry, host)):
            return login
    return None


def _config() -> Mapping[str, Any]:
    path = config_file()
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    except (ValueError, RecursionError):
        raise _unreadable(path, "it is not JSON") from None
    if not isinstance(document, dict):
        raise _unreadable(path, "it is not a JSON object")
    return document


def _host_of(name: str) -> str:
    """Return the host of a key of `auths`, which may be a URL with a path."""
    return re.sub(r"^https?://", "", name).split("/", 1)[0]


def _from_entry(entry: Mapping[str, Any], host: str) -> Login | None:
    if entry.get("identitytoken"):
        message = f"Docker keeps an identity token for {host}, which Tollgate cannot use"
        raise TollgateError(
            message, f"log in with a user and a password or access token: `docker login {host}`"
        )
    encoded = entry.get("auth")
    if isinstance(encoded, str) and encoded:
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            colon = ""
        if not colon:
            raise _unreadable(config_file(), f"the login for {host} is not `user:password` in base64")
        return Login(user, password.rstrip("\0"))
    plain = (entry.get("username"), entry.get("password"))
    match plain:
        case (str(user), str(password)) if user:
            return Login(user, password)
        case _:
            return None


def _ask_helper(name: str, host: str) -> Login | None:
    """Ask `docker-credential-NAME`, a program of the user's choice; what it says goes nowhere but into the login."""
    if not _HELPER.fullmatch(name):
        raise _unreadable(config_file(), "the name of a credential helper is no program's name")
    program = f"docker-credential-{name}"
    try:
        asked = subprocess.run(
            [program, "get"],
            input=host.encode(),
            capture_output=True,
            timeout=_HELPER_SECONDS,
            check=False,
        )
        said = json.loads(asked.stdout) if asked.returncode == 0 else {}
        user, password = said.get("Username"), said.get("Secret")
    except (OSError, subprocess.TimeoutExpired, ValueError, AttributeError, RecursionError):
        message = f"the credential helper {program} does not say a login for {host}"
        raise TollgateError(
            message,
            f"try it by hand, or take it out of {config_file()} and log in again with `docker login {host}`",
        ) from None
    if asked.returncode != 0 or not isinstance(user, str) or not isinstance(password, str):
        return None  # it knows of no login, which every helper says in its own words
    if user == "<token>":
        return _from_entry({"identitytoken": password}, host)
    return Login(user, password)


def _unreadable(path: Path, why: str) -> TollgateError:
    message = f"Docker's configuration {path} cannot be read: {why}"
    return TollgateError(message, "mend it, or set DOCKER_CONFIG to the folder of another one")
