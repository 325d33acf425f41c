"""Study ``gap``: the optimal gap of a class of scores against the diffusion time, and the ELBO's two
terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.diffusion_time.elbo import MARGINALS, kl_to_noise
from sharpbound.chapters.diffusion_time.gap import optimal_gap
from sharpbound.chapters.options import check_several, line_target, read_options, sweep_points
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import log_likelihood
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "gap"}
FLOOR = 1e-10
"""Of a difference of two divergences of order one, minimised to 1e-12."""


class Gap(Experiment):
    """A row per VP time ``horizon``: the least gap of the scores of diffused Gaussians, and KL[p_T |
    noise].
    """

    kind = "diffusion-time"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, DEFAULTS, "diffusion_time")
        sweep_points(case.sweep, ("horizon",))
        times = case.sweep["horizon"]
        if min(times) <= 0 or times != sorted(times):
            raise InputError("must hold increasing positive numbers", key="sweep.horizon")
        check_several(case, "horizon")
        target = line_target(case.target)
        if not target.has_density:
            raise InputError("use a target that has a density", key="target.family")
        kl_to_noise(target, "vp", 1.0)  # refuses heavy tails before anything is run
        if case.metrics != ["gap"] or claim.kind != "ordering":
            raise InputError("measure gap, for a claim that is an ordering", key="measure.metric")
        claim.transfer("gap")

    def cells(self, case: Case) -> list[Cell]:
        points = sweep_points(case.sweep, ("horizon",))
        return [Cell(self.kind, {"target": case.target, **point}) for point in points]

    def measure(self, cell: Cell) -> list[Row]:
        target, time = line_target(cell.params["target"]), cell.params["horizon"]
        best = optimal_gap(target, "vp", time)
        row: Row = {"horizon": time, "gap": best.value, "gap_floor": FLOOR, "floor": FLOOR}
        row |= {"floor_kind": "quadrature", "engine": MARGINALS}
        noise = kl_to_noise(target, "vp", time)
        row |= {"noise-kl": noise, "mean": best.start.mean, "std": best.start.std}
        return [row | {"elbo": cast(float, log_likelihood(target)) - best.value - noise}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        time, gaps, noise = (np.array([row[key] for row in rows]) for key in ("horizon", "gap", "noise-kl"))
        judged = judge_ordering(gaps[:-1], gaps[1:], FLOOR, FLOOR)
        loss = gaps + noise
        reason = (
            f"the gap grows from {gaps[0]:.4g} to {gaps[-1]:.4g}; with KL[p_T|noise] the ELBO loses least at "
            f"T = {time[loss.argmin()]:g} of this sweep; {judged.reason}"
        )
        return Conclusion(
            judged.verdict,
            None,
            None,
            {"reason": reason},
            lambda: {
                "figures": [
                    lines(
                        "terms",
                        "The two terms that the diffusion time trades, for the class of diffused Gaussians",
                        axis("diffusion time T", "log"),
                        axis("KL divergence (nats)", "log"),
                        [
                            series("optimal gap G*(T)", time, gaps),
                            series("KL[p_T | noise]", time, noise),
                            series("sum", time, loss),
                        ],
                        "The gap of the best score of the class, which has two parameters for all times. It saturates "
                        "where p_T "
                        "has become Gaussian: a longer time then costs nothing.",
                    )
                ]
            },
        )
