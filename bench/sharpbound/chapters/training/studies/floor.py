"""Study ``floor``: where the loss stops, on the fixed noise of training and on fresh noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import line_target, read_options, sweep_points
from sharpbound.chapters.training.descent import descend, predict
from sharpbound.chapters.training.population import population_loss
from sharpbound.chapters.training.studies.descent import problem
from sharpbound.chapters.training.weighting import check_weighting
from sharpbound.errors import InputError
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "floor",
    "width": 64,
    "depth": 1,
    "levels": 4,
    "sigma_min": 0.5,
    "sigma_max": 4.0,
    "weighting": "uniform",
    "step": 1.0,
    "iterations": 400,
    "seed": 1,
}
"""[training]: the problem of study descent, and how long it is trained."""
METRICS = ("loss", "population-loss")
RELATIVE_FLOOR = 1e-11


class Floor(Experiment):
    """A row per number of data ``points``, after the last iteration: ``loss`` on the data and noise of training,
    ``population-loss`` on fresh ones, and the least that any score has there, sum_j beta_j (1 - v_j I(v_j))/2.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "training")
        sweep_points(case.sweep, ("points",))
        if not all(isinstance(n, int) and n > 0 for n in case.sweep["points"]):
            raise InputError("must hold positive whole numbers", key="sweep.points")
        check_weighting(options["weighting"])
        if options["levels"] < 2:
            raise InputError("needs at least 2 levels of noise", key="training.levels")
        line_target(case.target)
        if len(case.metrics) != 1 or case.metrics[0] not in METRICS or claim.kind != "ordering":
            raise InputError(f"measure one of {', '.join(METRICS)}, for an ordering", key="measure.metric")
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        fixed = {"target": case.target, "options": read_options(case.options, DEFAULTS, "training")}
        return [Cell(self.kind, {**fixed, **point}) for point in sweep_points(case.sweep, ("points",))]

    def measure(self, cell: Cell) -> list[Row]:
        target = line_target(cell.params["target"])
        options = {**cell.params["options"], "points": cell.params["points"]}
        network, objective = problem(target, options)
        run = descend(
            network,
            objective,
            options["step"] * predict(network, objective).stable_step,
            options["iterations"],
        )
        fresh = population_loss(run.network, target, objective.sigma)
        least = float(objective.beta @ fresh.bayes) / 2
        row: Row = {"points": cell.params["points"], "loss": float(run.losses[-1]), "bayes-loss": least}
        row["population-loss"] = float(objective.beta @ fresh.total) / 2
        return [row | {"floor": RELATIVE_FLOOR * row["loss"], "floor_kind": "quadrature"}]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        metric = case.metrics[0]
        found = super().rows(case, measured)
        return [
            row | dict.fromkeys(("floor", f"{metric}_floor"), RELATIVE_FLOOR * row[metric]) for row in found
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        metric = case.metrics[0]
        n, value, least, doubt = (
            np.array([row[key] for row in rows], dtype=float)
            for key in ("points", metric, "bayes-loss", "floor")
        )
        judged = judge_ordering(least, value, RELATIVE_FLOOR * least, doubt)
        below = ", ".join(f"{points:g}" for points in n[value < least])
        what = "training loss" if metric == "loss" else "loss on fresh noise"
        where = f"is below the Bayes loss at n = {below}" if below else "is nowhere below the Bayes loss"
        reason = (
            f"the {what} {where}; at n = {n[-1]:g} it is {value[-1] / least[-1]:.4f} of it; {judged.reason}"
        )
        curves = [
            series("on the noise of training", n, [row["loss"] for row in rows]),
            series("on fresh noise", n, [row["population-loss"] for row in rows]),
            series("Bayes loss", n, least, "dashed"),
        ]
        options = read_options(case.options, DEFAULTS, "training")
        return Conclusion(
            judged.verdict,
            None,
            None,
            {"reason": reason},
            lambda: {
                "figures": [
                    lines(
                        "floor",
                        f"{case.title}: loss after {options['iterations']} iterations",
                        axis("data points n", "log"),
                        axis("loss", "log"),
                        curves,
                        "The Bayes loss Σβ(1 - vI(v))/2, I the Fisher information of the noised data, is the least on "
                        "fresh noise; fixed noise can be learnt by heart as long as there are few points.",
                    )
                ]
            },
        )
