"""Studies ``power-iteration`` and ``two-gaussians``: the two phases of learning the centres of a mixture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import check_several, read_options, sweep_points
from sharpbound.chapters.training.two_gaussians import curvatures, descend, gradient
from sharpbound.errors import InputError
from sharpbound.rates import estimate_exponential, judge_bound
from sharpbound.rates.details import rate_details
from sharpbound.rates.limits import limit
from sharpbound.rates.verdict import judge_values
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SETTING: dict[str, Any] = {"R": 2.0, "eta": 0.05, "time": 0.2, "dim": 16, "seed": 1}
"""[training]: |mu|, the learning rate, the Ornstein-Uhlenbeck time, the dimension and the random
direction.
"""
LEARNING: dict[str, Any] = {"study": "two-gaussians", "start": 1e-3, **SETTING}
"""... and the length of the start."""
POWER: dict[str, Any] = {"study": "power-iteration", **SETTING}
TOLERANCE = 1e-6
ROUNDING = 1e-14


def _setting(options: dict[str, Any]) -> tuple[Any, Any, Any]:
    """mu, the centre mu_t, and a random unit vector."""
    mu = np.zeros(options["dim"])
    mu[0] = options["R"]
    direction = np.random.default_rng(options["seed"]).standard_normal(options["dim"])
    return mu, mu * np.exp(-options["time"]), direction / np.linalg.norm(direction)


class PowerIteration(Experiment):
    """A row per length ``size`` of the start: the factor by which one step of descent multiplies <theta,
    mu>.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, POWER, "training")
        sweep_points(case.sweep, ("size",))
        if len(case.sweep["size"]) < 4 or min(case.sweep["size"]) <= 0:
            raise InputError("needs at least 4 positive lengths to extrapolate", key="sweep.size")
        if case.metrics != ["growth"]:
            raise InputError("measure growth", key="measure.metric")
        claim.transfer("growth")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, POWER, "training")
        return [
            Cell(self.kind, {"options": options, **point}) for point in sweep_points(case.sweep, ("size",))
        ]

    def measure(self, cell: Cell) -> list[Row]:
        options, size = cell.params["options"], cell.params["size"]
        _, centre, direction = _setting(options)
        theta = size * direction
        after = theta - options["eta"] * gradient(theta, centre)
        floor = ROUNDING / size
        return [
            {
                "size": size,
                "growth": float(after @ centre / (theta @ centre)),
                "growth_floor": floor,
                "floor": floor,
                "floor_kind": "quadrature",
            }
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, POWER, "training")
        size, growth = (np.array([row[key] for row in rows]) for key in ("size", "growth"))
        formula = claim.predict({**options, "t": options["time"]})
        value, doubt = limit(size**2, growth)  # the loss is even in theta
        judged = judge_values([value], [formula], TOLERANCE, [doubt])
        reason = f"extrapolated to a start of length 0; {judged.reason}"
        return Conclusion(
            judged.verdict,
            None,
            None,
            {"reason": reason, "limit": value},
            lambda: {
                "figures": [
                    lines(
                        "growth",
                        f"{case.title}: one step from a start of each length",
                        axis("length of the start", "log"),
                        axis("factor on ⟨θ, μ⟩"),
                        [series("measured", size, growth)],
                        "As the start shrinks the step becomes one of the power iteration on μμᵀ.",
                        hlines=[{"at": formula, "label": "1 + 4η|μ|² exp(-2t)"}],
                    )
                ]
            },
        )


class TwoGaussians(Experiment):
    """A row per iteration ``t``: distance to the nearer of +-mu_t, and the angle to it."""

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, LEARNING, "training")
        sweep_points(case.sweep, ("t",))
        times = case.sweep["t"]
        if not all(isinstance(t, int) and t >= 0 for t in times) or times != sorted(times):
            raise InputError("must hold increasing iterations >= 0", key="sweep.t")
        check_several(case, "t")
        if case.metrics != ["parameter-error"] or claim.kind != "exponential":
            raise InputError("measure parameter-error, for an exponential claim", key="measure.metric")
        claim.transfer("parameter-error")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, LEARNING, "training")
        return [Cell(self.kind, {"options": options, "t": case.sweep["t"]})]

    def measure(self, cell: Cell) -> list[Row]:
        options, times = cell.params["options"], cell.params["t"]
        mu, centre, direction = _setting(options)
        learnt = descend(options["start"] * direction, mu, options["time"], options["eta"], times[-1])
        floor = ROUNDING * float(np.linalg.norm(centre))
        rho = -max(float(np.log(abs(1 - options["eta"] * value))) for value in curvatures(centre))
        shared = {"rho": rho, "floor": floor, "parameter-error_floor": floor, "floor_kind": "quadrature"}
        return [
            {
                "t": t,
                "parameter-error": float(learnt.distances[t]),
                "tangent": float(learnt.tangents[t]),
                "norm": float(np.linalg.norm(learnt.iterates[t])),
                **shared,
            }
            for t in times
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        t, error, tangent, norm, floor = (
            np.array([row[key] for row in rows], dtype=float)
            for key in ("t", "parameter-error", "tangent", "norm", "floor")
        )
        found = estimate_exponential(t, error, floor)
        rho = float(rows[0]["rho"])
        judged = judge_bound(found, rho, "exponential")
        size = float(norm[-1])
        phase = float(t[np.flatnonzero(norm > 0.5 * size)[0]])
        details = rate_details(found, t, "t", rho, judged.reason) | {"phase": phase}
        return Conclusion(
            judged.verdict,
            found.exponent,
            found.interval,
            details,
            lambda: {
                "figures": [
                    lines(
                        "phases",
                        f"{case.title}: power iteration, then contraction",
                        axis("iteration"),
                        axis("value", "log"),
                        [
                            series("distance to ±μ", t, error, "line"),
                            series("|θ|", t, norm, "line"),
                            series("tangent of the angle to μ", t, tangent, "line"),
                        ],
                        "From a small start the direction is found first, while the length grows by the same factor "
                        "in every step; "
                        "then the error falls at the rate of the loss's curvature at the truth.",
                        vlines=[{"at": phase, "label": "half of the length"}],
                    )
                ]
            },
        )
