"""Kind ``discrete``: the error of a sampler on a finite state space, against the number of steps or the size of a law.

    [target]  family = "categorical" | "markov-chain" | ...      (`targets`)
    [forward] process = "uniform-ctmc", horizon, delta   or   process = "masked"
    [sampler] name = "euler-ctmc" | "exact-reverse", init = "exact" | "uniform"   or   name = "masked-blocks"
    [measure] metric: tv, kl, kl-reverse, chi2, hellinger; path-kl (uniform-ctmc); kl-averaged (masked)
    [sweep]   T, and L (length), S (states), d (dim) of the target

The truth is the law at ``delta``, where a uniform chain stops, or the target itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.discrete import ctmc, divergences, masked, targets
from sharpbound.chapters.options import sweep_points
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.chapters.sampling import judged_curve
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.options import made
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SIZES = {"L": "length", "S": "states", "d": "dim"}
"""Swept variables that are keys of the target."""
SAMPLERS = {"uniform-ctmc": ("euler-ctmc", "exact-reverse"), "masked": ("masked-blocks",)}
"""Samplers of each process."""
OF_LAWS = {
    "tv": divergences.total_variation,
    "kl": divergences.kl,
    "kl-reverse": lambda p, q: divergences.kl(q, p),
    "chi2": divergences.chi2,
    "hellinger": divergences.hellinger,
}
METRICS = {"uniform-ctmc": (*OF_LAWS, "path-kl"), "masked": (*OF_LAWS, "kl-averaged")}
FOUND_BY = {
    "chain": "finite state spaces, continuous time: a law pushed through the kernel of each step, by blocks of states",
    "subsets": "masked diffusion: a sum over all orders of unmasking, by dynamic programming over subsets of tokens",
}
"""What finds the law of each process, in a line."""
ROUNDING = 1e-15
"""Relative rounding of one step of a law."""


def _uniform_ctmc(horizon: float, delta: float = 0.0) -> tuple[float, float]:
    return horizon, delta


def _masked() -> None:
    """Has no parameters: what a schedule would say is the number of blocks."""


PROCESSES: dict[str, Callable[..., Any]] = {"uniform-ctmc": _uniform_ctmc, "masked": _masked}


class Discrete(Experiment):
    """One cell per point of the sweep: all metrics of one law."""

    kind = "discrete"

    def validate(self, case: Case, claim: Claim) -> None:
        process = _process(case.forward)
        for metric in case.metrics:
            if metric not in METRICS[process]:
                meant = (
                    did_you_mean(metric, METRICS[process]) or f"; choose from {', '.join(METRICS[process])}"
                )
                raise InputError(
                    f"{metric!r} is no metric of a {process} process{meant}", key="measure.metric"
                )
        name = case.sampler.get("name")
        if name not in SAMPLERS[process]:
            known = ", ".join(SAMPLERS[process])
            raise InputError(
                f"{brief(name)} is no sampler of a {process} process; choose {known}", key="sampler.name"
            )
        allowed = ("name", "init") if process == "uniform-ctmc" else ("name",)
        for key in case.sampler:
            if key not in allowed:
                raise InputError(f"has no such key; it takes {', '.join(allowed)}", key=f"sampler.{key}")
        if case.sampler.get("init", "exact") not in ("exact", "uniform"):
            raise InputError(
                f"must be exact or uniform, got {brief(case.sampler['init'])}", key="sampler.init"
            )
        points = sweep_points(case.sweep, ("T", *SIZES))
        if "T" not in case.sweep:
            raise InputError("is missing; add e.g. T = [8, 16, 32, 64]", key="sweep.T")
        for point in points:
            table = targets.build(_at(case.target, point))
            if process == "masked":
                masked.block_size(table.ndim, point["T"])
            else:
                chain = ctmc.Chain(table, *_times(case.forward), point["T"])
                if name == "euler-ctmc":  # rates are largest at the cleanest step
                    ctmc.euler_kernels(chain, chain.delta + chain.h)

    def cells(self, case: Case) -> list[Cell]:
        return [
            Cell(
                self.kind,
                {
                    "target": _at(case.target, point),
                    "forward": case.forward,
                    "sampler": case.sampler,
                    "T": point["T"],
                    "metrics": case.metrics,
                },
            )
            for point in sweep_points(case.sweep, ("T", *SIZES))
        ]

    def measure(self, cell: Cell) -> list[Row]:
        params, T = cell.params, cell.params["T"]
        table, sampler = targets.build(params["target"]), params["sampler"]
        if _process(params["forward"]) == "masked":
            p, q, engine = table, masked.output_law(table, T), "subsets"
            others = {"kl-averaged": lambda: masked.averaged_kl(table, T)}
        else:
            chain = ctmc.Chain(table, *_times(params["forward"]), T)
            init = sampler.get("init", "exact")
            p, q, engine = chain.marginal(chain.delta), ctmc.output_law(chain, sampler["name"], init), "chain"
            others = {"path-kl": lambda: ctmc.path_kl(chain, sampler["name"], init)}
        row: Row = {"engine": engine, "floor_kind": "closed-form"}
        for metric in params["metrics"]:
            value = others[metric]() if metric in others else OF_LAWS[metric](p, q)
            row |= {
                metric: value if math.isfinite(value) else None,
                f"{metric}_floor": _floor(metric, value, T),
            }
            if not math.isfinite(value):
                row["note"] = f"{metric}: infinite"
        row["floor"] = row[f"{params['metrics'][0]}_floor"]
        return [row]

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        points = sweep_points(case.sweep, ("T", *SIZES))
        return [point | rows[0] for point, rows in zip(points, measured, strict=True)]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        curve = judged_curve(case, rows)
        d = float(targets.build(_at(case.target, {k: v for k, v in curve[0].items() if k in SIZES})).ndim)
        values = {} if "d" in case.sweep else {"d": d}
        return conclude_rate(claim, curve, swept=case.swept, metric=case.metrics[0], values=values)


def _process(forward: Mapping[str, Any]) -> str:
    name = forward.get("process")
    if not isinstance(name, str) or name not in PROCESSES:
        raise InputError(
            f"unknown process {brief(name)}; choose {', '.join(PROCESSES)}", key="forward.process"
        )
    if name == "masked":
        _read(forward)
    return name


def _read(forward: Mapping[str, Any]) -> Any:
    given = {key: value for key, value in forward.items() if key != "process"}
    return made(PROCESSES[forward["process"]], given, name="forward", who=forward["process"])


def _times(forward: Mapping[str, Any]) -> tuple[float, float]:
    horizon, delta = _read(forward)
    return horizon, delta


def _at(target: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """The target table with what is swept of it."""
    return dict(target) | {SIZES[name]: value for name, value in point.items() if name in SIZES}


def _floor(metric: str, value: float, T: int) -> float | None:
    """Rounding: linear in q - p for TV and Hellinger, in the root of a divergence, relative for a sum over steps."""
    if not math.isfinite(value):
        return None
    rounding = ROUNDING * math.sqrt(T + 1)
    if metric in ("kl", "kl-reverse", "chi2"):
        return 2 * rounding * math.sqrt(2 * max(value, 0.0)) + rounding**2
    return (
        rounding * (1 + abs(value))
        if metric in ("tv", "hellinger", "kl-averaged")
        else T * ROUNDING + rounding * value
    )
