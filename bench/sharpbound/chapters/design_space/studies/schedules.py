"""Study ``schedules``: every schedule between the same two ends against the one computed from the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment, Measurement
from sharpbound.chapters.design_space.schedules import named, optimal, optimal_constant
from sharpbound.chapters.design_space.studies.optimal_ladder import OptimalLadder
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import discretisation_error, variances
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.fisher import tabulated
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure, axis, lines, series, table

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "schedules",
    "schedules": ["exponential", "edm", "polynomial-3", "cosine", "tangent-0.5", "vp-linear"],
    "sigma_min": 0.002,
    "sigma_max": 80.0,
}
"""[design]: the schedules to compare, and the two ends of sigma/a."""
RELATIVE_FLOOR = 1e-11
SHOWN = 20
"""Steps of the ladders that the figure shows."""


class Schedules(Experiment):
    """One cell: the Fisher information is tabulated once for all ladders. A row per number of steps T."""

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "design")
        for name in options["schedules"]:
            ladder = named(str(name), 2, options["sigma_min"], options["sigma_max"])
            initialisation_error(targets.build(case.target), ladder)
        if case.metrics != ["discretisation"] or claim.kind != "ordering":
            raise InputError("measure discretisation, for a claim that is an ordering", key="measure.metric")
        sweep_points(case.sweep, ("T",))
        claim.transfer("discretisation")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        return [Cell(self.kind, {"target": case.target, "options": options, "T": case.sweep["T"]})]

    def measure(self, cell: Cell) -> list[Row]:
        options = cell.params["options"]
        ends = options["sigma_min"], options["sigma_max"]
        target = targets.build(cell.params["target"])
        info = tabulated(cell.params["target"], ends[0] ** 2, ends[1] ** 2)
        limit = optimal_constant(info, ends[0] ** 2, ends[1] ** 2)
        rows = []
        for steps in cell.params["T"]:
            ladders = {name: named(name, steps, *ends) for name in options["schedules"]}
            best = discretisation_error(info, variances(optimal(info, steps, *ends)))
            row: Row = {"T": steps, "discretisation": best, "limit": limit / steps}
            row |= {name: discretisation_error(info, variances(ladder)) for name, ladder in ladders.items()}
            row |= {f"{name}_start": initialisation_error(target, ladder) for name, ladder in ladders.items()}
            row["floor"] = row["discretisation_floor"] = RELATIVE_FLOOR * best
            row |= {"floor_kind": "quadrature", "engine": "path-parts"}
            rows.append(row)
        return rows

    def drawings(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        ends = [options["sigma_min"], options["sigma_max"]]
        return [Cell(self.kind, {"draw": "ladder", "target": case.target, "ends": ends, "steps": SHOWN})]

    def measuring(self, cell: Cell) -> Measurement:
        return OptimalLadder() if "draw" in cell.params else self

    def drawn(self, case: Case, figures: Sequence[Figure], measured: Sequence[list[Row]]) -> list[Figure]:
        ((row,),) = measured
        return [*figures, _ladders(case, row["levels"])]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        names = read_options(case.options, DEFAULTS, "design")["schedules"]
        best = np.array([row["discretisation"] for row in rows])
        others = np.array([[row[name] for name in names] for row in rows])
        doubt = RELATIVE_FLOOR * best
        # a tie is no refutation: on a point mass the exponential schedule is the optimal one
        judged = judge_ordering(best, others.min(1) + 4 * doubt, doubt, doubt)
        last = rows[-1]
        ranking = sorted(names, key=lambda name: last[name])
        reason = (
            f"at T = {last['T']} the best of the named schedules is {ranking[0]} "
            f"({last[ranking[0]] / last['discretisation']:.3f} of the optimum), the worst {ranking[-1]} "
            f"({last[ranking[-1]] / last['discretisation']:.3g}); {judged.reason}"
        )
        return Conclusion(judged.verdict, None, None, {"reason": reason}, lambda: _shown(case, rows, names))


def _shown(case: Case, rows: Sequence[Row], names: Sequence[str]) -> dict[str, Any]:
    steps = [row["T"] for row in rows]
    limit = [row["T"] * row["limit"] for row in rows]
    costs = [
        series("optimal", steps, [row["T"] * row["discretisation"] for row in rows]),
        series("optimal, T → ∞", steps, limit, "dashed", like="optimal"),
        *(series(name, steps, [row["T"] * row[name] for row in rows]) for name in names),
    ]
    last = rows[-1]
    return {
        "figures": [
            lines(
                "cost",
                f"{case.title}: what a step costs",
                axis("steps T", "log"),
                axis("T · E_D", "log"),
                costs,
                "E_D, the discretisation part of the path KL, times the number of steps T, which settles to a "
                "constant.",
            )
        ],
        "tables": [
            table(
                "side-by-side",
                f"Variance-exploding and variance-preserving ladders at T = {last['T']}",
                ["schedule", "E_D", "E_D / optimum", "E_I of the Gaussian start"],
                [[n, last[n], last[n] / last["discretisation"], last[f"{n}_start"]] for n in names],
            )
        ],
    }


def _ladders(case: Case, best: Sequence[float]) -> Figure:
    options = read_options(case.options, DEFAULTS, "design")
    ends = options["sigma_min"], options["sigma_max"]
    levels = {name: np.sqrt(variances(named(name, SHOWN, *ends))) for name in options["schedules"]}
    return lines(
        "ladders",
        f"{case.title}: where the {SHOWN} steps are laid",
        axis("step"),
        axis("noise level σ/a", "log"),
        [series(name, range(SHOWN + 1), each) for name, each in {"optimal": best, **levels}.items()],
        "All ladders run between the same two noise levels; the optimal one is computed from the target's "
        "Fisher information.",
    )
