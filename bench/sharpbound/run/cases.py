"""Measures cases: validates all of them, runs their cells together, concludes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, Conclusion, Row, document
from sharpbound.run.attempt import Failure, Result, failure
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import Observer, Stopped, entries, run_cells
from sharpbound.run.executors import Work
from sharpbound.run.fingerprint import cell_key
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

    Raises BadCases before anything is computed, and `sharpbound.run.execute.Stopped` on Ctrl-C.
    """
    outcome = Outcome()
    planned, mistakes = _plan(cases, theory, outcome.failures)
    cells = [cell for plan in planned for cell in plan.cells]
    try:
        stored = entries(cells, cache)
    except KeyboardInterrupt as stop:
        raise Stopped(0, len(cells), status(stop)) from None
    for plan in list(planned):
        if any(cell_key(cell) not in stored for cell in plan.cells):
            try:
                plan.experiment.check(plan.case)
            except InputError as mistake:
                mistakes += mistake.at(where=str(plan.case.file)).mistakes
            except Exception as error:
                outcome.failures[plan.case.id] = failure(error)
                planned.remove(plan)
    if mistakes:
        raise BadCases(mistakes)
    cells = [cell for plan in planned for cell in plan.cells]
    results = run_cells(cells, cache, stored=stored, workers=workers, observer=observer, work=work)
    for plan in planned:
        case, claim = plan.case, theory[plan.case.claim]
        rows, seconds, concluded = _conclude(plan, claim, [results[cell_key(cell)] for cell in plan.cells])
        if isinstance(concluded, Failure):
            if concluded.mistake:
                outcome.mistakes += concluded.mistake.at(where=str(case.file)).mistakes
                continue
            outcome.failures[case.id] = concluded
            concluded = Conclusion("failed", None, None, {"reason": concluded.reason})
        try:
            checked = plan.experiment.assumptions(case, claim)
        except Exception as error:  # what is not known of a hypothesis takes no row with it
            checked, outcome.failures[case.id] = [], failure(error)
        outcome.documents.append(document(case, claim, rows, concluded, seconds, checked))
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
    for case in cases:
        try:
            _validated(case, theory)
            experiment = chapters.get(case.kind)
            drawings = experiment.drawings(case)
            cells = [*experiment.cells(case), *drawings]
            cells = [replace(cell, home=case.home, limits=case.limits) for cell in cells]
            planned.append(_Plan(case, experiment, cells, len(drawings)))
        except InputError as mistake:
            mistakes.append(mistake.at(where=str(case.file)))
        except Exception as error:
            failures[case.id] = failure(error)
    return planned, mistakes


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
    try:
        rows = plan.experiment.rows(plan.case, measured[:count])
        rows = plan.experiment.completed(plan.case, rows, measured[count:])
        return rows, seconds, plan.experiment.finish(plan.case, claim, rows, measured[count:])
    except Exception as error:
        return rows, seconds, failure(error)


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
