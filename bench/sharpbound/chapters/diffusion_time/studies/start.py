"""Study ``start``: what starting from N(0, 1) in place of p_T does to the output, against the diffusion time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import samplers
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.diffusion_time.elbo import kl_to_noise
from sharpbound.chapters.diffusion_time.times import step_count, swept_times
from sharpbound.chapters.options import check_several, line_target, read_options, sweep_points
from sharpbound.chapters.value_verdict import conclude_values
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
from sharpbound.records.figures import Figure, axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "start", "step": 0.05, "delta": 0.05}
"""[diffusion_time]: step and stopping time, both in Ornstein-Uhlenbeck time."""
METRICS = ("tv", "kl")
OF_GAUSSIANS = (*METRICS, "w2")
TOLERANCE = 1e-3
"""Of an equality, which speaks of infinitely many steps: what the steps may change in what the start leaves."""


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
        target = line_target(case.target)
        allowed = OF_GAUSSIANS if target.facts().gaussian else METRICS
        if unknown := [metric for metric in case.metrics if metric not in allowed]:
            raise InputError(
                f"unknown metric {unknown[0]!r}; choose from {', '.join(allowed)}", key="measure.metric"
            )
        if claim.kind not in ("exponential", "equality"):
            raise InputError(
                "goes with a claim of an exponential rate, or with an equality", key="case.claim"
            )
        if claim.kind == "equality" and not target.facts().gaussian:
            raise InputError("the equality is of Gaussian data; use a gaussian target", key="target.family")
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
        if claim.kind == "equality":
            return self._against_values(case, claim, rows)
        x, values, floors = (
            np.array([row[key] for row in rows], dtype=float) for key in ("horizon", metric, "floor")
        )
        found = estimate_exponential(x, values, floors)
        predicted = math.log(
            claim.predict({"horizon": 1.0}, metric) / claim.predict({"horizon": 2.0}, metric)
        )
        judged = judge_bound(found, predicted, "exponential")
        details = rate_details(found, x, "horizon", predicted, judged.reason)
        bound = [row["bound"] for row in rows] if metric == "tv" else None
        return Conclusion(
            judged.verdict,
            found.exponent,
            found.interval,
            details,
            lambda: {"figures": [_figure(case, rows, "√(KL[p_T | noise]/2)", bound)]},
        )

    @staticmethod
    def _against_values(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        """An equality, whose horizon is Ornstein-Uhlenbeck time as in a [forward] table, row by row."""
        metric, moments = case.metrics[0], line_target(case.target).moments()
        fixed = {"d": 1.0, "sigma": math.sqrt(float(moments.cov))}
        in_time = [{**row, "horizon": 0.5 * row["horizon"]} for row in rows]
        found = conclude_values(claim, in_time, metric, TOLERANCE, **fixed)
        predicted = [claim.predict({**fixed, **row}, metric) for row in in_time]
        return replace(
            found, draw=lambda: {"figures": [_figure(case, rows, "in continuous time", predicted)]}
        )


def _figure(case: Case, rows: Sequence[Row], name: str, beside: Sequence[float] | None) -> Figure:
    """What the start leaves against the diffusion time, and dashed what it is held to."""
    metric, x = case.metrics[0], [row["horizon"] for row in rows]
    curves = [series("left by the start in the output", x, [row[metric] for row in rows])]
    if beside is not None:
        curves.append(series(name, x, beside, "dashed"))
    titles = {"tv": "total variation", "kl": "KL divergence (nats)", "w2": "W2"}
    return lines(
        "start",
        case.title,
        axis("diffusion time T"),
        axis(titles[metric], "log"),
        curves,
        "Between the outputs of one sampler from N(0, 1) and from p_T.",
    )
