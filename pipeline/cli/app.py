"""The verbs."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from pipeline import bootstrap as bootstrapping
from pipeline import destroy as destroying
from pipeline import promote as promoting
from pipeline import waiting
from pipeline.ask import Wish
from pipeline.begun import go_on
from pipeline.build.synth import SYNTHESIZED, synthesize_whole
from pipeline.ci.alone import build_alone, check_alone
from pipeline.ci.place import find_place
from pipeline.cli import cloud, github, look, origin, settings, verify, ways_back
from pipeline.cli.conclude import conclude, say_relaxed
from pipeline.cli.console import print_json, progress, results, run
from pipeline.cli.options import Env, Json, Reason, Seen, Store, Suffix, Target
from pipeline.context import Context
from pipeline.endpoint import find_deployed
from pipeline.host.home import project_root
from pipeline.model.environment import instance_of
from pipeline.model.errors import InterruptedByUserError, RefusedError, UsageError
from pipeline.model.release import short
from pipeline.plan import Judged, judge, open_site
from pipeline.settings import load_environments, load_project
from pipeline.show import change_set as show_change_set
from pipeline.show.text import safe
from pipeline.show.watch import watch as watch_rows
from pipeline.show.words import show_blocks, show_rows
from pipeline.status import status_rows

app = typer.Typer(
    name="tollgate",
    help="Build one release and carry it, unchanged, through dev, staging and prod.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cloud.app, name="cloud")
app.add_typer(github.app, name="github")
settings.register(app)
look.register(app)
verify.register(app)

Engine = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="WHEN",
        help="Run steps in containers of a Dagger engine: auto (where there is one), require or off.",
    ),
]
Settings = Annotated[
    Path | None,
    typer.Option("--settings", metavar="DIR", help="The settings that count. Default: the checkout's."),
]


@app.command()
def synth(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write them. Default: cdktf.out.")
    ] = None,
) -> None:
    """Write the stack of every environment as Terraform JSON, and print where each one is."""
    root = project_root()
    names = load_environments(root / "environments").names
    with progress().step("build", "synth") as step:
        stacks = synthesize_whole(load_project(root), names, out or root / SYNTHESIZED)
        step.result = f"{len(stacks)} stacks"
    for path in stacks:
        typer.echo(path)


@app.command()
def build(
    target: Target = None,
    engine: Engine = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Only write it there, unsigned, as an OCI image layout."),
    ] = None,
    settings: Settings = None,
    store: Store = None,
) -> None:
    """Build the release of this checkout; the last line printed is its digest."""
    if out is None and settings is not None:
        raise UsageError(
            "`--settings` is for `--out` only", "pinned settings come from the ledger by themselves"
        )
    if out is None:
        context = Context.open(progress(), target, store)
        release = promoting.build(context, find_place(engine, project_root()))
        context.store.push(release.digest)
    else:
        with progress().step("build", "release") as step:
            release = build_alone(out, settings, step.say)
            step.result = short(release.digest)
    typer.echo(release.digest)


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="CHECK", help="Its name in tollgate.toml.")],
    release: Annotated[
        Path, typer.Option("--release", metavar="DIR", help="The files of a release, laid out in a folder.")
    ],
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Where the check writes its report.")
    ] = None,
    settings: Settings = None,
) -> None:
    """Run one check over the files of a release; nothing is signed or recorded."""
    result = check_alone(name, release, report, settings)
    typer.echo("\n".join(safe(line) for line in result.output.splitlines()))
    if not result.passed:
        raise typer.Exit(1)


@app.command()
def promote(
    to: Annotated[
        str | None, typer.Option("--to", metavar="ENV", help="Stop after this environment.")
    ] = None,
    suffix: Suffix = None,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the cloud too where the ledger says all is well.")
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Let uncommitted files go beyond dev; it is recorded.")
    ] = False,
    ask_again: Annotated[bool, typer.Option("--ask-again", help="Show again what was rejected.")] = False,
    engine: Engine = "auto",
    release: Annotated[
        str | None,
        typer.Option("--release", metavar="DIGEST", help="Build nothing: promote this release of the store."),
    ] = None,
    store: Store = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Build the release, check it, and carry it as far as its gates allow."""
    context = Context.open(progress(), target, store)
    if suffix is not None and to is None:
        to = context.environments.with_previews.name
    wish = Wish(to=to, suffix=suffix, check=check, allow_dirty=allow_dirty, ask_again=ask_again)
    if release is None:
        reports = promoting.promote(context, wish, place=find_place(engine, project_root()))
    else:
        reports = promoting.promote_existing(context, wish, release)
    conclude(context, wish, reports, as_json=as_json)


@app.command()
def plan(env: Env, suffix: Suffix = None, target: Target = None, as_json: Json = False) -> None:
    """Show the change set that would wait in an environment; change nothing."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    instance = instance_of(environment, suffix)
    release = promoting.build(context)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    with open_site(context, environment, instance, release, "planning") as site:
        judged = judge(context, site)
    if as_json:
        print_json(show_change_set.to_document(judged.change_set, judged.findings, judged.needs_person))
        return
    show_change_set.show(results(), judged.change_set, judged.findings, judged.needs_person)


@app.command()
def approve(
    env: Env,
    reason: Reason,
    seen: Seen = None,
    suffix: Suffix = None,
    go: Annotated[bool, typer.Option("--go", help="Apply it at once.")] = False,
    target: Target = None,
) -> None:
    """Approve exactly the change set that now waits in an environment."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    instance = instance_of(environment, suffix)
    entry = waiting.approve(context, environment, instance, reason, seen=seen)
    console = results()
    said = f"approved {short(entry.body['change_set'])} for {instance}, until {entry.body['expires']}"
    console.print(Text(f"{said} (ledger entry {entry.number})"), soft_wrap=True)
    if go:
        conclude(context, Wish(to=env, suffix=suffix), (go_on(context, environment, instance),))
        return
    show_blocks(console, next(row for row in status_rows(context) if row["instance"] == str(instance)))


@app.command()
def reject(env: Env, reason: Reason, seen: Seen = None, suffix: Suffix = None, target: Target = None) -> None:
    """Reject the change set that now waits in an environment."""
    context = Context.open(progress(), target)
    instance = instance_of(context.environments.named(env), suffix)
    entry = waiting.reject(context, instance, reason, seen=seen)
    said = f"rejected {short(entry.body['change_set'])} for {instance} (ledger entry {entry.number})"
    results().print(Text(said), soft_wrap=True)


@app.command()
def status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again whenever it changes, until Ctrl-C.")
    ] = False,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Show what runs where, what waits, and what would unblock it."""
    context = Context.open(progress(), target)
    if watch:
        watch_rows(results(), lambda: status_rows(Context.open(progress(), target)), as_json=as_json)
    rows = status_rows(context)
    if as_json:
        print_json(
            {"target": context.target.name, "relaxes": list(context.target.relaxes), "instances": rows}
        )
        return
    console = results()
    show_rows(console, rows)
    say_relaxed(console, context)


@app.command()
def key(
    env: Env,
    suffix: Suffix = None,
    show: Annotated[bool, typer.Option("--show", help="Print it even where this is no terminal.")] = False,
    target: Target = None,
) -> None:
    """Print the URL and the API key of an instance to a terminal."""
    if not show and not sys.stdout.isatty():
        raise RefusedError("a key is not written to a log", "use a terminal, or `--show` if you mean it")
    context = Context.open(progress(), target)
    endpoint = find_deployed(context, context.environments.named(env), suffix)
    typer.echo(f"url={endpoint.url}")
    for name, value in endpoint.secrets.items():
        typer.echo(f"{name}={value}")


@app.command()
def bootstrap(
    env: Env,
    repository: Annotated[
        str,
        typer.Option("--repository", metavar="OWNER/NAME", help="Whose GitHub workflows may deploy there."),
    ] = bootstrapping.LOCAL_REPOSITORY.name,
    repository_id: Annotated[
        int,
        typer.Option("--repository-id", metavar="NUMBER", help="What GitHub numbers that repository by."),
    ] = bootstrapping.LOCAL_REPOSITORY.number,
    yes: Annotated[bool, typer.Option("--yes", help="Apply what is shown without asking.")] = False,
    target: Target = None,
) -> None:
    """Give an account what it has once: state bucket, roles, logging, signing keys."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    theirs = bootstrapping.Repository(repository, repository_id)
    local = bootstrapping.LOCAL_REPOSITORY
    if context.target.name == "aws" and (theirs.name == local.name or theirs.number <= local.number):
        raise UsageError(
            "a real account must know whose workflows may deploy there",
            "say `--repository OWNER/NAME --repository-id NUMBER`; `gh api repos/OWNER/NAME --jq .id` prints it",
        )
    context.target.prepare(lambda text: context.progress.note("cloud", text))

    def consent(judged: Judged) -> bool:
        show_change_set.show(results(), judged.change_set, judged.findings, judged.needs_person)
        if yes:
            return True
        if not sys.stdin.isatty():
            raise RefusedError(
                "nothing was changed: nobody was there to say yes", "read it, then run again with `--yes`"
            )
        return typer.confirm("Apply this?", err=True)

    for warning in bootstrapping.bootstrap(context, environment, theirs, consent):
        context.progress.note(env, warning)


@app.command()
def destroy(env: Env, suffix: Suffix = None, target: Target = None) -> None:
    """Destroy an instance; where changes need a person, this one does too."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    report = destroying.destroy(context, environment, suffix)
    conclude(context, Wish(to=env, suffix=suffix), (report,))


def main() -> NoReturn:
    """Run the command line."""
    run(_command_line)


def _command_line() -> int:
    """Run the verb that the command line names; return the exit code."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        hint = "`tollgate --help` and `tollgate VERB --help` say what there is"
        raise UsageError(error.format_message().rstrip("."), hint) from None
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == InterruptedByUserError.exit_code:  # typer turns Ctrl-C into this code
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


origin.register(app)
ways_back.register(app)
