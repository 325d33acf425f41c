"""What becomes of one file: measured, or refused in printable lines. Everything else is a fault."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sharpbound import chapters
from sharpbound.errors import InputError, NotMeasured
from sharpbound.records.document import document
from sharpbound.records.files import strict_json
from sharpbound.run.attempt import Entry, Failure, attempt, guarded
from sharpbound.run.limits import OutOfTime, starved
from sharpbound.suite import load_case, load_claims
from sharpbound.suite.case import Limits
from sharpbound.suite.loading import find_claim

PATIENCE = 2.0
"""Seconds after which no further cell of a case is measured."""


class Fault(Exception):
    """A file that is neither measured nor refused as it must be."""


def refused(mistake: InputError, path: Path) -> str:
    """``refused``, where each mistake is one printable line that names the file."""
    for line in str(mistake.at(where=str(path))).split("\n"):
        if not (line.startswith(f"{path}: ") and line.isprintable() and len(line) < 1000):
            raise Fault(f"not a line for a reader: {line[:300]!r}")
    return "refused"


def _failed(failure: Failure, path: Path) -> str:
    """What a failure of a part of a case makes of it."""
    if failure.mistake:
        return refused(failure.mistake, path)
    if failure.trace:
        raise Fault(failure.trace)
    return "limited"


def theory_file(path: Path) -> str:
    """What becomes of a theory file: read, or refused."""
    try:
        for claim in load_claims(path):
            strict_json(claim.describe())
    except InputError as mistake:
        return refused(mistake, path)
    return "read"


def case_file(path: Path, theory: Mapping[str, Any], seconds: float = 1.0) -> str:
    """What becomes of a case file: measured, refused, limited (in time or memory), or failed with a traceback."""
    try:
        case = load_case(path, full=True)
        claim = find_claim(theory, case.claim)
        experiment = chapters.get(case.kind)
        if why := chapters.lacking(case):
            return f"unavailable: {why}"
        limits = Limits(seconds=min(seconds, case.limits.seconds), memory=min(2.0, case.limits.memory))

        def plan() -> tuple[list[Any], list[Any]]:
            experiment.validate(case, claim)
            planned = experiment.cells(case), experiment.drawings(case)
            experiment.check(case)
            return planned

        planned = guarded(limits, plan)
        if isinstance(planned, Failure):
            return _failed(planned, path)
        cells, drawings = planned
        found, start = [], time.monotonic()
        for cell in [*cells, *drawings]:
            object.__setattr__(cell, "limits", limits)
            result = attempt(lambda each: experiment.measuring(each).measure(each), cell)
            if isinstance(result, Failure):
                return _failed(result, path)
            assert isinstance(result, Entry)
            found.append(result.rows)
            if time.monotonic() - start > PATIENCE:
                return "cut"
        rows = experiment.rows(case, found[: len(cells)])
        rows = experiment.completed(case, rows, found[len(cells) :])
        concluded = experiment.finish(case, claim, rows, found[len(cells) :])
        told = document(case, claim, rows, concluded, 0.0, experiment.assumptions(case, claim))
        strict_json(told.as_json())
        if note := told.details.get("figures_note"):
            raise Fault(note)
    except InputError as mistake:
        return refused(mistake, path)
    except NotMeasured:
        return "not measured"
    except OutOfTime:
        return "limited"
    except Exception as error:
        if starved(error):
            return "limited"
        raise
    return "measured"
