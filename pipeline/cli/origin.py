"""`tollgate origin`, and the hidden verbs that git's hooks call."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

import pipeline
from pipeline.cli.conclude import conclude
from pipeline.cli.console import progress, results
from pipeline.host.home import Home, project_root
from pipeline.origin.hand_over import Place, hand_over, run_queue
from pipeline.origin.hooks import Clone
from pipeline.origin.push import BRANCH, Update, by_hand, read_updates
from pipeline.origin.receive import check_push
from pipeline.origin.repository import REMOTE, Origin, make_origin
from pipeline.targets.target import find_target

_PIPELINE = Path(pipeline.__file__).resolve().parents[1]

At = Annotated[
    Path | None,
    typer.Option("--at", metavar="DIR", help="Where the repository is. Default: .tollgate/origin.git."),
]
Target = Annotated[
    str,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Where pushes are promoted to: local (emulated accounts, the default) or aws.",
        envvar="TOLLGATE_TARGET",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    hooks = typer.Typer(hidden=True, help="What git runs on a push.", rich_markup_mode=None)

    @app.command()
    def origin(at: At = None, target: Target = "local") -> None:
        """Make a repository on this machine to which a push promotes."""
        _make(at, target)

    @hooks.command("pre-receive")
    def pre_receive() -> None:
        """Check what is pushed; refuse it with the reason."""
        place, updates = _pushed()
        check_push(place.origin.path, place.clone, place.home, updates, progress())

    @hooks.command("post-receive")
    def post_receive() -> None:
        """Hand over what was accepted."""
        place, updates = _pushed()
        hand_over(place, updates, progress())

    @hooks.command("hand-over")
    def hand_over_now(repository: Path) -> None:
        """Promote what was accepted."""
        run_queue(_place(repository), progress(), conclude)

    app.add_typer(hooks, name="hook")


def _make(at: Path | None, target: str) -> None:
    home = Home.find()
    root = project_root()
    find_target(target, (), home)
    policies = os.environ.get("TOLLGATE_POLICIES_PYTHON") or str(
        root / ".nox" / "policies" / "bin" / "python"
    )
    clone = Clone(root, home.path, _PIPELINE, Path(sys.executable), Path(policies), target)
    made = Origin(at.expanduser().resolve() if at else home.path / "origin.git")
    console = results()
    make_origin(made, clone, lambda text: console.print(Text(text), soft_wrap=True))
    console.print(Text(f"next: `git push {REMOTE} {BRANCH}` checks it and promotes it"), soft_wrap=True)


def _pushed() -> tuple[Place, tuple[Update, ...]]:
    """Return where a push arrives and what it moves, as git tells its hooks."""
    folder = os.environ.get("GIT_DIR")
    if folder is None or sys.stdin.isatty():
        raise by_hand()
    return _place(Path(folder)), read_updates(sys.stdin)


def _place(repository: Path) -> Place:
    return Place(Origin(repository.resolve()), project_root(), Home.find(), _PIPELINE)
