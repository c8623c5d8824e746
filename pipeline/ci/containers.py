"""What runs in which container. Each function runs one Nox session; its command is defined in the noxfile, once.

These classes take directories and secrets and never look at the host: who calls them decides what they see.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from dagger import CacheSharingMode, Container, Directory, Doc, File, Secret, dag

from pipeline.ci.constants import BASE_IMAGE, CACHES

NOX = "/opt/nox/bin/nox"
REPORT = "/verdict/report.json"
_ROOM = "/src"
_PROJECT = "/project"
_SETTINGS = "/settings"
_HOME = "/tollgate"
_PIP_CONFIGURATION = "/etc/pip.conf"
_FROM_LOCK = ("--requirement", "requirements/nox.txt")
_CERTIFICATES = "/etc/tollgate/certificates.pem"
# Every program looks for the bundle under another name.
_CERTIFICATE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """How containers reach a package index. Nothing of it is part of a cached layer's name."""

    pip_configuration: Annotated[
        Secret | None, Doc("A pip configuration file: the index, which may hold a password.")
    ] = None
    certificates: Annotated[File | None, Doc("A bundle of certificates to trust, PEM.")] = None
    http_proxy: Annotated[Secret | None, Doc("Proxy for http, which may hold a password.")] = None
    https_proxy: Annotated[Secret | None, Doc("Proxy for https, which may hold a password.")] = None
    all_proxy: Annotated[Secret | None, Doc("Proxy for everything else.")] = None
    no_proxy: Annotated[Secret | None, Doc("Hosts that are reached without a proxy.")] = None

    def given_to(self, container: Annotated[Container, Doc("What gets them.")]) -> Container:
        """Return `container` with these settings."""
        if self.pip_configuration is not None:
            container = container.with_mounted_secret(_PIP_CONFIGURATION, self.pip_configuration)
        if self.certificates is not None:
            container = container.with_mounted_file(_CERTIFICATES, self.certificates)
            for name in _CERTIFICATE_VARIABLES:
                container = container.with_env_variable(name, _CERTIFICATES)
        for name, proxy in self._proxies().items():
            container = container.with_secret_variable(name, proxy).with_secret_variable(name.lower(), proxy)
        return container

    def taken_from(self, container: Annotated[Container, Doc("What gives them back.")]) -> Container:
        """Return `container` without what may hold a password: code that is judged has no use for it."""
        if self.pip_configuration is not None:
            container = container.without_mount(_PIP_CONFIGURATION)
        for name in self._proxies():
            container = container.without_secret_variable(name).without_secret_variable(name.lower())
        return container

    def _proxies(self) -> dict[str, Secret]:
        proxies = {
            "HTTP_PROXY": self.http_proxy,
            "HTTPS_PROXY": self.https_proxy,
            "ALL_PROXY": self.all_proxy,
            "NO_PROXY": self.no_proxy,
        }
        return {name: proxy for name, proxy in proxies.items() if proxy is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The checkout that is built and judged, as the sets of files that steps need."""

    tools: Annotated[Directory, Doc("`TOOLS`: what decides which tools are installed.")]
    built: Annotated[Directory, Doc("`BUILT`: what a release is built from.")]
    checked: Annotated[Directory, Doc("`CHECKED`: what checks of a release run and judge.")]
    whole: Annotated[Directory, Doc("`WHOLE`: every file that git tracks.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The containers that everything starts from: an image, the locked tools, and the files that count."""

    source: Annotated[Source, Doc("The checkout that is built and judged.")]
    tools: Annotated[Directory, Doc("`TOOLS` of the checkout whose pipeline does it; most often the same.")]
    pipeline: Annotated[Directory, Doc("`PIPELINE` of that checkout.")]
    settings: Annotated[Directory | None, Doc("The pinned settings. Default: those of `source`.")] = None
    foreign: Annotated[bool, Doc("Whether the source is another checkout than the pipeline's.")] = False
    base_image: Annotated[str, Doc("Image with Python and git, by digest.")] = BASE_IMAGE
    network: Annotated[Network | None, Doc("How to reach an index. Default: as the engine does.")] = None

    def equipped(
        self,
        tools: Annotated[Directory, Doc("What decides which tools are installed.")],
        *,
        policies: Annotated[bool, Doc("Whether checkov is among them.")] = False,
        shared: Annotated[bool, Doc("Whether what is downloaded is kept for other runs.")] = True,
    ) -> Container:
        """Return the container with the tools that are locked there, and with none of our code."""
        kept = ("pip", "uv") if shared else ()
        container = (
            dag.container()
            .from_(self.base_image)
            .with_workdir(_ROOM)
            .with_(self.given_network)
            .with_env_variable("NO_COLOR", "1")
            .with_env_variable("PIP_CACHE_DIR", CACHES["pip"])
            .with_env_variable("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .with_env_variable("UV_CACHE_DIR", CACHES["uv"])
            .with_env_variable("UV_LINK_MODE", "copy")
        )
        for tool in kept:
            container = container.with_(_cache(tool))
        container = (
            container.with_directory(_ROOM, tools, include=["requirements/nox.txt"])
            .with_exec(["python3", "-m", "venv", "/opt/nox"])
            .with_exec(["/opt/nox/bin/pip", "install", "--quiet", "--require-hashes", *_FROM_LOCK])
            # The package's metadata names it; what it says is no tool.
            .with_new_file(f"{_ROOM}/README.md", "")
            .with_directory(_ROOM, tools)
            .with_(_nox("dev", "--without-policies"))
        )
        if policies:
            container = container.with_(_nox("dev"))
        for tool in kept:
            container = container.without_mount(CACHES[tool])
        return container if self.network is None else self.network.taken_from(container)

    def room(
        self,
        files: Annotated[Directory, Doc("What is built or judged.")],
        *,
        policies: Annotated[bool, Doc("Whether checkov is needed.")] = False,
    ) -> Container:
        """Return the container in which our pipeline works on `files` of the source."""
        container = (
            self.equipped(self.tools, policies=policies)
            .with_directory(_ROOM, self.pipeline)
            .with_directory(_PROJECT, files)
            .with_env_variable("TOLLGATE_PROJECT", _PROJECT)
            .with_env_variable("TOLLGATE_HOME", _HOME)
        )
        return container if self.settings is None else container.with_directory(_SETTINGS, self.settings)

    def own(self, files: Annotated[Directory, Doc("What is judged.")]) -> Container:
        """Return the container in which the source judges `files` of itself, by its own sessions."""
        # Installing is the source's own code too: what it leaves behind must not be what another run installs from.
        return self.equipped(self.source.tools, shared=not self.foreign).with_directory(_ROOM, files)

    def by_settings(self) -> tuple[str, ...]:
        """Return the arguments that name the pinned settings, where there are any."""
        return () if self.settings is None else ("--settings", _SETTINGS)

    def given_network(self, container: Annotated[Container, Doc("What gets them.")]) -> Container:
        """Return `container` with the network settings, where there are any."""
        return container if self.network is None else self.network.given_to(container)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Building the release."""

    workshop: Annotated[Workshop, Doc("Where it is built.")]

    def release(self) -> Directory:
        """Build the release once; return it as an OCI image layout, without any signature."""
        return (
            self.workshop.room(self.workshop.source.built)
            .with_(self.workshop.given_network)
            # No volume: synthesis is code that is judged, and would leave there what the next release is made of.
            .with_(_nox("build", "--out", "/release", *self.workshop.by_settings()))
            .directory("/release")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Judging the stacks of a release."""

    workshop: Annotated[Workshop, Doc("Where they are judged.")]

    def judged(
        self,
        release: Annotated[Directory, Doc("The release's files, laid out.")],
        check: Annotated[str, Doc("The check's name in tollgate.toml.")] = "policies",
    ) -> Container:
        """Run the policies over a release; they write their report to `REPORT`."""
        room = self.workshop.room(self.workshop.source.checked, policies=True)
        return room.with_(_judged(check, release, self.workshop.by_settings()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Everything else that is asked of a release and of the code that made it."""

    workshop: Annotated[Workshop, Doc("Where it is asked.")]

    def judged(
        self,
        release: Annotated[Directory, Doc("The release's files, laid out.")],
        check: Annotated[str, Doc("The check's name in tollgate.toml.")] = "unit",
    ) -> Container:
        """Run a check of tollgate.toml over a release; it writes its report, if it makes one, to `REPORT`."""
        room = self.workshop.room(self.workshop.source.checked)
        return room.with_(_judged(check, release, self.workshop.by_settings()))

    def types(self) -> Container:
        """Check the types of our own code."""
        return (
            self.workshop.own(self.workshop.source.whole)
            .with_env_variable("MYPY_CACHE_DIR", CACHES["mypy"])
            .with_(_cache("mypy"))
            .with_(_nox("types"))
        )

    def lint(self) -> Container:
        """Check style, layers, spelling and workflows, in a repository that holds exactly these files."""
        return (
            self.workshop.own(self.workshop.source.whole)
            .with_env_variable("RUFF_CACHE_DIR", CACHES["ruff"])
            .with_(_cache("ruff"))
            .with_exec(["git", "init", "--quiet"])
            .with_exec(["git", "add", "--all"])
            .with_(_nox("lint"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ci:
    """Everything that runs in containers. Promotion does not: it holds keys and credentials, so it stays outside."""

    workshop: Annotated[Workshop, Doc("Where everything starts.")]

    @property
    def build(self) -> Build:
        """Builds the release."""
        return Build(workshop=self.workshop)

    @property
    def policies(self) -> Policies:
        """Judges its stacks."""
        return Policies(workshop=self.workshop)

    @property
    def check(self) -> Check:
        """Checks everything else."""
        return Check(workshop=self.workshop)


_Step = Callable[[Container], Container]


def _nox(session: str, *arguments: str) -> _Step:
    """Run one Nox session."""
    behind = ["--", *arguments] if arguments else []
    return lambda container: container.with_exec([NOX, "--session", session, *behind])


def _judged(check: str, release: Directory, settings: tuple[str, ...]) -> _Step:
    """Run one check of tollgate.toml over the files of a release."""
    run = _nox("check", check, "--release", "/release", "--report", REPORT, *settings)
    return lambda container: (
        container.with_mounted_directory("/release", release)
        .with_new_file(REPORT, "")  # makes the folder; a check that writes nothing leaves no report
        .with_(run)
    )


def _cache(tool: str) -> _Step:
    """Mount the volume of one tool; one container at a time writes to it."""
    volume = f"tollgate-{tool}"
    return lambda container: container.with_mounted_cache(
        CACHES[tool], dag.cache_volume(volume), sharing=CacheSharingMode.LOCKED
    )
