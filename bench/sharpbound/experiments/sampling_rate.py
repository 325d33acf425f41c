"""Kind ``sampling-rate``: the error of a sampler's output law against the number of steps (or the dimension)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sharpbound import forward, laws, samplers, targets
from sharpbound.errors import InputError
from sharpbound.experiments.base import Cell, Conclusion, Experiment, Row
from sharpbound.experiments.rate_verdict import conclude_rate
from sharpbound.laws import LAW_METRICS, METRICS, NotMeasured, finite_or_note
from sharpbound.samplers import ExactScore, Sampler
from sharpbound.suite.assumptions import check_assumption

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SWEPT = ("T", "d")


class SamplingRate(Experiment):
    """One cell per (T, d): the output law with all its distances, or the path-space KL."""

    kind = "sampling-rate"

    def validate(self, case: Case, claim: Claim) -> None:
        check_metrics(case.metrics)
        for name in case.sweep:
            if name not in SWEPT:
                raise InputError(f"a {self.kind} case sweeps T (and d), not {name}", key=f"sweep.{name}")
        if "T" not in case.sweep:
            raise InputError("is missing; add e.g. T = [64, 128, 256, 512]", key="sweep.T")
        if case.score_error is not None:
            raise InputError(
                'a sampling-rate case has the exact score; use kind = "score-error"', key="score_error"
            )
        sampler = samplers.build(case.sampler)
        for point in sweep_points(case):
            target = targets.build(at_dimension(case.target, point.get("d")))
            ladder = forward.build(case.forward, point["T"])
            sampler.check(ladder)
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
            for point in sweep_points(case)
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
            for i, point in enumerate(sweep_points(case))
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        return conclude_sweep(case, claim, rows)


# -- what the kinds that measure samplers share ----------------------------------------------------


def check_metrics(metrics: Sequence[str]) -> None:
    """Raise InputError for a metric that no law has."""
    for metric in metrics:
        if metric not in METRICS:
            raise InputError(
                f"unknown metric {metric!r}; choose from {', '.join(METRICS)}", key="measure.metric"
            )


def check_path(sampler: Sampler) -> None:
    """Path KL is between chains with Gaussian kernels: one noisy stage per step."""
    if sampler.deterministic:
        raise InputError(
            f"path-kl is infinite for {sampler.name}, which is deterministic; use tv, kl or w2",
            key="measure.metric",
        )


def sweep_points(case: Case) -> list[dict[str, Any]]:
    """Every combination of the swept values, in order."""
    return [dict(zip(case.sweep, values, strict=True)) for values in itertools.product(*case.sweep.values())]


def at_dimension(spec: dict[str, Any], d: int | None) -> dict[str, Any]:
    """The target table with its ``dim`` set by the sweep."""
    if d is None:
        return spec
    if isinstance(d, bool) or not isinstance(d, int) or d < 1:
        raise InputError(f"must hold integers >= 1, got {d!r}", key="sweep.d")
    return spec | {"dim": d}


def quantities(metrics: Sequence[str]) -> list[str]:
    """Which computations the metrics need: one output law serves all its distances."""
    wanted = ["law"] if any(metric in LAW_METRICS for metric in metrics) else []
    return wanted + (["path"] if "path-kl" in metrics else [])


def built(params: dict[str, Any]) -> tuple[Any, Any, Sampler, str]:
    """Target, ladder, sampler and start of a cell."""
    sampler_spec = params["sampler"]
    ladder = forward.build(params["forward"], params["T"])
    return (
        targets.build(params["target"]),
        ladder,
        samplers.build(sampler_spec),
        sampler_spec.get("init", "normal"),
    )


def measured_row(target: Any, ladder: Any, sampler: Sampler, score: Any, init: str, quantity: str) -> Row:
    """All distances of the output law (``quantity`` "law"), or the path-space KL ("path")."""
    try:
        if quantity == "path":
            found: dict[str, Any] = {"path-kl": laws.path_kl(target, ladder, sampler, score, init)}
        else:
            found = laws.distances(laws.output_law(target, ladder, sampler, score, init), LAW_METRICS)
    except NotMeasured as reason:
        found = dict.fromkeys(("path-kl",) if quantity == "path" else LAW_METRICS, reason)
    row: Row = {}
    for metric, measured in found.items():
        value, floor, note = finite_or_note(measured)
        row |= {metric: value, f"{metric}_floor": floor, f"{metric}_note": note}
    return row


def case_row(point: dict[str, Any], metrics: Sequence[str], measured: Sequence[list[Row]]) -> Row:
    """Swept values, the metrics asked for with their floors, and ``floor``, that of the first metric."""
    merged: Row = {key: value for rows in measured for row in rows for key, value in row.items()}
    row: Row = dict(point)
    for metric in metrics:
        row |= {metric: merged[metric], f"{metric}_floor": merged[f"{metric}_floor"]}
    row["floor"] = row[f"{metrics[0]}_floor"]
    notes = {f"{metric}: {merged[f'{metric}_note']}" for metric in metrics if merged[f"{metric}_note"]}
    if notes:
        row["note"] = "; ".join(sorted(notes))
    return row


def conclude_sweep(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
    """Verdict along the swept variable; a second swept variable gives further curves, judged at its last value."""
    swept = case.swept
    others = [name for name in case.sweep if name != swept]
    last = {name: case.sweep[name][-1] for name in others}
    curve = [row for row in rows if all(row[name] == value for name, value in last.items())]
    target = targets.build(at_dimension(case.target, curve[0].get("d")))
    metric = case.metrics[0]
    values = {"d": float(target.dim)} if "d" not in case.sweep else {}
    assumptions: dict[str, bool | None] = {
        a.check: check_assumption(a.check, target) for a in claim.assumptions
    }
    if swept != "T":
        return conclude_rate(claim, curve, swept=swept, metric=metric, values=values, assumptions=assumptions)
    ladders = [forward.build(case.forward, row["T"]) for row in curve]
    li = ladders[0].name == "li2024"
    return conclude_rate(
        claim,
        curve,
        swept="T",
        metric=metric,
        step=[ladder.step_size for ladder in ladders],
        axis="T/log T" if li else "T",
        axis_logs=1.0 if li else 0.0,
        # li2024 runs over a horizon that grows like log T, and a flow that does not contract adds up its
        # errors over it, as the chain rule does in path space
        slow_log=li and (metric == "path-kl" or samplers.build(case.sampler).deterministic),
        values=values,
        assumptions=assumptions,
    )
