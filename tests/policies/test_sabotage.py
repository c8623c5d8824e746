"""The gate when its own parts are broken, missing, shortened or overruled: never a clean verdict.

Each test copies the room, spoils the copy, and runs it as the pipeline does, over a good stack.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOM = Path(__file__).parent.parent.parent / "policies"
LOUD = "    def problems(self, resource: Resource) -> Iterable[str]:\n"


@dataclass(frozen=True)
class Sabotage:
    """One way to spoil the room.

    Attributes:
        what: What is done, for the test's name.
        spoil: Does it to the copy.
        says: A part of what the gate must say.
    """

    what: str
    spoil: Callable[[Path], object]
    says: str


def replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    """Replace text in a file of the room, which must hold it."""

    def spoil(room: Path) -> None:
        text = (room / name).read_text(encoding="utf-8")
        assert old in text
        (room / name).write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def copied(name: str, to: str, *changes: tuple[str, str]) -> Callable[[Path], object]:
    """Add a changed copy of a policy."""

    def spoil(room: Path) -> None:
        text = (room / name).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (room / to).write_text(text, encoding="utf-8")

    return spoil


def prefix(name: str, line: str) -> Callable[[Path], object]:
    """Put a line at the top of a file of the room."""
    return lambda room: (room / name).write_text(f"{line}\n{(room / name).read_text('utf-8')}", "utf-8")


VERSIONING = "pay_s3_versioning.py"
RAISES = replace(VERSIONING, LOUD, f"{LOUD}        raise ValueError(resource.name)\n")
SABOTAGES = [
    Sabotage(
        "a policy that does not import", prefix(VERSIONING, "import nowhere"), f"{VERSIONING} does not load"
    ),
    Sabotage("a policy that is no Python", prefix(VERSIONING, "class:"), f"{VERSIONING} does not load"),
    Sabotage("a policy that raises", RAISES, "PAY_S3_3 crashed on aws_s3_bucket."),
    Sabotage("a policy that exits with 0", prefix(VERSIONING, "raise SystemExit(0)"), "SystemExit: 0"),
    Sabotage(
        "a policy that exits with 0 while it runs",
        replace(VERSIONING, LOUD, f"{LOUD}        raise SystemExit(0)\n"),
        "SystemExit: 0",
    ),
    Sabotage(
        "two policies with one id",
        copied(VERSIONING, "pay_s3_other.py", ("PayS3Versioning", "PayS3Other")),
        "The id PAY_S3_3 of pay_s3_other.py is registered 2 times",
    ),
    Sabotage(
        "a policy with an id of checkov's",
        replace(VERSIONING, "PAY_S3_3", "CKV_AWS_70"),
        "The id CKV_AWS_70 of pay_s3_versioning.py is registered 2 times",
    ),
    Sabotage(
        "a policy that is not listed",
        copied(VERSIONING, "pay_s3_other.py", ("PayS3Versioning", "PayS3Other"), ("PAY_S3_3", "PAY_S3_99")),
        "Among our policies, PAY_S3_99 is not expected.",
    ),
    Sabotage(
        "a policy file that is gone",
        lambda room: (room / VERSIONING).unlink(),
        "Among our policies, PAY_S3_3 is missing.",
    ),
    Sabotage(
        "a policy under another name",
        lambda room: (room / VERSIONING).rename(room / "pay_s3_old.py"),
        "pay_s3_old.py must end with `check = PayS3Old()`",
    ),
    Sabotage(
        "a policy that always passes",
        replace(VERSIONING, LOUD, f"{LOUD}        return ()\n"),
        "PAY_S3_3 lets the canary pass.",
    ),
    Sabotage(
        "a policy that looks at other resources only",
        replace(VERSIONING, '("aws_s3_bucket",)', '("aws_efs_file_system",)'),
        "PAY_S3_3 had nothing to look at.",
    ),
    Sabotage(
        "our part of the list shortened",
        replace("checks.toml", '  "PAY_S3_3",\n', ""),
        "Among our policies, PAY_S3_3 is not expected.",
    ),
    Sabotage(
        "a rule over stacks left out of the list",
        replace("checks.toml", '  "PAY_MIRROR_2",\n', ""),
        "Among our rules over stacks, PAY_MIRROR_2 is not expected.",
    ),
    Sabotage(
        "checkov's part of the list shortened",
        replace("checks.toml", '  "CKV_AWS_28",\n', ""),
        "CKV_AWS_28 is not expected.",
    ),
    Sabotage(
        "a misspelt id in checkov's part of the list",
        replace("checks.toml", '"CKV_AWS_28"', '"CKV_AWS_2B"'),
        "CKV_AWS_2B is missing.",
    ),
    Sabotage(
        "checkov's checks taken out of its registry",
        prefix(
            VERSIONING,
            "from checkov.terraform.checks.resource.registry import resource_registry as r\n"
            'r.checks["aws_dynamodb_table"] = []',
        ),
        "CKV_AWS_28 is missing.",
    ),
    Sabotage(
        "a graph check taken out of its registry",
        prefix(
            VERSIONING,
            "from checkov.common.checks_infra.registry import get_graph_checks_registry as g\n"
            'g("terraform").load_checks()\n'
            'g("terraform").checks[:] = [c for c in g("terraform").checks if c.id != "CKV2_AWS_6"]',
        ),
        "CKV2_AWS_6 is missing.",
    ),
    Sabotage(
        "a graph check that crashes in its thread",
        prefix(
            VERSIONING,
            "from checkov.common.checks_infra.registry import get_graph_checks_registry as g\n"
            'g("terraform").load_checks()\n'
            'next(c for c in g("terraform").checks if c.id == "CKV2_AWS_6").run = None',
        ),
        "CKV2_AWS_6 crashed.",
    ),
    Sabotage("the list for another checkov", replace("checks.toml", "3.3.30", "3.3.31"), "checkov is 3.3.30"),
    Sabotage("no list", lambda room: (room / "checks.toml").unlink(), "checks.toml is not usable"),
    Sabotage(
        "no canary", lambda room: (room / "gate/canary.tf.json").unlink(), "canary.tf.json is not readable"
    ),
    Sabotage(
        "an undecided check that nobody looked into",
        replace("checks.toml", '"CKV_AWS_143 aws_s3_bucket"', '"CKV_AWS_143 aws_s3_object"'),
        "CKV_AWS_143 could not decide about aws_s3_bucket.",
    ),
    Sabotage("waivers that are no TOML", prefix("waivers.toml", "[["), "waivers.toml is not usable"),
    Sabotage(
        "a waiver without an owner",
        replace("waivers.toml", "owner = ", "owners = "),
        "waivers.toml is not usable",
    ),
    Sabotage(
        "an empty reason", replace("waivers.toml", 'reason = "', 'reason = " " # "'), "has an empty text"
    ),
    Sabotage(
        "a waiver of no construct",
        replace("waivers.toml", 'constructs = ["PaymentApi/Transactions/Resource"]', "constructs = []"),
        "names no construct or no stack",
    ),
    Sabotage(
        "a waiver in no stack",
        replace("waivers.toml", 'stacks = ["payments-staging", "payments-prod"]', "stacks = []"),
        "names no construct or no stack",
    ),
    Sabotage(
        "an expiry that is a text",
        replace("waivers.toml", "expires = 2", 'expires = "soon" # 2'),
        "`expires` that is no date",
    ),
    Sabotage(
        "an allow list with an unknown word",
        replace("release_contents.toml", "tags = true", "tag = true"),
        "release_contents.toml is not usable",
    ),
    Sabotage(
        "a list of arguments with an unknown word",
        replace("arguments.toml", "arguments = [", "allowed = ["),
        "arguments.toml is not usable",
    ),
    Sabotage(
        "an environment without a region",
        replace("environments.toml", "region = ", "place = "),
        "environments.toml is not usable",
    ),
]


@dataclass(frozen=True)
class Result:
    """What a run of the gate did: its exit status, what it printed, and the JSON report if it wrote one."""

    status: int
    output: str
    report: dict[str, Any]


Gate = Callable[[Path, Path], Result]


@pytest.fixture(scope="module")
def run_gate() -> Iterator[Gate]:
    """Run a copy of the gate, each time in a fresh process (warm_gate.py)."""
    with subprocess.Popen(
        [sys.executable, Path(__file__).parent / "warm_gate.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin
        assert server.stdout

        def run(room: Path, directory: Path) -> Result:
            assert server.stdin
            assert server.stdout
            repository = room.parent
            arguments = [str(directory), "--json", str(repository / "report.json")]
            server.stdin.write(json.dumps([str(repository), arguments, str(repository / "output")]) + "\n")
            server.stdin.flush()
            status = int(server.stdout.readline())
            report = json.loads((repository / "report.json").read_text(encoding="utf-8"))
            return Result(status, (repository / "output").read_text(encoding="utf-8"), report)

        yield run
        server.stdin.close()


def run_cold(
    room: Path, directory: Path | None, *python: str, arguments: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a copy of the gate exactly as the pipeline does."""
    return subprocess.run(
        [sys.executable, *python, "-m", "policies", *filter(None, [directory]), *arguments],
        cwd=room.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


@pytest.fixture
def room(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOM, tmp_path / "repository" / "policies"))


@pytest.fixture
def dev(release: Path, tmp_path: Path) -> Path:
    shutil.copytree(release / "stacks" / "payments-dev", tmp_path / "dev" / "payments-dev")
    return tmp_path / "dev"


def test_the_copy_as_it_is_finds_nothing(run_gate: Gate, room: Path, dev: Path) -> None:
    """Unspoilt, the copied gate calls the same stack clean: what follows is due to the sabotage."""
    result = run_gate(room, dev)

    assert (result.status, result.output.splitlines()[-1].partition(":")[0]) == (0, "CLEAN")


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=[sabotage.what for sabotage in SABOTAGES])
def test_a_broken_gate_cannot_judge(run_gate: Gate, room: Path, dev: Path, sabotage: Sabotage) -> None:
    """Whatever is broken, the status is 2, the last line says so, and a fault names the cause."""
    sabotage.spoil(room)

    result = run_gate(room, dev)

    assert result.status == 2
    assert result.output.splitlines()[-1].startswith("COULD NOT BE JUDGED, therefore refused")
    assert result.report["verdict"] == "not judged"
    assert any(sabotage.says in fault for fault in result.report["faults"])


def test_any_change_of_the_room_changes_its_digest(run_gate: Gate, room: Path, dev: Path) -> None:
    """The evidence names the policies that judged: a copy has the same digest, a changed one another."""
    first = run_gate(room, dev).report["versions"]["policies"]
    again = run_gate(room, dev).report["versions"]["policies"]
    replace("environments.toml", "[prod]", "# looser\n[prod]")(room)
    changed = run_gate(room, dev).report["versions"]["policies"]

    assert first == again != changed


def test_the_mirror_list_is_needed(run_gate: Gate, room: Path, release: Path) -> None:
    """Without the list of allowed differences a whole release cannot be judged."""
    (room / "mirror.toml").write_text("capacity = []\n", encoding="utf-8")

    result = run_gate(room, release)

    assert result.status == 2
    assert "mirror.toml is not usable" in result.output


def test_without_a_directory_it_judges_what_nox_wrote(room: Path, dev: Path) -> None:
    """`nox -s synth` and `nox -s policies` need nobody to name cdktf's directory."""
    nothing = run_cold(room, None)
    dev.rename(room.parent / "cdktf.out")
    judged = run_cold(room, None)

    assert (nothing.returncode, judged.returncode) == (2, 0), nothing.stdout + judged.stderr
    assert "cdktf.out holds no stack" in nothing.stdout
    assert judged.stdout.splitlines()[-1].startswith("CLEAN")


def test_variables_of_the_shell_change_nothing(room: Path, dev: Path) -> None:
    """Checkov's environment variables, which would hide a crash or skip files, never reach it."""
    RAISES(room)

    result = run_cold(
        room,
        dev,
        CHECKOV_CHECK_FAIL_LEVEL="NONE",
        CHECKOV_MAX_IAC_FILE_SIZE="1",
        CKV_IGNORED_DIRECTORIES="payments-dev",
        LOG_LEVEL="CRITICAL",
    )

    assert result.returncode == 2
    assert "PAY_S3_3 crashed on" in result.stdout


def test_silenced_logging_hides_no_crash(run_gate: Gate, room: Path, dev: Path) -> None:
    """A check that switches logging off before it crashes is noticed all the same."""
    RAISES(room)
    prefix(VERSIONING, "import logging; logging.disable(logging.CRITICAL)")(room)

    result = run_gate(room, dev)

    assert result.status == 2
    assert "PAY_S3_3 crashed on" in result.output


NOT_JUDGED = "COULD NOT BE JUDGED, therefore refused.\n"


def test_without_checkov_nothing_is_judged(dev: Path, tmp_path: Path) -> None:
    """Where checkov is not installed the gate says so, does not say clean, and leaves no report that does."""
    reports = {name: tmp_path / name for name in ("json", "sarif", "junit")}
    for path in reports.values():
        path.write_text("clean", encoding="utf-8")
    asked = [text for name, path in reports.items() for text in (f"--{name}", str(path))]

    result = run_cold(ROOM, dev, "-S", arguments=asked)

    assert result.returncode == 2
    assert "colorama is not installed here" in result.stderr
    assert result.stdout == NOT_JUDGED
    assert not any(path.exists() for path in reports.values())


UNLOADABLE = [
    Sabotage(
        "a name that checkov no longer has",
        replace("gate/scan.py", "import RunnerFilter", "import RunnerFilters as RunnerFilter"),
        "the gate does not load here: ImportError: cannot import name 'RunnerFilters'",
    ),
    Sabotage(
        "a gate that is no package",
        lambda room: (room / "gate" / "__init__.py").unlink(),
        "the gate does not load here: ImportError: cannot import name 'ROOM'",
    ),
    Sabotage(
        "a part of the gate that is gone",
        lambda room: (room / "gate" / "judge.py").unlink(),
        "the gate does not load here: ModuleNotFoundError: No module named 'policies.gate.judge'",
    ),
    Sabotage(
        "a gate that ends the program as if all were well",
        prefix("gate/waivers.py", "raise SystemExit(0)"),
        "the gate does not load here: SystemExit: 0",
    ),
]


@pytest.mark.parametrize("sabotage", UNLOADABLE, ids=[sabotage.what for sabotage in UNLOADABLE])
def test_a_gate_that_does_not_load_cannot_judge(room: Path, dev: Path, sabotage: Sabotage) -> None:
    """It ends as any run without a verdict does, and not with a traceback and the status of a refusal."""
    sabotage.spoil(room)

    result = run_cold(room, dev)

    assert (result.returncode, result.stdout) == (2, NOT_JUDGED)
    assert sabotage.says in result.stderr


def test_a_room_without_a_mark_of_its_own_judges_the_same(run_gate: Gate, room: Path, dev: Path) -> None:
    """Without `policies/__init__.py` every policy is found all the same: they are imported one by one."""
    (room / "__init__.py").unlink()

    assert run_gate(room, dev).report["verdict"] == "clean"


def test_a_report_of_an_earlier_run_does_not_survive(run_gate: Gate, room: Path, dev: Path) -> None:
    """A run that reaches no verdict leaves no clean report of the run before."""
    assert run_gate(room, dev).report["verdict"] == "clean"
    (room / "checks.toml").unlink()

    assert run_gate(room, dev).report["verdict"] == "not judged"


def test_nothing_is_downloaded(room: Path, dev: Path) -> None:
    """A whole run opens no connection and resolves no name."""
    guard = (
        "import sys, runpy\n"
        "def refuse(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname'):\n"
        "        raise RuntimeError(event)\n"
        "sys.addaudithook(refuse)\n"
        f"sys.argv = ['policies', {str(dev)!r}]\n"
        "runpy.run_module('policies', run_name='__main__')\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", guard],
        cwd=room.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )

    assert (result.returncode, result.stderr) == (0, "")
