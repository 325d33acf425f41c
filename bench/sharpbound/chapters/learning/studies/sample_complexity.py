"""Samples needed, or error left, against everything that the statistical claims depend on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters import columns
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.learning.intervals import slope_over_range
from sharpbound.chapters.learning.quantities import STUDIES, Study
from sharpbound.chapters.learning.studies.sample_complexity_figures import learning_report
from sharpbound.chapters.options import line_target, read_options, sweep_points
from sharpbound.chapters.rate_verdict import NO_FLOOR
from sharpbound.errors import InputError, brief
from sharpbound.rates import RateEstimate, Verdict, estimate, judge_bound, judge_equality, raw_slope
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

Array = NDArray[np.float64]

AGREEMENT = 0.1
"""An equality to leading order is confirmed where the last row is also within 10 % of the formula."""


class SampleComplexity(Experiment):
    """The study that ``[learning] study`` names (`sharpbound.chapters.learning.quantities`), along its sweep.

    The metric is compared with the claim's formula: as a power of the swept variable where the formula is
    one, else as a power of the formula itself (predicted 1), else, where the formula does not vary
    along the sweep, as independence of it (predicted 0). Where the metric rises (numbers of samples),
    the bound is read as one on its reciprocal.
    """

    kind = "sample-complexity"

    def validate(self, case: Case, claim: Claim) -> None:
        study, options = _read(case)
        for metric in case.metrics:
            if metric not in study.metrics:
                known = ", ".join(study.metrics)
                raise InputError(f"unknown metric {metric!r}; this study has {known}", key="measure.metric")
        if claim.kind not in ("upper-bound", "lower-bound", "equality"):
            raise InputError("use a claim that is a bound or an equality", key="case.claim")
        for name, needed in (
            ("target", study.target),
            ("forward", study.sampler),
            ("sampler", study.sampler),
        ):
            if needed != bool(getattr(case, name)):
                fault = "is missing; this study needs it" if needed else "has no use in this study; delete it"
                raise InputError(fault, key=name)
        if study.target and options.get("d") == 1:
            line_target(case.target)
        sweep_points(case.sweep, study.sweeps)
        for variable, values in case.sweep.items():
            if min(values) <= 0:
                raise InputError("must hold positive numbers", key=f"sweep.{variable}")
            if isinstance(study.defaults[variable], int) and not all(isinstance(x, int) for x in values):
                raise InputError("must hold whole numbers", key=f"sweep.{variable}")
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        study, options = _read(case)
        tables = {"target": case.target, "forward": case.forward, "sampler": case.sampler}
        fixed = {"study": case.options["study"], "tables": {k: v for k, v in tables.items() if v}}
        points = sweep_points(case.sweep, study.sweeps)
        return [
            Cell(self.kind, {**fixed, "values": {**options, **point}, "point": point}) for point in points
        ]

    def measure(self, cell: Cell) -> list[Row]:
        study = STUDIES[cell.params["study"]]
        row = study.row({**cell.params["values"], **cell.params["tables"]})
        floor = row.get(f"{study.metrics[0]}_floor", 0.0)
        return [{**cell.params["point"], **row, "floor": floor}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        study, options = _read(case)
        metric, swept = case.metrics[0], case.swept
        value, x = _column(rows, metric), _column(rows, swept)
        rises = study.rises(swept)
        formula = np.array([claim.predict({**options, **row}, metric) for row in rows])
        axis, h, predicted = _axis(swept, x, 1 / formula if rises else formula)
        error = 1 / value if rises else value
        scale = (1 / value) ** 2 if rises else np.ones_like(value)
        noise = np.nan_to_num(columns.values(rows, f"{metric}_noise"))
        floor = columns.floors(rows, metric)
        floor[(noise > 0) & np.isinf(floor)] = 0.0  # sampled, not computed: all of the doubt is in the noise
        order = np.argsort(-h)
        last = order[-1]
        unknown = [{"x": float(x[i]), "reason": NO_FLOOR} for i in order if not np.isfinite(floor[i])]
        order = order[np.isfinite(floor[order])]
        found = estimate(
            h[order] ** study.expansion, error[order], (floor * scale)[order], (noise * scale)[order]
        )
        found = _rescaled(found, study.expansion)
        ratio = value / formula
        if claim.kind == "equality":
            judged = judge_equality(found, predicted)
            verdict, reason = judged.verdict, judged.reason
            off = abs(ratio[last] - 1)
            if verdict == "confirmed" and off > AGREEMENT:
                verdict = "inconclusive"
            reason += f"; the metric is {off:.2%} off the formula at the end of the sweep, {AGREEMENT:.0%} are allowed"
        else:
            # an upper bound on a metric is a lower bound on its reciprocal
            upper = (claim.kind == "upper-bound") != rises
            judged = judge_bound(found, predicted, "upper-bound" if upper else "lower-bound")
            verdict = judged.verdict
            reason = _said_of_metric(judged, found, predicted, claim.kind) if rises else judged.reason
            if study.trained and verdict == "violated":
                verdict = "inconclusive"
                reason += (
                    "; no verdict on the claim: it presumes a class that contains the score, and training that "
                    "reaches the minimiser, and neither holds of these networks"
                )
        if noise.any():
            fit = slope_over_range(x, value, noise)
            reason += f"; over these runs the slope is {fit.value:.3f} [{fit.low:.3f}, {fit.high:.3f}] (95 %, seeds)"
        details = rate_details(found, x[order], axis, predicted, reason, h=h[order])
        details["excluded"] += unknown
        if noise.any():
            del details["axis"]  # its own figure shows the intervals over seeds
        details["raw_exponent"] = raw_slope(x, value) if len(value) > 1 and (value > 0).all() else None
        details["ratio"] = ratio.tolist()
        details["constant"] = float(ratio.max())
        details["bound"] = (formula * ratio.max()).tolist()

        def draw() -> dict[str, Any]:
            return learning_report(case.options["study"], {**options, "swept": swept}, rows)

        return Conclusion(verdict, found.exponent, found.interval, details, draw)


def _read(case: Case) -> tuple[Study, dict[str, Any]]:
    table = dict(case.options)
    name = table.pop("study", None)
    if not isinstance(name, str) or name not in STUDIES:
        raise InputError(f"unknown study {brief(name)}; choose {', '.join(STUDIES)}", key="learning.study")
    return STUDIES[name], read_options(table, STUDIES[name].defaults, "learning")


def _axis(swept: str, x: Array, formula: Array) -> tuple[str, Array, float]:
    """(axis, h, exponent predicted for error ~ h^p), h falling where the claim says that the error falls."""
    log_x, log_f = np.log(x), np.log(formula)
    slopes = np.diff(log_f) / np.diff(log_x)
    if np.ptp(log_f) == 0:
        return swept, 1 / x, 0.0
    if np.ptp(slopes) < 1e-9 * np.abs(slopes).max():
        return swept, x ** math.copysign(1, slopes[0]), round(float(abs(slopes[0])), 12)
    return "formula", np.exp(log_f), 1.0


def _said_of_metric(judged: Verdict, found: RateEstimate, predicted: float, kind: str) -> str:
    """Why a bound on a rising metric, judged on its reciprocal, is sharp, loose or violated, in the metric's words."""
    if judged.verdict == "inconclusive" or found.interval is None or found.window is None:
        return judged.reason  # it compares exponents, and names no direction
    (low, high), (first, last) = found.interval, found.window
    exponent, low, high = (
        round(rate or 0.0, 4) + 0.0 for rate in (found.exponent, low, high)
    )  # no minus before 0
    numbers = f"measured {exponent:.4f} in [{low:.4f}, {high:.4f}] over rows {first} to {last}, predicted {predicted:g}"
    if judged.verdict == "sharp":
        return f"{numbers}: metric/bound tends to a constant"
    way = "falls" if (judged.verdict == "loose") == (kind == "upper-bound") else "grows"
    return f"{numbers}: metric/bound {way} as a power, the {kind} is {judged.verdict}"


def _rescaled(found: RateEstimate, power: float) -> RateEstimate:
    """The exponent in h of a law that was fitted in h^power."""
    if power == 1 or found.exponent is None or found.interval is None:
        return found
    low, high = (power * edge for edge in found.interval)
    slopes = tuple(
        replace(s, x=s.x ** (1 / power), slope=power * s.slope, low=power * s.low, high=power * s.high)
        for s in found.local_slopes
    )
    return replace(found, exponent=power * found.exponent, interval=(low, high), local_slopes=slopes)


def _column(rows: Sequence[Row], key: str) -> Array:
    return np.array([row.get(key, 0.0) for row in rows], dtype=float)
