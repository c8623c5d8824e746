"""The steps in containers, without an engine: exactly what is asked of it, and what is made of its answers."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.ci import constants, host_settings
from pipeline.ci.engine import _ContainerRunner
from pipeline.ci.place import Machine, find_place, pinned_version
from pipeline.evidence.checks import Here
from pipeline.host.home import Home
from pipeline.model.errors import RefusedError, TollgateError, UsageError
from pipeline.model.release import Release, stack_title
from pipeline.settings import Check, Project, load_project
from pipeline.stores.releases import ReleaseStore
from tests.pipeline.dagger_session import DaggerSession, EngineFailure, ExecFailure

ROOT = Path(__file__).resolve().parents[2]
QUERIES = ROOT / "tests" / "pipeline" / "ci_queries"
IMAGE = "registry.example/python:3.13@sha256:" + "0" * 64
FILES = {stack_title("dev"): b"{}", stack_title("prod"): b"{}", "lambda.zip": b"code"}
NOX = "/opt/nox/bin/nox"


@pytest.fixture
def project() -> Project:
    """This project, with the settings of the checkout."""
    return load_project(ROOT)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path / "home")


Serve = Callable[..., DaggerSession]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a session that answers as it is told, as the one that `dagger run` has opened."""
    sessions = []

    def start(answer: Callable[[list[str]], str] = lambda _: "", version: str = "v0.21.8") -> DaggerSession:
        session = DaggerSession(answer, version)
        sessions.append(session)
        for name, value in session.environment.items():
            monkeypatch.setenv(name, value)
        return session

    monkeypatch.setenv("TOLLGATE_BASE_IMAGE", IMAGE)
    monkeypatch.delenv("TOLLGATE_CONTAINER_NETWORK", raising=False)
    yield start
    for session in sessions:
        session.close()


def exported(files: dict[str, bytes]) -> Callable[[list[str]], str]:
    """Answer an export as an engine does: by writing, here a release of `files`."""

    def answer(calls: list[str]) -> str:
        path = calls[-1].removeprefix('export(path: "').removesuffix('")')
        ReleaseStore(Path(path)).save(files)
        return path

    return answer


def as_recorded(session: DaggerSession, home: Home) -> str:
    """What was asked, one call a line, with the folders of this run left out."""
    text = "\n\n".join("\n".join(calls) for calls in session.leaves())
    for path, name in ((os.fspath(home.path), "HOME"), (os.fspath(ROOT), "ROOT")):
        text = text.replace(path, name)
    return re.sub(r"HOME/work/[^/'\"]+", "SCRATCH", text) + "\n"


def agree(name: str, asked: str) -> None:
    """Compare what was asked with what was recorded; `TOLLGATE_RECORD=queries` records it anew."""
    path = QUERIES / f"{name}.txt"
    if os.environ.get("TOLLGATE_RECORD") == "queries":
        path.parent.mkdir(exist_ok=True)
        path.write_text(asked, encoding="utf-8")
    assert asked == path.read_text(encoding="utf-8")


def check_in_container(project: Project, home: Home, *checks: Check) -> Any:
    """Run checks over a release of three files, in containers."""
    folder = home.work / "laid-out"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    runner = find_place("require", ROOT).runner
    return runner.run(project, checks, folder, lambda _: None)


def test_a_build_asks_for_exactly_this(serve: Serve, project: Project, home: Home) -> None:
    """A build is one query: an image, the locked tools, the sources, one Nox session, one export."""
    session = serve(exported(FILES))
    release = find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)

    assert release == Release.of(FILES)
    assert ReleaseStore(home.releases).load(release.digest) == release
    agree("build", as_recorded(session, home))


@pytest.mark.parametrize("name", ["unit", "policies", "lint", "types"])
def test_a_check_asks_for_exactly_this(serve: Serve, project: Project, home: Home, name: str) -> None:
    """Each check is one Nox session in a container of its own; no verdict is asked for but the session's."""
    session = serve(lambda calls: '{"checks": [{"id": "PAY_1"}]}' if calls[-1] == "contents" else "fine\n")
    runner = find_place("auto", ROOT).runner
    check = next(each for each in (*project.checks, *runner.more) if each.name == name)
    (result,) = check_in_container(project, home, check)

    assert (result.check, result.passed, result.output) == (name, True, "fine")
    assert result.report == ({"checks": [{"id": "PAY_1"}]} if name == "policies" else None)
    agree(name, as_recorded(session, home))


def test_a_build_keeps_nothing_for_the_next(serve: Serve, project: Project, home: Home) -> None:
    """Once the code that is judged is there, no volume is: it could leave what the next release is made of."""
    session = serve(exported(FILES))
    find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)

    (leaf,) = session.leaves()
    entry = next(
        number for number, call in enumerate(leaf) if call.startswith('withDirectory(path: "/project"')
    )
    assert not any(call.startswith("withMountedCache") for call in leaf[entry:])


@pytest.mark.parametrize("name", ["lint", "types"])
def test_another_checkout_installs_into_no_volume_of_ours(
    serve: Serve, tmp_path: Path, home: Home, name: str
) -> None:
    """A commit that is judged from elsewhere installs its own tools, and not where this checkout's come from."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(ROOT / "environments", elsewhere / "environments")
    for file in ("tollgate.toml", "pyproject.toml", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / file, elsewhere)
    session = serve(lambda _: "fine\n")
    runner = find_place("auto", ROOT).runner
    check_in_container(load_project(elsewhere), home, next(each for each in runner.more if each.name == name))

    volumes = [call for calls in session.queries for call in calls if call.startswith("withMountedCache")]
    assert not any("tollgate-uv" in call or "tollgate-pip" in call for call in volumes)


def test_what_is_not_named_stays_outside(serve: Serve, project: Project, home: Home) -> None:
    """Of a checkout, nothing leaves the host but what is named; `.git`, keys and the home are not."""
    session = serve(exported(FILES))
    find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)

    sent = {calls[1] for calls in session.queries if calls[0] == "host"}
    assert len(sent) == 3
    for call in sent:
        assert call.startswith(f'directory(path: "{ROOT}", exclude: ["*", "!')
        assert '"!.git"' not in call
        assert "tollgate/" not in call


def test_pinned_settings_enter_as_files(serve: Serve, home: Home) -> None:
    """Where settings are pinned, those enter the container and are named to the step."""
    from pipeline.settings.bundle import Bundle

    session = serve(exported(FILES))
    pinned = load_project(ROOT, bundle=Bundle.read(ROOT))
    find_place("auto", ROOT).build(pinned, ("dev", "prod"), home, lambda _: None)

    asked = as_recorded(session, home)
    assert 'withDirectory(path: "/settings", source: "host.directory(path:' in asked
    assert '"build", "--", "--out", "/release", "--settings", "/settings"]' in asked


def test_host_settings_travel_as_secrets(
    serve: Serve, project: Project, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One setting hands over index, certificates and proxies; passwords are in no query and reach no check."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    monkeypatch.setattr(
        host_settings, "_pip_list", lambda: "global.index-url='https://user:hush@packages.example/'\n"
    )
    for name in host_settings._CERTIFICATES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CERT", str(bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hush@proxy.example:3128")
    monkeypatch.setenv("TOLLGATE_CONTAINER_NETWORK", "host")
    session = serve()
    check_in_container(project, home, project.checks[0])

    (leaf,) = session.leaves()
    text = "\n".join(map("\n".join, session.queries))
    assert "hush" not in text
    secret = "secret(uri: 'env://HTTPS_PROXY', cacheKey: 'tollgate-https_proxy')"
    assert f'withSecretVariable(name: "HTTPS_PROXY", secret: "{secret}")' in leaf
    assert 'withEnvVariable(name: "SSL_CERT_FILE", value: "/etc/tollgate/certificates.pem")' in leaf
    mounted = [call for call in leaf if call.startswith('withMountedSecret(path: "/etc/pip.conf"')]
    assert len(mounted) == 1
    # Before the code that is judged enters, whatever may hold a password has left.
    entry = next(
        number for number, call in enumerate(leaf) if call.startswith('withDirectory(path: "/project"')
    )
    assert leaf.index('withoutMount(path: "/etc/pip.conf")') < entry
    assert leaf.index('withoutSecretVariable(name: "https_proxy")') < entry


def test_a_release_is_hashed_again(serve: Serve, project: Project, home: Home) -> None:
    """A layout whose bytes are not what their names say is no release."""

    def altered(calls: list[str]) -> str:
        path = exported(FILES)(calls)
        blobs = Path(path) / "blobs" / "sha256"
        next(blob for blob in blobs.iterdir() if blob.read_bytes() == b"code").write_bytes(b"evil")
        return path

    serve(altered)

    with pytest.raises(TollgateError, match="was altered"):
        find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"lambda.zip": b"code"}, "stacks for other environments"),
        ({stack_title("dev"): b"{}"}, "stacks for other environments"),
        (None, "brought back no release"),
    ],
)
def test_what_is_no_release_of_this_project_is_refused(
    serve: Serve, project: Project, home: Home, files: dict[str, bytes] | None, says: str
) -> None:
    """What comes back must be one release, with one stack for each environment."""
    serve(exported(files) if files else lambda _: "")

    with pytest.raises(TollgateError, match=says):
        find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)


def test_a_failing_check_shows_its_own_words(serve: Serve, project: Project, home: Home) -> None:
    """Of a check that fails, its output is kept: not Nox's remarks and not the engine's stack."""
    stderr = "nox > Command python failed with exit code 1\nnox > Session check failed.\n"

    def fail(calls: list[str]) -> str:
        raise ExecFailure([NOX, "--session", "check", "--", "unit"], 1, "FAILED test_x\n1 failed\n", stderr)

    serve(fail)
    (result,) = check_in_container(project, home, project.checks[0])

    assert not result.passed
    assert result.output == "FAILED test_x\n1 failed"


def test_tools_that_cannot_be_installed_are_no_verdict(serve: Serve, project: Project, home: Home) -> None:
    """Where the container of a check cannot be made, nothing is said about the release."""

    def fail(calls: list[str]) -> str:
        raise ExecFailure([NOX, "--session", "dev"], 1, "", "no route to the index\n")

    serve(fail)

    with pytest.raises(TollgateError, match=r"`nox --session dev` failed:\nno route to the index") as caught:
        check_in_container(project, home, project.checks[0])
    assert "TOLLGATE_CONTAINER_NETWORK" in (caught.value.hint or "")


def test_a_check_without_its_report_is_no_verdict(serve: Serve, project: Project, home: Home) -> None:
    """A check that passes without the report it was asked for has not passed."""
    serve()

    with pytest.raises(TollgateError, match="the check policies wrote no report"):
        check_in_container(project, home, next(each for each in project.checks if each.name == "policies"))


def test_an_engine_that_fails_is_named_in_one_sentence(serve: Serve, project: Project, home: Home) -> None:
    """An engine's error is its first line, without its stack."""

    def fail(calls: list[str]) -> str:
        message = "failed to resolve image\nstack:\n goroutine 1"
        raise EngineFailure(message)

    serve(fail)

    with pytest.raises(TollgateError) as caught:
        find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)
    assert caught.value.message == "the Dagger engine failed: failed to resolve image"


def test_another_engine_is_refused(serve: Serve, project: Project, home: Home) -> None:
    """The locked SDK says which engine it is made for; another one is not tried."""
    serve(version="v1.0.0")

    with pytest.raises(TollgateError, match=r"is v1\.0\.0, and this checkout is made for v0\.21\.8"):
        find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)


def test_a_session_that_is_gone_is_said(
    project: Project, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables of a session that has ended lead to a sentence, not to a traceback."""
    monkeypatch.setenv("DAGGER_SESSION_PORT", "1")
    monkeypatch.setenv("DAGGER_SESSION_TOKEN", "token")

    with pytest.raises(TollgateError, match="the Dagger engine failed: Failed to establish"):
        find_place("auto", ROOT).build(project, ("dev", "prod"), home, lambda _: None)


def test_without_an_engine_steps_run_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`auto` says that there is none and how to bring one; `require` refuses; `off` does not look."""
    monkeypatch.delenv("DAGGER_SESSION_PORT", raising=False)

    here = find_place("auto", ROOT)
    assert isinstance(here, Machine)
    assert isinstance(here.runner, Here)
    assert here.sentence == (
        "on this machine: there is no Dagger engine (`dagger run nox -s promote` brings one)"
    )
    with pytest.raises(RefusedError, match="there is no Dagger engine, and `--engine require` needs one"):
        find_place("require", ROOT)
    with pytest.raises(UsageError, match="one of auto, require, off"):
        find_place("maybe", ROOT)
    monkeypatch.setenv("DAGGER_SESSION_PORT", "1")
    assert find_place("off", ROOT).sentence == "on this machine: as asked"
    with pytest.raises(RefusedError, match="no noxfile"):
        find_place("require", tmp_path)


def test_a_choice_of_network_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting is `own` or `host`; by default nothing of the host is handed over."""
    monkeypatch.setenv("TOLLGATE_CONTAINER_NETWORK", "all")
    with pytest.raises(UsageError, match="must be own or host"):
        host_settings.read_host_settings()
    monkeypatch.delenv("TOLLGATE_CONTAINER_NETWORK")

    assert host_settings.read_host_settings() == host_settings.HostSettings()


def test_pip_settings_are_handed_over_where_they_count_elsewhere() -> None:
    """Index and its kin are; folders and certificates of this machine are not."""
    listed = (
        "global.index-url='https://packages.example/'\n"
        "global.cert='/etc/ssl/bundle.pem'\n"
        ":env:.find-links='/opt/wheels'\n"
        ":env:.timeout='180'\n"
    )

    assert host_settings._pip_configuration(listed) == (
        "[global]\nindex-url = https://packages.example/\ntimeout = 180\n"
    )
    assert host_settings._pip_configuration(":env:.find-links='/opt/wheels'\n") is None


@pytest.mark.parametrize("library", ["dagger", "boto3", "httpx", "jinja2"])
def test_a_command_loads_what_few_need_only_when_it_is_needed(library: str) -> None:
    """Each costs a tenth of a second or more, at every start of every command; the engine's SDK a whole one."""
    code = f"import sys, pipeline.cli.app; sys.exit({library!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_tracked_file_may_enter() -> None:
    """What is denied by default is what git does not track: a new top-level file is named in one place."""
    tracked = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    named = set(constants.WHOLE)

    assert {name.partition("/")[0] for name in tracked} - named == set()
    assert all((ROOT / name).exists() for name in named)


def test_what_a_session_names_enters_its_container() -> None:
    """Whatever `nox -s types` looks at is among the files that it gets."""
    (types,) = [check for check in _ContainerRunner.more if check.name == "types"]
    session = (ROOT / "noxfile.py").read_text(encoding="utf-8").partition("def types(")[2]
    named = re.search(r"session\.posargs or (\[.*?\])", session)

    assert named is not None
    assert set(ast.literal_eval(named[1])) - set(types.inputs) == set()


def test_every_argument_says_what_it_is() -> None:
    """Each argument of the objects in containers is annotated with a `Doc`; none is a password in plain text."""
    tree = ast.parse((ROOT / "pipeline" / "ci" / "containers.py").read_text(encoding="utf-8"))
    annotations = [
        node.annotation
        for each in ast.walk(tree)
        if isinstance(each, ast.ClassDef)
        for node in each.body
        if isinstance(node, ast.AnnAssign)
    ]
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef):
            methods = [node.args for node in each.body if isinstance(node, ast.FunctionDef)]
            arguments = [arg for found in methods for arg in (*found.args, *found.kwonlyargs)]
            annotations += [arg.annotation for arg in arguments if arg.annotation is not None]

    assert len(annotations) > 20
    for annotation in map(ast.unparse, annotations):
        assert annotation.startswith("Annotated["), annotation
        assert "Doc(" in annotation, annotation
        assert "password" not in annotation or annotation.startswith("Annotated[Secret"), annotation


def test_the_image_is_named_by_digest() -> None:
    """The image is the same bytes every time; the tag beside it is for people."""
    name, _, digest = constants.BASE_IMAGE.partition("@")

    assert name.startswith("docker.io/library/python:3.")
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64


def test_the_engine_s_version_stands_in_one_place() -> None:
    """The locked SDK pins it; the document that says how to get the engine names the same."""
    assert pinned_version() == "v0.21.8"
    text = (ROOT / "docs" / "dagger.md").read_text(encoding="utf-8")
    version = pinned_version().removeprefix("v")
    assert f"It needs the Dagger CLI {version}," in text
    assert f"dagger-io=={version}" in text


def test_a_step_alone_needs_no_ledger_and_no_keys(tmp_path: Path) -> None:
    """`check` runs what tollgate.toml says over plain files: its exit status is the verdict, and nothing is left."""
    root = tmp_path / "project"
    (root / "environments").mkdir(parents=True)
    (root / "tollgate.toml").write_text(
        (ROOT / "tollgate.toml").read_text().partition("[checks.")[0]
        + '[checks.unit]\ncommand = ["{python}", "-c", "print(chr(155)); print(1/0)"]\ninputs = ["tollgate.toml"]\n'
    )
    (tmp_path / "release").mkdir()
    result = subprocess.run(
        [sys.executable, "-m", "pipeline", "check", "unit", "--release", str(tmp_path / "release")],
        cwd=ROOT,
        env={**os.environ, "TOLLGATE_PROJECT": str(root), "TOLLGATE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stdout
    assert r"\x9b" in result.stdout  # what it printed could repaint the terminal
    assert json.dumps(sorted(path.name for path in (tmp_path / "home").iterdir())) == '["work"]'
