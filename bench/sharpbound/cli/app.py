"""The command line: its application, statuses, and the options that several commands have."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import sharpbound
from sharpbound.errors import InputError
from sharpbound.run.help import examples

RESULTS = Path("reports/latest")
"""Where ``run --all`` writes and ``report`` reads."""
PUBLISHED = Path("reports/published")
"""The committed reference of ``gate``; elsewhere, cases that are named are held to that of the package."""
MEASURED, FAILED, BAD_INPUT = 0, 1, 2
"""Exit statuses: all measured, a case failed while computing or a result could not be written, a mistake of the
user; 128 + n where signal n ended it, 130 for Ctrl-C."""
app = typer.Typer(
    help="Whether a diffusion-model convergence theorem holds, and how sharp it is.",
    epilog=examples("sharpbound"),
    pretty_exceptions_enable=False,
)
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default as many as the work is worth.")
]
CachePlace = Annotated[
    str | None,
    typer.Option("--cache", metavar="DIR|URL", help="Where results of cells are kept: a folder, or s3://..."),
]
TheoryFolders = Annotated[
    list[Path] | None,
    typer.Option("--theory", metavar="DIR", help="Claims of your own; those in ./theory are read anyway."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per case on standard output.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="DIR", help="Write cases.json, rows.parquet, rows.csv here."),
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Compute all anew and keep nothing.")]


@app.callback(invoke_without_command=True)
def _begin(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"sharpbound {sharpbound.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), nl=False)


def tell(message: object) -> None:
    """One line, or one for each mistake."""
    mistakes = message.mistakes if isinstance(message, InputError) else [message]
    for each in mistakes:
        print(f"error: {each}", file=sys.stderr)
