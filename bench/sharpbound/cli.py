"""The command line. Heavy modules are imported by the commands that need them: the others answer at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sharpbound
from sharpbound.errors import InputError, did_you_mean
from sharpbound.run.cases import BadCases
from sharpbound.run.execute import Stopped

if TYPE_CHECKING:
    from sharpbound.records.document import CaseDocument
    from sharpbound.run.cases import Outcome
    from sharpbound.suite import Case, Theory

RESULTS = Path("reports/latest")
"""Where ``run --all`` writes and ``report`` reads."""
PUBLISHED = Path("reports/published")
"""The committed reference of ``gate``; elsewhere, cases that are named are held to that of the package."""

MEASURED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 130
"""Exit statuses: all measured, a case failed while computing, a mistake of the user, Ctrl-C."""

app = typer.Typer(
    help="Whether a diffusion-model convergence theorem holds, and how sharp it is.",
    pretty_exceptions_enable=False,
    add_completion=False,
)
UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""click's UsageError; typer does not export it, and newer ones carry a click of their own."""


class Listing(StrEnum):
    """What can be listed."""

    cases = "cases"
    claims = "claims"
    samplers = "samplers"
    schedules = "schedules"
    targets = "targets"
    metrics = "metrics"
    engines = "engines"


class Profile(StrEnum):
    """How large the sweeps are."""

    default = "default"
    full = "full"


Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; by default as many as the work is worth.")
]
CacheFolder = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Where results of cells are kept.")
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


@app.command(name="list")
def list_(what: Annotated[Listing, typer.Argument(help="What to list.")] = Listing.cases) -> None:
    """List cases, claims, or what a case file can name."""
    from sharpbound.run.catalogue import CATALOGUE, show_catalogue

    show_catalogue(*CATALOGUE[what]())


@app.command()
def show(id: Annotated[str, typer.Argument(help="A case or a claim, or a part of an id.")]) -> None:
    """Show a claim with its formula, assumptions and BibTeX, or a case with its file."""
    from sharpbound.run.catalogue import show_case, show_claim

    theory, cases = _theory(None), {case.id: case for case in _suite()}
    if id in theory:
        show_claim(theory[id], [case for case in cases.values() if case.claim == id])
    elif id in cases:
        show_case(cases[id])
    else:
        raise InputError(f"there is no case or claim {id!r}{did_you_mean(id, [*theory, *cases])}")


@app.command()
def run(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE|ID]...", help="Case files, or ids.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help=f"Every case, into {RESULTS}.")] = False,
    json: Json = False,
    workers: Workers = None,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    output: Output = None,
    profile: Annotated[
        Profile, typer.Option("--profile", help="full: larger sweeps, as the case files say.")
    ] = Profile.default,
    theory: TheoryFolders = None,
) -> None:
    """Measure cases. A run that was stopped goes on where it was."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.results import write_results

    if every == bool(names):
        raise InputError("name case files or ids, or use --all (not both)")
    output = output or (RESULTS if every else None)
    full = profile is Profile.full
    cases = _every_case(full) if every else _find_cases(names or [], full)
    outcome = _measure(cases, workers, cache, no_cache, output, theory)
    if output:
        write_results(output, outcome.documents)
    if json:
        for document in outcome.documents:
            print(strict_json(document.as_json()))
    else:
        _show(outcome.documents, summary=every)
        if output:
            print(f"written to {output}", file=sys.stderr)
    raise typer.Exit(_status(outcome))


@app.command()
def verify(
    claim: Annotated[str, typer.Argument(help="Id of a claim.")],
    json: Json = False,
    workers: Workers = None,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    theory: TheoryFolders = None,
    output: Output = None,
) -> None:
    """Measure every case of a claim, and print the verdicts with the numbers that decided them."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.results import write_results

    known = _theory(theory)
    if claim not in known:
        raise InputError(f"there is no claim {claim!r}{did_you_mean(claim, known)}")
    cases = [case for case in _every_case() if case.claim == claim]
    if not cases:
        raise InputError(f"no case tests {claim}; add one to cases/")
    outcome = _measure(cases, workers, cache, no_cache, output, theory)
    if output:
        write_results(output, outcome.documents)
    if json:
        for document in outcome.documents:
            print(strict_json(document.as_json()))
        raise typer.Exit(_status(outcome))
    _show(outcome.documents, summary=False)
    if len(outcome.documents) > 1:
        print()
        _show(outcome.documents, summary=True)
    if output:
        print(f"written to {output}", file=sys.stderr)
    raise typer.Exit(_status(outcome))


@app.command()
def constant(
    names: Annotated[
        list[str], typer.Argument(metavar="CASE|CLAIM...", help="Cases, files, or ids of claims.")
    ],
    json: Json = False,
    workers: Workers = None,
    cache: CacheFolder = None,
    no_cache: NoCache = False,
    theory: TheoryFolders = None,
) -> None:
    """The constants of error ~ C (log T)^a / T^p as T -> oo, beside what is measured and what the claims say."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.screen import show_constants

    known = _theory(theory)
    claims = [name for name in names if name in known]
    cases = {case.id: case for case in _every_case() if case.claim in claims} if claims else {}
    if rest := [name for name in names if name not in claims]:
        cases |= {case.id: case for case in _find_cases(rest)}
    if not cases:
        raise InputError(f"no case tests {', '.join(claims)}; add one to cases/")
    outcome = _measure(list(cases.values()), workers, cache, no_cache, None, theory)
    if json:
        for document in outcome.documents:
            told = {"case": document.case, "claim": document.claim, "metric": document.metric}
            print(strict_json(told | {"verdict": document.verdict, **document.leading}))
    else:
        show_constants(outcome.documents)
    raise typer.Exit(_status(outcome))


@app.command()
def worst(
    claim: Annotated[str, typer.Argument(help="Id of a claim.")],
    family: Annotated[str, typer.Option("--family", help="What is searched.")] = "gaussian-mixture",
    dim: Annotated[
        str | None, typer.Option("--dim", metavar="D,D,...", help="Products of so many copies too.")
    ] = None,
    evaluations: Annotated[
        int, typer.Option("--evaluations", min=8, help="Targets that are tried, about.")
    ] = 60,
    output: Annotated[
        Path, typer.Option("--output", metavar="DIR", help="Where the case file is written.")
    ] = Path("cases"),
    json: Json = False,
    theory: TheoryFolders = None,
) -> None:
    """Search the target whose leading term is largest, write its case file, and measure it."""
    from sharpbound.run.worst import find_worst

    find_worst(claim, family, dim, evaluations, output, json, _theory(theory), _every_case())


@app.command()
def gate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE|ID]...", help="Measure these anew; by default, judge a finished run."),
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
        outcome = _measure(_find_cases(names), workers, None, True, None, theory)
        if outcome.mistakes:
            raise typer.Exit(BAD_INPUT)
        documents = outcome.documents
    else:
        documents = read_documents(source or RESULTS)
    if update:
        held = rewrite(against, documents, partial=bool(names))
    else:
        held = judge(
            against,
            documents,
            partial=bool(names),
            strict=strict,
            unavailable=lambda kind: chapters.get(kind).unavailable(),
        )
    raise typer.Exit(MEASURED if held else FAILED)


@app.command()
def audit(
    sampler: Annotated[str, typer.Argument(metavar="MODULE:OBJECT", help="A function, object or class.")],
    order: Annotated[float | None, typer.Option("--order", help="The order that it should have.")] = None,
    convention: Annotated[
        str,
        typer.Option(
            "--convention", help="How it calls its model: score, denoiser, eps, velocity, v or edm."
        ),
    ] = "score",
    arrays: Annotated[
        str | None, typer.Option("--arrays", help="numpy or torch; by default what it works with.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", help="A schedule, as edm:sigma_min=0.03; by default two ranges of noise."),
    ] = None,
    ladder: Annotated[
        str | None, typer.Option("--ladder", help="even or uneven steps alone; by default both.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="N,N,...", help="By default 12 to 384, or as it takes.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="A case file, or a family, as student-t:nu=5; by default a mixture."),
    ] = None,
    same_as: Annotated[
        str | None, typer.Option("--same-as", metavar="NAME", help="Compare with a sampler of the library.")
    ] = None,
    at: Annotated[
        int | None, typer.Option("--at", metavar="N", help="W2 at N steps beside the library's methods.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the outcome as JUnit XML.")
    ] = None,
    traceback: Annotated[bool, typer.Option("--traceback", help="Where it raises, all of it.")] = False,
    json: Annotated[bool, typer.Option("--json", help="A JSON document on standard output.")] = False,
) -> None:
    """Measure the order of accuracy of your own sampler, without noise; see docs/audit.md."""
    from sharpbound.chapters.audit.command import STATUS, Asked, audit_user
    from sharpbound.records.files import strict_json
    from sharpbound.run.audit_screen import show_audit, write_junit

    asked = Asked(order, arrays, schedule, convention, ladder, steps, target, same_as, at)
    try:
        found = audit_user(sampler, asked)
    except InputError as mistake:
        if traceback and mistake.__cause__ is not None:
            import traceback as of

            of.print_exception(mistake.__cause__)
        raise
    if json:
        print(strict_json(found))
    else:
        show_audit(found)
    if junit is not None:
        write_junit(junit, found, STATUS[found["verdict"]])
    raise typer.Exit(STATUS[found["verdict"]])


@app.command("audit-categorical")
def audit_categorical(
    race: Annotated[
        str,
        typer.Argument(metavar="RACE", help="gumbel, exponential, or MODULE:OBJECT of key(logit, u)."),
    ],
    tail: Annotated[int, typer.Option("--tail", help="Tokens below the top one.")] = 262144,
    gap: Annotated[float, typer.Option("--gap", help="How far their logits are below its.")] = 20.5,
    draws: Annotated[int, typer.Option("--draws", help="Of which the tail's wins are counted.")] = 100_000,
    bits: Annotated[int, typer.Option("--bits", help="Uniforms are the multiples of 2^-bits below 1.")] = 24,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    json: Annotated[bool, typer.Option("--json", help="A JSON document on standard output.")] = False,
) -> None:
    """The exact law of a categorical sampler's race in floating point, against the softmax; see docs/audit.md."""
    from sharpbound.chapters.audit.categorical import audit_race
    from sharpbound.records.files import strict_json

    found = audit_race(race, tail, gap, draws, bits, dtype)
    print(strict_json(found) if json else f"{found['verdict']}  {found['diagnosis']}")
    raise typer.Exit(FAILED if found["verdict"] == "not reached" else MEASURED)


@app.command()
def report(
    source: Annotated[Path, typer.Option("--input", metavar="DIR", help="Results of a run.")] = RESULTS,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="By default, the same folder.")
    ] = None,
) -> None:
    """Write the report of a run: page, figures, tables, BibTeX."""
    if not (source / "cases.json").is_file():
        raise InputError("there are no results; make some with: sharpbound run --all", where=str(source))
    from sharpbound.report import render

    print(f"written to {render(source, output or source, track=_track)}", file=sys.stderr)


def _track(things: Iterable[Any], total: int) -> Iterable[Any]:
    """The things, with a progress bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console, silent = Console(stderr=True), not sys.stderr.isatty()
    return track(things, "drawing", total=total, console=console, transient=True, disable=silent)


def _every_case(full: bool = False) -> list[Case]:
    """The suite's cases but those of a kind that cannot be measured here, which are told."""
    from sharpbound import chapters
    from sharpbound.suite import load_cases

    cases = load_cases(full=full)
    kinds = sorted({case.kind for case in cases})
    left_out = {kind: why for kind in kinds if (why := chapters.get(kind).unavailable())}
    for kind, why in left_out.items():
        print(f"left out: {sum(case.kind == kind for case in cases)} {kind} cases, {why}", file=sys.stderr)
    return [case for case in cases if case.kind not in left_out]


def _suite(full: bool = False) -> list[Case]:
    """The cases of the package and of ./cases; a file that is wrong is told, and stops nobody else."""
    from sharpbound.suite import read_cases

    cases, mistakes = read_cases(full=full)
    for mistake in mistakes:
        _error(mistake)
    return cases


def _theory(folders: list[Path] | None) -> Theory:
    """The claims of the package, of ./theory and of ``folders``; what is wrong with a file is told."""
    from sharpbound.suite import read_theory

    theory = read_theory(*(folders or []))
    for mistake in theory.mistakes:
        _error(mistake)
    return theory


def _find_cases(names: list[str], full: bool = False) -> list[Case]:
    """The cases that the arguments name: files, folders of files, or ids or folders of the suite's own."""
    from sharpbound.suite import load_case, load_cases

    paths = {name: _path(name) for name in names}
    ids = [name for name, path in paths.items() if not (path.exists() or path.suffix or len(path.parts) > 1)]
    suite = {case.id: case for case in _suite(full)} if ids else {}
    found: dict[str, Case] = {}
    mistakes: list[InputError] = []
    for name, path in paths.items():
        try:
            if name in ids:
                if name not in suite:
                    raise InputError(f"there is no such file or case{did_you_mean(name, suite)}", where=name)
                cases = [suite[name]]
            else:
                cases = load_cases(path, full=full) if path.is_dir() else [load_case(path, full=full)]
            for case in cases:
                other = found.setdefault(case.id, case)
                if other.file.resolve() != case.file.resolve():
                    raise InputError(
                        f"the id {case.id!r} is also that of {other.file}; change one",
                        key="case.id",
                        where=str(case.file),
                    )
        except InputError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise BadCases(mistakes)
    return list(found.values())


def _path(name: str) -> Path:
    """The file or folder ``name``; what is not here, as one of the package's: cases/audit, or audit."""
    from sharpbound.places import default_directory

    path, cases = Path(name), default_directory("cases")
    if path.exists():
        return path
    try:
        inside = path.relative_to("cases")
    except ValueError:
        return cases / name if (cases / name).is_dir() and name.isidentifier() else path
    return cases / inside if (cases / inside).exists() else path


def _measure(
    cases: list[Case],
    workers: int | None,
    folder: Path | None,
    no_cache: bool,
    output: Path | None,
    theory: list[Path] | None = None,
) -> Outcome:
    """Measure, and tell on standard error what failed."""
    from sharpbound.places import default_folder
    from sharpbound.run.cache import Cache
    from sharpbound.run.cases import measure_cases
    from sharpbound.run.progress import progress
    from sharpbound.run.results import write_log

    if no_cache and folder:
        raise InputError("--cache and --no-cache exclude each other: leave one out")
    folder = folder or default_folder()
    known = _theory(theory)
    with progress() as observer:
        outcome = measure_cases(
            cases, known, Cache(None if no_cache else folder), workers=workers, observer=observer
        )
    for mistake in outcome.mistakes:
        _error(mistake)
    log = write_log(output or folder, outcome.failures)
    for id, failure in outcome.failures.items():
        _error(f"{id}: {failure.reason} (traceback in {log})")
    return outcome


def _status(outcome: Outcome) -> int:
    return BAD_INPUT if outcome.mistakes else FAILED if outcome.failures else MEASURED


def _show(documents: list[CaseDocument], summary: bool) -> None:
    from sharpbound.run.screen import show_document, show_summary

    if summary:
        show_summary(documents)
        return
    for i, document in enumerate(documents):
        if i:
            print()
        show_document(document)


def _error(message: object) -> None:
    """One line, or one for each mistake."""
    mistakes = message.mistakes if isinstance(message, InputError) else [message]
    for each in mistakes:
        print(f"error: {each}", file=sys.stderr)


def main() -> int:
    """Run the command line; returns the exit status. A user's mistake is one line, never a traceback."""
    try:
        status = app(prog_name="sharpbound", standalone_mode=False) or MEASURED
        sys.stdout.flush()
    except UsageError as mistake:
        _error(" ".join(mistake.format_message().split()))
        return BAD_INPUT
    except InputError as mistake:
        _error(mistake)
        return BAD_INPUT
    except BadCases as bad:
        for each in bad.mistakes:
            _error(each)
        return BAD_INPUT
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return STOPPED
    except (KeyboardInterrupt, typer.Abort):
        status = STOPPED
    except BrokenPipeError:  # the reader has gone, as in `sharpbound list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if status == STOPPED:
        print("stopped", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
