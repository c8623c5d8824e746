"""A commit that edits its own gate, its approvers, its policies and the noxfile is carried under the old settings."""

import pytest

from pipeline.model.kinds import Kind
from tests.pipeline.tiny_project import TinyProject

pytestmark = pytest.mark.terraform

_POLICY = """
import pathlib, sys
stacks = pathlib.Path(sys.argv[1]).rglob("cdk.tf.json")
sys.exit(any({word!r} in stack.read_text() for stack in stacks))
"""
_CHECK = """
[checks.policies]
command = ["{python}", "-m", "policies", "{release}"]
inputs = ["policies"]
settings = true
"""
_MALLORY = f"""
[[approvers]]
name = "Mallory"
emails = ["mallory@example.com"]
key = {{scheme = "ed25519", public = "{"5" * 64}"}}
"""


def _text(tiny: TinyProject, name: str) -> str:
    return (tiny.root / name).read_text()


def test_a_commit_that_edits_its_own_gate_opens_nothing(tiny: TinyProject) -> None:
    """It is refused or waits as before, says why, and opens the gate only once a named approver has signed it."""
    (tiny.root / "policies").mkdir()
    tiny.write("policies/__init__.py", "")
    tiny.write("policies/__main__.py", _POLICY.format(word="forbidden"))
    tiny.write("noxfile.py", "# the sessions\n")
    tiny.write("tollgate.toml", _text(tiny, "tollgate.toml") + _CHECK)
    tiny.succeed("promote")
    tiny.succeed("approve", "prod", "--reason", "the first one", "--go")

    gate = _text(tiny, "environments/prod.toml")
    tiny.write(
        "environments/prod.toml",
        gate.replace("approvals = 1", "approvals = 0").replace('"nothing"', '"all-but-data-loss"'),
    )
    tiny.write("tollgate.toml", _text(tiny, "tollgate.toml") + _MALLORY)
    tiny.write("policies/__main__.py", _POLICY.format(word="nothing of the kind"))
    tiny.write("noxfile.py", "# other sessions\n")
    tiny.write("value.txt", "forbidden")
    before = len(tiny.entries())
    refused = tiny.tollgate("promote")

    assert refused.returncode == 3
    assert "the check policies failed" in refused.stderr
    for name in ("environments/prod.toml", "noxfile.py", "policies/__main__.py", "tollgate.toml"):
        assert f"{name} differs" in refused.stderr
    assert len(tiny.entries()) == before

    tiny.write("value.txt", "fine")
    carried = tiny.tollgate("promote")
    assert carried.returncode == 0
    assert "do not count: environments/prod.toml differs" in carried.stderr
    status = tiny.status()
    assert (status["dev"]["state"], status["prod"]["state"]) == ("deployed", "waiting")
    assert tiny.entries()[-1].kind is Kind.SHOWN

    # What waits there under the old settings is void, so the newest release need not queue behind it.
    tiny.succeed("settings", "--reason", "the rules were too strict")
    tiny.write("value.txt", "forbidden")
    opened = tiny.tollgate("promote")
    assert opened.returncode == 0, opened.stderr
    assert "do not count" not in opened.stderr
    assert tiny.status()["prod"]["state"] == "deployed"
