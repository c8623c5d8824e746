"""What a job's log and its summary get: the same words, grouped, escaped, never too long; how an apply is told."""

import io
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.host.now import Now
from pipeline.model.errors import TollgateError
from pipeline.show import progress
from pipeline.show.github import WorkflowLog, is_github
from pipeline.show.progress import ApplyProgress, Progress
from pipeline.show.summary import MAX_BYTES, add_to_summary, error_markdown, rows_markdown, shortened
from pipeline.show.text import escaped, moment
from pipeline.show.watch import watch
from pipeline.show.words import show_rows
from tests.page.scenes import HOSTILE

ROW: dict[str, Any] = {
    "instance": "prod",
    "state": "waiting",
    "release": "sha256:" + "1" * 64,
    "since": "2026-11-02T11:44:00+00:00",
    "queued": None,
    "at_work": None,
    "notices": ["BREAK-GLASS: Bob"],
    "blocks": [{"gate": "approval", "sentence": "1 approval missing", "unblock": "`nox -s approve -- prod`"}],
}


class StoppedError(Exception):
    """Ends a watch."""


def started(*, log: WorkflowLog | None = None) -> tuple[Progress, io.StringIO]:
    """A progress that writes into memory."""
    file = io.StringIO()
    return Progress(Console(file=file, width=80, highlight=False), log), file


def event(kind: str, address: str) -> dict[str, Any]:
    """A line of Terraform's log."""
    return {"type": kind, "hook": {"resource": {"addr": address}}}


def test_only_github_gets_github_s_commands() -> None:
    """Elsewhere nothing of it is written."""
    assert is_github({"GITHUB_ACTIONS": "true"})
    assert not is_github({})


def test_lines_are_grouped_by_place() -> None:
    """Steps and notes of one place are one group; the next place begins another, and the end closes it."""
    file = io.StringIO()
    log = WorkflowLog(file, "token")
    said, _ = started(log=log)
    log.begin()
    with said.step("build", "release"):
        pass
    said.note("dev", "first use")
    with said.step("dev", "apply"):
        pass
    log.end()

    commands = [line for line in file.getvalue().splitlines() if "token" not in line]
    assert commands == ["::group::build", "::endgroup::", "::group::dev", "::endgroup::"]


def test_the_runner_obeys_nobody_but_us() -> None:
    """Between our own commands the runner does not listen, so a commit subject cannot set an output."""
    file = io.StringIO()
    log = WorkflowLog(file, "token")
    log.begin()
    file.write("::set-output name=a::b\n")
    log.group("dev\n::error::x")
    log.end()

    listening, heard = True, []
    for line in file.getvalue().splitlines():
        if line == "::stop-commands::token":
            listening = False
        elif line == "::token::":
            listening = True
        elif listening:
            heard.append(line)
    assert heard == ["::group::dev\\x0a::error::x", "::endgroup::"]
    assert listening


def test_what_takes_long_says_so_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no line can change, the newest word is repeated with the time, also where the step says nothing at all."""
    monkeypatch.setattr(progress, "_HEARTBEAT_SECONDS", 0.02)
    said, file = started()
    with said.step("dev", "init"):
        wait_for(file, "dev      init (0 s)\ndev      init (0 s)\n")
    with said.step("build", "checks") as step:
        step.say("unit")
        wait_for(file, "build    checks: unit (0 s)\n")
    lines = file.getvalue().splitlines()
    monkeypatch.undo()

    assert lines[-1].startswith("build    checks         ok ")
    assert [line for line in lines if line.startswith("dev      init           ok ")]


def test_a_terminal_shows_how_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that changes counts the seconds, though nothing new is said."""
    file = io.StringIO()
    said = Progress(Console(file=file, width=80, force_terminal=True))
    now = time.monotonic()
    with said.step("dev", "plan") as step:
        step.say("asking the cloud")
        monkeypatch.setattr(time, "monotonic", lambda: now + 42)
        wait_for(file, "dev      plan: asking the cloud (42 s)")
        monkeypatch.undo()


def wait_for(file: io.StringIO, text: str) -> None:
    """Wait until something was written."""
    for _ in range(3000):
        if text in file.getvalue():
            return
        time.sleep(0.01)
    pytest.fail(f"{text!r} was not said: {file.getvalue()!r}")


def test_an_apply_says_what_is_done_in_progress_and_to_go() -> None:
    """The slowest resource is named, and the line that stays says how far it came."""
    said, file = started()
    with said.step("dev", "apply") as step:
        follow = ApplyProgress(step, 4)
        for kind, address in (
            ("apply_start", "a.one"),
            ("apply_start", "a.two"),
            ("apply_complete", "a.one"),
        ):
            follow(event(kind, address))
        assert follow.sentence == "1 of 4 done, 1 in progress, 2 to go, slowest a.two 0 s"
        follow(event("apply_errored", "a.two"))
        assert follow.sentence == "1 of 4 done, 1 failed"
        follow({"type": "diagnostic"})
    assert "1 of 4, failed: a.two" in file.getvalue()


def test_a_summary_says_what_the_terminal_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows become a table, blocks a list with what would unblock them, an error its sentence and what to do."""
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    add_to_summary(rows_markdown([ROW]))
    add_to_summary(error_markdown(TollgateError("it broke\nbadly", "mend it")))

    text = re.sub(r"\\(.)", r"\1", path.read_text(encoding="utf-8"))
    assert "| prod | waiting | 111111111111 | 2 Nov 2026 11:44 UTC |" in text
    assert "- **prod**: BREAK-GLASS: Bob" in text
    assert "next: `nox -s approve -- prod`" in text
    assert "**error:** it broke" in text
    assert "**next:** mend it" in text


def test_a_summary_cannot_be_written_to_by_strangers() -> None:
    """No markup, link, mention, HTML or end of a table's cell comes out of what others wrote."""
    row = ROW | {"notices": [HOSTILE], "blocks": [{"gate": "x", "sentence": HOSTILE, "unblock": HOSTILE}]}
    markdown = rows_markdown([row]) + error_markdown(TollgateError(HOSTILE, HOSTILE + " @everyone"))

    assert not re.search(r"(?<!\\)[<>@\[`{]", markdown)
    assert not re.search(r"https?://", markdown)
    assert "\x1b" not in markdown
    assert "\u202e" not in markdown


def test_escaping_loses_nothing() -> None:
    """Whoever takes the backslashes away has the text again."""
    text = "a_b *c* | [d](e) <f> #g 1. @h ~i~ \\ `j` ünï"

    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped(text)) == text


def test_a_summary_stays_below_github_s_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long is cut at the end of a line, its fence closed, and the cut is told; never over the limit."""
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    for _ in range(3):
        add_to_summary("````text\n" + "ü" * 300_000 + "\nsecond\n" + "x" * 300_000 + "\n````\n")

    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MAX_BYTES
    assert text.count("````") % 2 == 0
    assert "too long for a summary" in text
    assert shortened("short", 100) == "short"
    assert shortened("x" * 100, 10) == ""


def test_without_a_summary_nothing_is_written_and_nothing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A summary is a copy: its want, or a disk that does not take it, stops nobody."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    add_to_summary("x")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "no" / "such" / "folder"))
    add_to_summary("x")
    assert list(tmp_path.iterdir()) == []


def test_a_watch_tells_each_state_once() -> None:
    """What did not change is not told again; on no terminal the screen is never cleared."""
    states = [[ROW], [ROW], [ROW | {"state": "deployed", "notices": [], "blocks": []}]]
    file = io.StringIO()
    seen = iter(states)

    def read() -> list[dict[str, Any]]:
        found = next(seen, None)
        if found is None:
            raise StoppedError
        return found

    with pytest.raises(StoppedError):
        watch(Console(file=file, width=80, highlight=False), read, wait=lambda _: None)
    text = file.getvalue()
    assert text.count("as of ") == 2
    assert "\x1b" not in text
    assert text.index("waiting") < text.index("deployed")


def test_a_watch_outlives_a_moment_without_an_answer() -> None:
    """An error while it reads is told once, and the board comes back when it can be read again."""
    file = io.StringIO()
    seen = iter([[ROW], None, None, [ROW]])

    def read() -> list[dict[str, Any]]:
        found = next(seen, [])
        if found is None:
            message = "the ledger's remote cannot be reached"
            raise TollgateError(message)
        if not found:
            raise StoppedError
        return found

    with pytest.raises(StoppedError):
        watch(Console(file=file, width=80, highlight=False), read, wait=lambda _: None)
    assert file.getvalue().count("UTC it cannot be read: the ledger's remote cannot be reached") == 1
    assert file.getvalue().count("as of ") == 2


def test_status_fits_into_80_columns_and_keeps_commands_whole() -> None:
    """However long a sentence is, no line is longer than the terminal, and a command can be copied from one line."""
    file = io.StringIO()
    command = '`nox -s rollback -- prod --to 1f2e3d4c5b6a --reason "…"`'
    block = {
        "gate": "degraded",
        "sentence": f"the last change did not hold: {'because of this ' * 9}",
        "unblock": f"mend it, then `nox -s recover -- prod` goes forward again, or {command} goes back",
    }
    show_rows(Console(file=file, width=80, highlight=False), [ROW | {"blocks": [block]}])
    lines = file.getvalue().splitlines()

    assert max(map(len, lines)) <= 80
    assert any(command in line for line in lines)
    assert any("`nox -s recover -- prod`" in line for line in lines)


def test_a_watch_for_programs_writes_a_line_of_json_for_each_state() -> None:
    """One document on one line, at once."""
    file = io.StringIO()
    seen = iter([[ROW]])

    def stop(_: float) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        watch(Console(file=file, width=80), lambda: next(seen), as_json=True, wait=stop)
    assert file.getvalue().count("\n") == 1
    assert '"state": "waiting"' in file.getvalue()


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-02T11:44:00+00:00", "2 Nov 2026 11:44 UTC"),
        ("2026-11-02T20:44:00+09:00", "2 Nov 2026 11:44 UTC"),
        ("yesterday\x1b", "yesterday\\x1b"),
    ],
)
def test_a_moment_is_told_in_one_zone(at: str, said: str) -> None:
    """Everybody reads the same clock; what is no time is shown as it is, made safe."""
    assert moment(at) == said


def test_another_process_can_read_what_is_being_done(tmp_path: Path) -> None:
    """The step and how far it is can be read by the process's number; without a home nothing is written."""
    now = Now(tmp_path)
    said = Progress(Console(file=io.StringIO(), width=80), None, now)
    with said.step("dev", "apply"):
        assert now.of(os.getpid()) == "dev      apply"
        said.tell("dev      apply: 1 of 2 done", at_once=True)
        assert now.of(os.getpid()) == "dev      apply: 1 of 2 done"
    now.forget()
    assert now.of(os.getpid()) is None

    Now(tmp_path / "nowhere").tell("x")
    assert [path.name for path in tmp_path.iterdir()] == ["now"]
