"""Functions on a machine that is slow: what they write is found, and a burst of requests does not starve them."""

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.targets.local import AccountSpec, CloudAccess, LocalCloud
from pipeline.targets.local.shims.output import Output, Worker
from tests.pipeline.local_cloud_client import client

_ACCOUNT = "111122223333"
_HANDLER = """
import sys, time

print("imported")

def handler(event, context):
    for number in range(event["lines"]):
        print(event["name"], number)
    print(event["name"], "says", event["words"], file=sys.stderr)
    sys.stdout.write(event["name"] + " ends in the middle of a line")
    sys.stdout.flush()
    if event.get("fails"):
        raise ValueError(event["name"])
    time.sleep(event.get("seconds", 0))
"""


_SLOW_TO_START = """
import os, pathlib, time

folder = pathlib.Path(os.environ["FOLDER"])
begun = time.monotonic()
(folder / str(os.getpid())).touch()
while not (folder / "go").exists():
    time.sleep(0.01)
ready = time.monotonic()

def handler(event, context):
    return [begun, ready]
"""
_BURST = 24
_AT_ONCE = 8


@pytest.fixture
def worker() -> Iterator[tuple[Worker, int]]:
    """A worker whose process is a pipe that nobody reads, as by a thread that never gets its turn; where to write."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stderr, os.fdopen(writing, "wb", buffering=0):
        worker = Worker("name", {}, b"")
        worker._proc = SimpleNamespace(stderr=stderr)
        assert callable(worker._read_stderr)  # what the emulator would give to the thread
        yield worker, writing


def test_what_was_written_is_there_without_waiting_for_the_reader(worker: tuple[Worker, int]) -> None:
    """Everything that stands in the pipe when a worker answers is its log, even if no thread has read any of it."""
    reader, writing = worker
    lines = [f"line {number}" for number in range(5000)]
    os.write(writing, "\n".join([*lines, ""]).encode())
    first = reader._drain_stderr_bounded()
    os.write(writing, b"the next one's\n")

    assert first.splitlines() == lines
    assert reader._drain_stderr_bounded() == "the next one's"
    assert reader._drain_stderr() == ""


def test_more_than_a_pipe_holds_is_kept_by_the_reader() -> None:
    """A worker never waits to be read, and what the thread has read before the answer is not lost."""
    reading, writing = os.pipe()
    output = Output(os.fdopen(reading))
    thread = threading.Thread(target=output.follow)
    thread.start()
    lines = [f"line {number}" for number in range(100_000)]
    with os.fdopen(writing, "w") as stream:
        stream.write("\n".join([*lines, ""]))
    taken = output.take()
    thread.join(60)

    assert taken.splitlines() == lines
    assert output.take() == ""
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudAccess]:
    """An account with a function that writes."""
    cloud = LocalCloud(tmp_path_factory.mktemp("cloud"), [AccountSpec("dev", _ACCOUNT, "ap-northeast-2")])
    cloud.up()
    access = cloud.access("dev")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    client(access, "iam").create_role(RoleName="any", AssumeRolePolicyDocument=policy)
    _function(access, "writer", _HANDLER)
    yield access
    cloud.reset()


def _function(access: CloudAccess, name: str, code: str, **variables: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        package.writestr("index.py", code)
    client(access, "lambda").create_function(
        FunctionName=name,
        Role=client(access, "iam").get_role(RoleName="any")["Role"]["Arn"],
        Runtime="python3.13",
        Handler="index.handler",
        Timeout=3,
        Code={"ZipFile": content.getvalue()},
        Environment={"Variables": variables},
    )


def _invoke(access: CloudAccess, name: str, **event: Any) -> None:
    payload = {"name": name, "lines": 0, "words": "nothing"} | event
    client(access, "lambda").invoke(FunctionName="writer", Payload=json.dumps(payload).encode())


def _logs(access: CloudAccess, **asked: Any) -> dict[str, list[str]]:
    """Return the lines of each invocation, which the emulator gives a stream of its own."""
    pages = client(access, "logs").get_paginator("filter_log_events")
    found: dict[str, list[str]] = {}
    for page in pages.paginate(logGroupName="/aws/lambda/writer", **asked):
        for event in page["events"]:
            found.setdefault(event["logStreamName"], []).append(event["message"])
    return found


@pytest.mark.cloud
def test_each_invocation_has_its_own_lines_and_no_others(access: CloudAccess) -> None:
    """Thousands of lines, an error and a timeout: each is logged whole, with its own invocation."""
    said = {"first": "Grüße, 世界", "second": "\U0001f600", "broken": "no", "slow": "late"}
    _invoke(access, "first", lines=12_000, words=said["first"])
    _invoke(access, "second", lines=2, words=said["second"])
    _invoke(access, "broken", lines=1, words=said["broken"], fails=True)
    _invoke(access, "slow", lines=1, words=said["slow"], seconds=60)

    lines = {name: 12_000 if name == "first" else 2 if name == "second" else 1 for name in said}
    logs = [[line for line in log if line.split()[0] in said] for log in _logs(access).values()]
    assert sorted(logs) == sorted(
        [
            *(f"{name} {number}" for number in range(lines[name])),
            f"{name} says {said[name]}",
            f"{name} ends in the middle of a line",
        ]
        for name in said
    )


@pytest.mark.cloud
def test_events_are_found_page_by_page(access: CloudAccess) -> None:
    """However many there are and however few are asked for at once, every event that matches is found, in order."""
    _invoke(access, "paged", lines=25)
    pages = list(
        client(access, "logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName="/aws/lambda/writer",
            filterPattern='"paged"',
            PaginationConfig={"PageSize": 10},
        )
    )

    assert [len(page["events"]) for page in pages] == [10, 10, 7]
    found = [event["message"] for page in pages for event in page["events"]]
    assert found[:25] == [f"paged {number}" for number in range(25)]


@pytest.mark.cloud
def test_a_burst_starts_a_few_workers_at_once(access: CloudAccess, tmp_path: Path) -> None:
    """Of many requests at once eight start a worker each; the others wait for the first that is ready."""
    _function(access, "burst", _SLOW_TO_START, FOLDER=str(tmp_path))

    def call(_: int) -> list[float]:
        answer = client(access, "lambda").invoke(FunctionName="burst", Payload=b"{}")
        times: list[float] = json.loads(answer["Payload"].read())
        return times

    with ThreadPoolExecutor(_BURST) as pool:
        answers = pool.map(call, range(_BURST))
        until = time.monotonic() + 300
        while len(list(tmp_path.iterdir())) < _AT_ONCE and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(
            2
        )  # in which a ninth would show itself; on a slow machine it may not, and the test is weaker
        (tmp_path / "go").touch()
        workers = {(begun, ready) for begun, ready in answers}

    at_once = [sum(begun <= when < ready for begun, ready in workers) for when, _ in workers]
    assert max(at_once) == _AT_ONCE
    assert len(workers) >= _AT_ONCE
