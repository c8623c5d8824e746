"""Files that are there whole or not at all, and folders that leave nothing behind."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.host.files import scratch_folder, write_atomically
from pipeline.host.home import Home, project_root
from pipeline.model.errors import TollgateError

_ROOT = Path(__file__).resolve().parents[2]


def test_a_file_is_written_with_its_mode(tmp_path: Path) -> None:
    """What is written is there for its owner only, unless said otherwise, whatever the umask."""
    before = os.umask(0o777)
    try:
        write_atomically(tmp_path / "mine", b"1")
        write_atomically(tmp_path / "everybodys", b"2", 0o644)
    finally:
        os.umask(before)

    assert ((tmp_path / "mine").stat().st_mode & 0o777, (tmp_path / "mine").read_bytes()) == (0o600, b"1")
    assert (tmp_path / "everybodys").stat().st_mode & 0o777 == 0o644


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """While a file is replaced again and again, nobody ever reads half of it."""
    path = tmp_path / "file"
    contents = [bytes([letter]) * 200_000 for letter in b"ab"]
    write_atomically(path, contents[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                write_atomically(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {path.read_bytes() for _ in range(200)}
    finally:
        stop.set()
        writer.join()

    assert seen <= set(contents)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Where nothing can be written, the sentence names the file and why."""
    with pytest.raises(TollgateError, match=r"gone/file cannot be written: No such file or directory"):
        write_atomically(tmp_path / "gone" / "file", b"1")


def test_a_folder_in_a_files_place_is_left_alone(tmp_path: Path) -> None:
    """What cannot be replaced is named, and no half file stays beside it."""
    (tmp_path / "file").mkdir()

    with pytest.raises(TollgateError, match="file cannot be written: Is a directory"):
        write_atomically(tmp_path / "file", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_scratch_folder_is_private_and_goes(tmp_path: Path) -> None:
    """Only its owner may enter it, and it is gone afterwards, with all that is in it."""
    with scratch_folder(tmp_path, "work") as folder:
        (folder / "secret").write_text("1")
        assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_a_scratch_folder_goes_after_an_error_too(tmp_path: Path) -> None:
    """An error leaves nothing behind, and stays what it was."""
    with pytest.raises(ZeroDivisionError), scratch_folder(tmp_path, "work") as folder:
        (folder / "secret").write_text(str(1 / len(folder.suffix)))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next(tmp_path: Path) -> None:
    """A folder of a process that is gone is removed; one of a living process is not touched."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom pipeline.host.files import scratch_folder\n"
        "with scratch_folder(Path(sys.argv[1]), 'work'): os.kill(os.getpid(), 9)"
    )
    argv = [sys.executable, "-c", code, str(tmp_path)]
    subprocess.run(argv, cwd=_ROOT, check=False, timeout=60)
    (left,) = tmp_path.iterdir()

    with scratch_folder(tmp_path, "work") as mine:
        assert not left.exists()
        with scratch_folder(tmp_path, "work"):
            assert mine.exists()


def test_a_full_disk_in_a_scratch_folder_is_a_sentence(small_disk: Path) -> None:
    """A disk that is full in the middle of a file does not name it: the folder is named instead of a traceback."""
    with (
        pytest.raises(
            TollgateError, match=f"^{small_disk}/work-.* cannot be written: No space left on device$"
        ),
        scratch_folder(small_disk, "work") as folder,
    ):
        (folder / "file").write_bytes(bytes(1_000_000))
    assert list(small_disk.iterdir()) == []


def test_a_file_that_cannot_be_written_in_a_scratch_folder_is_named(tmp_path: Path) -> None:
    """A file in it that cannot be written is named instead of a traceback."""
    with (
        pytest.raises(TollgateError, match="gone/file cannot be written: No such file"),
        scratch_folder(tmp_path, "work") as folder,
    ):
        (folder / "gone" / "file").write_text("1")


def test_the_home_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that is named is made, and closed to others even where it was open."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    monkeypatch.setenv("TOLLGATE_HOME", str(home))

    found = Home.find()

    assert (found.path, home.stat().st_mode & 0o777) == (home, 0o700)
    assert {path.name for path in (found.releases, found.work, found.locks, found.cache, found.logs)} == {
        path.name for path in home.iterdir()
    }


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in its place, or in the place of one of its folders, is named."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TOLLGATE_HOME", str(tmp_path / "file"))
    with pytest.raises(TollgateError, match=r"the folder .*file cannot be used: File exists"):
        Home.find()

    (tmp_path / "locks").write_text("")
    with pytest.raises(TollgateError, match=r"the folder .*locks cannot be made: File exists"):
        _ = Home(tmp_path).locks


def test_the_project_is_ours_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word it is the checkout that this code lies in."""
    monkeypatch.delenv("TOLLGATE_PROJECT", raising=False)
    assert project_root() == _ROOT
    monkeypatch.setenv("TOLLGATE_PROJECT", str(tmp_path))
    assert project_root() == tmp_path
