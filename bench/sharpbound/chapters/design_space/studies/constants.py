"""Study ``constants``: lim T E_D / d on a point mass, the constant in front of the worst case."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.design_space import schedules
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.value_verdict import conclude_values
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import variances
from sharpbound.numerics.stable import expm1_minus
from sharpbound.rates.limits import limit
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "constants", "sigma_min": 0.002, "sigma_max": 80.0}
"""[design]: the two ends of the noise."""

DOUBLINGS = 2 ** np.arange(8)
"""Numbers of steps from which the limit is extrapolated, in units of the first that resolves the smallest noise."""
TOLERANCE = 1e-8
ROUNDING = 1e-12
"""Of sums of millions of small terms, relative."""


class Constants(Experiment):
    """Along ``rho`` the polynomial schedules sigma^(1/rho) uniform; along ``sigma_max`` the exponential
    one.
    """

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, DEFAULTS, "design")
        for point in sweep_points(case.sweep, ("rho", "sigma_max")):
            schedules.named(*_schedule({**DEFAULTS, **case.options, **point}, 2))
        if case.metrics != ["step-cost"]:
            raise InputError("measure step-cost", key="measure.metric")
        claim.transfer("step-cost")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        points = sweep_points(case.sweep, ("rho", "sigma_max"))
        return [Cell(self.kind, {"options": options, "point": point}) for point in points]

    def measure(self, cell: Cell) -> list[Row]:
        settings = {**cell.params["options"], **cell.params["point"]}

        def cost(steps: int) -> float:
            return steps * worst_discretisation(_schedule(settings, steps))

        counts = _resolving(settings) * DOUBLINGS
        value, doubt = limit(1 / counts, [cost(int(steps)) for steps in counts])
        doubt += ROUNDING * value
        row: Row = {**cell.params["point"], "step-cost": value, "step-cost_floor": doubt, "floor": doubt}
        row["floor_kind"] = "closed-form"  # the spread of an extrapolation of them
        return [row | {"at-32-steps": cost(32), "at-1024-steps": cost(1024)}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        fixed = read_options(case.options, DEFAULTS, "design")
        found = conclude_values(
            claim, rows, "step-cost", TOLERANCE, **{k: fixed[k] for k in ("sigma_min", "sigma_max")}
        )
        x = [row[case.swept] for row in rows]
        swept = "power of the schedule" if case.swept == "rho" else "largest noise level"
        song = schedules.exponential_constant(fixed["sigma_min"], fixed["sigma_max"])
        curves = [
            series("T → ∞, measured", x, [row["step-cost"] for row in rows], "points"),
            series("formula", x, [claim.predict({**fixed, **row}) for row in rows], "line"),
            series("T = 1024", x, [row["at-1024-steps"] for row in rows], "dashed"),
            series("T = 32", x, [row["at-32-steps"] for row in rows], "dashed"),
        ]
        marks = {"hlines": [{"at": song, "label": "exponential schedule"}]} if case.swept == "rho" else {}
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "constants",
                        "What a step costs in the worst case: T times the discretisation part, per dimension",
                        axis(swept, "log"),
                        axis("T · E_D / d", "log"),
                        curves,
                        "A point mass under exact scores. The exponential schedule is the limit of large powers "
                        "and has the "
                        "least cost; small powers only reach their limit once the steps resolve the smallest "
                        "noise level.",
                        **marks,
                    )
                ]
            },
        )


def _schedule(settings: dict[str, Any], steps: int) -> tuple[str, int, float, float]:
    name = f"polynomial-{settings['rho']}" if "rho" in settings else "exponential"
    return name, steps, settings["sigma_min"], settings["sigma_max"]


def _resolving(settings: dict[str, Any]) -> int:
    """The number of steps of which the last is as large as sigma_min: rho (e^(L/rho) - 1), L if exponential."""
    log_range = math.log(settings["sigma_max"] / settings["sigma_min"])
    rho = settings.get("rho", math.inf)
    return max(16, math.ceil(rho * math.expm1(log_range / rho) if math.isfinite(rho) else log_range))


def worst_discretisation(schedule: tuple[str, int, float, float]) -> float:
    """E_D on a point mass, 1/2 sum (r_k - 1 + e^-r_k) with r_k = log(v_k/v_{k+1}): no Fisher information
    needed.
    """
    v = variances(schedules.named(*schedule))
    return 0.5 * float(expm1_minus(-np.log(v[:-1] / v[1:])).sum())
