"""What a job without keys has built and checked, laid down in a folder for the job that signs.

The folder holds the release as an OCI image layout and one file for each check. Whoever takes it up hashes the
release again and runs again the checks that are the settings' own, which judge data. The other verdicts, of checks
that run the commit's code, are the word of the job that made it.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.build.release import build_release
from pipeline.evidence.checks import Here, Result, Runner, lay_out
from pipeline.host.files import scratch_folder
from pipeline.host.home import Home
from pipeline.model import strict_json
from pipeline.model.errors import RefusedError, TollgateError
from pipeline.model.release import RELEASE_TYPE, Release, short
from pipeline.settings import Check, Project
from pipeline.stores.releases import ReleaseStore

_LAYOUT = "release"
_VERDICTS = "checks"


def prepare(
    project: Project,
    environments: tuple[str, ...],
    home: Home,
    out: Path,
    say: Callable[[str], None],
) -> tuple[Release, tuple[Result, ...]]:
    """Build and check this checkout without any key, and write what a signing job needs to `out`.

    Raises:
        TollgateError: It cannot be built, checked or written.
    """
    release = build_release(project, environments, home, say)
    store = ReleaseStore(home.releases)
    files = {layer.title: store.read(release, layer.title) for layer in release.layers}
    ReleaseStore(out / _LAYOUT).save(files)
    with scratch_folder(home.work, "check") as folder:
        lay_out(store, release, folder)
        results = Here().run(project, project.checks, folder, say)
    verdicts = out / _VERDICTS
    verdicts.mkdir(parents=True, exist_ok=True)
    for result in results:
        document = {
            "check": result.check,
            "passed": result.passed,
            "milliseconds": round(result.seconds * 1000),
            "output": result.output,
            "report": result.report,
        }
        (verdicts / f"{result.check}.json").write_text(json.dumps(document), encoding="utf-8")
    return release, results


def refuse_failed(release: Release, results: Sequence[Result]) -> None:
    """Refuse a release of which a check failed.

    Raises:
        RefusedError: One did; its last words are in the message.
    """
    for result in results:
        if not result.passed:
            message = f"the check {result.check} failed for release {short(release.digest)}:\n{result.output}"
            raise RefusedError(message, "nothing is signed; mend what it names, then push again")


def digest_in(layout: Path) -> str:
    """Return the digest of the one release that an OCI image layout holds.

    Raises:
        TollgateError: It holds none, or several.
    """
    try:
        entries = json.loads((layout / "index.json").read_bytes())["manifests"]
        digests = [str(entry["digest"]) for entry in entries if entry.get("artifactType") == RELEASE_TYPE]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        digests = []
    if len(digests) != 1:
        message = f"{layout} holds {len(digests)} releases, not the one that a job has built"
        raise TollgateError(message, "give a new folder to the job that builds")
    return digests[0]


class Prepared:
    """A folder that `prepare` made, as the place where the release was built and checked.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        self.sentence = "in the job before this one, which has no keys"
        self.runner: Runner = _Read(folder / _VERDICTS)
        self._folder = folder

    def build(
        self,
        project: Project,  # noqa: ARG002 - it was built there
        environments: tuple[str, ...],
        home: Home,
        say: Callable[[str], None],
    ) -> Release:
        """Keep the release in the store of `home`, hashed anew.

        Raises:
            TollgateError: There is none, it is damaged, or it is for other environments.
        """
        say("taking over what was built")
        layout = self._folder / _LAYOUT
        made = ReleaseStore(layout)
        release = made.load(digest_in(layout))
        if release.environments != tuple(sorted(environments)):
            found = ", ".join(release.environments)
            message = f"what was prepared has stacks for other environments than the settings: {found}"
            raise TollgateError(message, "pin the settings that name them first: `nox -s settings`")
        files = {layer.title: made.read(release, layer.title) for layer in release.layers}
        return ReleaseStore(home.releases).save(files)

    def refuse_unfit(
        self, project: Project, release: Release, home: Home, say: Callable[[str], None]
    ) -> None:
        """Refuse a release that a check has not passed, without signing anything of it.

        Raises:
            RefusedError: A check failed; its last words are in the message.
            TollgateError: A check cannot be run, or its verdict cannot be read.
        """
        with scratch_folder(home.work, "check") as folder:
            lay_out(ReleaseStore(home.releases), release, folder)
            refuse_failed(release, self.runner.run(project, project.checks, folder, say))


class _Read:
    """Reads the verdicts of checks that ran elsewhere, and runs those that only the settings and the release decide."""

    more: tuple[Check, ...] = ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self,
        project: Project,
        checks: Sequence[Check],
        folder: Path,
        say: Callable[[str], None],
    ) -> tuple[Result, ...]:
        """Return the result of each check, in their order.

        Raises:
            TollgateError: A check was not run there, or its verdict cannot be read.
        """
        results: list[Result] = []
        for check in checks:
            if check.settings and project.bundle is not None:
                results += Here().run(project, [check], folder, say)
            else:
                say(f"reading the verdict of {check.name}")
                results.append(self._verdict(check))
        return tuple(results)

    def _verdict(self, check: Check) -> Result:
        path = self._folder / f"{check.name}.json"
        try:
            found = json.loads(path.read_bytes())
            names = ("check", "passed", "milliseconds", "output", "report")
            fields = strict_json.fields(found, f"the verdict of {check.name}", required=names)
            passed, milliseconds = _typed(fields)
        except (OSError, ValueError, RefusedError):
            message = f"the job before this one left no readable verdict of the check {check.name}"
            raise TollgateError(message, "nothing is signed without it; see that job's log") from None
        if fields["check"] != check.name:
            message = f"the verdict of {check.name} is one of {fields['check']!r}"
            raise TollgateError(message, "nothing is signed; see the log of the job before this one")
        return Result(
            check.name,
            passed=passed,
            reused=False,
            seconds=milliseconds / 1000,
            output=str(fields["output"]),
            report=fields["report"],
        )


def _typed(fields: Any) -> tuple[bool, int]:
    passed, milliseconds = fields["passed"], fields["milliseconds"]
    if type(passed) is not bool or type(milliseconds) is not int or milliseconds < 0:
        raise RefusedError("a verdict has fields of another type")
    return passed, milliseconds
