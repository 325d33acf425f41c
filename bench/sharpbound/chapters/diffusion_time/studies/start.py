"""Study ``start``: what starting from N(0, 1) in place of p_T does to the output, against the diffusion time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import samplers
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.diffusion_time.elbo import kl_to_noise
from sharpbound.chapters.diffusion_time.times import step_count, swept_times
from sharpbound.chapters.options import check_several, line_target, read_options, sweep_points
from sharpbound.distances.gaussian import GaussianPair
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import InputError
from sharpbound.laws import output_law
from sharpbound.laws.difference import difference
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.schedules import ou_uniform
from sharpbound.rates import estimate_exponential, judge_bound
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "start", "step": 0.05, "delta": 0.05}
"""[diffusion_time]: step and stopping time, both in Ornstein-Uhlenbeck time."""
METRICS = ("tv", "kl")


def ladder_to(time: float, options: dict[str, Any]) -> Ladder:
    """Uniform steps from ``delta`` to T/2 in Ornstein-Uhlenbeck time."""
    horizon, delta = 0.5 * time, options["delta"]
    return ou_uniform(max(1, round(step_count(horizon - delta, options))), horizon, delta)


class Start(Experiment):
    """A row per VP time ``horizon``: the distance of the output started from N(0, 1) to that started from p_T, by the
    same sampler with the exact score, so that the errors of its steps drop out; and ``bound``, sqrt(KL(p_T|N(0,1))/2),
    what data processing and Pinsker's inequality leave of the start.
    """

    kind = "diffusion-time"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        sweep_points(case.sweep, ("horizon",))
        times = swept_times(case.sweep["horizon"], options)
        step_count(0.5 * times[-1], options)
        check_several(case, "horizon")
        if unknown := [metric for metric in case.metrics if metric not in METRICS]:
            raise InputError(
                f"unknown metric {unknown[0]!r}; choose from {', '.join(METRICS)}", key="measure.metric"
            )
        if claim.kind != "exponential":
            raise InputError("goes with a claim of an exponential rate", key="case.claim")
        line_target(case.target)
        samplers.build(case.sampler).check(ladder_to(times[0], options))
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "diffusion_time")
        fixed = {"target": case.target, "sampler": case.sampler, "options": options, "metrics": case.metrics}
        return [Cell(self.kind, fixed | point) for point in sweep_points(case.sweep, ("horizon",))]

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        target, sampler = line_target(params["target"]), samplers.build(params["sampler"])
        ladder = ladder_to(params["horizon"], params["options"])
        true, noise = (output_law(target, ladder, sampler, init=init) for init in ("exact", "normal"))
        assert isinstance(true, Ratio1D | GaussianPair) and isinstance(noise, Ratio1D | GaussianPair)
        between = difference(true, noise)
        row: Row = {
            "horizon": params["horizon"],
            "steps": ladder.T,
            "bound": math.sqrt(0.5 * kl_to_noise(target, "vp", params["horizon"])),
        }
        for i, metric in enumerate(params["metrics"]):
            found = between.distance(metric)
            row |= {metric: found.value, f"{metric}_floor": found.floor}
            if i == 0:
                row |= {"floor": found.floor, "floor_kind": found.kind, "engine": noise.engine}
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        metric = case.metrics[0]
        x, values, floors = (
            np.array([row[key] for row in rows], dtype=float) for key in ("horizon", metric, "floor")
        )
        found = estimate_exponential(x, values, floors)
        predicted = math.log(
            claim.predict({"horizon": 1.0}, metric) / claim.predict({"horizon": 2.0}, metric)
        )
        judged = judge_bound(found, predicted, "exponential")
        details = rate_details(found, x, "horizon", predicted, judged.reason)
        curves = [series("left by the start in the output", x, values)]
        if metric == "tv":
            curves.append(series("√(KL[p_T | noise]/2)", x, [row["bound"] for row in rows], "dashed"))
        return Conclusion(
            judged.verdict,
            found.exponent,
            found.interval,
            details,
            lambda: {
                "figures": [
                    lines(
                        "start",
                        case.title,
                        axis("diffusion time T"),
                        axis("total variation" if metric == "tv" else "KL divergence (nats)", "log"),
                        curves,
                        "Between the outputs of one sampler from N(0, 1) and from p_T.",
                    )
                ]
            },
        )
