"""The hard pair: probability that ERM's error exceeds a threshold against m, in L2 and in D^delta."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.learning.failure import ExactFailure, distance, lower_bound, simulate
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.studies.erm_failure_figures import failure_report
from sharpbound.chapters.options import check_several, read_options, sweep_points
from sharpbound.errors import InputError
from sharpbound.rates import RateEstimate, estimate_exponential, judge_bound
from sharpbound.rates.details import rate_details
from sharpbound.rates.verdict import judge_values
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "eta": 0.01,
    "R": 10.0,
    "sigma": 1.0,
    "threshold": 0.5,
    "delta_score": 0.02,
    "repetitions": 0,
    "seed": 0,
}
"""[learning]: the pair, the error that counts as a failure, the delta of D^delta, and how often ERM is also
simulated. The values are this suite's own: the paper's figure does not print its."""

AGREEMENT = 1e-3
"""Relative difference of the convolution from the closed form that still counts as equal, at every m."""

METRICS = {"l2-failure": "l2", "robust-failure": "robust"}


class ErmFailure(Experiment):
    """P(||s_ERM - s1|| > threshold) along ``m``: convolution, and beside it closed form and simulation."""

    kind = "erm-failure"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "learning")
        try:
            HardPair(options["eta"], options["R"], options["sigma"])
        except InputError as error:
            raise InputError(error.message, key=f"learning.{error.key}") from None
        if not 0 < options["delta_score"] < 1:
            raise InputError("is a probability in (0, 1)", key="learning.delta_score")
        if case.swept != "m" or len(case.sweep) != 1 or not _counts(case.sweep["m"]):
            raise InputError("sweep m, increasing whole numbers >= 1", key="sweep.m")
        check_several(case, "m")
        for metric in case.metrics:
            if metric not in METRICS:
                raise InputError(f"unknown metric {metric!r}; use {', '.join(METRICS)}", key="measure.metric")
        if claim.kind not in ("equality", "lower-bound"):
            raise InputError("an erm-failure case tests an equality or a lower bound in m", key="case.claim")
        claim.transfer(case.metrics[0])
        claim.predict({**options, "m": case.sweep["m"][0]}, case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "learning")
        return [
            Cell(self.kind, {"options": options, "point": point, "metric": case.metrics[0]})
            for point in sweep_points(case.sweep, ("m",))
        ]

    def measure(self, cell: Cell) -> list[Row]:
        options, m = cell.params["options"], cell.params["point"]["m"]
        pair = HardPair(options["eta"], options["R"], options["sigma"])
        failure, delta = ExactFailure(pair), options["delta_score"]
        probability, floor = failure(m), failure.floor(m)
        row: Row = {"m": m}
        for metric, name in METRICS.items():
            # the error is that of the wrong choice, or none: it exceeds the threshold when ERM errs, or never
            exceeds = distance(pair, name, delta) > options["threshold"]
            row |= (
                {metric: probability, f"{metric}_floor": floor}
                if exceeds
                else {metric: 0.0, f"{metric}_floor": 0.0}
            )
        row |= {"floor": row[f"{cell.params['metric']}_floor"], "floor_kind": "closed-form"}
        row |= {
            "erm-failure": probability,
            "closed-form": lower_bound(pair.eta, m),
            "l2-distance": pair.l2,
            "robust-distance": distance(pair, "robust", delta),
            "tv": pair.tv,
        }
        if options["repetitions"]:
            run = simulate(pair, m, options["repetitions"], options["seed"])
            row |= {"simulated": run.rate, "simulated_low": run.low, "simulated_high": run.high}
            row["ties"] = run.ties
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        metric = case.metrics[0]
        options = read_options(case.options, DEFAULTS, "learning")
        m, value, floor = (np.array([row[k] for row in rows], dtype=float) for k in ("m", metric, "floor"))
        formula = np.array([claim.predict({**options, "m": row["m"]}, metric) for row in rows])
        found = estimate_exponential(m, value, floor)
        predicted = float(np.log(formula[0] / formula[-1]) / (m[-1] - m[0]))
        if claim.kind == "equality":
            judged = judge_values(value, formula, AGREEMENT, floor)
        else:
            judged = judge_bound(_in_units(found, predicted), 1.0, "lower-bound")
        tried = [row for row in rows if "simulated" in row]
        covered = sum(row["simulated_low"] <= row["erm-failure"] <= row["simulated_high"] for row in tried)
        simulated = (
            f"; {covered} of {len(tried)} simulated 95 % intervals hold the exact value" if tried else ""
        )
        details = rate_details(found, m, "m", predicted, judged.reason + simulated)
        del details["axis"]  # an exponential in m: its own figure shows it
        details["ratio"] = (value / formula).tolist()
        return Conclusion(
            judged.verdict,
            found.exponent,
            found.interval,
            details,
            lambda: failure_report(options, case.metrics, rows),
        )


def _in_units(found: RateEstimate, unit: float) -> RateEstimate:
    """A decay rate as a multiple of ``unit``."""
    if found.exponent is None or found.interval is None:
        return found
    low, high = (edge / unit for edge in found.interval)
    return replace(found, exponent=found.exponent / unit, interval=(low, high))


def _counts(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int) and v >= 1 for v in values) and list(values) == sorted(values)
