"""`tollgate github`: what only a job of GitHub's does. The workflows call nothing else beside the usual verbs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline import drift as drifting
from pipeline import promote as promoting
from pipeline import stops
from pipeline import witness as witnessing
from pipeline.ask import Wish
from pipeline.build.source import read_source
from pipeline.carry import Arrival
from pipeline.ci.prepared import Prepared, prepare, refuse_failed
from pipeline.cli import github_pull_request
from pipeline.cli.conclude import conclude
from pipeline.cli.console import progress, results
from pipeline.cli.github_job import (
    MAX_COMMENT,
    Folder,
    Release,
    conclude_or_red,
    digest_of,
    give,
)
from pipeline.cli.options import Env, Reason, Target
from pipeline.context import Context
from pipeline.forge import Forge, Job
from pipeline.model.environment import instance_of
from pipeline.model.errors import UsageError
from pipeline.model.release import short
from pipeline.model.trust import Role
from pipeline.plan import judge, open_site
from pipeline.show import change_set as show_change_set
from pipeline.show.summary import add_to_summary

app = typer.Typer(
    help="What a job of GitHub's does, and nobody else.", no_args_is_help=True, rich_markup_mode=None
)
github_pull_request.register(app)


@app.command("prepare")
def prepare_release(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to lay it down.")],
    number: Annotated[
        int | None,
        typer.Option("--pull-request", metavar="NUMBER", help="Whose files these are; a fork's are refused."),
    ] = None,
    target: Target = None,
) -> None:
    """Build and check this checkout without any key, for a job that signs what came of it."""
    if number is not None:
        Forge.find().refuse_fork(number)
    context = Context.open(progress(), target)
    with context.progress.step("build", "release") as step:
        release, found = prepare(context.project, context.environments.names, context.home, out, step.say)
        step.result = short(release.digest)
    refuse_failed(release, found)
    give("release", release.digest)
    give("commit", read_source(context.project.root).commit or "")
    typer.echo(release.digest)


@app.command()
def record(folder: Folder, target: Target = None) -> None:
    """Sign what another job has built and checked, and record it as the candidate."""
    # The runner's git knows nobody; whoever pushed had a part in it, and does not approve it.
    context = replace(Context.open(progress(), target), who=Job.read().starter)
    release = promoting.want(context, Wish(), place=Prepared(folder))
    give("release", release.digest)
    typer.echo(release.digest)


@app.command()
def promote(env: Env, release: Release, target: Target = None) -> None:
    """Carry a recorded candidate into one environment, unless a newer one runs there."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    report = witnessing.carry_candidate(context, environment, digest_of("--release", release))
    conclude_or_red(context, Wish(to=env), report)


@app.command()
def plan(env: Env, release: Release, target: Target = None) -> None:
    """Show in the job's summary what would be done, and give its digest to the job that does it."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    instance = instance_of(environment, None)
    context.store.pull(digest_of("--release", release))
    wanted = context.store.load(release)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    with open_site(context, environment, instance, wanted, "planning") as site:
        judged = judge(context, site)
    shown = judged.change_set, judged.findings, judged.needs_person
    show_change_set.show(results(), *shown)
    add_to_summary(show_change_set.to_markdown(*shown))
    digits = short(judged.change_set.digest)
    sentence = f"To let it through, approve the job {env} with a reason and `{digits}` in the comment."
    add_to_summary(f"\n{sentence}\n\n")
    results().print(Text(sentence), soft_wrap=True)
    give("change-set", judged.change_set.digest)


@app.command()
def witness(
    env: Env,
    change_set: Annotated[
        str, typer.Option("--change-set", metavar="DIGEST", help="What the job before this one showed.")
    ],
    release: Annotated[
        str | None,
        typer.Option("--release", metavar="DIGEST", help="The release. Default: the one offered there."),
    ] = None,
    target: Target = None,
) -> None:
    """Apply what was shown if a listed reviewer said yes to it at GitHub; sign that yes as its witness."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    if release is not None:
        digest_of("--release", release)
    report = witnessing.witness(context, environment, change_set, release, Job.read(), Forge.find())
    conclude_or_red(context, Wish(to=env), report)


@app.command()
def rollback(
    env: Env,
    reason: Reason,
    to: Annotated[
        str | None, typer.Option("--to", metavar="DIGEST", help="Which release; its first digits are enough.")
    ] = None,
    target: Target = None,
) -> None:
    """Go back as whoever started this run; what needs a person is given to the job behind the reviewers."""
    from pipeline.ways_back import rollback as going_back  # noqa: PLC0415 - the verb has its name

    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    person = witnessing.person_of(context, Job.read())
    named = context.witnessing(person.name)
    report = going_back(named, environment, None, reason, to or None)
    waits = report.arrival is Arrival.WAITING and report.judged is not None
    give("change-set", report.judged.change_set.digest if waits and report.judged else "")
    conclude(context, Wish(to=env), (report,))


@app.command()
def hold(env: Env, reason: Reason, target: Target = None) -> None:
    """Hold an environment as whoever started this run."""
    context = Context.open(progress(), target)
    person = witnessing.person_of(context, Job.read())
    instance = instance_of(context.environments.named(env), None)
    entry = stops.record_hold(context.witnessing(person.name), instance, reason)
    results().print(Text(f"{instance} is held (ledger entry {entry.number})"), soft_wrap=True)


@app.command()
def unhold(env: Env, reason: Reason, target: Target = None) -> None:
    """End the hold of an environment as whoever started this run."""
    context = Context.open(progress(), target)
    person = witnessing.person_of(context, Job.read())
    instance = instance_of(context.environments.named(env), None)
    entry = stops.record_unhold(context.witnessing(person.name), instance, f"witnessed by GitHub: {reason}")
    results().print(Text(f"{instance} is held no more (ledger entry {entry.number})"), soft_wrap=True)


@app.command()
def drift(env: Env, target: Target = None) -> None:
    """Look for drift, and keep the environment's one issue as it is found."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    forge = Forge.find()
    if context.history().of(instance_of(environment, None)).release is None:
        results().print(Text(f"nothing runs in {env}"), soft_wrap=True)
        return
    report = drifting.look_for_drift(context, environment, None)
    mark, title = f"<!-- tollgate: drift {env} -->", f"{env} is not as its release says"
    if report.is_clean:
        forge.keep_issue(mark, title, None)
        results().print(Text(f"{env}: no drift"), soft_wrap=True)
        return
    judged = report.judged
    found = show_change_set.to_markdown(judged.change_set, judged.findings, judged.needs_person)
    add_to_summary(found)
    ways = f"`nox -s heal -- {env}` puts it right, `nox -s acknowledge -- {env}` lets it be."
    forge.keep_issue(mark, title, f"{ways}\n\n{found}"[:MAX_COMMENT])
    results().print(Text(f"{env}: changed behind the back of {short(report.release)}"), soft_wrap=True)


@app.command("public-key")
def public_key(
    role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(Role)}.")],
    target: Target = None,
) -> None:
    """Print the public half of a role's key as tollgate.toml names it."""
    if role not in set(Role):
        raise UsageError(f"there is no role {role!r}", f"there are {', '.join(Role)}")
    found = Context.open(progress(), target).keys.public(Role(role))
    lines = [f'role = "{role}"', f'scheme = "{found.scheme}"', f"public = {json.dumps(found.public)}"]
    head = "[approvers.key]" if role == Role.APPROVER else "[[keys]]"
    typer.echo("\n".join([head, *(lines[1:] if role == Role.APPROVER else lines)]))
