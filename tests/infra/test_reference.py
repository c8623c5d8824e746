"""The generated parts of the documentation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import reference
from infra.errors import InfraError
from infra.reference import current, main, picture, props_tables

ROOT = Path(__file__).resolve().parents[2]


def test_document_is_current() -> None:
    """The tables and the picture are those of the code; `python -m infra.reference` writes them again."""
    text = reference.DOCUMENT.read_text()

    assert current(text) == text


def test_outdated_document_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that somebody edited by hand fails the check, says how to repair it, and is repaired."""
    outdated = tmp_path / "infra.md"
    outdated.write_text(reference.DOCUMENT.read_text().replace("| `memory_mb` |", "| `memory` |"))
    monkeypatch.setattr(reference, "DOCUMENT", outdated)

    assert main(["--check"]) == 1
    assert "python -m infra.reference" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_document_without_marks_is_refused() -> None:
    """A document in which a generated part has no place is refused."""
    with pytest.raises(InfraError, match="lacks the marks"):
        current("# nothing")


def test_table_says_what_the_props_say() -> None:
    """A field stands in the table with its type, its meaning and its default, or as required."""
    tables = props_tables()

    assert "### `ApiFunctionProps`" in tables
    assert "| `memory_mb` | `int` | Memory, and with it the share of a processor. | 1024. |" in tables
    assert "| `names` | `InstanceNames` | Names and tags of the instance. | required |" in tables


def test_picture_shows_what_refers_to_what() -> None:
    """A construct is a box with what it holds; a reference to another is an arrow."""
    stack = {
        "resource": {
            "aws_sns_topic": {"T": {"//": {"metadata": {"path": "s/P/Monitoring/Topic"}}}},
            "aws_s3_bucket": {
                "B": {
                    "//": {"metadata": {"path": "s/P/Storage/Receipts/Resource"}},
                    "x": "${aws_sns_topic.T.arn}",
                }
            },
        }
    }

    drawn = picture(stack)

    assert 'StorageReceipts["<b>Storage/Receipts</b><br/>s3_bucket"]' in drawn
    assert "  StorageReceipts --> Monitoring\n" in drawn


def test_example_works(tmp_path: Path) -> None:
    """What the document shows can be pasted and run."""
    example = reference.DOCUMENT.read_text().partition("```python\n")[2].partition("```")[0]

    subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=300,
    )

    assert (tmp_path / "build" / "stacks" / "payments-qa" / "cdk.tf.json").is_file()
