"""Check everything again, offline: a ledger, a release store, and nothing else. No cloud, no keys, no checkout."""

from pipeline.verify.everything import verify
from pipeline.verify.result import Anchor, Verification, parse_anchor

__all__ = ["Anchor", "Verification", "parse_anchor", "verify"]
