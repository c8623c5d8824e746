"""`tollgate github`, the verbs of a pull request: compared, planned, deployed as a preview, told in its comments."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline import destroy as destroying
from pipeline import promote as promoting
from pipeline.ask import Wish
from pipeline.build.source import read_source
from pipeline.ci.prepared import Prepared, digest_in
from pipeline.cli.console import progress, results
from pipeline.cli.github_job import MAX_COMMENT, Folder, Number, conclude_or_red
from pipeline.cli.options import Target
from pipeline.context import Context
from pipeline.endpoint import find_deployed
from pipeline.forge import Forge
from pipeline.host.files import scratch_folder
from pipeline.model.environment import instance_of
from pipeline.model.errors import UsageError
from pipeline.model.release import short
from pipeline.page.differences import differences
from pipeline.page.stack_diff import stack_diffs
from pipeline.plan import judge, open_site
from pipeline.show import change_set as show_change_set
from pipeline.show.summary import add_to_summary
from pipeline.show.text import escaped, safe
from pipeline.stores.releases import ReleaseStore

_ABOUT = ("pull-request", "preview")
_PREVIEWS = "preview.yml"

Home = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment it lives in.")]
Out = Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write it, as Markdown.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command()(compare)
    app.command("plan-prepared")(plan_prepared)
    app.command()(preview)
    app.command("close-preview")(close_preview)
    app.command()(comment)
    app.command("ask-preview")(ask_preview)


def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="What `build --out` made of the branch.")],
    head: Annotated[Path, typer.Argument(metavar="HEAD", help="What it made of the pull request.")],
    out: Out,
) -> None:
    """Say what differs between two releases, stack by stack, without any account."""
    digests = [digest_in(layout) for layout in (base, head)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(out.resolve().parent, ".compare") as folder:
        store = ReleaseStore(folder)
        for place, digest in zip((base, head), digests, strict=True):
            made = ReleaseStore(place)
            release = made.load(digest)
            store.save({layer.title: made.read(release, layer.title) for layer in release.layers})
        lines = differences(store, digests[1], digests[0])
        stacks = stack_diffs(store, digests[1], digests[0], MAX_COMMENT // 3)
    rows = "\n".join(f"- {escaped(safe(line))}" for line in lines)
    merged = f"Release `{short(digests[1])}`, of the pull request merged into its branch,"
    _write(out, f"{merged} against `{short(digests[0])}` of the branch:\n\n{rows}\n{stacks}")


def plan_prepared(folder: Folder, env: Home, out: Out, target: Target = None) -> None:
    """Show what a release that nobody has signed would change in an environment; nothing is recorded or offered."""
    context = Context.open(progress(), target)
    environment = context.environments.named(env)
    place = Prepared(folder)
    with context.progress.step("build", "checks") as step:
        release = place.build(context.project, context.environments.names, context.home, step.say)
        place.refuse_unfit(context.project, release, context.home, step.say)
        step.result = short(release.digest)
    context.target.prepare(lambda text: context.progress.note("cloud", text))
    with open_site(context, environment, instance_of(environment, None), release, "planning") as site:
        judged = judge(context, site)
    shown = judged.change_set, judged.findings, judged.needs_person
    show_change_set.show(results(), *shown)
    title = f"Release `{short(release.digest)}`, as it would change `{environment.name}`, where nobody has offered it:"
    _write(out, f"{title}\n\n{show_change_set.to_markdown(*shown)}")


def preview(folder: Folder, number: Number, env: Home, out: Out, target: Target = None) -> None:
    """Sign what another job has built and checked of a pull request, and deploy it as a preview if it is still open."""
    context = Context.open(progress(), target)
    commit = read_source(context.project.root).commit
    if commit is None:
        message = f"{context.project.root} is no git checkout, so nobody can tell what was built"
        raise UsageError(message, "check out the commit that the job before this one gives")
    Forge.find().refuse_past(number, commit)
    environment, suffix = context.environments.named(env), _suffix(number)
    wish = Wish(to=env, suffix=suffix)
    report = promoting.promote(context, wish, place=Prepared(folder))[-1]
    conclude_or_red(context, wish, report)
    url = find_deployed(context, environment, suffix).url
    _write(out, f"Commit `{commit[:12]}` runs as `{report.instance}`: {escaped(safe(url))}\n")


def close_preview(number: Number, env: Home, target: Target = None) -> None:
    """Destroy the preview of a pull request; where there is none, that is well."""
    context = Context.open(progress(), target)
    environment, suffix = context.environments.named(env), _suffix(number)
    instance = instance_of(environment, suffix)
    if destroying.last_release(context.history().of(instance)) is None:
        results().print(Text(f"{instance} is empty; there is nothing to destroy"), soft_wrap=True)
        return
    conclude_or_red(context, Wish(to=env, suffix=suffix), destroying.destroy(context, environment, suffix))


def comment(
    number: Number,
    files: Annotated[list[Path], typer.Option("--file", metavar="FILE", help="What it says, as Markdown.")],
    about: Annotated[
        str, typer.Option("--about", metavar="WHAT", help=f"Which comment: {' or '.join(_ABOUT)}.")
    ] = _ABOUT[0],
) -> None:
    """Keep a comment of a pull request; where a file is not there, it says that its job did not get that far."""
    if about not in _ABOUT:
        message = f"there is no comment about {about!r}"
        raise UsageError(message, f"there are {' and '.join(_ABOUT)}")
    mark = f"<!-- tollgate: {about.replace('-', ' ')} -->"
    parts = [_said(file)[: MAX_COMMENT // len(files)] for file in files]
    Forge.find().keep_comment(number, mark, "\n\n".join(parts))


def ask_preview(
    number: Number,
    close: Annotated[bool, typer.Option("--close", help="Destroy it instead.")] = False,
) -> None:
    """Ask main's own workflow for the preview of a pull request, or for its end."""
    what = "destroy" if close else "deploy"
    Forge.find().start(_PREVIEWS, "main", {"pull-request": str(number), "what": what})


def _suffix(number: int) -> str:
    return f"pr-{number}"


def _said(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        run = (
            "/".join(os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
            + f"/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"
        )
        return f"There is no {escaped(safe(file.stem))}: its job did not get that far, see {run}\n"


def _write(out: Path, text: str) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    add_to_summary(text)
    typer.echo(text)
