"""Measures cases: validates all of them, runs their cells together, concludes each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, Conclusion, Row, document
from sharpbound.run.attempt import Failure, Result, failure, guarded
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import Observer, Stopped, entries, run_cells
from sharpbound.run.executors import Work
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.kept import keep_document, kept_document
from sharpbound.run.signals import status
from sharpbound.suite.loading import find_claim
from sharpbound.suite.validation import shown

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell, Experiment
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim


class BadCases(Exception):
    """Some cases cannot be measured as they are written: one InputError each. Nothing was computed."""

    def __init__(self, mistakes: Sequence[InputError]) -> None:
        self.mistakes = [each for mistake in mistakes for each in mistake.mistakes]
        super().__init__("\n".join(map(str, self.mistakes)))


@dataclass
class Outcome:
    """What became of the cases."""

    documents: list[CaseDocument] = field(default_factory=list)
    """In the order of the cases; a case that failed has the verdict ``failed``, and the rows that it measured."""
    failures: dict[str, Failure] = field(default_factory=dict)
    """By case id: why it failed."""
    mistakes: list[InputError] = field(default_factory=list)
    """Mistakes in case files that only measuring brought to light; these cases have no document."""


def measure_cases(
    cases: Sequence[Case],
    theory: Mapping[str, Claim],
    cache: Cache,
    *,
    workers: int | None = None,
    observer: Observer | None = None,
    work: Work | None = None,
) -> Outcome:
    """Measure ``cases``, in order. A case that fails is reported in the outcome; the others go on.

    Of a case of which nothing changed the document is taken as it was kept (`sharpbound.run.kept`).

    Raises BadCases before anything is computed, and `sharpbound.run.execute.Stopped` on Ctrl-C.
    """
    outcome = Outcome()
    made = {case.id: found for case in cases if (found := kept_document(case, theory, cache))}
    planned, mistakes = _plan([case for case in cases if case.id not in made], theory, outcome.failures)
    cells = [cell for plan in planned for cell in plan.cells]
    try:
        stored = entries(cells, cache)
    except KeyboardInterrupt as stop:
        raise Stopped(0, len(cells), status(stop)) from None
    for plan in list(planned):
        if any(cell_key(cell) not in stored for cell in plan.cells):
            failed = guarded(plan.case.limits, partial(plan.experiment.check, plan.case))
            if failed is not None:
                planned.remove(plan)
                _note(failed, plan.case, mistakes, outcome.failures)
    if mistakes:
        raise BadCases(mistakes)
    cells = [cell for plan in planned for cell in plan.cells]
    results = run_cells(cells, cache, stored=stored, workers=workers, observer=observer, work=work)
    for plan in planned:
        case, claim, start = plan.case, theory[plan.case.claim], time.perf_counter()
        rows, seconds, concluded = _conclude(plan, claim, [results[cell_key(cell)] for cell in plan.cells])
        if isinstance(concluded, Failure):
            if concluded.mistake:
                outcome.mistakes += concluded.mistake.at(where=str(case.file)).mistakes
                continue
            outcome.failures[case.id] = concluded
            concluded = Conclusion("failed", None, None, {"reason": concluded.reason})
        try:
            checked = plan.experiment.hypotheses(case, claim)
        except Exception as error:  # what is not known of a hypothesis takes no row with it
            checked, outcome.failures[case.id] = [], failure(error)
        made[case.id] = document(case, claim, rows, concluded, seconds, checked)
        if case.id not in outcome.failures:
            keep_document(case, claim, made[case.id], time.perf_counter() - start, cache)
    outcome.documents = [made[case.id] for case in cases if case.id in made]
    return outcome


def planned_cells(cases: Sequence[Case], theory: Mapping[str, Claim]) -> list[Cell]:
    """The cells that `measure_cases` would measure or find in the cache; raises BadCases as it does."""
    planned, mistakes = _plan(cases, theory, {})
    if mistakes:
        raise BadCases(mistakes)
    return [cell for plan in planned for cell in plan.cells]


@dataclass(frozen=True)
class _Plan:
    """A valid case with its cells, those of its drawings behind the others."""

    case: Case
    experiment: Experiment
    cells: list[Cell]
    drawings: int


def _plan(
    cases: Sequence[Case], theory: Mapping[str, Claim], failures: dict[str, Failure]
) -> tuple[list[_Plan], list[InputError]]:
    """The cells of each valid case, and what is wrong with the others.

    A case on which the checks themselves break down goes to ``failures``, and stops no other.
    """
    from sharpbound import chapters

    planned: list[_Plan] = []
    mistakes: list[InputError] = []

    def plan(case: Case) -> _Plan:
        _validated(case, theory)
        experiment = chapters.get(case.kind)
        drawings = experiment.drawings(case)
        cells = [*experiment.cells(case), *drawings]
        cells = [replace(cell, home=case.home, limits=case.limits) for cell in cells]
        return _Plan(case, experiment, cells, len(drawings))

    for case in cases:
        found = guarded(case.limits, partial(plan, case))
        if isinstance(found, Failure):
            _note(found, case, mistakes, failures)
        else:
            planned.append(found)
    return planned, mistakes


def _note(failed: Failure, case: Case, mistakes: list[InputError], failures: dict[str, Failure]) -> None:
    """A mistake of the user goes to ``mistakes`` with the name of its file, all else to ``failures``."""
    if failed.mistake:
        mistakes += failed.mistake.at(where=str(case.file)).mistakes
    else:
        failures[case.id] = failed


def _conclude(
    plan: _Plan, claim: Claim, results: Sequence[Result]
) -> tuple[Sequence[Row], float, Conclusion | Failure]:
    """Rows and their seconds, and what they say. A conclusion that fails takes no row with it."""
    entries: list[Entry] = []
    for result in results:
        if isinstance(result, Failure):
            return [], 0.0, result
        entries.append(result)
    seconds, measured = sum(entry.seconds for entry in entries), [entry.rows for entry in entries]
    count = len(measured) - plan.drawings
    rows: Sequence[Row] = []

    def conclude() -> Conclusion:
        nonlocal rows
        rows = plan.experiment.rows(plan.case, measured[:count])
        rows = plan.experiment.completed(plan.case, rows, measured[count:])
        return plan.experiment.finish(plan.case, claim, rows, measured[count:])

    concluded = guarded(plan.case.limits, conclude)
    return rows, seconds, concluded


def validate_case(case: Case, theory: Mapping[str, Claim]) -> Claim:
    """The claim that ``case`` tests, after every check that can be made before measuring.

    Raises InputError if the claim does not exist, and for whatever the experiment of the case's kind
    refuses. A metric that the claim does not speak of is measured, and not judged.
    """
    from sharpbound import chapters  # experiments know cases, so they are imported late

    try:
        claim = _validated(case, theory)
        chapters.get(case.kind).check(case)
    except InputError as error:
        raise error.at(where=shown(case.file)) from None
    return claim


def _validated(case: Case, theory: Mapping[str, Claim]) -> Claim:
    from sharpbound import chapters

    claim = find_claim(theory, case.claim)
    chapters.get(case.kind).validate(case, claim)
    return claim
