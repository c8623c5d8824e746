"""Where a registry keeps our releases: `oci://HOST[:PORT]/REPOSITORY`."""

import ipaddress
import re
from dataclasses import dataclass

from pipeline.model.errors import UsageError

_URL = re.compile(
    r"(?P<scheme>oci|oci\+http)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?P<port>:[0-9]{1,5})?/(?P<repository>.+)"
)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")


@dataclass(frozen=True, slots=True)
class Address:
    """A repository in a registry.

    Attributes:
        host: Name or IP address, with the port where one was given: the name under which Docker keeps its login.
        repository: The repository's path.
        scheme: `https`, or `http` for this machine itself and where `oci+http://` asked for it.
        is_loopback: Whether it is this machine.
    """

    host: str
    repository: str
    scheme: str
    is_loopback: bool

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read an address as a user writes it.

        Raises:
            UsageError: It is none; a tag, a digest, a user or a password in it is refused too.
        """
        found = _URL.fullmatch(text)
        if found is None or not _REPOSITORY.fullmatch(found["repository"]):
            shown = re.sub(r"//[^/]*@", "//...@", text)  # a password does not get into a message
            message = f"{shown!r} is no registry's address, which is `oci://HOST/REPOSITORY`"
            raise UsageError(
                message,
                "for example `oci://ghcr.io/owner/name`, in lower case, without a tag, user or password",
            )
        loopback = _is_loopback(found["host"].strip("[]"))
        plain = loopback or found["scheme"] == "oci+http"
        return cls(
            host=found["host"] + (found["port"] or ""),
            repository=found["repository"],
            scheme="http" if plain else "https",
            is_loopback=loopback,
        )

    @property
    def url(self) -> str:
        """The root of the registry."""
        return f"{self.scheme}://{self.host}"

    @property
    def path(self) -> str:
        """The root of the repository below it."""
        return f"/v2/{self.repository}"

    def __str__(self) -> str:
        return f"{self.host}/{self.repository}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
