"""Kind ``score-error``: a field of exactly known size added to the exact score, and what it does to the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers
from sharpbound.chapters.base import Cell, Experiment, Measurement
from sharpbound.chapters.options import sweep_points
from sharpbound.chapters.sampling import at_dimension, sampling_context
from sharpbound.chapters.score_error.curves import Curves, curves_of
from sharpbound.chapters.score_error.figures import curve_figures, figures, tables
from sharpbound.chapters.score_error.problem import Problem, allowed_metrics
from sharpbound.chapters.score_error.verdict import conclude_ordering, conclude_sweep
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SWEEPABLE = ("eps", "T", "omega", "d", "delta")
OPTIONS = ("versus", "budget")
"""Keys of [score_error] beside the field's own: a second sampler, by name or as a [sampler] table, measured as
``<metric>_versus``; whether to tabulate the error budget."""


class ScoreError(Experiment):
    """One cell per point of the sweep; every row carries eps_score, eps_jacobi and (with delta) D^delta.

    For an ordering the claim is that the first metric is at most the second, or, with ``versus``, at
    most the other sampler's.
    """

    kind = "score-error"

    def validate(self, case: Case, claim: Claim) -> None:
        points = sweep_points(case.sweep, SWEEPABLE)
        if "T" not in case.sweep:
            raise InputError(
                "is missing; add e.g. T = [128], one value where another variable is swept", key="sweep.T"
            )
        error = case.score_error or {}
        check_options(case)
        for point in points:
            check_sweep(point)
            ladder = processes.build(case.forward, point["T"])
            for spec in sampler_specs(case):
                samplers.build(spec).check(ladder)
        for metric in case.metrics:
            allowed = allowed_metrics(error)
            if metric not in allowed:
                raise InputError(
                    f"unknown metric {metric!r}; choose from {', '.join(allowed)}", key="measure.metric"
                )

    def check(self, case: Case) -> None:
        points = sweep_points(case.sweep, SWEEPABLE)
        smallest = min(points, key=lambda point: (point["T"], point.get("d", 1)))
        for point in [*points[:1], smallest, points[-1]]:
            for spec in sampler_specs(case):
                Problem.of(params(case, {**point, "T": smallest["T"]}, spec)).check()

    def cells(self, case: Case) -> list[Cell]:
        return [
            Cell(self.kind, params(case, point, spec))
            for point in sweep_points(case.sweep, SWEEPABLE)
            for spec in sampler_specs(case)
        ]

    def measure(self, cell: Cell) -> list[Row]:
        return [Problem.of(cell.params).row()]

    def drawings(self, case: Case) -> list[Cell]:
        return [Cell(self.kind, params) for params in curves_of(case)]

    def measuring(self, cell: Cell) -> Measurement:
        return Curves() if "draw" in cell.params else self

    def drawn(self, case: Case, figures: Sequence[Figure], measured: Sequence[list[Row]]) -> list[Figure]:
        return [*curve_figures(case, measured), *figures]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        count = len(sampler_specs(case))
        out: list[Row] = []
        for i, point in enumerate(sweep_points(case.sweep, SWEEPABLE)):
            (row,) = measured[i * count]
            merged: Row = {**point, **row, "floor": row[f"{case.metrics[0]}_floor"]}
            if count > 1:
                (other,) = measured[i * count + 1]
                for metric in case.metrics:
                    merged |= {
                        f"{metric}_versus": other[metric],
                        f"{metric}_versus_floor": other[f"{metric}_floor"],
                    }
            out.append(merged)
        return out

    def context(self, case: Case) -> dict[str, Any]:
        return sampling_context(case)

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        conclusion = (
            conclude_ordering(case, rows) if claim.kind == "ordering" else conclude_sweep(case, claim, rows)
        )
        return replace(
            conclusion, draw=lambda: {"figures": figures(case, rows), "tables": tables(case, rows)}
        )


# -- reading a case --------------------------------------------------------------------------------


def check_options(case: Case) -> None:
    """Raise InputError for a sampler to compare with that does not exist, or a ``budget`` that is no bool."""
    error = case.score_error or {}
    if "versus" in error:
        try:
            samplers.build(sampler_specs(case)[1])
        except InputError as mistake:
            raise InputError(mistake.message, key="score_error.versus") from None
    if not isinstance(error.get("budget", False), bool):
        raise InputError(f"must be true or false, got {error['budget']!r}", key="score_error.budget")


def sampler_specs(case: Case) -> list[dict[str, Any]]:
    """The [sampler] table, and that of the sampler it is compared with.

    The second one has parameters of its own, as given or by default, and the start of the first.
    """
    versus = (case.score_error or {}).get("versus")
    if versus is None:
        return [case.sampler]
    start = {key: case.sampler[key] for key in ("init",) if key in case.sampler}
    return [case.sampler, start | (versus if isinstance(versus, dict) else {"name": versus})]


def params(case: Case, point: dict[str, Any], sampler: dict[str, Any]) -> dict[str, Any]:
    """Everything a cell depends on: swept values stand in the tables they belong to."""
    error = {key: value for key, value in (case.score_error or {}).items() if key not in OPTIONS}
    error |= {key: point[key] for key in ("eps", "omega", "delta") if key in point}
    return {
        "target": at_dimension(case.target, point.get("d")),
        "forward": case.forward,
        "sampler": sampler,
        "error": error,
        "T": point["T"],
        "metrics": case.metrics,
        "budget": bool((case.score_error or {}).get("budget", False)),
    }


def check_sweep(point: dict[str, Any]) -> None:
    """Raise InputError unless eps >= 0, omega > 0 and 0 < delta < 1 at this point of the sweep."""
    for key, holds, fix in (
        ("eps", lambda v: v >= 0, ">= 0"),
        ("omega", lambda v: v > 0, "> 0"),
        ("delta", lambda v: 0 < v < 1, "strictly between 0 and 1"),
    ):
        if key in point and not holds(point[key]):
            raise InputError(f"must be {fix}, got {point[key]:g}", key=f"sweep.{key}")
