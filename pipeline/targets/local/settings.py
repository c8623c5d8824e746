"""The emulator's settings: everything it may read from its environment, and nothing of the person's own."""

from collections.abc import Mapping

from pipeline.targets.local.identity import Identity
from pipeline.targets.local.layout import Layout

_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "PYTHONDONTWRITEBYTECODE")


def process_environment(
    identity: Identity, layout: Layout, port: int, base: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of an account's process.

    So no secret of the person who started the cloud reaches a function that runs in it.
    """
    return {
        **{name: base[name] for name in _KEPT if name in base},
        "HOME": str(layout.scratch),
        "TMPDIR": str(layout.scratch),
        "NO_PROXY": "127.0.0.1,localhost",
        "AWS_ACCESS_KEY_ID": identity.account_id,
        "AWS_SECRET_ACCESS_KEY": "local",
        **emulator_settings(identity, layout, port),
    }


def emulator_settings(identity: Identity, layout: Layout, port: int) -> dict[str, str]:
    """Return what the emulator itself reads; functions have no business with it."""
    return {
        "MINISTACK_ACCOUNT_ID": identity.account_id,
        "MINISTACK_REGION": identity.region,
        "MINISTACK_HOST": "localhost",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(layout.state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(layout.objects),
        # Functions run as child processes, here and now; no container is ever looked for.
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{layout.scratch}/no-docker",
        # Listeners of services no payment needs; the IoT one would open port 8883 to the network.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "INFO",
    }
