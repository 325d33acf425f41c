"""Mutants are caught, and samplers without a mistake are not."""

from __future__ import annotations

import numpy as np
import pytest

from sharpbound.chapters.detection.detect import (
    Error,
    detect,
    gaussian_problem,
    measure_errors,
    mixture_problem,
    random_problem,
)
from sharpbound.chapters.detection.mutants import MUTANTS, agree, compare
from sharpbound.chapters.detection.study import Detection
from sharpbound.places import default_directory
from sharpbound.rates import estimate
from sharpbound.samplers import SAMPLERS
from sharpbound.suite import load_case
from whole_suite import THEORY

ON_MIXTURE = ("taylor-ode: missing term", "accelerated-ode-li2024: missing term")
"""The gradient of the divergence of a Gaussian's score is 0: these mutants show on the mixture alone."""
ON_GAUSSIAN = [mutant for mutant in MUTANTS if mutant.name not in ON_MIXTURE]


def test_there_are_thirty_or_more_of_many_kinds() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 30
    assert {mutant.base["name"] for mutant in MUTANTS} == set(SAMPLERS) - {"randomized-midpoint"}


@pytest.mark.parametrize("mutant", ON_GAUSSIAN, ids=lambda mutant: mutant.name)
def test_caught_on_a_gaussian(mutant) -> None:
    assert detect(mutant, gaussian_problem([64, 128])).by in ("order", "constant")


@pytest.mark.parametrize("name", ON_MIXTURE)
def test_a_term_that_gaussians_do_not_have_is_caught_on_the_mixture(name) -> None:
    (mutant,) = [mutant for mutant in MUTANTS if mutant.name == name]
    assert detect(mutant, gaussian_problem([64, 128])).by == ""
    assert detect(mutant, mixture_problem([16, 32])).by == "order"


def test_the_same_sampler_is_not_caught() -> None:
    rng = np.random.default_rng(7)
    for name in ("pf-ode", "heun", "unipc", "dpm-solver-3", "ddim"):
        assert agree(random_problem(rng, [16, 32]), SAMPLERS[name]).by == ""


def test_order_and_constant_are_told_apart() -> None:
    def errors(*values: float, floor: float = 0.0) -> list[Error]:
        return [Error(value, floor, "quadrature", "transport") for value in values]

    original = errors(1e-2, 0.5e-2)
    assert compare(original, original).by == ""
    assert compare(original, errors(1.001e-2, 0.5005e-2)).by == "constant"
    assert compare(original, errors(1e-2, 1e-2)).by == "order"
    assert compare(original, errors(1e-2, 0.5e-2 + 1e-7, floor=1e-6)).by == ""  # within the floor
    found = compare(original, [Error(one.value, 0.0, "closed-form", "gaussian") for one in original])
    assert (found.kind, found.engine) == ("quadrature", "transport and gaussian")


def test_the_case_is_valid_and_its_cells_are_the_mutants() -> None:
    case = load_case(default_directory("cases") / "zoo" / "detection.toml")
    experiment = Detection()
    experiment.validate(case, THEORY[case.claim])
    cells = experiment.cells(case)
    assert sum("mutant" in cell.params for cell in cells) == len(MUTANTS)
    (row,) = experiment.measure(cells[0])
    conclusion = experiment.conclude(case, THEORY[case.claim], [row]).drawn()
    assert conclusion.verdict == "confirmed"
    assert conclusion.drawn().details["tables"][0]["rows"][0][0] == MUTANTS[0].name


def test_estimated_order_moves_too() -> None:
    """The estimated exponent, for one mutant whose order drops and one whose constant alone changes."""
    problem = gaussian_problem([16, 32, 64, 128, 256])
    for name, order in (("heun: missing corrector", 1), ("heun: wrong last step", 2)):
        (mutant,) = [one for one in MUTANTS if one.name == name]
        errors = [error.value for error in measure_errors(problem, mutant.sampler)]
        assert estimate([1 / T for T in problem.T], errors).exponent == pytest.approx(order, abs=0.02)
