"""`verify` after a real promotion: by the command a user types, here and over a copy with no cloud and no keys."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform


_CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-aws-7f3a9c01",
    "AWS_SESSION_TOKEN": "canary-session-51b2",
    "VAULT_TOKEN": "canary-vault-c9d0",
    "GITHUB_TOKEN": "canary-github-2b6e",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-actions-6a17",
    "TF_TOKEN_example_com": "canary-terraform-90aa",
    "SOME_COMPANYS_OWN_PASSWORD": "canary-company-4f4f",
}
_PAYLOAD = re.compile(rb'"payload":"([A-Za-z0-9+/=]+)"')


def _leaked(tiny: TinyProject) -> list[str]:
    """Return every file of Tollgate's that holds a secret of the environment, git's objects and envelopes opened."""
    git = ["git", f"--git-dir={tiny.home / 'ledger.git'}", "cat-file", "--batch-all-objects", "--batch"]
    contents = {"the ledger": subprocess.run(git, check=True, capture_output=True, timeout=60).stdout}
    assert b"tollgate.entry" in contents["the ledger"]
    contents |= {str(path): path.read_bytes() for path in tiny.home.rglob("*") if path.is_file()}
    return [
        name
        for name, content in contents.items()
        for opened in (content, *map(base64.b64decode, _PAYLOAD.findall(content)))
        if any(value.encode() in opened for value in _CANARIES.values())
    ]


def _verify(tiny: TinyProject, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    result = tiny.tollgate("verify", "--json", *arguments)
    assert result.returncode == exit_code, result.stdout + result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["verified"] is (exit_code == 0)
    return document


def test_a_promotion_can_be_shown_from_a_copy(tiny: TinyProject, tmp_path: Path) -> None:
    """What it is, what it passed, who approved which change and that this was applied; an altered byte is named."""
    tiny.succeed("promote", **_CANARIES)
    tiny.succeed("approve", "prod", "--reason", "it is right", "--go", **_CANARIES)
    assert _leaked(tiny) == []
    here = _verify(tiny)
    (release,) = here["releases"]
    assert [each["check"] for each in release["checks"]] == ["unit"]
    dev, prod = release["promotions"]
    assert (dev["instance"], dev["ended"]["outcome"], dev["approved"]) == ("dev", "SUCCEEDED", [])
    assert (prod["instance"], prod["ended"]["outcome"], len(prod["approved"])) == ("prod", "SUCCEEDED", 1)
    assert prod["approved"][0]["reason"] == "it is right"

    tiny.succeed("cloud", "down")
    ledger, store = tmp_path / "else" / "ledger.git", tmp_path / "else" / "store"
    shutil.copytree(tiny.home / "ledger.git", ledger)
    shutil.copytree(tiny.home / "releases", store)
    copy = ("--ledger", str(ledger), "--store", str(store))
    anchor = f"{here['entries']}:{here['head']}"
    there = _verify(tiny, release["release"][7:19], "--contains", anchor, *copy)
    assert there["releases"] == here["releases"]
    assert there["anchored"]
    assert "completeness not shown" in here["verdict"]
    assert "holds the entry you named" in there["verdict"]

    unknown = tiny.tollgate("verify", "ffffffffffff", *copy)
    assert unknown.returncode == 2
    assert "the ledger names 0 releases that begin with 'ffffffffffff'" in unknown.stderr

    blob = store / "blobs" / "sha256" / release["release"].removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes().replace(b"lambda.zip", b"lambda.zap"))
    broken = _verify(tiny, *copy, exit_code=1)
    assert {problem["kind"] for problem in broken["problems"]} == {"forged"}
    told = tiny.tollgate("verify", *copy)
    assert told.returncode == 1
    assert "FORGED: release" in told.stdout
    assert told.stdout.splitlines()[-1] == f"NOT VERIFIED: {len(broken['problems'])} problems".replace(
        "1 problems", "1 problem"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--ledger", "/nowhere.git"), "there is no ledger at /nowhere.git"),
        (("--contains", "7"), "'7' names no entry; it is a number, a colon and a digest"),
        (("--contains", "0:sha256:" + "0" * 64), "names no entry"),
        (("--contains", "1:sha256:xyz"), "names no entry"),
    ],
)
def test_what_cannot_be_verified_is_a_sentence(
    tiny: TinyProject, arguments: tuple[str, ...], sentence: str
) -> None:
    """A question that makes no sense is answered by what would."""
    result = tiny.tollgate("verify", *arguments)

    assert result.returncode == 2
    assert sentence in result.stderr
