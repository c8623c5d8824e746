"""A long soak: random promotions, kills, drifts, approvals and ways back, against what must always be true.

`nox -s soak -- --minutes 60` runs it. Hypothesis chooses the steps and, where one breaks a rule, prints the way there.
Each step is a process of its own, as a user would start it.
"""

import argparse
import contextlib
import json
import re
import shlex
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.host.faults import POINTS
from pipeline.model.environment import Instance
from pipeline.model.history import History, InstanceHistory, State, read_history
from pipeline.model.kinds import Kind, Outcome
from tests.pipeline.tiny_project import TinyProject

ENVIRONMENTS = ("dev", "prod")
MOST_COMMANDS = 20
"""How many commands an operator may need at most, from wherever a project stands until all of it is deployed."""
_COMMAND = re.compile(r"`nox -s ([^`]+)`")
_MAY = (0, 1, 3, 4)
"""Exit codes of a run that did what it should or said why not."""
_DONE: Counter[str] = Counter()
_UNTIL = [0.0]


class TimeIsOverError(BaseException):
    """Ends the soak; no `Exception`, so that Hypothesis does not take it for a broken rule."""


def _insist_on_time() -> None:
    if time.monotonic() > _UNTIL[0]:
        raise TimeIsOverError


class Promotions(RuleBasedStateMachine):
    """Everything that people, automation and bad luck do to one project."""

    def __init__(self) -> None:
        super().__init__()
        _insist_on_time()
        self._folder = tempfile.TemporaryDirectory(prefix="tollgate-soak-")
        self.tiny = TinyProject.make(Path(self._folder.name) / "project")
        self.number = 0
        self.steps: list[str] = []
        self.values: dict[str, str] = {}

    def teardown(self) -> None:
        """Bring everything to an end, unless a rule is broken: then tell the way there, and end the soak."""
        ended = sys.exception()
        try:
            if ended is None:
                self.follow_what_status_says()
        except Exception as error:
            ended = error
            raise
        finally:
            if isinstance(ended, Exception) and time.monotonic() < _UNTIL[0]:
                # Hypothesis would try the same steps again, and lose this error where they end otherwise.
                _UNTIL[0] = 0.0
                told = "".join(f"  {step}\n" for step in self.steps)
                sys.stderr.write(f"{told}{''.join(traceback.format_exception(ended))}\n")
            self.tiny.close()
            self._folder.cleanup()
            _DONE["projects"] += bool(self.steps)
            sys.stdout.write(f"{time.strftime('%H:%M:%S')} {len(self.steps)} steps; so far {dict(_DONE)}\n")
            sys.stdout.flush()

    # --- what people and automation do

    def _run(self, step: str, *arguments: str, may: tuple[int, ...] = _MAY) -> None:
        _insist_on_time()
        result = self.tiny.tollgate(*arguments)
        self.steps.append(f"{result.returncode} {shlex.join(arguments)}")
        _DONE[f"{step} {'done' if result.returncode == 0 else 'refused'}"] += 1
        self._insist_on_words(result, may)

    def _insist_on_words(self, result: subprocess.CompletedProcess[str], may: tuple[int, ...]) -> None:
        said = f"{result.args}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        assert result.returncode in may, said
        assert "Traceback" not in result.stderr, said
        assert "Tollgate itself failed" not in result.stderr, said
        assert result.returncode == 0 or "next:" in result.stdout + result.stderr, said

    @rule()
    def push(self) -> None:
        """Somebody changes the project and promotes it."""
        self.number += 1
        self.tiny.write("value.txt", f"value {self.number}")
        self._run("push", "promote")

    @rule()
    def promote(self) -> None:
        """Automation looks again."""
        self._run("promote", "promote")

    @rule(go=st.booleans())
    def approve(self, go: bool) -> None:
        """Somebody says yes to whatever waits in prod."""
        self._run("approve", "approve", "prod", "--reason", "it is right", *(["--go"] if go else []))

    @rule()
    def reject(self) -> None:
        """Somebody says no."""
        self._run("reject", "reject", "prod", "--reason", "not now")

    @rule(environment=st.sampled_from(ENVIRONMENTS), verb=st.sampled_from(["hold", "unhold", "rollback"]))
    def stop_or_go_back(self, environment: str, verb: str) -> None:
        """Somebody holds, lets go on, or goes back."""
        self._run(verb, verb, environment, "--reason", "we must")

    @rule(environment=st.sampled_from(ENVIRONMENTS), verb=st.sampled_from(["recover", "heal", "drift"]))
    def repair(self, environment: str, verb: str) -> None:
        """Somebody repairs or looks."""
        self._run(verb, verb, environment)

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    def acknowledge(self, environment: str) -> None:
        """Somebody knows of a drift."""
        self._run("acknowledge", "acknowledge", environment, "--reason", "known")

    @rule()
    def break_glass(self) -> None:
        """Somebody goes past the others."""
        self._run("break-glass", "break-glass", "prod", "--reason", "it burns")

    @rule()
    def prune(self) -> None:
        """Automation makes room."""
        self._run("prune", "prune")

    @rule()
    def follow_what_status_says(self) -> None:
        """An operator who knows nothing but what `status` says gets everything deployed, command by command."""
        told: list[str] = []
        while (self.tiny.home / "ledger.git").exists():
            status = self.tiny.status()
            unblocks = [block["unblock"] for row in status.values() for block in row["blocks"]]
            command = next(filter(None, map(_COMMAND.search, unblocks)), None)
            states = {row["state"] for row in status.values()}
            if command is None and states == {"deployed"}:
                return
            # docs/operate.md names it for what is empty, where nothing is in the way.
            assert command is not None or "empty" in states, f"{told}: {status}"
            told.append("promote" if command is None else command[1].replace("…", "status says so"))
            assert len(told) <= MOST_COMMANDS, f"{told} lead nowhere: {status}"
            verb, *arguments = shlex.split(told[-1])
            self._run("told by status", verb.replace("_", "-"), *(word for word in arguments if word != "--"))

    # --- bad luck

    @rule(point=st.sampled_from(POINTS), whole=st.booleans())
    def power_cut(self, point: str, whole: bool) -> None:
        """A promotion is killed at some point, with or without what it runs."""
        _insist_on_time()
        self.number += 1
        self.tiny.write("value.txt", f"value {self.number}")
        more = {"TOLLGATE_KILL_AT": point} | ({"TOLLGATE_KILL_ALL": "yes"} if whole else {})
        result = self.tiny.tollgate("promote", **more)
        self.steps.append(f"{result.returncode} promote, killed at {point}{' with all' if whole else ''}")
        _DONE["killed" if result.returncode < 0 else "not killed"] += 1
        if result.returncode >= 0:
            self._insist_on_words(result, _MAY)

    @rule()
    def a_bad_release(self) -> None:
        """The service answers with errors while a release is proven."""
        self.tiny.service.status = 500
        try:
            self.push()
        finally:
            self.tiny.service.status = 200

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    @precondition(lambda self: self.number > 0)
    def meddle(self, environment: str) -> None:
        """Somebody with the account's credentials changes what runs."""
        _insist_on_time()
        state = self.tiny.state(environment)
        if state is None:
            return
        self.steps.append(f"meddle with {environment}")
        state["serial"] += 1
        for resource in state["resources"]:
            if resource["name"] == "first":
                resource["instances"][0]["attributes"]["input"] = {"value": "meddled", "type": "string"}
        account = self.tiny.account(environment)
        account.client("s3").put_object(
            Bucket=f"tollgate-state-{account.account_id}",
            Key=f"{environment}/{environment}/terraform.tfstate",
            Body=json.dumps(state).encode(),
        )
        _DONE["meddled"] += 1

    # --- what must always be true

    @invariant()
    def everything_holds(self) -> None:
        """The ledger verifies, nothing ran twice or unapproved, and what runs is what the ledger says."""
        if not (self.tiny.home / "ledger.git").exists():
            return
        entries = self.tiny.entries()
        starts = [entry for entry in entries if entry.kind is Kind.START]
        ended = Counter(entry.body["start"] for entry in entries if entry.kind is Kind.END)
        assert max(ended.values(), default=0) <= 1, "a start that ended twice"
        history = read_history(entries)
        for environment in ENVIRONMENTS:
            mine = history.of(Instance(environment, environment))
            opened = [
                start
                for start in starts
                if start.body["environment"] == environment and not ended[start.digest]
            ]
            assert [start.digest for start in opened] == ([mine.open_start.digest] if mine.open_start else [])
        used = Counter(approval for start in starts for approval in start.body["approvals"])
        assert max(used.values(), default=0) <= 1, "an approval that was used twice"
        # It asks every gate again, over what the ledger said then: order, approvals, evidence, the change sets.
        result = self.tiny.tollgate("verify")
        assert result.returncode == 0, result.stdout + result.stderr
        self._runs_what_it_says(history)

    def _runs_what_it_says(self, history: History) -> None:
        for environment in ENVIRONMENTS:
            mine: InstanceHistory = history.of(Instance(environment, environment))
            if (
                mine.release is None
                or mine.state in {State.DEGRADED, State.DRIFTED}
                or mine.drift is not None
            ):
                continue
            state = self.tiny.state(environment)
            assert state is not None
            found = {
                resource["instances"][0]["attributes"]["input"]["value"]
                for resource in state["resources"]
                if resource["name"] == "first"
            }
            if "meddled" in found:
                continue  # nobody has looked yet
            known = self.values.setdefault(mine.release, next(iter(found)))
            assert found == {known}, f"{environment} runs {found}, and {mine.release} is {known}"
            assert mine.last_end is not None
            assert mine.last_end.body["outcome"] == Outcome.SUCCEEDED


def main() -> int:
    """Soak until the time is over; print what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    _UNTIL[0] = time.monotonic() + minutes * 60
    with contextlib.suppress(TimeIsOverError):
        while True:
            run_state_machine_as_test(
                Promotions,
                settings=settings(
                    max_examples=9,  # of ten or more Hypothesis keeps the first tenth small: one step, repeated
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    derandomize=False,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
    for what, times in sorted(_DONE.items()):
        sys.stdout.write(f"{times:6d}  {what}\n")
    return int(_UNTIL[0] == 0.0)


if __name__ == "__main__":
    sys.exit(main())
