"""What the chapters that measure samplers share: the law of a case at one point, its row, the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from sharpbound import laws, processes, samplers, targets
from sharpbound.chapters import columns
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.errors import InputError
from sharpbound.laws import LAW_METRICS, METRICS, NotMeasured, chains, finite_or_note
from sharpbound.laws.black_box import cannot_measure, measured_w2
from sharpbound.records.document import Conclusion, Row
from sharpbound.samplers import PlainSampler, Sampler
from sharpbound.samplers.ancestral import AncestralEuler
from sharpbound.suite.explicit import explicit_verdict
from sharpbound.suite.known import known_values, target_values
from sharpbound.targets import Target1D

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim


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
    ladder = processes.build(params["forward"], params["T"])
    return (
        targets.build(params["target"]),
        ladder,
        samplers.build(sampler_spec),
        sampler_spec.get("init", "normal"),
    )


def measured_row(target: Any, ladder: Any, sampler: Sampler, score: Any, init: str, quantity: str) -> Row:
    """All distances of the output law (``quantity`` "law"), or the path-space KL ("path")."""
    problem = laws.Problem(target, ladder, sampler, score, init)
    engine: str | None = None
    found: dict[str, Any]
    try:
        if isinstance(sampler, PlainSampler):
            engine, found = "black-box", _of_function(target, ladder, sampler, score, init, quantity)
        elif quantity == "path":
            kl, engine = chains.solve(problem)
            found = {"path-kl": kl}
        else:
            law = laws.solve(problem)
            engine, found = law.engine, laws.distances(law, LAW_METRICS)
    except NotMeasured as reason:
        found = dict.fromkeys(("path-kl",) if quantity == "path" else LAW_METRICS, reason)
    row: Row = {}
    for metric, measured in found.items():
        value, floor, note = finite_or_note(measured)
        row |= {metric: value, f"{metric}_floor": floor, f"{metric}_note": note}
        row |= {f"{metric}_engine": engine, f"{metric}_floor_kind": laws.floor_kind(measured)}
    return row


def _of_function(
    target: Any, ladder: Any, sampler: PlainSampler, score: Any, init: str, quantity: str
) -> dict[str, Any]:
    """Of a plain function W2 alone is known, and with the exact score."""
    if quantity == "path" or not score.exact_for(target):
        raise NotMeasured("a plain function is measured in w2, with the exact score")
    unknown = NotMeasured("a plain function has no density: it is measured in w2")
    w2 = measured_w2(sampler, target, ladder, init)
    return dict.fromkeys(LAW_METRICS, unknown) | {"w2": w2}


def check_function(sampler: Sampler, target: Any, init: str, metrics: Sequence[str]) -> None:
    """Raise InputError where ``sampler`` is a plain function and cannot be measured in any of ``metrics``."""
    if not isinstance(sampler, PlainSampler):
        return
    if metrics[0] != "w2":
        raise InputError('a plain function has no density: use metric = "w2"', key="measure.metric")
    if reason := cannot_measure(sampler, target, init):
        key = "sampler.init" if init != "exact" and isinstance(target, Target1D) else "target.family"
        raise InputError(f"a plain function is measured {reason}", key=key)


def case_row(point: dict[str, Any], metrics: Sequence[str], measured: Sequence[list[Row]]) -> Row:
    """Swept values, the metrics asked for with their floors, and ``floor``, ``floor_kind`` and ``engine`` of the first
    metric; ``<metric>_floor_kind`` and ``<metric>_engine`` where another's differ.
    """
    merged: Row = {key: value for rows in measured for row in rows for key, value in row.items()}
    row: Row = dict(point)
    for metric in metrics:
        row |= {metric: merged[metric], f"{metric}_floor": merged[f"{metric}_floor"]}
    row |= {key: merged[f"{metrics[0]}_{key}"] for key in ("floor", "floor_kind", "engine")}
    for metric in metrics[1:]:
        own = {key: merged[f"{metric}_{key}"] for key in ("floor_kind", "engine")}
        row |= {f"{metric}_{key}": value for key, value in own.items() if value not in (None, row[key])}
    notes = {f"{metric}: {merged[f'{metric}_note']}" for metric in metrics if merged[f"{metric}_note"]}
    if notes:
        row["note"] = "; ".join(sorted(notes))
    return row


def judged_curve(case: Case, rows: Sequence[Row]) -> list[Row]:
    """The rows along the swept variable at the last value of every further one: those that the verdict is on."""
    last = {name: values[-1] for name, values in case.sweep.items() if name != case.swept}
    return [row for row in rows if all(row[name] == value for name, value in last.items())]


class Axis(TypedDict):
    """How an error expands along T: arguments of `conclude_rate`."""

    step: list[float]
    axis: str
    axis_logs: float
    slow_log: bool


def steps_axis(case: Case, curve: Sequence[Row], metric: str) -> Axis:
    """The small parameter of each ladder of ``curve``, its logarithms, and whether the error may carry more.

    Where the horizon grows like log T, a flow that does not contract adds up its errors over it, as the
    chain rule does in path space; the output law of a contracting chain forgets them.
    """
    ladders = [processes.build(case.forward, row["T"]) for row in curve]
    adds_up = metric.startswith("path-") or samplers.build(case.sampler).deterministic
    return Axis(
        step=[ladder.step_size for ladder in ladders],
        axis=ladders[0].axis,
        axis_logs=ladders[0].axis_logs,
        slow_log=ladders[0].slow_log and adds_up,
    )


def sampling_context(case: Case) -> dict[str, Any]:
    """What a case of a sampler says of hypotheses beside its target: the finest ladder, the score, the start.

    Whether the posterior mean is frozen is known of one sampler, and left open of the others.
    """
    sampler = samplers.build(case.sampler)
    return {
        "ladder": processes.build(case.forward, max(case.sweep["T"])),
        "exact_scores": case.score_error is None,
        "exact_start": case.sampler.get("init", "normal") == "exact",
        "frozen_mean": sampler == AncestralEuler(eta=1.0) or None,
    }


def with_explicit_constant(case: Case, claim: Claim, rows: Sequence[Row], found: Conclusion) -> Conclusion:
    """`against_bounds`, where the claim states its constant."""
    metric = case.metrics[0]
    if claim.constant != "explicit" or metric not in claim.metrics:
        return found
    curve = judged_curve(case, rows)
    bounds = [claim.bound({"eps_score": 0.0} | _known(case, row) | row, metric) for row in curve]
    return against_bounds(case, claim, curve, bounds, found)


def against_bounds(
    case: Case, claim: Claim, curve: Sequence[Row], bounds: Sequence[float], found: Conclusion
) -> Conclusion:
    """``found``, a verdict on a rate, with that on the ``bounds`` themselves, one for each row of ``curve``.

    One value beyond its bound and its floor violates the claim, whatever the rate. A bound that holds at every point is
    loose where no rate could be read: as one that says how large the error is, not how fast it falls.
    ``details.explicit`` has measured/bound at every row, the sharpness.
    """
    metric, swept = case.metrics[0], case.swept
    values, floors = columns.values(curve, metric), columns.floors(curve, metric)
    kind: Any = claim.kind
    judged = explicit_verdict(values.tolist(), floors.tolist(), bounds, kind)
    details = found.details | {
        "explicit": {"outcome": judged.outcome, "ratio": list(judged.ratios)},
        "bound": list(bounds),
        "ratio": list(judged.ratios),
        "constant": 1.0,
    }
    if judged.outcome == "violated" and judged.at is not None:
        at = curve[judged.at]
        reason = (
            f"{metric} = {at[metric]:.6g} at {swept} = {at[swept]} is beyond the bound {bounds[judged.at]:.6g}, whose "
            "constant is stated"
        )
        verdict = "refuted" if claim.kind == "equality" else "violated"
        return replace(found, verdict=verdict, details=details | {"reason": reason})
    low, high = min(judged.ratios), max(judged.ratios)
    told = f"with the stated constant measured/bound is {low:.4g} to {high:.4g}"
    of_rate = str(found.details.get("reason", ""))
    if found.verdict == "inconclusive" and judged.outcome == "holds" and claim.kind != "equality":
        reason = f"the bound holds at every {swept}: {told}; of a rate: {of_rate}"
        return replace(found, verdict="loose", details=details | {"reason": reason})
    return replace(found, details=details | {"reason": f"{of_rate}; {told}"})


def _known(case: Case, row: Row) -> dict[str, float]:
    """The letters that the case fixes at one point of its sweep."""
    return known_values(
        targets.build(at_dimension(case.target, row.get("d"))), processes.build(case.forward, row["T"])
    )


def conclude_sweep(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
    """Verdict along the swept variable; a second swept variable gives further curves, judged at its last value."""
    curve, metric = judged_curve(case, rows), case.metrics[0]
    values = {}
    if case.swept != "d":
        values = target_values(targets.build(at_dimension(case.target, curve[0].get("d"))))
    if case.swept != "T":
        found = conclude_rate(claim, curve, swept=case.swept, metric=metric, values=values)
        return with_explicit_constant(case, claim, rows, found)
    axis = steps_axis(case, curve, metric)
    found = conclude_rate(claim, curve, swept="T", metric=metric, values=values, **axis)
    return with_explicit_constant(case, claim, rows, found)
