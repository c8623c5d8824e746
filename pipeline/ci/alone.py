"""One step by itself, with nothing but files: what a container runs, which has no keys, ledger or accounts."""

from collections.abc import Callable
from pathlib import Path

from pipeline.build.release import build_release
from pipeline.evidence.checks import Result, run_check
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home, project_root
from pipeline.model.errors import UsageError
from pipeline.model.release import Release
from pipeline.settings import Project, load_environments, load_project
from pipeline.settings.bundle import Bundle
from pipeline.stores.releases import ReleaseStore


def build_alone(out: Path, settings: Path | None, say: Callable[[str], None]) -> Release:
    """Build the release of this checkout and write it to `out` as an OCI image layout, unsigned and recorded nowhere.

    Args:
        out: The layout's folder; what is there stays.
        settings: The settings that count. Default: those of the checkout.
        say: Told what is being done.

    Raises:
        TollgateError: It cannot be built or written.
    """
    home = Home.find()
    project, folder = _project(settings)
    release = build_release(project, load_environments(folder / "environments").names, home, say)
    store = ReleaseStore(home.releases)
    return ReleaseStore(out).save({layer.title: store.read(release, layer.title) for layer in release.layers})


def check_alone(name: str, release: Path, report: Path | None, settings: Path | None) -> Result:
    """Run one check over the files of a release and return its verdict, unsigned and recorded nowhere.

    Args:
        name: The check's name in tollgate.toml.
        release: The release's files, laid out in a folder.
        report: Where it writes its report, if it makes one. Default: nobody wants it.
        settings: The settings that count. Default: those of the checkout.

    Raises:
        UsageError: There is no such check, or no such folder.
        TollgateError: It cannot be started, or wrote no report although it makes one.
    """
    project, _ = _project(settings)
    check = next((each for each in project.checks if each.name == name), None)
    if check is None:
        message = f"there is no check {name!r}; there are {', '.join(each.name for each in project.checks)}"
        raise UsageError(message, "check the spelling, or add it to tollgate.toml")
    if not release.is_dir():
        message = f"{release} is no folder with the files of a release"
        raise UsageError(message, "`nox -s synth -- --out DIR` writes the stacks of one")
    with scratch_folder(Home.find().work, "check") as folder:
        written = folder / "report.json"
        result = run_check(project, check, release.resolve(), written)
        if report is not None and written.exists():
            report.parent.mkdir(parents=True, exist_ok=True)
            report.write_bytes(written.read_bytes())
    return result


def _project(settings: Path | None) -> tuple[Project, Path]:
    """Return the project under the settings that count, and the folder where those are."""
    root = project_root()
    folder = root if settings is None else settings
    return load_project(folder, sources=root, bundle=Bundle.read(folder)), folder
