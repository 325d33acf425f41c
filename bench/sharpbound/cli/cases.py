"""Cases as arguments name them, and measuring them: what several commands do."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from sharpbound.cli.app import BAD_INPUT, FAILED, MEASURED, tell
from sharpbound.errors import InputError, did_you_mean
from sharpbound.run.cases import BadCases

if TYPE_CHECKING:
    from sharpbound.records.document import CaseDocument
    from sharpbound.run.cache import Cache
    from sharpbound.run.cases import Outcome
    from sharpbound.run.executors import Work
    from sharpbound.suite import Case, Theory


def every_case(full: bool = False) -> list[Case]:
    """The suite's cases but those that cannot be measured here, which are told."""
    from sharpbound import chapters
    from sharpbound.suite import load_cases

    cases = load_cases(full=full)
    lacking = {case.id: f"{case.kind} cases, {why}" for case in cases if (why := chapters.lacking(case))}
    for what, count in sorted(Counter(lacking.values()).items()):
        print(f"left out: {count} {what}", file=sys.stderr)
    return [case for case in cases if case.id not in lacking]


def suite(full: bool = False) -> list[Case]:
    """The cases of the package and of ./cases; a file that is wrong is told, and stops nobody else."""
    from sharpbound.suite import read_cases

    cases, mistakes = read_cases(full=full)
    for mistake in mistakes:
        tell(mistake)
    return cases


def theory_of(folders: list[Path] | None) -> Theory:
    """The claims of the package, of ./theory and of ``folders``; what is wrong with a file is told."""
    from sharpbound.suite import read_theory

    theory = read_theory(*(folders or []))
    for mistake in theory.mistakes:
        tell(mistake)
    return theory


def find_cases(names: list[str], full: bool = False) -> list[Case]:
    """The cases that the arguments name: files, folders of files, or ids or folders of the suite's own."""
    from sharpbound.suite import load_case, load_cases

    paths = {name: _path(name) for name in names}
    ids = [name for name, path in paths.items() if not (path.exists() or path.suffix or len(path.parts) > 1)]
    known = {case.id: case for case in suite(full)} if ids else {}
    found: dict[str, Case] = {}
    mistakes: list[InputError] = []
    for name, path in paths.items():
        try:
            if name in ids:
                if name not in known:
                    raise InputError(f"there is no such file or case{did_you_mean(name, known)}", where=name)
                cases = [known[name]]
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


def cache_of(place: str | None, no_cache: bool) -> Cache:
    """Where results are kept as the options say: in ``place``, by default the user's folder or URL, or nowhere."""
    from sharpbound.places import default_cache
    from sharpbound.run.cache import Cache

    if no_cache and place:
        raise InputError("--cache and --no-cache exclude each other: leave one out")
    return Cache(None if no_cache else place or default_cache())


def measure(
    cases: list[Case],
    workers: int | None,
    cache: str | None,
    no_cache: bool,
    output: Path | None,
    theory: list[Path] | None = None,
    work: Work | None = None,
) -> Outcome:
    """Measure, write the results to ``output`` if it is given, and tell on standard error what failed."""
    from sharpbound.places import default_cache
    from sharpbound.records.files import try_folder
    from sharpbound.run.cases import measure_cases
    from sharpbound.run.progress import progress
    from sharpbound.run.results import write_log, write_results

    kept = cache_of(cache, no_cache)
    if output:
        try_folder(output, "--output")
    known = theory_of(theory)
    with progress() as observer:
        outcome = measure_cases(cases, known, kept, workers=workers, observer=observer, work=work)
    for mistake in outcome.mistakes:
        tell(mistake)
    try:
        told = f" (traceback in {write_log(output or _folder(cache or default_cache()), outcome.failures)})"
    except OSError as error:
        told = f" (traceback not kept: {error.strerror})"
    for id, failure in outcome.failures.items():
        tell(f"{id}: {failure.reason}" + (told if failure.trace else ""))
    if output:
        write_results(output, outcome.documents)
    return outcome


def _folder(place: Path | str) -> Path:
    """The folder of the cache, or the default one where that is a URL."""
    from sharpbound.places import default_folder

    return default_folder() if "://" in str(place) else Path(place)


def show_cost(
    cases: list[Case],
    workers: int | None,
    cache: str | None,
    no_cache: bool,
    theory: list[Path] | None,
    json: bool,
) -> None:
    """What a run of ``cases`` would do and take; mistakes in them are told as a run tells them."""
    from sharpbound.records.files import strict_json
    from sharpbound.run.cases import planned_cells
    from sharpbound.run.costs import estimate
    from sharpbound.run.execute import cores

    found = estimate(planned_cells(cases, theory_of(theory)), cache_of(cache, no_cache))
    if json:
        print(strict_json({"cases": len(cases), **found.as_json(workers or cores())}))
    else:
        print(f"{len(cases)} cases, {found.in_words(workers or cores())}")


def status_of(outcome: Outcome) -> int:
    return BAD_INPUT if outcome.mistakes else FAILED if outcome.failures else MEASURED


def show_outcome(outcome: Outcome, json: bool, output: Path | None, summaries: list[bool]) -> NoReturn:
    """Show what was measured, and written to ``output``, and exit; ``summaries``: whether each view is a line a case,
    or all of it.
    """
    from sharpbound.records.files import strict_json

    if json:
        for document in outcome.documents:
            print(strict_json(document.as_json()))
    else:
        for i, summary in enumerate(summaries):
            if i:
                print()
            show_documents(outcome.documents, summary)
        if output:
            print(f"written to {output}", file=sys.stderr)
    raise typer.Exit(status_of(outcome))


def show_documents(documents: list[CaseDocument], summary: bool) -> None:
    from sharpbound.run.screen import show_document, show_summary

    if summary:
        show_summary(documents)
        return
    for i, document in enumerate(documents):
        if i:
            print()
        show_document(document)
