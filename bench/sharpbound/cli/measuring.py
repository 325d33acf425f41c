"""Commands that measure cases: run, verify, constant, worst, numbers, gate."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sharpbound.cli.app import (
    BAD_INPUT,
    FAILED,
    MEASURED,
    PUBLISHED,
    RESULTS,
    CachePlace,
    Json,
    NoCache,
    Output,
    TheoryFolders,
    Workers,
    app,
)
from sharpbound.cli.cases import (
    cache_of,
    every_case,
    find_cases,
    measure,
    show_cost,
    show_outcome,
    status_of,
    theory_of,
)
from sharpbound.errors import InputError, did_you_mean
from sharpbound.run.help import complete_any, complete_case, complete_claim, examples


class Profile(StrEnum):
    """How large the sweeps are."""

    default = "default"
    full = "full"


class Executor(StrEnum):
    """Who measures cells."""

    processes = "processes"
    joblib = "joblib"
    dask = "dask"


@app.command(epilog=examples("run"))
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|ID]...", help="Case files, or ids.", autocompletion=complete_case),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=f"Every case, into {RESULTS}.")] = False,
    json: Json = False,
    workers: Workers = None,
    cache: CachePlace = None,
    no_cache: NoCache = False,
    output: Output = None,
    profile: Annotated[
        Profile, typer.Option("--profile", help="full: larger sweeps, as the case files say.")
    ] = Profile.default,
    theory: TheoryFolders = None,
    executor: Annotated[
        Executor, typer.Option("--executor", help="Who measures: processes of this machine, joblib or dask.")
    ] = Executor.processes,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Of dask; by default one is begun here."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the cases and say what they will cost; measure nothing.")
    ] = False,
) -> None:
    """Measure cases. A run that was stopped goes on where it was."""
    from sharpbound.records.numbers import write_reproductions
    from sharpbound.records.untested import write_untested
    from sharpbound.run.executors import named
    from sharpbound.run.numbers import reproduce
    from sharpbound.suite.numbers import load_numbers

    if every == bool(names):
        raise InputError("name case files or ids, or use --all (not both)")
    output = output or (RESULTS if every else None)
    full = profile is Profile.full
    cases = every_case(full) if every else find_cases(names or [], full)
    if dry_run:
        show_cost(cases, workers, cache, no_cache, theory, json)
        return
    work = None if executor is Executor.processes and not scheduler else named(executor, scheduler)
    outcome = measure(cases, workers, cache, no_cache, output, theory, work)
    if every and output:
        write_untested(output, theory_of(theory).values())
        if numbers := load_numbers():
            found = reproduce(numbers, theory_of(theory), outcome.documents, cache_of(cache, no_cache))
            write_reproductions(output, found)
    show_outcome(outcome, json, output, [every])


@app.command(epilog=examples("verify"))
def verify(
    claim: Annotated[str, typer.Argument(help="Id of a claim.", autocompletion=complete_claim)],
    json: Json = False,
    workers: Workers = None,
    cache: CachePlace = None,
    no_cache: NoCache = False,
    theory: TheoryFolders = None,
    output: Output = None,
) -> None:
    """Measure every case of a claim, and print the verdicts with the numbers that decided them."""
    known = theory_of(theory)
    if claim not in known:
        raise InputError(f"there is no claim {claim!r}{did_you_mean(claim, known)}")
    cases = [case for case in every_case() if case.claim == claim]
    if not cases:
        why = known[claim].untested
        raise InputError(f"no case tests {claim}" + (f": {why}" if why else "; add one to cases/"))
    outcome = measure(cases, workers, cache, no_cache, output, theory)
    show_outcome(outcome, json, output, [False, True] if len(outcome.documents) > 1 else [False])


@app.command(epilog=examples("constant"))
def constant(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CASE|CLAIM...", help="Cases, files, or ids of claims.", autocompletion=complete_any
        ),
    ],
    json: Json = False,
    workers: Workers = None,
    cache: CachePlace = None,
    no_cache: NoCache = False,
    theory: TheoryFolders = None,
) -> None:
    """The constants of error ~ C (log T)^a / T^p as T -> oo, beside what is measured and what the claims say."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.screen import show_constants

    known = theory_of(theory)
    claims = [name for name in names if name in known]
    cases = {case.id: case for case in every_case() if case.claim in claims} if claims else {}
    if rest := [name for name in names if name not in claims]:
        cases |= {case.id: case for case in find_cases(rest)}
    if not cases:
        raise InputError(f"no case tests {', '.join(claims)}; add one to cases/")
    outcome = measure(list(cases.values()), workers, cache, no_cache, None, theory)
    if json:
        for document in outcome.documents:
            told = {"case": document.case, "claim": document.claim, "metric": document.metric}
            print(strict_json(told | {"verdict": document.verdict, **document.leading}))
    else:
        show_constants(outcome.documents)
    raise typer.Exit(status_of(outcome))


@app.command(epilog=examples("worst"))
def worst(
    claim: Annotated[str, typer.Argument(help="Id of a claim.", autocompletion=complete_claim)],
    family: Annotated[str, typer.Option("--family", help="What is searched.")] = "gaussian-mixture",
    dim: Annotated[
        str | None,
        typer.Option("--dim", metavar="D,D,...", help="The power of d too: products, spread and flat laws."),
    ] = None,
    evaluations: Annotated[
        int,
        typer.Option("--evaluations", min=0, help="Targets that are tried, about; 0: the starts alone."),
    ] = 60,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the case file is written.")
    ] = Path("cases"),
    record: Annotated[
        bool,
        typer.Option("--record", help=f"Put the power of d among those of {PUBLISHED}, for the report."),
    ] = False,
    json: Json = False,
    theory: TheoryFolders = None,
) -> None:
    """Search the target whose leading term is largest, write its case file, and measure it."""
    from sharpbound.run.worst import find_worst

    known, kept = theory_of(theory), PUBLISHED if record else None
    find_worst(claim, family, dim, evaluations, output, json, known, every_case(), kept)


@app.command(epilog=examples("numbers"))
def numbers(
    paper: Annotated[
        str | None, typer.Argument(help="Of one paper: key, arXiv number or theory file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON document per number.")] = False,
    workers: Workers = None,
    cache: CachePlace = None,
    no_cache: NoCache = False,
) -> None:
    """Numbers that papers print, recomputed: ours, and in how many of the printed digits they agree."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.numbers import reproduce, show_reproductions
    from sharpbound.suite.numbers import load_numbers, of_paper

    known = load_numbers()
    wanted = of_paper(known, paper) if paper else known
    cases = list(dict.fromkeys(number.case for number in wanted if number.case))
    outcome = measure(find_cases(cases), workers, cache, no_cache, None) if cases else None
    found = reproduce(
        wanted, theory_of(None), outcome.documents if outcome else [], cache_of(cache, no_cache)
    )
    if json:
        for one in found:
            print(strict_json(one.model_dump(mode="json")))
    else:
        show_reproductions(found)
    if outcome:
        raise typer.Exit(status_of(outcome))


@app.command(epilog=examples("gate"))
def gate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|ID]...",
            help="Measure these anew; by default, judge a finished run.",
            autocompletion=complete_case,
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--input", metavar="DIR", help=f"The finished run; by default {RESULTS}.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="DIR", help=f"The reference; by default {PUBLISHED}.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Rewrite the reference; say what moved.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on cases that the reference lacks.")] = False,
    workers: Workers = None,
    theory: TheoryFolders = None,
) -> None:
    """Hold a run to the reference: a rate, verdict or value that moved either way fails."""
    from sharpbound import chapters
    from sharpbound.gate.command import judge, rewrite
    from sharpbound.gate.reference import read_documents, read_reference
    from sharpbound.places import default_directory

    if names and source:
        raise InputError("--input is a finished run, and named cases are measured anew: give one of them")
    if against is None:
        installed = names and not update and not PUBLISHED.is_dir()
        against = default_directory(str(PUBLISHED)) if installed else PUBLISHED
    if not update:
        read_reference(against)  # a missing reference is told before anything is measured
    if names:
        outcome = measure(find_cases(names), workers, None, True, None, theory)
        if outcome.mistakes:
            raise typer.Exit(BAD_INPUT)
        documents = outcome.documents
    else:
        documents = read_documents(source or RESULTS)
    if update:
        from sharpbound.run.results import freeze

        held = rewrite(against, documents, partial=bool(names))
        freeze(against, documents, None if names else source or RESULTS)
    else:
        held = judge(
            against,
            documents,
            partial=bool(names),
            strict=strict,
            lacking=chapters.lacking,
        )
    raise typer.Exit(MEASURED if held else FAILED)
