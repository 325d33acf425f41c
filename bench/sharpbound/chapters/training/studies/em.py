"""Study ``em``: near the truth, is descent on the DDPM loss the EM algorithm?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.training.two_gaussians import em_step, gradient
from sharpbound.chapters.value_verdict import conclude_values
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "em", "offset": 0.3, "dim": 16, "seed": 1}
"""[training]: the warm start, as far from mu_t as ``offset`` |mu_t| in a random direction."""
TOLERANCE = 1e-6
ROUNDING = 1e-13
SHOWN = 12
"""Iterations of the figure."""


class ExpectationMaximisation(Experiment):
    """A row per half distance ``R`` of the centres: the step of descent with learning rate 1/2, along the EM
    step and in units of it, and the factor by which either shrinks the distance to the truth.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "training")
        sweep_points(case.sweep, ("R",))
        if min(case.sweep["R"]) <= 0:
            raise InputError("must hold positive distances", key="sweep.R")
        if not 0 < options["offset"] < 1:
            raise InputError("must lie between 0 and 1, for a start on the right side", key="training.offset")
        if case.metrics != ["em-ratio"]:
            raise InputError("measure em-ratio", key="measure.metric")
        claim.transfer("em-ratio")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "training")
        return [Cell(self.kind, {"options": options, **point}) for point in sweep_points(case.sweep, ("R",))]

    def measure(self, cell: Cell) -> list[Row]:
        mu, theta = _warm_start(cell.params["R"], cell.params["options"])
        em, descent = em_step(theta, mu) - theta, -0.5 * gradient(theta, mu)
        here, after_em, after = (float(np.linalg.norm(x - mu)) for x in (theta, theta + em, theta + descent))
        row: Row = {"R": cell.params["R"], "em-ratio": float(descent @ em / (em @ em))}
        row |= {"em-ratio_floor": ROUNDING, "floor": ROUNDING, "floor_kind": "quadrature"}
        return [row | {"em-factor": after_em / here, "descent-factor": after / here}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, DEFAULTS, "training")
        rows = sorted(rows, key=lambda row: row["R"])
        found = conclude_values(claim, rows[-1:], "em-ratio", TOLERANCE)
        far = [abs(row["em-ratio"] - 1) for row in rows]
        found.details["reason"] = (
            f"at R = {rows[-1]['R']:g}: {found.details['reason']}; at R = {rows[0]['R']:g} the two steps are "
            f"apart by {far[0]:.2g}"
        )
        x = [row["R"] for row in rows]
        starts = [_warm_start(separation, options) for separation in x]
        doubt = np.exp([-0.5 * (theta @ mu) ** 2 / (theta @ theta) for mu, theta in starts])
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "steps",
                        f"{case.title}: one step from a warm start",
                        axis("R, half of the distance of the centres"),
                        axis("|ratio of the steps - 1|", "log"),
                        [
                            series("measured", x, far, "points"),
                            series("∝ exp(-m²/2)", x, far[-1] * doubt / doubt[-1], "dashed"),
                        ],
                        "Descent with learning rate 1/2 against EM; what they differ by is the part of the data in "
                        "doubt between the classes, m being the distance of μ to the border that the start draws.",
                    ),
                    _race(case, options, float(x[len(x) // 2])),
                ]
            },
        )


def _warm_start(separation: float, options: dict[str, Any]) -> tuple[Any, Any]:
    """mu and the start."""
    mu = np.zeros(options["dim"])
    mu[0] = separation
    direction = np.random.default_rng(options["seed"]).standard_normal(options["dim"])
    return mu, mu + options["offset"] * separation * direction / np.linalg.norm(direction)


def _race(case: Case, options: dict[str, Any], separation: float) -> dict[str, Any]:
    """The distance to the truth under either iteration."""
    mu, theta = _warm_start(separation, options)
    paths: dict[str, list[float]] = {}
    for name, step in {
        "EM": lambda x: em_step(x, mu),
        "descent, learning rate 1/2": lambda x: x - 0.5 * gradient(x, mu),
    }.items():
        x, distances = theta, []
        for _ in range(SHOWN):
            distances.append(float(np.linalg.norm(x - mu)))
            x = step(x)
        paths[name] = [distance for distance in distances if distance > ROUNDING * separation]
    return lines(
        "race",
        f"{case.title}: distance to the truth at R = {separation:g}",
        axis("iteration"),
        axis("|θ - μ|", "log"),
        [series(name, range(len(distances)), distances) for name, distances in paths.items()],
        "Both contract geometrically.",
    )
