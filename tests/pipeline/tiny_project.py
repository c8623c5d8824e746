"""A project small enough to be promoted in seconds: two resources without a provider, real Terraform, real ledger.

Its resources are updated by each new value; the serial number of their state tells one apply from two.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pipeline.host.home import Home
from pipeline.model.ledger import Entry
from pipeline.settings import load_environments
from pipeline.stores.ledger import Ledger
from pipeline.targets.account import Account
from pipeline.targets.target import LocalTarget

REPOSITORY = Path(__file__).resolve().parents[2]

_PROJECT = """
name = "tiny"
synth = ["{python}", "synth.py", "{out}"]
bootstrap = ["{python}", "bootstrap.py", "{out}"]
package-source = "app/tiny"
package-requirements = "requirements.txt"
package-python = "3.13"
provider-lock = "terraform.lock.hcl"
smoke-checks = "smoke.json"

[checks.unit]
command = ["{python}", "check.py"]
inputs = ["check.py"]
"""
_ENVIRONMENT = """
order = {order}
region = "ap-northeast-2"
approvals = {approvals}
approval-hours = 4
tolerates = "{tolerates}"
allows-dirty = true
previews = {previews}
smoke = "full"
settle-seconds = 2

[accounts]
local = "{account}"
"""
_SETTINGS = {
    "dev": {"approvals": 0, "tolerates": "all-but-data-loss", "previews": "true", "account": "100000000001"},
    "staging": {
        "approvals": 0,
        "tolerates": "all-but-data-loss",
        "previews": "false",
        "account": "200000000002",
    },
    "prod": {"approvals": 1, "tolerates": "nothing", "previews": "false", "account": "300000000003"},
}
_SYNTH = """
import json, pathlib, sys
root = pathlib.Path(__file__).parent
value = (root / "value.txt").read_text()
for environment in {environments}:
    stack = {
        "terraform": {"backend": {"s3": {}}},
        "variable": {
            "environment_suffix": {"type": "string", "default": environment},
            "account_id": {"type": "string"},
            "release": {"type": "string"},
        },
        "resource": {"terraform_data": {
            "first": {"input": value},
            "second": {"input": "${terraform_data.first.output}"},
        }},
        "output": {"url": {"value": (root / "url.txt").read_text()}, "release": {"value": "${var.release}"}},
    }
    folder = pathlib.Path(sys.argv[1]) / "stacks" / f"tiny-{environment}"
    folder.mkdir(parents=True)
    (folder / "cdk.tf.json").write_text(json.dumps(stack, sort_keys=True))
"""
_BOOTSTRAP = """
import json, pathlib, sys
for environment in {environments}:
    stack = {
        "terraform": {"backend": {"s3": {}}},
        "variable": {
            name: {"type": "string"} for name in ("account_id", "github_repository", "github_repository_id")
        },
        "resource": {"terraform_data": {"once": {"input": "${var.account_id}"}}},
        "output": {"concurrency_target": {"value": 10}},
    }
    folder = pathlib.Path(sys.argv[1]) / "stacks" / f"bootstrap-{environment}"
    folder.mkdir(parents=True)
    (folder / "cdk.tf.json").write_text(json.dumps(stack, sort_keys=True))
"""
_SMOKE = {
    "schema": 1,
    "endpoint": {"url": "url"},
    "secrets": {},
    "checks": [
        {
            "name": "it answers",
            "writes": False,
            "request": {"method": "GET", "path": "/health"},
            "expect": {"status": 200},
        }
    ],
}


class Service:
    """What the tiny project deploys, as far as smoke checks can tell: an HTTP server that can be told to fail."""

    def __init__(self) -> None:
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(outer.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class TinyProject:
    """The project's folder, and a way to run `tollgate` in it as a user would."""

    root: Path
    service: Service

    @classmethod
    def make(cls, root: Path, environments: tuple[str, ...] = ("dev", "prod")) -> "TinyProject":
        """Write the project's files below `root`; its environments are promoted to in the order given."""
        service = Service()
        files = {
            "tollgate.toml": _PROJECT,
            "synth.py": _SYNTH.replace("{environments}", repr(environments)),
            "bootstrap.py": _BOOTSTRAP.replace("{environments}", repr(environments)),
            "check.py": "print('checked')\n",
            "requirements.txt": "",
            "terraform.lock.hcl": "# no provider from outside is needed\n",
            "smoke.json": json.dumps(_SMOKE),
            "value.txt": "one",
            "url.txt": service.url,
            "app/tiny/__init__.py": "",
        }
        for order, name in enumerate(environments, start=1):
            files[f"environments/{name}.toml"] = _ENVIRONMENT.format(order=order, **_SETTINGS[name])
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return cls(root, service)

    def write(self, name: str, content: str) -> None:
        """Change one of the project's files."""
        (self.root / name).write_text(content)

    @property
    def home(self) -> Path:
        """The project's `.tollgate`."""
        return self.root / ".tollgate"

    def environment(self, **extra: str) -> dict[str, str]:
        """Return the variables of a user who works in this project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")}
        return kept | {"TOLLGATE_PROJECT": str(self.root), "TOLLGATE_HOME": str(self.home)} | extra

    def start(self, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start one verb as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=REPOSITORY,
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def tollgate(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one verb to its end."""
        process = self.start(*arguments, **extra)
        stdout, stderr = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def succeed(self, *arguments: str, **extra: str) -> str:
        """Run one verb that must succeed, and return what it printed."""
        result = self.tollgate(*arguments, **extra)
        assert result.returncode == 0, f"{arguments}: {result.stdout}\n{result.stderr}"
        return result.stdout

    def killed_at(self, point: str, *arguments: str) -> None:
        """Run one verb that is killed at a named point, as by `kill -9`."""
        result = self.tollgate(*arguments, TOLLGATE_KILL_AT=point)
        assert result.returncode == -signal.SIGKILL, f"{point}: {result.stdout}\n{result.stderr}"

    def entries(self) -> tuple[Entry, ...]:
        """Return the ledger."""
        return Ledger(self.home / "ledger.git").entries()

    def status(self) -> dict[str, dict[str, Any]]:
        """Return `tollgate status --json` by instance."""
        rows = json.loads(self.succeed("status", "--json"))["instances"]
        return {row["instance"]: row for row in rows}

    def serial(self, environment: str, suffix: str | None = None) -> int:
        """Return the state's serial number, which every apply that changes something raises; 0 without a state."""
        state = self.state(environment, suffix)
        return int(state["serial"]) if state else 0

    def state(self, environment: str, suffix: str | None = None) -> dict[str, Any] | None:
        """Return an instance's Terraform state; None where there is none."""
        account = self.account(environment)
        s3 = account.client("s3")
        key = f"{environment}/{suffix or environment}/terraform.tfstate"
        try:
            body = s3.get_object(Bucket=f"tollgate-state-{account.account_id}", Key=key)["Body"].read()
        except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
            return None
        state: dict[str, Any] = json.loads(body)
        return state

    def meddle(self, environment: str) -> None:
        """Make what is deployed differ from the release, as somebody with the account's credentials could."""
        account, state = self.account(environment), self.state(environment)
        assert state is not None
        state["serial"] += 1
        for resource in state["resources"]:
            if resource["name"] == "first":
                resource["instances"][0]["attributes"]["input"] = {"value": "meddled", "type": "string"}
        account.client("s3").put_object(
            Bucket=f"tollgate-state-{account.account_id}",
            Key=f"{environment}/{environment}/terraform.tfstate",
            Body=json.dumps(state).encode(),
        )

    def account(self, environment: str) -> Account:
        """Return an environment's emulated account."""
        environments = load_environments(self.root / "environments")
        return LocalTarget(tuple(environments), Home(self.home)).account(environments.named(environment))

    def close(self) -> None:
        """Stop what was started for it."""
        self.tollgate("cloud", "reset")
        self.service.close()
