"""Child processes as they really behave: hung, deaf, chatty, missing, with children of their own, and interrupted."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.host import process
from pipeline.host.process import run
from pipeline.model.errors import InterruptedByUserError, TollgateError

_ROOT = Path(__file__).resolve().parents[2]
_DEAF = (
    "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; "
    "print('deaf', flush=True); time.sleep(60)"
)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait half a second where users wait a minute."""
    monkeypatch.setattr(process, "_GENTLE_SECONDS", 0.5)
    monkeypatch.setattr(process, "_FIRM_SECONDS", 0.5)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_both_streams_and_the_exit_code_come_back() -> None:
    """What a child said on each stream, and how it ended, is returned."""
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"

    result = run(_python(code), what="a test", deadline_seconds=30)

    assert (result.exit_code, result.stdout, result.stderr) == (3, "out\n", "err\n")


def test_lines_are_handed_on_as_they_come(tmp_path: Path) -> None:
    """Each whole line is told once, while the child still works: it goes on only when the line has come."""
    code = (
        "import pathlib, sys, time\n"
        "for n in range(3):\n"
        "    print(n, flush=True)\n"
        "    while not (pathlib.Path(sys.argv[1]) / str(n)).exists(): time.sleep(0.01)\n"
        "print('end', end='')"
    )
    came: list[str] = []

    def come(line: str) -> None:
        came.append(line)
        (tmp_path / line).touch()

    result = run([*_python(code), tmp_path], what="a test", deadline_seconds=120, on_line=come)

    assert came == ["0", "1", "2"]
    assert result.stdout == "0\n1\n2\nend"


def test_much_output_is_kept_whole() -> None:
    """Megabytes on both streams at once neither block the child nor get lost."""
    code = "import sys\nfor n in range(20000): print(n, 'x' * 100); print(n, file=sys.stderr)"
    lines = 0

    def count(_: str) -> None:
        nonlocal lines
        lines += 1

    result = run(_python(code), what="a test", deadline_seconds=60, on_line=count)

    assert (lines, len(result.stdout.splitlines()), len(result.stderr.splitlines())) == (20000, 20000, 20000)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    """What is not UTF-8 is shown as such instead of ending the run."""
    code = r"import os; os.write(1, b'\xff\xfe\n')"

    assert run(_python(code), what="a test", deadline_seconds=30).stdout == "\ufffd\ufffd\n"


def test_the_last_words_are_the_end_of_both_streams() -> None:
    """For a message the last fifteen lines are kept, without empty ones."""
    code = "import sys\nfor n in range(30): print(n)\nprint()\nprint('the reason', file=sys.stderr)"

    words = run(_python(code), what="a test", deadline_seconds=30).last_words.splitlines()

    assert (len(words), words[0], words[-1]) == (15, "16", "the reason")


def test_its_environment_and_folder_are_what_it_is_given(tmp_path: Path) -> None:
    """A child sees the variables and the folder it is given, and not ours."""
    code = "import os; print(sorted(set(os.environ) - {'LC_CTYPE'}), os.getcwd())"

    result = run(_python(code), what="a test", deadline_seconds=30, cwd=tmp_path, env={"ONLY": "this"})

    assert result.stdout == f"['ONLY'] {tmp_path}\n"


def test_a_missing_program_is_a_sentence(tmp_path: Path) -> None:
    """A program that is not there is named, with what was to be done by it."""
    with pytest.raises(
        TollgateError, match=r"the frobnication could not be started: No such file .*nowhere/frob"
    ):
        run(["/nowhere/frob"], what="the frobnication", deadline_seconds=30)


def test_a_file_that_is_no_program_is_a_sentence(tmp_path: Path) -> None:
    """A file that cannot be executed is named."""
    path = tmp_path / "frob"
    path.write_text("")

    with pytest.raises(TollgateError, match=r"could not be started: Permission denied"):
        run([path], what="the frobnication", deadline_seconds=30)


def test_nobody_waits_at_the_keyboard() -> None:
    """A child that asks a question gets the end of the file, not our terminal."""
    result = run(_python("import sys; print(repr(sys.stdin.read()))"), what="a test", deadline_seconds=30)

    assert result.stdout == "''\n"


class _Clock:
    """Time as the pipeline sees it: it stands still until a child has said that it is ready, then much has passed."""

    def __init__(self, ready: str) -> None:
        self.told: list[str] = []
        self._ready = ready

    def listen(self, line: str) -> None:
        self.told.append(line)

    def monotonic(self) -> float:
        return 1e6 if self._ready in self.told else 0.0

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_TIDY = (
    "import os, signal, sys, time, pathlib\n"
    "def stop(*_):\n    pathlib.Path(sys.argv[1]).write_text('in order'); sys.exit(0)\n"
    "signal.signal(signal.SIGINT, stop)\nprint('ready', flush=True)\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
)
"""On the gentle signal it puts things in order."""


def test_a_hung_child_is_asked_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its deadline a child gets the signal on which it can put things in order, and the sentence says so."""
    note = tmp_path / "note"
    clock = _Clock("ready")
    monkeypatch.setattr(process, "time", clock)

    with pytest.raises(TollgateError, match="the wait did not end within 1 s and was stopped"):
        run([*_python(_TIDY), note], what="the wait", deadline_seconds=1, on_line=clock.listen)

    assert note.read_text() == "in order"


def test_a_child_that_lost_what_it_works_on_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where what is insisted on is gone, the child is not asked to put in order what it cannot reach."""
    note = tmp_path / "note"
    clock = _Clock("ready")
    monkeypatch.setattr(process, "time", clock)

    def insist() -> None:
        if len(clock.told) > 1:
            raise TollgateError("the account is gone")

    with pytest.raises(TollgateError, match="the account is gone"):
        run([*_python(_TIDY), note], what="it", deadline_seconds=2e6, on_line=clock.listen, insist=insist)

    assert not note.exists()
    assert not psutil.pid_exists(int(clock.told[1]))


@pytest.mark.usefixtures("_impatient")
def test_a_deaf_child_is_stopped_firmly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that ignores every request is ended all the same, and nothing of it is left."""
    code = f"import os; print(os.getpid(), flush=True); {_DEAF}"
    clock = _Clock("deaf")
    monkeypatch.setattr(process, "time", clock)

    with pytest.raises(TollgateError, match="did not end within 1 s and was stopped"):
        run(_python(code), what="the wait", deadline_seconds=1.0, on_line=clock.listen)

    assert not psutil.pid_exists(int(clock.told[0]))


@pytest.mark.usefixtures("_impatient")
def test_a_child_that_never_stops_talking_has_a_deadline_too() -> None:
    """Endless output does not keep the deadline from being looked at."""
    started = time.monotonic()

    with pytest.raises(TollgateError, match="did not end within 1 s and was stopped"):
        run(
            _python("while True: print('and')"), what="the talk", deadline_seconds=1.0, on_line=lambda _: None
        )

    assert time.monotonic() - started < 30


def test_a_grandchild_that_keeps_the_streams_does_not_hang_us() -> None:
    """When the child has ended, a process that it left behind is not waited for."""
    code = (
        "import subprocess, sys\n"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    )
    started = time.monotonic()

    result = run(_python(code), what="a test", deadline_seconds=50)

    took = time.monotonic() - started
    psutil.Process(int(result.stdout)).kill()
    assert result.exit_code == 0
    assert took < 45


def test_an_error_of_the_listener_stops_the_child() -> None:
    """Where we cannot go on, the child does not go on alone."""
    pids: list[int] = []

    def listen(line: str) -> None:
        pids.append(int(line))
        message = "enough"
        raise ValueError(message)

    with pytest.raises(ValueError, match="enough"):
        run(
            _python("import os, time; print(os.getpid(), flush=True); time.sleep(60)"),
            what="a test",
            deadline_seconds=50,
            on_line=listen,
        )
    assert not psutil.pid_exists(pids[0])


def test_a_child_shares_what_it_is_given_to_keep(tmp_path: Path) -> None:
    """A descriptor named to be kept open is open in the child under the same number; others are not."""
    with (tmp_path / "one").open("w") as one, (tmp_path / "two").open("w") as two:
        code = (
            "import os, sys\n"
            "def is_open(n):\n    try: os.fstat(int(n)); return True\n    except OSError: return False\n"
            "print([is_open(n) for n in sys.argv[1:]])"
        )
        argv = [*_python(code), str(one.fileno()), str(two.fileno())]

        result = run(argv, what="a test", deadline_seconds=30, keep_open=(one.fileno(),))

    assert result.stdout == "[True, False]\n"


_RUNNER = """
import sys
from pathlib import Path
from pipeline.host import process
from pipeline.model.errors import InterruptedByUserError

process._GENTLE_SECONDS = process._FIRM_SECONDS = float(sys.argv[2])
try:
    process.run([sys.executable, "-c", sys.argv[1]], what="the wait", deadline_seconds=60,
                on_line=lambda line: print(line.strip(), flush=True))
except InterruptedByUserError as error:
    print(error.message, error.exit_code)
"""
_GENTLE = (
    "import os, signal, sys, time\n"
    "signal.signal(signal.SIGINT, lambda *_: sys.exit(0))\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
)


@pytest.mark.parametrize(
    ("code", "patience"),
    [(_GENTLE, "60"), (f"import os; print(os.getpid(), flush=True); {_DEAF}", "0.5")],
    ids=["a child that listens", "a deaf child"],
)
def test_ctrl_c_stops_the_child_and_says_where(code: str, patience: str) -> None:
    """Ctrl-C asks the child first, then ends it, leaves nothing behind, and says during what."""
    with subprocess.Popen(
        [sys.executable, "-c", _RUNNER, code, patience], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        if "deaf" in code:
            assert runner.stdout.readline() == "deaf\n"
        runner.send_signal(signal.SIGINT)
        rest = runner.stdout.read()

        assert rest.strip() == f"stopped by Ctrl-C during the wait {InterruptedByUserError.exit_code}"
        assert runner.wait(30) == 0
    assert not psutil.pid_exists(pid)


_STUBBORN = """
import os, pathlib, signal, time

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, _: pathlib.Path({folder!r}, str(number)).touch())
print(os.getpid(), flush=True)
time.sleep(3600)
"""


def test_a_second_ctrl_c_insists_and_a_third_means_now(tmp_path: Path) -> None:
    """Each further Ctrl-C goes to the next step at once, however long the child could have had."""
    code = _STUBBORN.format(folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", _RUNNER, code, "3600"], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        pid = int(runner.stdout.readline())
        for asked in (signal.SIGINT, signal.SIGTERM):
            runner.send_signal(signal.SIGINT)
            _wait_for(tmp_path / str(int(asked)))
        runner.send_signal(signal.SIGINT)
        rest = runner.stdout.read()

        assert rest.strip() == f"stopped by Ctrl-C during the wait {InterruptedByUserError.exit_code}"
        assert runner.wait(30) == 0
    assert not psutil.pid_exists(pid)


def _wait_for(path: Path) -> None:
    """Wait until another process has made a file."""
    until = time.monotonic() + 120
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert path.exists()


def test_a_child_outlives_a_killed_pipeline(tmp_path: Path) -> None:
    """Killed by force, we cannot stop our child; it writes on undisturbed and ends its work."""
    note = tmp_path / "done"
    code = (
        "import pathlib, time\nprint('at work', flush=True)\ntime.sleep(2)\n"
        f"print('x' * 1000000, flush=True)\npathlib.Path({str(note)!r}).touch()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", _RUNNER, code, "60"], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    ) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == "at work\n"
        runner.kill()
    _wait_for(note)


def test_what_is_said_can_be_kept_behind_what_is_there(tmp_path: Path) -> None:
    """A kept output goes to the end of its file and is followed and returned whole."""
    kept = tmp_path / "kept"
    kept.write_text("before\n")
    came: list[str] = []

    run(_python("print('said')"), what="a test", deadline_seconds=60, on_line=came.append, keep_stdout=kept)

    assert kept.read_text() == "before\nsaid\n"
    assert "said" in came


def test_an_output_that_cannot_be_kept_stops_before_the_start(tmp_path: Path) -> None:
    """Where nothing can be written, nothing is started."""
    with pytest.raises(TollgateError, match="cannot be written"):
        run(_python("1"), what="a test", deadline_seconds=60, keep_stdout=tmp_path / "none" / "kept")


def test_a_power_cut_takes_the_children_and_theirs() -> None:
    """All that runs now is killed with what it started; nothing is killed that has ended."""
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    grandchildren: list[psutil.Process] = []

    def cut(line: str) -> None:
        grandchildren.append(psutil.Process(int(line)))
        process.kill_running()

    result = run(_python(code), what="a test", deadline_seconds=60, on_line=cut)

    assert result.exit_code == -signal.SIGKILL
    # A container may have nobody who buries the orphan.
    _, alive = psutil.wait_procs(grandchildren, timeout=30)
    assert [child for child in alive if child.status() != psutil.STATUS_ZOMBIE] == []
    process.kill_running()
