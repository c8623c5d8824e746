"""The examples of docs/api.md, copied and pasted."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.payments.client import Deployed

API = Path(__file__).parents[3] / "docs" / "api.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "=== next example ==="


def examples(text: str) -> list[tuple[str, Any]]:
    """Each command with the answer printed below it, or none."""
    found: list[tuple[str, Any]] = []
    for kind, block in BLOCK.findall(text):
        if kind == "sh":
            found.append((block, None))
        else:
            found[-1] = (found[-1][0], json.loads(block))
    return found


def same(written: Any, real: Any) -> bool:
    """Whether a real answer is the written one; `…` in a text stands for anything."""
    if isinstance(written, dict):
        return (
            isinstance(real, dict)
            and written.keys() == real.keys()
            and all(same(written[k], real[k]) for k in written)
        )
    if isinstance(written, list):
        return isinstance(real, list) and len(written) == len(real) and all(map(same, written, real))
    if isinstance(written, str) and "…" in written:
        return isinstance(real, str) and re.fullmatch(re.escape(written).replace("…", ".+"), real) is not None
    return bool(written == real)


@pytest.mark.parametrize(
    ("written", "real"),
    [({"a": 1}, {"a": 2}), ({"a": 1}, {}), ({}, {"a": 1}), ([1], []), ("pay_…", "re_1"), ("…", ""), ("1", 1)],
)
def test_the_comparison_can_fail(written: object, real: object) -> None:
    """An answer that differs anywhere is told apart from the written one."""
    assert not same(written, real)
    assert same(written, written)


@pytest.mark.cloud
def test_the_examples_answer_as_written(deployed_dev: Deployed) -> None:
    """Every command of docs/api.md runs in a shell as it stands, and answers as is written below it."""
    shell = shutil.which("bash")
    assert shell, "the examples need bash"
    assert shutil.which("curl"), "the examples need curl"
    # A customer and keys of this run's own, so that the examples can be run again.
    run = str(time.time_ns())
    text = API.read_text(encoding="utf-8")
    for own in ("cus_ada", "order-1001", "order-1002", "return-1", "return-2"):
        text = text.replace(own, f"{own}-{run}")
    script = f"\necho; echo '{MARK}'\n".join(command for command, _ in examples(text))

    ran = subprocess.run(
        [shell, "-euo", "pipefail", "-c", script],
        env={**os.environ, "URL": deployed_dev.url, "KEY": deployed_dev.api_key},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    answers = ran.stdout.split(MARK)
    assert len(answers) == len(examples(text)) >= 10
    for (command, written), answer in zip(examples(text), answers, strict=True):
        assert written is None or same(written, json.loads(answer)), f"{command}\n{answer}"
