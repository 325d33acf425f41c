"""Kind ``discrete``: the error of a sampler on a finite state space, against the number of steps or the size of a law.

    [target]  family = "categorical" | "markov-chain" | ...      (`targets`)
    [forward] process = "uniform-ctmc" | "absorbing-ctmc" | "ctmc" | "d3pm" (`process`), or "masked"
    [sampler] name = "euler-ctmc" | ... (`samplers`), init = "exact" | "uniform" | "stationary", or one of `masked`
    [measure] metric: tv, kl, kl-reverse, chi2, hellinger, hamming-w1, positions-tv, sequence-error; path-kl and, of
              uniformization, steps (chains); kl-averaged (masked)
    [sweep]   T; L (length), S (states), d (dim) of the target; horizon, delta of the process

The truth is the law at ``delta``, where a chain stops, or the target itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.discrete import laws, targets
from sharpbound.chapters.discrete.divergences import OF_LAWS
from sharpbound.chapters.discrete.process import PROCESSES
from sharpbound.chapters.options import sweep_points
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.chapters.sampling import judged_curve
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SIZES = {"L": "length", "S": "states", "d": "dim"}
"""Swept variables that are keys of the target."""
TIMES = ("horizon", "delta")
"""Swept variables that are keys of the process."""
SWEEPABLE = ("T", *SIZES, *TIMES)


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
        if "T" not in case.sweep:
            raise InputError("is missing; add e.g. T = [8, 16, 32, 64]", key="sweep.T")
        for point in points:
            params = _params(case, point)
            laws.check(targets.build(params["target"]), params["forward"], params["sampler"], params["T"])

    def check(self, case: Case) -> None:
        points = sweep_points(case.sweep, SWEEPABLE)
        shortest = [point for point in points if point["T"] == min(point["T"] for point in points)]
        for point in shortest:
            params = _params(case, point)
            laws.check_steps(
                targets.build(params["target"]), params["forward"], params["sampler"], params["T"]
            )

    def cells(self, case: Case) -> list[Cell]:
        return [
            Cell(self.kind, _params(case, point) | {"metrics": case.metrics})
            for point in sweep_points(case.sweep, SWEEPABLE)
        ]

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        found = laws.solve(targets.build(params["target"]), params["forward"], params["sampler"], params["T"])
        row: Row = {"engine": found.engine, "floor_kind": "closed-form"} | found.facts()
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
        row["floor"] = row[f"{params['metrics'][0]}_floor"]
        return [row]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        points = sweep_points(case.sweep, SWEEPABLE)
        return [point | rows[0] for point, rows in zip(points, measured, strict=True)]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        curve = judged_curve(case, rows)
        target = targets.build(_params(case, curve[0])["target"])
        values = {
            name: float(value)
            for name, value in (("d", target.dim), ("L", target.dim), ("S", target.states))
            if name not in case.sweep
        }
        return conclude_rate(claim, curve, swept=case.swept, metric=case.metrics[0], values=values)


def metrics(forward: Mapping[str, Any], sampler: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics of a process and sampler; InputError where there is no such process."""
    name = forward.get("process")
    if name == "masked":
        for key in forward:
            if key != "process":
                raise InputError("has no such key; masked takes none", key=f"forward.{key}")
        return (*OF_LAWS, "kl-averaged")
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
    return {
        "target": dict(case.target) | {key: point[name] for name, key in SIZES.items() if name in point},
        "forward": dict(case.forward) | times,
        "sampler": case.sampler,
        "T": point["T"],
    }
