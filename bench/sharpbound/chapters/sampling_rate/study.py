"""Kind ``sampling-rate``: the error of a sampler's output law against the number of steps (or the dimension)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers, targets
from sharpbound.chapters.base import Cell, Experiment, Measurement
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
    with_explicit_constant,
)
from sharpbound.chapters.sampling_rate.leading import (
    LEADING_TERM,
    PATH_LEADING_TERM,
    Leading,
    decided,
    leading_of,
    measurement,
)
from sharpbound.errors import Collected, InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.samplers import ExactScore, PlainSampler

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

    def drawings(self, case: Case) -> list[Cell]:
        """The leading term for T -> oo, where the case is one in T."""
        term = measurement(case.metrics[0])
        if case.swept != "T" or len(case.sweep) > 1 or term is None:
            return []
        if isinstance(samplers.build(case.sampler), PlainSampler):
            return []
        sampler = {key: value for key, value in case.sampler.items() if key != "init"}
        params = {
            "target": case.target,
            "forward": case.forward,
            "sampler": sampler,
            "Ts": sorted(case.sweep["T"]),
        }
        return [Cell(self.kind, params | {"quantity": term.quantity})]

    def measuring(self, cell: Cell) -> Measurement:
        terms = {one.quantity: one for one in (LEADING_TERM, PATH_LEADING_TERM)}
        return terms.get(cell.params["quantity"], self)

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

    def completed(self, case: Case, rows: Sequence[Row], drawings: Sequence[list[Row]]) -> list[Row]:
        """With ``leading``, the leading term of the first metric, in each row, where it has one."""
        if not drawings:
            return list(rows)
        values = leading_of(case.metrics[0], drawings[0]).values or {}
        return [row | {"leading": values.get(row["T"])} for row in rows] if values else list(rows)

    def finish(
        self, case: Case, claim: Claim, rows: Sequence[Row], drawings: Sequence[list[Row]]
    ) -> Conclusion:
        found = self.conclude(case, claim, rows)
        if not drawings:
            return found
        steps = [processes.build(case.forward, row["T"]).step_size for row in rows]
        term = leading_of(case.metrics[0], drawings[0])
        if (start := _start_too_large(case)) and not term.note:
            term = Leading(start)
        judged = decided(case, claim, found, term, rows, steps)
        return (
            with_explicit_constant(case, claim, rows, judged)
            if judged.details["leading"].get("decides")
            else judged
        )

    def context(self, case: Case) -> dict[str, Any]:
        return sampling_context(case)

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        return conclude_sweep(case, claim, rows)


def _start_too_large(case: Case) -> str | None:
    """Why the leading term, which is that from the exact start, may not be the case's own."""
    if case.sampler.get("init", "normal") == "exact" or processes.build(case.forward, 64).slow_log:
        return None
    return "the start N(0, I) has an error of its own that does not vanish with T"
