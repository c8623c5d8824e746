"""boto3's clients for a local account, typed as loosely as the tests use them."""

from collections.abc import Mapping
from typing import Any

import boto3

from pipeline.targets.local import CloudAccess


def client(access: CloudAccess, service: str, credentials: Mapping[str, str] | None = None) -> Any:
    """Return a client of `service` in the account, as its root user or as whoever `credentials` are."""
    credentials = credentials or {"AccessKeyId": access.account_id, "SecretAccessKey": "local"}
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=access.endpoint_url,
        region_name=access.region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"),
    )
