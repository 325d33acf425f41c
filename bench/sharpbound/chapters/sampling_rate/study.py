"""Kind ``sampling-rate``: the error of a sampler's output law against the number of steps (or the dimension)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers, targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import sweep_points
from sharpbound.chapters.sampling import (
    at_dimension,
    built,
    case_row,
    check_function,
    check_metrics,
    check_path,
    conclude_sweep,
    measured_row,
    quantities,
    sampling_context,
)
from sharpbound.errors import Collected, InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.samplers import ExactScore

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SWEPT = ("T", "d")


class SamplingRate(Experiment):
    """One cell per (T, d): the output law with all its distances, or the path-space KL."""

    kind = "sampling-rate"

    def validate(self, case: Case, claim: Claim) -> None:
        check_metrics(case.metrics)
        points = sweep_points(case.sweep, SWEPT)
        if "T" not in case.sweep:
            raise InputError("is missing; add e.g. T = [64, 128, 256, 512]", key="sweep.T")
        if case.score_error is not None:
            raise InputError(
                'a sampling-rate case has the exact score; use kind = "score-error"', key="score_error"
            )
        with Collected() as mistakes:
            for point in points[:1]:  # the tables by themselves, so that all that is wrong is told at once
                with mistakes.caught():
                    targets.build(at_dimension(case.target, point.get("d")))
                with mistakes.caught():
                    processes.build(case.forward, point["T"])
                with mistakes.caught():
                    samplers.build(case.sampler)
        sampler = samplers.build(case.sampler)
        for point in points:
            target = targets.build(at_dimension(case.target, point.get("d")))
            ladder = processes.build(case.forward, point["T"])
            sampler.check(ladder)
            check_function(sampler, target, case.sampler.get("init", "normal"), case.metrics)
            for t in (ladder.stop, ladder.T):
                target.check(*ladder.level(t))
            if "path-kl" in case.metrics:
                check_path(sampler)

    def cells(self, case: Case) -> list[Cell]:
        return [
            Cell(
                self.kind,
                {
                    "target": at_dimension(case.target, point.get("d")),
                    "forward": case.forward,
                    "sampler": case.sampler,
                    "T": point["T"],
                    "quantity": quantity,
                },
            )
            for point in sweep_points(case.sweep, SWEPT)
            for quantity in quantities(case.metrics)
        ]

    def measure(self, cell: Cell) -> list[Row]:
        target, ladder, sampler, init = built(cell.params)
        return [
            measured_row(target, ladder, sampler, ExactScore(target, ladder), init, cell.params["quantity"])
        ]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        per_point = len(quantities(case.metrics))
        return [
            case_row(point, case.metrics, measured[i * per_point : (i + 1) * per_point])
            for i, point in enumerate(sweep_points(case.sweep, SWEPT))
        ]

    def context(self, case: Case) -> dict[str, Any]:
        return sampling_context(case)

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        return conclude_sweep(case, claim, rows)
