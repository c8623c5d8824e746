"""`tollgate cloud`: the emulated accounts of this machine."""

from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.console import print_json, progress, results
from pipeline.host.home import Home, project_root
from pipeline.settings import load_environments
from pipeline.show.text import safe
from pipeline.targets.local import AccountStatus, LocalCloud
from pipeline.targets.target import local_cloud

app = typer.Typer(
    help="The emulated AWS accounts of this machine.", no_args_is_help=True, rich_markup_mode=None
)


@app.command()
def up() -> None:
    """Start the accounts that are not running."""
    say = progress()
    _show(_cloud().up(lambda text: say.note("cloud", text)))


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Say how each account is."""
    statuses = _cloud().status()
    if as_json:
        print_json(
            [
                {
                    "environment": status.spec.environment,
                    "account_id": status.spec.account_id,
                    "region": status.spec.region,
                    "state": status.state,
                    "endpoint": status.endpoint,
                    "pid": status.pid,
                    "since": status.since,
                    "vanished": list(status.vanished),
                }
                for status in statuses
            ]
        )
        return
    _show(statuses)


@app.command()
def down() -> None:
    """Stop the accounts; what they hold is kept."""
    say = progress()
    _show(_cloud().down(lambda text: say.note("cloud", text)))


@app.command()
def reset() -> None:
    """Stop the accounts and remove everything they hold."""
    say = progress()
    _cloud().reset(lambda text: say.note("cloud", text))


def _cloud() -> LocalCloud:
    return local_cloud(tuple(load_environments(project_root() / "environments")), Home.find())


def _show(statuses: tuple[AccountStatus, ...]) -> None:
    console = results()
    for status in statuses:
        where = f"{status.spec.environment:<8} {status.state:<8} account {status.spec.account_id}"
        console.print(Text(f"{where}  {status.endpoint or '-'}"), soft_wrap=True)
        for sentence in status.vanished:
            console.print(Text(f"         {safe(sentence)}"), soft_wrap=True)
