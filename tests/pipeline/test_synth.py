"""`tollgate synth`: the stacks as files, for whoever wants to read them."""

import json
from pathlib import Path

from tests.pipeline.tiny_project import TinyProject

_STACKS = [f"stacks/tiny-{environment}/cdk.tf.json" for environment in ("dev", "prod")]


def test_the_stacks_go_where_cdktf_puts_them(tiny: TinyProject) -> None:
    """Nobody has to name a directory; each stack's path is a line that a program can read."""
    result = tiny.tollgate("synth")

    assert result.returncode == 0, result.stderr
    assert "2 stacks" in result.stderr
    assert result.stdout.splitlines() == [str(tiny.root / "cdktf.out" / stack) for stack in _STACKS]
    assert all("terraform" in json.loads(Path(line).read_text()) for line in result.stdout.splitlines())


def test_a_directory_can_be_named(tiny: TinyProject, tmp_path: Path) -> None:
    """The paths are those of the directory as it was named."""
    out = tiny.succeed("synth", "--out", str(tmp_path / "mine"))

    assert out.splitlines() == [str(tmp_path / "mine" / stack) for stack in _STACKS]


def test_a_file_is_no_directory(tiny: TinyProject, tmp_path: Path) -> None:
    """What a person keeps there stays, and the message says what is needed."""
    (tmp_path / "notes").write_text("mine")

    result = tiny.tollgate("synth", "--out", str(tmp_path / "notes"))

    assert (result.returncode, result.stdout) == (2, "")
    assert "notes is a file; a folder is needed" in result.stderr
    assert "choose another `--out DIR`" in result.stderr
    assert (tmp_path / "notes").read_text() == "mine"
