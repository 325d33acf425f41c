"""A case is checked by computing only where it has to be measured, and its drawings are cells like the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sharpbound import chapters
from sharpbound.chapters.base import Cell, Measurement
from sharpbound.errors import InputError
from sharpbound.records.document import Row
from sharpbound.records.figures import Figure
from sharpbound.run.cache import Cache
from sharpbound.run.cases import BadCases, Outcome, measure_cases
from sharpbound.suite import load_case, load_theory
from toy_experiment import Toy, write_case, write_suite


class Curve(Measurement):
    def measure(self, cell: Cell) -> list[Row]:
        return [{"y": [cell.params["scale"], 2.0]}]


class Drawn(Toy):
    """A toy that draws, and whose check refuses steps above 512."""

    checked: list[str]

    def __init__(self) -> None:
        self.checked = []

    def check(self, case: Any) -> None:
        self.checked.append(case.id)
        if max(case.sweep["T"]) > 512:
            raise InputError("is too long; use T <= 512", key="sweep.T")

    def drawings(self, case: Any) -> list[Cell]:
        return [Cell(self.kind, {"draw": "curve", "scale": 0.1})]

    def measuring(self, cell: Cell) -> Measurement:
        return Curve() if "draw" in cell.params else self

    def drawn(self, case: Any, figures: Sequence[Figure], measured: Sequence[list[Row]]) -> list[Figure]:
        ((row,),) = measured
        return [*figures, {"name": "curve", "y": row["y"]}]


@pytest.fixture
def experiment(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    made = Drawn()
    monkeypatch.setitem(chapters.EXPERIMENTS, Drawn.kind, made)
    return made


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    write_suite(tmp_path)
    return tmp_path


def measure(suite: Path, *files: Path) -> Outcome:
    cases = [load_case(file) for file in files]
    return measure_cases(cases, load_theory(suite / "theory"), Cache(suite / "cache"), workers=1)


def test_only_cases_with_cells_to_measure_are_checked(suite: Path, experiment: Drawn) -> None:
    one = write_case(suite, "one", T=(64, 128))
    measure(suite, one)
    assert experiment.checked == ["one"]
    measure(suite, one, write_case(suite, "two", T=(64, 256)))
    assert experiment.checked == ["one", "two"]


def test_what_checks_find_is_told_with_the_other_mistakes_before_anything_is_measured(
    suite: Path, experiment: Drawn
) -> None:
    good, long, wrong = (write_case(suite, id, T=T) for id, T in (("a", (64,)), ("b", (1024,)), ("c", (64,))))
    wrong.write_text(wrong.read_text().replace('family = "toy"', 'family = "toys"'))
    with pytest.raises(BadCases) as caught:
        measure(suite, good, long, wrong)
    told = {(mistake.where, mistake.key) for mistake in caught.value.mistakes}
    assert told == {(str(long), "sweep.T"), (str(wrong), "target.family")}
    assert list((suite / "calls").iterdir()) == []


def test_drawings_are_measured_once_and_reach_the_document_but_not_its_rows(
    suite: Path, experiment: Drawn
) -> None:
    case = write_case(suite, "one", T=(64, 128))
    (first,), (again,) = measure(suite, case).documents, measure(suite, case).documents
    assert first == again
    assert first.details["figures"] == [{"name": "curve", "y": [0.1, 2.0]}]
    assert [row.point["T"] for row in first.rows] == [64, 128]
    assert len(list((suite / "cache").rglob("*.json"))) == 3


@pytest.mark.parametrize("broken", ["validate", "check", "drawings", "cells"])
def test_a_bug_in_the_checks_fails_its_case_alone(
    suite: Path, experiment: Drawn, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    plain, whole = write_case(suite, "one", T=(64, 128)), getattr(experiment, broken)

    def bug(case: Any, *rest: Any) -> Any:
        return 1 / 0 if case.id == "one" else whole(case, *rest)

    monkeypatch.setattr(experiment, broken, bug)
    outcome = measure(suite, plain, write_case(suite, "two", T=(64, 256)))
    assert [document.case for document in outcome.documents] == ["two"]
    assert outcome.failures["one"].reason == "ZeroDivisionError: division by zero"
    assert "in bug" in outcome.failures["one"].trace


def test_a_bug_in_the_hypotheses_keeps_the_rows(
    suite: Path, experiment: Drawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "assumptions", lambda *_: 1 / 0)
    outcome = measure(suite, write_case(suite, "one", T=(64, 128)))
    (document,) = outcome.documents
    assert (document.verdict, document.hypotheses, len(document.rows)) == ("sharp", "unchecked", 2)
    assert outcome.failures["one"].reason == "ZeroDivisionError: division by zero"


def test_limits_reach_the_cells(suite: Path, experiment: Drawn) -> None:
    file = write_case(suite, "one", "spin", T=(64,))
    file.write_text(file.read_text() + "[limits]\nseconds = 0.2\n")
    outcome = measure(suite, file)
    assert outcome.failures["one"].reason.startswith("a cell takes longer than 0.2 s: ")
    assert outcome.documents[0].verdict == "failed"
