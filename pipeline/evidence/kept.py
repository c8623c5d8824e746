"""Results that are attached to a release already and may be used again.

What a store lists is only a hint: it saves a run. Whether a release may go on is decided by what the ledger names.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pipeline.model.canonical import canonical_bytes
from pipeline.model.clock import CLOCKS_DIFFER
from pipeline.model.trust import PublicKey
from pipeline.stores.layout import Layout
from pipeline.stores.releases import ReleaseStore
from pipeline.trust.check_result import CheckResult
from pipeline.trust.statement import (
    ENVELOPE_TYPE,
    NotAllowedError,
    SignatureError,
    Statement,
    StatementError,
    Verified,
    open_statement,
    signed_at,
)


def kept_statements(
    store: ReleaseStore, release: str, find_key: Callable[[str], PublicKey | None]
) -> tuple[tuple[str, Verified], ...]:
    """Return every statement about a release that verifies, with its digest, in the order of their own times.

    Raises:
        CorruptReleaseError: Something that is attached is missing or altered.
    """
    found = []
    for digest in Layout(store.path).attached(release, ENVELOPE_TYPE):
        raw = canonical_bytes(store.document(digest))
        try:
            found.append((digest, open_statement(raw, release, find_key)))
        except (SignatureError, StatementError, NotAllowedError):
            continue  # what does not verify does not count, and does not stand in the way of a new one
    return tuple(sorted(found, key=lambda pair: signed_at(pair[1].predicate)))


def kept_results(
    store: ReleaseStore, release: str, find_key: Callable[[str], PublicKey | None]
) -> tuple[tuple[Statement, CheckResult], ...]:
    """Return every check result about a release that verifies, oldest first.

    Raises:
        CorruptReleaseError: Something that is attached is missing or altered.
    """
    return tuple(
        (verified.named(digest), verified.predicate)
        for digest, verified in kept_statements(store, release, find_key)
        if isinstance(verified.predicate, CheckResult)
    )


def newest_passed(
    kept: Sequence[tuple[Statement, CheckResult]],
    check: str,
    configuration: str,
    oldest: datetime | None = None,
) -> Statement | None:
    """Return the newest result of a check with this configuration, if it passed and is young enough.

    One of a time that is still to come says nothing: it is by a clock that was ahead.
    """
    latest = datetime.now(UTC) + CLOCKS_DIFFER
    fitting = [
        (statement, result)
        for statement, result in kept
        if result.name == check and result.configuration == configuration and signed_at(result) <= latest
    ]
    if not fitting:
        return None
    statement, newest = fitting[-1]
    is_old = oldest is not None and signed_at(newest) < oldest
    return statement if newest.passed and not is_old else None
