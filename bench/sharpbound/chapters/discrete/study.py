"""Kind ``discrete``: the error of a sampler on a finite state space, against the number of steps or the size of a law.

    [target]  family = "categorical" | "markov-chain" | ...      (`targets`)
    [forward] process = "uniform-ctmc" | "absorbing-ctmc" | "ctmc" | "d3pm" (`process`), or "masked"
    [sampler] name = "euler-ctmc" | ... (`samplers`), init = "exact" | "uniform" | "stationary", or one of `masked`
    [measure] metric: tv, kl, kl-reverse, chi2, hellinger, hamming-w1, positions-tv, sequence-error,
              log-perplexity; path-kl (chains), kl-averaged (masked), steps (where their number is random)
    [score_error] of, field, eps, seed (`score_error`), budget = true for what each source of error does alone
    [sweep]   T; L (length), S (states), d (dim) of the target; horizon, delta of the process; eps of the score error;
              threshold of masked-entropy-sum

The truth is the law at ``delta``, where a chain stops, or the target itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sharpbound.chapters.base import Cell, Experiment, Measurement
from sharpbound.chapters.discrete import leading, samplers, targets
from sharpbound.chapters.discrete.divergences import OF_LAWS
from sharpbound.chapters.discrete.figures import budget, gap
from sharpbound.chapters.discrete.laws import Problem
from sharpbound.chapters.discrete.masked.samplers import SAMPLERS as MASKED
from sharpbound.chapters.discrete.process import PROCESSES
from sharpbound.chapters.discrete.verdict import conclude
from sharpbound.chapters.options import check_several, sweep_points
from sharpbound.chapters.sampling import judged_curve
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.records.document import Conclusion, Row
from sharpbound.suite.hypotheses import CheckedAssumption

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SIZES = {"L": "length", "S": "states", "d": "dim"}
"""Swept variables that are keys of the target."""
TIMES = ("horizon", "delta")
"""Swept variables that are keys of the process."""
SWEEPABLE = ("T", *SIZES, *TIMES, "eps", "threshold")
RANDOM_STEPS = {name for name, sampler in MASKED.items() if sampler.steps_are_random}
"""Samplers that have no T."""


OWN_METRICS = {
    "hamming-w1": "Wasserstein-1 of the number of coordinates that differ",
    "positions-tv": "mean over coordinates of the total variation of their own laws",
    "sequence-error": "mass of the output where the truth has none",
    "log-perplexity": "excess of the mean of -log p per coordinate under the output, in nats",
    "kl-averaged": "KL given the order of unmasking, averaged over orders",
    "steps": "expected number of steps, where it is random",
}
"""What this kind measures beside the metrics of all laws."""


class Discrete(Experiment):
    """One cell per point of the sweep: all metrics of one law."""

    kind = "discrete"

    def validate(self, case: Case, claim: Claim) -> None:
        known = metrics(case.forward, case.sampler)
        for metric in case.metrics:
            if metric not in known:
                raise InputError(
                    f"{metric!r} is no metric of a {case.forward['process']} process{did_you_mean(metric, known)}",
                    key="measure.metric",
                )
        points = sweep_points(case.sweep, SWEEPABLE)
        if claim.kind == "exponential":
            check_several(case, case.swept)
        if "T" not in case.sweep and case.sampler.get("name") not in RANDOM_STEPS:
            raise InputError("is missing; add e.g. T = [8, 16, 32, 64]", key="sweep.T")
        for point in points:
            problem = _problem(_params(case, point))
            problem.check()
            for metric in case.metrics:
                problem.check_metric(metric, judged=metric == case.metrics[0])

    def check(self, case: Case) -> None:
        points = sweep_points(case.sweep, SWEEPABLE)
        shortest = min(point.get("T", 0) for point in points)
        for point in points:
            if point.get("T", 0) == shortest:
                _problem(_params(case, point)).check_steps()

    def cells(self, case: Case) -> list[Cell]:
        return [
            # in one order, so that cases which judge other metrics of the same law share it
            Cell(self.kind, _params(case, point) | {"metrics": sorted(case.metrics)})
            for point in sweep_points(case.sweep, SWEEPABLE)
        ]

    def drawings(self, case: Case) -> list[Cell]:
        """The leading term as T goes to infinity, of a chain along T alone from the exact start."""
        metrics = sorted(set(case.metrics) & set(leading.POWERS))
        masked, start = case.forward.get("process") == "masked", case.sampler.get("init", "exact")
        if (
            masked
            or case.score_error is not None
            or set(case.sweep) != {"T"}
            or start != "exact"
            or not metrics
        ):
            return []
        if samplers.build(case.sampler).exact:
            return []
        params = {"target": case.target, "forward": case.forward, "sampler": case.sampler, "metrics": metrics}
        return [Cell(self.kind, params | {"quantity": "leading"})]

    def measuring(self, cell: Cell) -> Measurement:
        return leading.LEADING_TERM if "quantity" in cell.params else self

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        problem = _problem(params)
        found = problem.solve()
        row: Row = {"engine": found.engine, "floor_kind": "closed-form"} | found.facts()
        if params["budget"]:
            row |= problem.budget()
        for metric in params["metrics"]:
            if metric not in found.metrics:
                row |= {
                    metric: None,
                    f"{metric}_floor": None,
                    "note": f"{metric}: not known by {found.engine}",
                }
                continue
            value, floor, kind = found.value(metric)
            row |= {metric: value, f"{metric}_floor": floor}
            if kind != "closed-form":
                row[f"{metric}_floor_kind"] = kind
            if not math.isfinite(value):
                row |= {metric: None, f"{metric}_floor": None, "note": f"{metric}: infinite"}
        return [row]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        points = sweep_points(case.sweep, SWEEPABLE)
        return [
            point | row | _floor_of_judged(row, case.metrics)
            for point, (row,) in zip(points, measured, strict=True)
        ]

    def finish(
        self, case: Case, claim: Claim, rows: Sequence[Row], drawings: Sequence[list[Row]]
    ) -> Conclusion:
        found = self.conclude(case, claim, rows)
        if not drawings or case.metrics[0] not in leading.POWERS:
            return found
        return replace(
            found, details=found.details | {"leading": leading.describe(case.metrics[0], drawings[0], rows)}
        )

    def assumptions(self, case: Case, claim: Claim) -> list[CheckedAssumption]:
        known = {
            "exact-scores": case.score_error is None,
            "score-error": True,
            "exact-start": case.sampler.get("init", "exact") == "exact",
            "corrector": case.sampler.get("corrector") in ("gibbs", "forward-backward"),
            "early-stopping": min(case.sweep.get("delta", [case.forward.get("delta", 0.0)])) > 0,
        }
        return [CheckedAssumption(a.text, a.check, known.get(a.check)) for a in claim.assumptions]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        first = judged_curve(case, rows)[0]
        target = targets.build(_params(case, {name: first[name] for name in case.sweep})["target"])
        sizes = {"d": target.dim, "L": target.dim, "S": target.states} | {
            name: case.forward[name] for name in TIMES if name in case.forward
        }
        values = {name: float(value) for name, value in sizes.items() if name not in case.sweep}
        found = conclude(case, claim, rows, values)
        return replace(found, draw=lambda: {"figures": gap(case, rows), "tables": budget(case, rows)})


def metrics(forward: Mapping[str, Any], sampler: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics of a process and sampler; InputError where there is no such process."""
    name = forward.get("process")
    if name == "masked":
        for key in forward:
            if key != "process":
                raise InputError("has no such key; masked takes none", key=f"forward.{key}")
        return (*OF_LAWS, "kl-averaged", *(("steps",) if sampler.get("name") in RANDOM_STEPS else ()))
    if not isinstance(name, str) or name not in PROCESSES:
        raise InputError(
            f"unknown process {brief(name)}{did_you_mean(str(name), ('masked', *PROCESSES))}",
            key="forward.process",
        )
    return (*OF_LAWS, "path-kl", *(("steps",) if sampler.get("name") == "uniformization" else ()))


def _params(case: Case, point: Mapping[str, Any]) -> dict[str, Any]:
    """All that the law at a point of the sweep depends on: swept values stand in the tables they belong to."""
    times = {name: point[name] for name in TIMES if name in point}
    if times and case.forward.get("process") == "masked":
        raise InputError("a masked process has no such time", key=f"sweep.{next(iter(times))}")
    error = dict(case.score_error) if case.score_error is not None else None
    if "eps" in point:
        if error is None:
            raise InputError("is the size of a score error; add a [score_error] table", key="sweep.eps")
        error["eps"] = point["eps"]
    budget = False if error is None else error.pop("budget", False)
    if not isinstance(budget, bool):
        raise InputError(f"must be true or false, got {brief(budget)}", key="score_error.budget")
    return {
        "target": dict(case.target) | {key: point[name] for name, key in SIZES.items() if name in point},
        "forward": dict(case.forward) | times,
        "sampler": dict(case.sampler) | {key: point[key] for key in ("threshold",) if key in point},
        "T": point.get("T", 0),
        "error": error,
        "budget": budget,
    }


def _floor_of_judged(row: Row, metrics: Sequence[str]) -> Row:
    """``floor`` and ``floor_kind`` of the first metric; ``<metric>_floor_kind`` where another's differs."""
    kinds = {metric: row.get(f"{metric}_floor_kind", row["floor_kind"]) for metric in metrics}
    kind = kinds[metrics[0]]
    others = {f"{metric}_floor_kind": own for metric, own in kinds.items() if own != kind}
    return {"floor": row[f"{metrics[0]}_floor"], "floor_kind": kind} | others


def _problem(params: Mapping[str, Any]) -> Problem:
    return Problem(
        targets.build(params["target"]), params["forward"], params["sampler"], params["T"], params["error"]
    )
