"""What the programs see that run code of the commit being judged: no keys, no credentials, no way to the ledger.

One list for building and checking alike. What is not on it is not passed on: a list of what is secret is never whole.
"""

import os
import re

from pipeline.model.errors import TollgateError

PASSED_ON = (
    "PATH",
    "HOME",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "SYSTEMROOT",
    "LANG",
    "LC_ALL",
)
"""What a program needs to run at all; more could make two machines build different things."""

NEVER = re.compile(
    r"AWS_.*|TOLLGATE_(SIGNER_.*|HOME|TARGET|PROJECT|LEDGER.*|KILL_AT)|VAULT_.*|GITHUB_.*|GH_.*|ACTIONS_.*"
    r"|GIT_.*|SSH_.*|GPG_.*|GNUPGHOME|TF_.*|DAGGER_.*|DOCKER_.*|REGISTRY_.*|AZURE_.*|GOOGLE_.*|CI_JOB_.*"
)
"""Names that nobody may add to the list, so that no later change opens it."""

_SECRET = re.compile(
    r".*(SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE).*", re.IGNORECASE
)
_SHORTEST_SECRET = 8


class LeakError(TollgateError):
    """Something secret stands in what was about to be signed and kept for ever."""


def judged_environment(*more: str) -> dict[str, str]:
    """Return the environment of a program that runs code of the commit being judged.

    Args:
        more: Names that this program needs beside `PASSED_ON`.
    """
    names = (*PASSED_ON, *more)
    assert not any(NEVER.fullmatch(name) for name in names), "a secret's name was added to what is passed on"
    return {name: os.environ[name] for name in names if name in os.environ}


def refuse_leaks(content: bytes, what: str) -> None:
    """Refuse content that holds the value of a secret of our own environment.

    What a judged program says could hold anything; what is signed is kept and shown to everybody.

    Raises:
        LeakError: It does; the message names the variable and never the value.
    """
    for name, value in os.environ.items():
        if _SECRET.fullmatch(name) and len(value) >= _SHORTEST_SECRET and value.encode() in content:
            message = f"{what} holds the value of {name}, and what is signed is kept for everybody to read"
            raise LeakError(message, f"find out how it got there, and change {name}")
