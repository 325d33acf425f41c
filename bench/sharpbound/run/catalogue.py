"""What there is to choose from, and what a claim or a case says."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from sharpbound.places import relative
from sharpbound.run.screen import screen
from sharpbound.suite.claim import CONSTANT, TRUST, listed

if TYPE_CHECKING:
    from sharpbound.suite import Case, Claim

Lines = Iterable[Sequence[str]]


def show_catalogue(title: Sequence[str], lines: Lines) -> None:
    """Print a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in title:
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    screen().print(table)


def _cases() -> tuple[Sequence[str], Lines]:
    from sharpbound.suite import load_cases

    return ("case", "claim", "title"), ((case.id, case.claim, case.title) for case in load_cases())


def _claims() -> tuple[Sequence[str], Lines]:
    from sharpbound.suite import load_theory

    lines = ((id, claim.kind, claim.metric, claim.formula.text) for id, claim in load_theory().items())
    return ("claim", "kind", "metric", "formula (constant C = 1)"), lines


def _samplers() -> tuple[Sequence[str], Lines]:
    from sharpbound.chapters.discrete.masked.samplers import SAMPLERS as MASKED
    from sharpbound.chapters.discrete.samplers import SAMPLERS as DISCRETE
    from sharpbound.samplers import BROKEN, SAMPLERS

    for line in BROKEN:
        print(f"left out: {line}", file=sys.stderr)
    lines = (
        (
            name,
            sampler.title,
            *("" if n is None else f"{n:g}" for n in (sampler.order, sampler.nfe)),
            sampler.source,
        )
        for name, sampler in SAMPLERS.items()
    )
    discrete = [
        *(
            (name, f"{sampler.title} (discrete)", "", "", sampler.source)
            for name, sampler in DISCRETE.items()
        ),
        *((name, f"{sampler.title} (masked)", "", "", sampler.source) for name, sampler in MASKED.items()),
    ]
    return ("sampler", "title", "claimed order", "evaluations per step", "source"), [*lines, *discrete]


def _schedules() -> tuple[Sequence[str], Lines]:
    from sharpbound.processes.schedules import SCHEDULES

    return ("schedule", "parameters", "what it is"), _functions(SCHEDULES, skip="T")


def _targets() -> tuple[Sequence[str], Lines]:
    from sharpbound.chapters.discrete.targets import FAMILIES as DISCRETE
    from sharpbound.targets import FAMILIES

    return ("family", "parameters", "what it is"), [*_functions(FAMILIES), *_functions(DISCRETE)]


def _metrics() -> tuple[Sequence[str], Lines]:
    from sharpbound.chapters.discrete.study import OWN_METRICS
    from sharpbound.distances import METRICS

    lines = [(metric.name, metric.about) for metric in METRICS.values()]
    return ("metric", "what it is"), [
        *lines,
        *((name, f"{what} (discrete)") for name, what in OWN_METRICS.items()),
    ]


def _engines() -> tuple[Sequence[str], Lines]:
    from sharpbound.chapters.discrete.laws import FOUND_BY
    from sharpbound.laws.chains import CHAIN_ENGINES
    from sharpbound.laws.engines import ENGINES

    lines = [(str(i), engine.name, engine.about) for i, engine in enumerate(ENGINES, 1)]
    lines += [(str(i), engine.name, engine.about) for i, engine in enumerate(CHAIN_ENGINES, 1)]
    lines += [("", name, about) for name, about in FOUND_BY.items()]
    return ("asked", "engine", "what it takes, and how"), lines


CATALOGUE: dict[str, Callable[[], tuple[Sequence[str], Lines]]] = {
    "cases": _cases,
    "claims": _claims,
    "samplers": _samplers,
    "schedules": _schedules,
    "targets": _targets,
    "metrics": _metrics,
    "engines": _engines,
}
"""Titles and lines of each list."""


def _functions(registry: dict[str, Callable[..., Any]], skip: str = "") -> Lines:
    """Name, parameters with their defaults, and first sentence of the docstring."""
    for name, function in registry.items():
        parameters = [p for p in inspect.signature(function).parameters.values() if p.name != skip]
        shown = (p.name if p.default is p.empty else f"{p.name} = {p.default!r}" for p in parameters)
        about = (inspect.getdoc(function) or "").split("\n\n")[0]
        yield name, ", ".join(shown), " ".join(about.split())


def show_claim(claim: Claim, cases: Sequence[Case]) -> None:
    """Statement, formula, rates, assumptions, trust, the cases that test it, and the citation."""
    console = screen()
    paper = claim.paper
    arxiv = f", arXiv:{paper.arxiv}" if paper.arxiv else ""
    rates = ", ".join(
        f"{variable}^{exponent:g}"
        + (f" log^{logs:g}" if (logs := claim.formula.log_powers.get(variable)) else "")
        for variable, exponent in claim.formula.exponents.items()
    )
    facts = {
        "paper": f"{', '.join(paper.authors)} ({paper.year}): {paper.title}{arxiv}",
        "version": claim.version,
        "where": claim.source or "",
        "statement": claim.statement,
        "kind": f"{claim.kind} on {claim.metric}",
        "formula": claim.formula.text,
        "LaTeX": claim.formula.latex,
        "leading powers": rates,
        "speaks of": ", ".join(f"{metric} ({how})" for metric, how in claim.metrics.items()),
        "samplers": listed(claim.samplers) if claim.samplers else "",
        "wording": f"{claim.status}, trust {claim.trust}: {TRUST[claim.trust]}",
        "unverified": claim.unverified or "",
        "constant": CONSTANT[claim.constant],
        "note": claim.note or "",
        "cases": ", ".join(case.id for case in cases) or f"none: {claim.untested or 'add one to cases/'}",
    }
    _facts(console, claim.id, facts)
    for version in paper.versions:
        seen = "" if version.read else " [dim](not read)[/dim]"
        console.print(f"{escape(version.version)}: {escape(version.says)}{seen}")
    for assumption in claim.assumptions:
        console.print(f"assumes: {escape(assumption.text)} [dim]({assumption.check})[/dim]")
    console.print()
    console.print(paper.bibtex.strip(), markup=False, soft_wrap=True)


def show_case(case: Case) -> None:
    """The case's file as it is, and how to run it."""
    console = screen()
    file = relative(case.file)
    _facts(
        console, case.id, {"title": case.title, "claim": case.claim, "run": f"sharpbound run {file} --json"}
    )
    console.print(Syntax(case.file.read_text(encoding="utf-8").strip(), "toml", background_color="default"))


def _facts(console: Console, title: str, facts: dict[str, str]) -> None:
    console.print(f"[bold]{escape(title)}[/bold]")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, fact in facts.items():
        if fact:
            table.add_row(f"[dim]{name}[/dim]", escape(fact))
    console.print(table)
