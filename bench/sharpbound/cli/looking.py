"""Commands that look things up: list, show."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sharpbound.cli.app import app
from sharpbound.cli.cases import suite, theory_of
from sharpbound.errors import InputError, did_you_mean
from sharpbound.run.help import complete_any, examples


class Listing(StrEnum):
    """What can be listed."""

    cases = "cases"
    claims = "claims"
    samplers = "samplers"
    schedules = "schedules"
    targets = "targets"
    metrics = "metrics"
    engines = "engines"


@app.command(name="list", epilog=examples("list"))
def list_(what: Annotated[Listing, typer.Argument(help="What to list.")] = Listing.cases) -> None:
    """List cases, claims, or what a case file can name."""
    from sharpbound.run.catalogue import CATALOGUE, show_catalogue

    show_catalogue(*CATALOGUE[what]())


@app.command(epilog=examples("show"))
def show(id: Annotated[str, typer.Argument(help="A case or a claim.", autocompletion=complete_any)]) -> None:
    """Show a claim with its formula, assumptions and BibTeX, or a case with its file."""
    from sharpbound.run.catalogue import show_case, show_claim

    theory, cases = theory_of(None), {case.id: case for case in suite()}
    if id in theory:
        show_claim(theory[id], [case for case in cases.values() if case.claim == id])
    elif id in cases:
        show_case(cases[id])
    else:
        raise InputError(f"there is no case or claim {id!r}{did_you_mean(id, [*theory, *cases])}")
