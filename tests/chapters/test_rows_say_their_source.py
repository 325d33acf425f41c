"""Every row says what found its first metric, and what kind of floor it has; one case of every study."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from conclude_case import measured_case
from sharpbound import chapters
from sharpbound.distances.base import FLOOR_KINDS
from sharpbound.places import default_directory
from sharpbound.suite import load_case
from sharpbound.suite.case import Case

Study = tuple[str, str]

NO_LAW = {
    ("design-space", "constants"),
    ("erm-failure", ""),
    *(
        ("sample-complexity", study)
        for study in (
            "shift-class",
            "sphere-class",
            "outlier-class",
            "hardest-pair",
            "routes",
            "wasserstein-limit",
            "kernel",
            "kernel-best",
            "kernel-line",
            "networks",
        )
    ),
    *(
        ("training", study)
        for study in (
            "",
            "bell",
            "collapse",
            "em",
            "floor",
            "lazy",
            "power-iteration",
            "speciation",
            "two-gaussians",
        )
    ),
}
"""Closed forms, failure probabilities, risks and losses: no law is found, and the kind of floor stands alone."""

SMALL = {
    "lazy": {"seeds": 2, "iterations": 20},
    "floor": {"iterations": 20},
    "collapse": {"queries": 10},
    "networks": {"repetitions": 2, "steps": 20},
    "network-sampler": {"repetitions": 2, "steps": 20},
    "weightings": {"levels": 4, "points": 4},
}
"""Options lowered by study: how well it is measured is no matter here."""
STATISTICAL = {
    ("training", "lazy"),
    ("training", "collapse"),
    ("sample-complexity", "networks"),
    ("sample-complexity", "network-sampler"),
}


def _study(case: Case) -> Study:
    if case.score_error is not None:
        return case.kind, case.score_error["field"]
    return case.kind, case.options.get("study", "")


def _of_every_study() -> dict[Study, Path]:
    """The case of each study that ends at the smallest values, of a Gaussian where there is one: they cost least."""
    found: dict[Study, tuple[tuple[bool, float], Path]] = {}
    for path in sorted(default_directory("cases").rglob("*.toml")):
        case = load_case(path)
        family = (case.target or {}).get("family", "gaussian")
        size = family != "gaussian", float(sum(max(values) for values in case.sweep.values()))
        if _study(case) not in found or size < found[_study(case)][0]:
            found[_study(case)] = size, path
    return {study: path for study, (_, path) in sorted(found.items())}


def _reduced(path: Path) -> Case:
    case = load_case(path)
    kind, study = _study(case)
    case = case.model_copy(
        update={"sweep": {name: values[: 2 if study == "bell" else 1] for name, values in case.sweep.items()}}
    )
    if kind == "detection":
        case = case.model_copy(update={"detection": case.options | {"runs": 1}})
        case = case.model_copy(update={"sweep": {"T": [16, 32]}})
    case.options.update(SMALL.get(study, {}))
    return case


CASES = _of_every_study()


def test_every_study_has_a_case() -> None:
    for kind in ("design-space", "diffusion-time", "training"):
        first, *others = chapters.get(kind).studies
        assert {study for known, study in CASES if known == kind} - {first} == {"", *others}


@pytest.mark.parametrize("study", CASES, ids="/".join)
def test_rows_say_engine_and_kind_of_floor(study: Study) -> None:
    if study[0] == "audit" and find_spec("diffusers") is None:
        pytest.skip("needs diffusers")
    case = _reduced(CASES[study])
    experiment = chapters.get(case.kind)
    if study[0] == "detection":
        cells = experiment.cells(case)
        rows = [row for cell in (cells[0], cells[-1]) for row in experiment.measure(cell)]
    else:
        rows, *_ = measured_case(experiment, case)
    assert rows
    for row in rows:
        assert row["floor_kind"] in FLOOR_KINDS
        assert (row["floor_kind"] == "statistical") == (study in STATISTICAL)
        if study in NO_LAW:
            assert "engine" not in row
        else:
            assert isinstance(row["engine"], str)
            assert row["engine"]
