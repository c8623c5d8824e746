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
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded in the ledger.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else to standard output.")]
