"""The local cloud: one emulated AWS account per environment, which answers to this machine only."""

from pipeline.targets.local.cloud import LocalCloud
from pipeline.targets.local.spec import AccountSpec, AccountStatus, CloudAccess

__all__ = ["AccountSpec", "AccountStatus", "CloudAccess", "LocalCloud"]
