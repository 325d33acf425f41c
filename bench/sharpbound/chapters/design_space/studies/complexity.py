"""Study ``complexity``: how many steps a given path KL takes, against the dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.design_space.schedules import named
from sharpbound.chapters.options import line_target, read_options, sweep_points
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import discretisation_error, variances
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.fisher import Information, tabulated
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series
from sharpbound.targets.base import Target

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "complexity",
    "schedule": "exponential",
    "accuracy": 1.0,
    "sigma_min": 0.002,
    "sigma_max": 80.0,
}
"""[design]: the path KL to reach. From the exact law at ``sigma_max`` it is all for the steps."""
LARGEST = 1e6
"""Of the noise levels tried for the Gaussian start."""


class Complexity(Experiment):
    """A row per dimension ``d``: independent copies of a target on the line, whose parts of the path KL add.
    ``steps`` is the least number at which E_D is no more than the accuracy. ``steps-with-start`` counts the
    Gaussian start: the largest noise is where E_I is half of the accuracy, and E_D has the other half.
    """

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "design")
        if not options["accuracy"] > 0:
            raise InputError("must be positive", key="design.accuracy")
        named(options["schedule"], 2, options["sigma_min"], options["sigma_max"])
        target = line_target(case.target)
        if case.metrics != ["steps"]:
            raise InputError("measure steps", key="measure.metric")
        sweep_points(case.sweep, ("d",))
        if not all(isinstance(d, int) and d > 0 for d in case.sweep["d"]):
            raise InputError("must hold positive whole numbers", key="sweep.d")
        _largest_noise(target, options, 0.5 * options["accuracy"] / max(case.sweep["d"]))
        claim.transfer("steps")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        return [Cell(self.kind, {"target": case.target, "options": options, "d": case.sweep["d"]})]

    def measure(self, cell: Cell) -> list[Row]:
        options, target = cell.params["options"], targets.build(cell.params["target"])
        each = {d: options["accuracy"] / d for d in cell.params["d"]}
        noise = {d: _largest_noise(target, options, 0.5 * goal) for d, goal in each.items()}
        top = max(options["sigma_max"], *noise.values())
        info = tabulated(cell.params["target"], options["sigma_min"] ** 2, top**2)
        rows: list[Row] = []
        steps = started = 1
        for d, goal in sorted(each.items()):
            steps = _fewest(info, options, options["sigma_max"], goal, steps)
            started = _fewest(info, options, noise[d], 0.5 * goal, started)
            row: Row = {"d": d, "steps": steps, "steps_floor": 0.5, "floor": 0.5}
            row |= {"floor_kind": "quadrature", "engine": "path-parts"}
            rows.append(row | {"steps-with-start": started, "noise-with-start": noise[d]})
        return rows

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        found = conclude_rate(claim, rows, swept="d", metric="steps")
        keys = ("d", "steps", "steps-with-start", "noise-with-start")
        d, steps, started, noise = (np.array([row[key] for row in rows], dtype=float) for key in keys)
        options = read_options(case.options, DEFAULTS, "design")
        cost = np.log(noise / options["sigma_min"]) ** 2
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "steps",
                        f"{case.title}: steps per dimension",
                        axis("dimension", "log"),
                        axis("steps / d"),
                        [
                            series(f"exact law at σ = {options['sigma_max']:g}", d, steps / d),
                            series("Gaussian start, half of the accuracy each", d, started / d),
                            series("∝ log(σ_max/σ_min)²", d, started[-1] / d[-1] * cost / cost[-1], "dashed"),
                        ],
                        "With a Gaussian start the largest noise has to grow with the dimension, and the range of the "
                        "schedule with it: that is the logarithm by which the growth is only almost linear.",
                    )
                ]
            },
        )


def _largest_noise(target: Target, options: dict[str, Any], goal: float) -> float:
    """The sigma_max at which the Gaussian start costs ``goal``; at least 100 sigma_min."""

    def excess(log_sigma: float) -> float:
        ladder = named(options["schedule"], 2, options["sigma_min"], math.exp(log_sigma))
        return math.log(initialisation_error(target, ladder) / goal)

    low, high = math.log(100 * options["sigma_min"]), math.log(LARGEST)
    if (
        initialisation_error(target, named(options["schedule"], 2, options["sigma_min"], math.exp(low)))
        <= goal
    ):
        return math.exp(low)
    if excess(high) > 0:
        raise InputError(
            f"the start costs more than half of the accuracy even at a noise level of {LARGEST:g}; ask for less",
            key="design.accuracy",
        )
    return math.exp(brentq(excess, low, high, xtol=1e-12))


def _fewest(info: Information, options: dict[str, Any], sigma_max: float, goal: float, guess: int) -> int:
    """The least number of steps with E_D <= ``goal``: E_D falls with it, nearly like its inverse."""

    def cost(steps: int) -> float:
        ladder = named(options["schedule"], steps, options["sigma_min"], sigma_max)
        return discretisation_error(info, variances(ladder))

    for _ in range(20):
        before, guess = guess, max(1, math.ceil(guess * cost(guess) / goal))
        if abs(guess - before) <= 1:
            break
    while cost(guess) > goal:
        guess += 1
    while guess > 1 and cost(guess - 1) <= goal:
        guess -= 1
    return guess
