"""Arguments and options that several verbs take, in the same words."""

from typing import Annotated

import typer

Env = Annotated[str, typer.Argument(metavar="ENV", help="The environment: dev, staging or prod.")]
Suffix = Annotated[
    str | None,
    typer.Option("--suffix", metavar="NAME", help="A second instance beside the main one, such as pr-42."),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="local (emulated accounts, the default) or aws.",
        envvar="TOLLGATE_TARGET",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="A registry for releases beside the local store: oci://HOST/REPOSITORY.",
        envvar="TOLLGATE_STORE",
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded in the ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else to standard output.")]
Seen = Annotated[
    str | None,
    typer.Option(
        "--change-set",
        metavar="DIGEST",
        help="What you have read, by its first digits; refused if another one waits now.",
    ),
]
