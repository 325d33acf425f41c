"""Measures cases: validates all of them, runs their cells together, concludes each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, Conclusion, Row, document
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import Failure, Observer, Result, failure, run_cells
from sharpbound.run.fingerprint import cell_key
from sharpbound.suite.loading import find_claim
from sharpbound.suite.validation import shown

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim


class BadCases(Exception):
    """Some cases cannot be measured as they are written: one InputError each. Nothing was computed."""

    def __init__(self, mistakes: Sequence[InputError]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = list(mistakes)


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
) -> Outcome:
    """Measure ``cases``, in order. A case that fails is reported in the outcome; the others go on.

    Raises BadCases before anything is computed, and `sharpbound.run.execute.Stopped` on Ctrl-C.
    """
    from sharpbound import chapters

    planned = _plan(cases, theory)
    results = run_cells(
        [cell for cells in planned for cell in cells], cache, workers=workers, observer=observer
    )
    outcome = Outcome()
    for case, cells in zip(cases, planned, strict=True):
        claim = theory[case.claim]
        rows, seconds, concluded = _conclude(case, claim, [results[cell_key(cell)] for cell in cells])
        if isinstance(concluded, Failure):
            if concluded.mistake:
                outcome.mistakes.append(concluded.mistake.at(where=str(case.file)))
                continue
            outcome.failures[case.id] = concluded
            concluded = Conclusion("failed", None, None, {"reason": concluded.reason})
        checked = chapters.get(case.kind).assumptions(case, claim)
        outcome.documents.append(document(case, claim, rows, concluded, seconds, checked))
    return outcome


def _plan(cases: Sequence[Case], theory: Mapping[str, Claim]) -> list[list[Cell]]:
    """The cells of each case; BadCases names every case that is wrong."""
    from sharpbound import chapters

    planned: list[list[Cell]] = []
    mistakes: list[InputError] = []
    for case in cases:
        try:
            validate_case(case, theory)
            planned.append(chapters.get(case.kind).cells(case))
        except InputError as mistake:
            mistakes.append(mistake.at(where=str(case.file)))
    if mistakes:
        raise BadCases(mistakes)
    return planned


def _conclude(
    case: Case, claim: Claim, results: Sequence[Result]
) -> tuple[Sequence[Row], float, Conclusion | Failure]:
    """Rows and their seconds, and what they say. A conclusion that fails takes no row with it."""
    from sharpbound import chapters

    entries: list[Entry] = []
    for result in results:
        if isinstance(result, Failure):
            return [], 0.0, result
        entries.append(result)
    experiment, seconds = chapters.get(case.kind), sum(entry.seconds for entry in entries)
    rows: Sequence[Row] = []
    try:
        rows = experiment.rows(case, [entry.rows for entry in entries])
        return rows, seconds, experiment.conclude(case, claim, rows)
    except Exception as error:
        return rows, seconds, failure(error)


def validate_case(case: Case, theory: Mapping[str, Claim]) -> Claim:
    """The claim that ``case`` tests, after every check that can be made before measuring.

    Raises InputError if the claim does not exist, and for whatever the experiment of the case's kind
    refuses. A metric that the claim does not speak of is measured, and not judged.
    """
    from sharpbound import chapters  # experiments know cases, so they are imported late

    try:
        claim = find_claim(theory, case.claim)
        chapters.get(case.kind).validate(case, claim)
    except InputError as error:
        raise error.at(where=shown(case.file)) from None
    return claim
