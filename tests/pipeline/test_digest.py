"""The same content is the same release, wherever, whenever and by whomever it is built; other content is another one.

Each build is a real child process on a copy of the checkout, with a home, caches and variables of its own.
"""

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.model.release import is_digest

PYTHONS = ("3.11", "3.12", "3.13")
"""Each that the project supports; CI has all of them."""
_ROOT = Path(__file__).resolve().parents[2]
_COPIED = (
    "app",
    "docs",
    "environments",
    "infra",
    "pipeline",
    "requirements",
    "pyproject.toml",
    "tollgate.toml",
)
_BINDINGS = "cdktf-cdktf-provider-aws"
_NOBODY = 65534
_SECONDS = 300
# What a build needs of the machine's own settings: where programs and packages come from.
_OF_THE_MACHINE = (
    "PATH",
    "SSL_CERT_FILE",
    "NODE_EXTRA_CA_CERTS",
    "UV_",
    "PIP_",
    "HTTP",
    "NO_PROXY",
    "http",
    "no_",
)


class _Workshop:
    """A folder that any user may enter, with copies of the checkout and interpreters in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._interpreters: dict[str, Path] = {}

    def copy(self, name: str) -> Path:
        """Return a new copy of what a release is built from, and of the documents beside it."""
        target = self.folder / name / "tollgate"
        for each in _COPIED:
            source = _ROOT / each
            target.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                kept_out = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, target / each, ignore=kept_out, symlinks=True)
            elif source.exists():
                shutil.copy(source, target / each)
        return target

    def build(
        self, checkout: Path, home: Path, *, python: Path | None = None, user: int | None = None, **extra: str
    ) -> str:
        """Return what `tollgate build` printed last, run in `checkout` by a process that has only what it needs."""
        home.mkdir(parents=True, exist_ok=True)
        if user is not None:
            os.chown(home, user, user)
        environment = {name: value for name, value in os.environ.items() if name.startswith(_OF_THE_MACHINE)}
        environment |= {
            "HOME": str(home),
            "TOLLGATE_HOME": str(home / "tollgate"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # The caches of tools are shared, or each home would hold thousands of files of theirs.
        if user is None:
            environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        umask = int(extra.pop("umask", "-1"), 8)
        result = subprocess.run(
            [python or sys.executable, "-m", "pipeline", "build"],
            cwd=checkout,
            env=environment | extra,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
            umask=umask,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        assert result.returncode == 0, result.stderr
        digest = result.stdout.splitlines()[-1]
        assert is_digest(digest)
        return digest

    def interpreter(self, base: str) -> Path:
        """Return a Python made from `base` that has exactly the locked packages which a build needs."""
        if base not in self._interpreters:
            venv = self.folder / f"python-{len(self._interpreters)}"
            python = venv / "bin" / "python"
            shared = _shared_bindings()
            requirements = venv / "requirements.txt"
            argv = [
                _uv(),
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--require-hashes",
                "--python",
                str(python),
            ]
            _run([_uv(), "venv", "--quiet", "--no-project", "--python", base, str(venv)])
            requirements.write_text(_locked(without=_BINDINGS if shared else None), encoding="utf-8")
            _run([*argv, "-r", str(requirements)])
            (packages,) = venv.glob("lib/python*/site-packages")
            for each in shared:
                (packages / each.name).symlink_to(each)
            self._interpreters[base] = python
        return self._interpreters[base]


@pytest.fixture(scope="module")
def workshop() -> Iterator[_Workshop]:
    """A folder outside pytest's own, which only its user may enter."""
    with tempfile.TemporaryDirectory(prefix="tollgate-digest-") as folder:
        Path(folder).chmod(0o755)
        yield _Workshop(Path(folder))


@pytest.fixture(scope="module")
def checkout(workshop: _Workshop) -> Path:
    """The copy that most builds share."""
    return workshop.copy("first")


@pytest.fixture(scope="module")
def digest(workshop: _Workshop, checkout: Path) -> str:
    """The release that this checkout makes, built in the plainest way."""
    return workshop.build(checkout, workshop.folder / "plain")


def test_another_folder(workshop: _Workshop, digest: str) -> None:
    """A copy elsewhere, below a name with a space, makes the same release."""
    elsewhere = workshop.copy("elsewhere and deeper")

    assert workshop.build(elsewhere, workshop.folder / "elsewhere-home") == digest


@pytest.mark.parametrize(
    "circumstance",
    [
        pytest.param({"TZ": "Pacific/Kiritimati", "umask": "0"}, id="time zone and an open umask"),
        pytest.param({"TZ": "America/St_Johns", "umask": "0o077"}, id="time zone and a closed umask"),
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0"}, id="no locale"),
        pytest.param(
            {"LOGNAME": "somebody", "USER": "somebody", "PYTHONHASHSEED": "7", "AWS_REGION": "us-east-1"},
            id="names, hash seed and a region in the environment",
        ),
    ],
)
def test_other_circumstances(
    workshop: _Workshop, checkout: Path, digest: str, circumstance: dict[str, Any]
) -> None:
    """Time zone, umask, locale, the user's names and variables are no content: with a new home the digest stays."""
    home = workshop.folder / f"home-{abs(hash(str(circumstance)))}"

    assert workshop.build(checkout, home, **circumstance) == digest


def test_a_turkish_locale(workshop: _Workshop, checkout: Path, digest: str) -> None:
    """Where `i` is no small `I`, the same release is made."""
    name, locales = "tr_TR.UTF-8", workshop.folder / "locales"
    locales.mkdir()
    if shutil.which("localedef") is None:
        pytest.skip("locales cannot be made here")
    made = ["localedef", "-i", "tr_TR", "-f", "UTF-8", str(locales / name)]
    if subprocess.run(made, check=False, capture_output=True, timeout=60).returncode != 0:
        pytest.skip("there is no source of Turkish rules on this machine")
    variables: dict[str, Any] = {"LOCPATH": str(locales), "LANG": name, "LC_ALL": name}
    probe = [sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, '')"]
    subprocess.run(probe, env=variables, check=True, timeout=60)

    assert workshop.build(checkout, workshop.folder / "home-tr", **variables) == digest


@pytest.mark.parametrize("version", PYTHONS)
def test_every_python(workshop: _Workshop, checkout: Path, digest: str, version: str) -> None:
    """Each Python that the project supports makes the same release, with the locked packages and nothing else."""
    base = _find_python(version)
    if base is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI lacks Python {version}")
        pytest.skip(f"there is no Python {version} on this machine")
    python = workshop.interpreter(base)

    assert workshop.build(checkout, workshop.folder / f"home-{version}", python=python) == digest


def test_another_user(workshop: _Workshop, checkout: Path, digest: str) -> None:
    """A user without any rights, who owns nothing but a home, makes the same release."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    base = next((each for version in PYTHONS for each in _pythons(version) if _is_open(each)), None)
    if base is None:
        pytest.skip("no Python on this machine may be run by another user")
    python = workshop.interpreter(base)
    # Read by everybody, written by its owner: as a checkout lies on a shared machine.
    subprocess.run(["chmod", "-R", "u+rwX,go+rX,go-w", str(checkout.parent)], check=True, timeout=60)

    assert workshop.build(checkout, workshop.folder / "nobody", python=python, user=_NOBODY) == digest


def test_documents_are_no_content(workshop: _Workshop, checkout: Path, digest: str) -> None:
    """A commit that changes documents, or how strict an environment is, builds the same release."""
    documents, gates = checkout / "docs" / "operate.md", checkout / "environments" / "prod.toml"
    with _changed(documents, "\nOne more sentence.\n"), _changed(gates, "\n# one more comment\n"):
        assert workshop.build(checkout, workshop.folder / "plain") == digest


@pytest.mark.parametrize(
    ("name", "addition"),
    [
        ("app/payments/settings.py", "\n# one more comment\n"),
        ("app/smoke.json", "\n"),
        ("environments/terraform.lock.hcl", "# one more comment\n"),
    ],
)
def test_any_change_of_content(
    workshop: _Workshop, checkout: Path, digest: str, name: str, addition: str
) -> None:
    """One more line in the code, the smoke checks or the provider lock makes another release."""
    with _changed(checkout / name, addition):
        assert workshop.build(checkout, workshop.folder / "plain") != digest


def test_another_stack(workshop: _Workshop, checkout: Path, digest: str) -> None:
    """One other value in what is synthesized makes another release, and putting it back the first one again."""
    path = checkout / "infra" / "environments.py"
    before = path.read_text(encoding="utf-8")
    path.write_text(before.replace('owner: str = "payments"', 'owner: str = "somebody"'), encoding="utf-8")

    other = workshop.build(checkout, workshop.folder / "plain")

    path.write_text(before, encoding="utf-8")
    assert other != digest
    assert workshop.build(checkout, workshop.folder / "plain") == digest


class _changed:  # noqa: N801 - reads like a function, which a context manager is
    """Add text to a file while the block runs."""

    def __init__(self, path: Path, addition: str) -> None:
        self._path, self._addition = path, addition
        self._before = path.read_bytes() if path.exists() else None

    def __enter__(self) -> None:
        self._path.write_bytes((self._before or b"") + self._addition.encode())

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            self._path.unlink()
        else:
            self._path.write_bytes(self._before)


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, timeout=_SECONDS, cwd="/")


def _locked(*, without: str | None) -> str:
    """Return the locked packages of a build, each once."""
    blocks: dict[str, str] = {}
    for group in ("app", "infra", "pipeline"):
        text = (_ROOT / "requirements" / f"{group}.txt").read_text(encoding="utf-8")
        for found in re.finditer(r"^([A-Za-z0-9._-]+)==.*(?:\n[ ]+--hash.*)*", text, re.MULTILINE):
            blocks[found.group(1)] = found.group(0)
    return "\n".join(block for name, block in blocks.items() if name != without) + "\n"


def _shared_bindings() -> list[Path]:
    """Return where our own Python has the provider's bindings, if every user may read there.

    They are the same pure-Python files for each Python, and 23,000 of them: to copy and remove them is most of the
    time that making an interpreter takes.
    """
    distribution = importlib.metadata.distribution(_BINDINGS)
    metadata = Path(
        str(distribution.locate_file(f"{_BINDINGS.replace('-', '_')}-{distribution.version}.dist-info"))
    )
    found = [metadata.with_name(_BINDINGS.replace("-", "_")), metadata]
    above = [folder for folder in metadata.resolve().parents if not folder.stat().st_mode & stat.S_IXOTH]
    return [] if above or not all(each.is_dir() for each in found) else found


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else (shutil.which("uv") or "uv")


def _find_python(version: str) -> str | None:
    return next(iter(_pythons(version)), None)


def _pythons(version: str) -> list[str]:
    """Return every Python of a version on this machine: pyenv's, those on PATH, and those that uv knows."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]
    for folder in os.get_exec_path():
        path = Path(folder) / f"python{version}"
        if os.access(path, os.X_OK) and "shims" not in path.parts:
            found.append(str(path.resolve()))
    asked = [_uv(), "python", "find", "--no-project", "--system", "--offline", version]
    told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    if told.returncode == 0:
        found.append(str(Path(told.stdout.strip()).resolve()))
    return list(dict.fromkeys(found))


def _is_open(python: str) -> bool:
    """Whether a user without any rights can run it."""
    try:
        ended = subprocess.run(
            [python, "-c", ""],
            user=_NOBODY,
            group=_NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            timeout=60,
            check=False,
        )
    except OSError:
        return False
    return ended.returncode == 0
