"""Terraforms that are still at work on this machine though the run that started them is gone."""

import json
from pathlib import Path

import psutil

_BACKEND = Path(".terraform") / "terraform.tfstate"
"""In which file of its folder Terraform keeps where the state is."""
_ENDPOINT = "AWS_ENDPOINT_URL"


def terraforms_at_work(bucket: str, key: str, endpoint: str | None) -> tuple[int, ...]:
    """Return the processes of this user, none of them our child, that work on one state: from any folder, by any hand.

    Args:
        bucket: Bucket of the state.
        key: Its key there.
        endpoint: Where AWS is; None for the real one. Emulated accounts of two checkouts may bear one number.
    """
    ours = {child.pid for child in psutil.Process().children(recursive=True)}
    found = []
    for process in psutil.process_iter():
        try:
            # A provider may outlive its Terraform; it knows nothing of states.
            alive = process.status() != psutil.STATUS_ZOMBIE and not process.name().startswith("terraform-pr")
            if (
                alive
                and process.pid not in ours
                and _backend(Path(process.cwd())) == (bucket, key)
                and process.environ().get(_ENDPOINT) == endpoint
            ):
                found.append(process.pid)
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return tuple(found)


def _backend(folder: Path) -> tuple[str, str] | None:
    try:
        config = json.loads((folder / _BACKEND).read_bytes())["backend"]["config"]
        return str(config["bucket"]), str(config["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
