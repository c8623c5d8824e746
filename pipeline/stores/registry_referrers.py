"""What a registry lists as attached to a manifest: its referrers API, or the tag that stands in for it.

docker-registry 2.8 and GHCR have no such API; there, clients keep the list themselves, as an index under the tag
`sha256-<hex>`. Nothing guards that tag against two writers at once, so a writer reads it again after writing and
writes again where its own entries are gone. Even so an entry can be lost to a slower writer: the list is a hint. The
ledger names the digests of the evidence, and by its digest everything is found that was ever pushed.
"""

import random
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline.host.late import httpx
from pipeline.model.errors import TollgateError
from pipeline.model.release import MANIFEST_MEDIA_TYPE
from pipeline.stores.manifests import INDEX_MEDIA_TYPE, MalformedError, index_entries, index_of
from pipeline.stores.registry_connection import Answer, Connection, RegistryError

_ATTEMPTS = 6
_NO_API = {400, 404, 405, 406}
_MAX_PAGES = 100


@dataclass(frozen=True, slots=True)
class Listing:
    """What is attached to a manifest, as far as the registry tells.

    Attributes:
        entries: Descriptors, in the registry's order.
        by_api: Whether the registry keeps the list itself.
    """

    entries: list[dict[str, Any]]
    by_api: bool

    @property
    def digests(self) -> set[str]:
        """The digests of the listed manifests."""
        return {entry["digest"] for entry in self.entries}


def fallback_tag(subject: str) -> str:
    """Return the tag under which clients keep the list where the registry has no referrers API."""
    return subject.replace(":", "-")


def listed(connection: Connection, subject: str) -> Listing:
    """Return what the registry lists as attached to `subject`.

    Raises:
        RegistryError: It does not answer, or what it answers is no list.
    """
    answer = connection.get(f"/referrers/{subject}", accept=INDEX_MEDIA_TYPE)
    kind = answer.headers.get("content-type", "").split(";")[0].strip()
    if answer.status in _NO_API or (answer.status == 200 and kind != INDEX_MEDIA_TYPE):
        return Listing(_by_tag(connection, subject), by_api=False)
    entries: list[dict[str, Any]] = []
    for _ in range(_MAX_PAGES):
        entries += _entries(connection, subject, answer)
        following = _next_page(connection, answer)
        if following is None:
            break
        answer = connection.patiently(partial(connection.send, "GET", following))
    return Listing(entries, by_api=True)


def publish(connection: Connection, subject: str, entries: list[dict[str, Any]]) -> None:
    """See to it that the registry lists every one of `entries` as attached to `subject`; others' entries stay.

    Raises:
        TollgateError: It does not take the list, or others kept overwriting it.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0.05, 0.3) * attempt)  # noqa: S311 - spreads writers, keeps no secret
        listing = listed(connection, subject)
        missing = [entry for entry in entries if entry["digest"] not in listing.digests]
        if not missing:
            return
        if not listing.by_api:
            _write(connection, subject, [*listing.entries, *missing])
    message = (
        f"the registry {connection.address.host} does not keep the list of what is attached to {subject}"
    )
    raise TollgateError(message, "others may be writing it at this moment; run the same command again")


def _by_tag(connection: Connection, subject: str) -> list[dict[str, Any]]:
    # Without the second type, docker-registry says "not found" of a tag that names no index, and we would overwrite it.
    accept = f"{INDEX_MEDIA_TYPE}, {MANIFEST_MEDIA_TYPE}"
    answer = connection.get(f"/manifests/{fallback_tag(subject)}", accept=accept)
    return [] if answer.status == 404 else _entries(connection, subject, answer)


def _entries(connection: Connection, subject: str, answer: Answer) -> list[dict[str, Any]]:
    if answer.status != 200:
        raise connection.refusal(answer)
    try:
        return index_entries(answer.content)
    except MalformedError as error:
        message = f"what {connection.address} lists as attached to {subject} {error}"
        raise RegistryError(message, "look into the registry; nothing was saved from there") from None


def _write(connection: Connection, subject: str, entries: list[dict[str, Any]]) -> None:
    index = index_of(entries)
    answer = connection.patiently(
        lambda: connection.send(
            "PUT",
            f"/manifests/{fallback_tag(subject)}",
            headers={"Content-Type": INDEX_MEDIA_TYPE},
            content=index,
        )
    )
    if answer.status != 201:
        raise connection.refusal(answer)


def _next_page(connection: Connection, answer: Answer) -> str | None:
    link = (
        httpx.Response(200, headers={"link": answer.headers.get("link", "")}).links.get("next", {}).get("url")
    )
    return str(httpx.URL(connection.address.url).join(link)) if link else None
