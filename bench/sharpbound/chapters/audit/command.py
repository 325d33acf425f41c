"""What ``sharpbound audit`` does: load, try, measure on every view, judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sharpbound import foreign
from sharpbound.audit import adapt
from sharpbound.chapters.audit.diagnosis import diagnosis
from sharpbound.chapters.audit.ends import blamed
from sharpbound.chapters.audit.judging import STATUS, STEPS, Judged, judge_view, worst
from sharpbound.chapters.audit.measuring import Bench, scale_of
from sharpbound.chapters.audit.trial import Trial, tried
from sharpbound.chapters.audit.views import View, default_views, given_views
from sharpbound.errors import InputError, did_you_mean
from sharpbound.samplers import PlainSampler, Sampler
from sharpbound.samplers.own import as_sampler
from sharpbound.targets import Target1D, build

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.5, "std": 0.5}
"""Targets of deterministic and of stochastic samplers."""
INSIDE = 1e-8
"""What rounding does inside a sampler, as a share of the law's size, from which on it is not that of float64."""
LEGITIMATE = 1e-6
"""The error itself moves with the levels: by this share of it, times T, at most."""


@dataclass(frozen=True)
class Asked:
    """The options of the command.

    order : nominal; by default the sampler's attribute ``order``.
    arrays : "numpy" or "torch"; by default what it works with.
    schedule : name of a schedule, with its default parameters; by default two ranges of noise.
    ladder : "even" or "uneven" steps alone.
    steps : numbers of steps; by default as many as it takes.
    convention : how it calls its model: "score", or one of `sharpbound.audit.adapt.CONVENTIONS`.
    """

    order: float | None = None
    arrays: str | None = None
    schedule: str | None = None
    convention: str = "score"
    ladder: str | None = None
    steps: Sequence[int] | None = None


def audit_user(named: str, asked: Asked) -> dict[str, Any]:
    """The measured order of the user's sampler ``named`` = MODULE:OBJECT, as a JSON document."""
    if asked.convention != "score" and asked.convention not in adapt.CONVENTIONS:
        known = ["score", *adapt.CONVENTIONS]
        raise InputError(
            f"choose {', '.join(known)}, not {asked.convention!r}{did_you_mean(asked.convention, known)}",
            key="--convention",
        )
    if asked.schedule is None:
        views = default_views(asked.convention == "score", asked.ladder)
    else:
        views = given_views({"schedule": asked.schedule}, asked.ladder)
    found = foreign.load(named)
    bench, trial = _bench(found, named, asked, views)
    nominal = _nominal(getattr(found, "order", None) if asked.order is None else asked.order, named)
    judged = [judge_view(bench, view, nominal, asked.steps) for view in views]
    others = {}
    if asked.convention != "score":
        others = {name: of(found) for name, of in adapt.CONVENTIONS.items() if name != asked.convention}
    return _document(named, asked, nominal, bench, trial, judged, others)


def _bench(found: Any, named: str, asked: Asked, views: Sequence[View]) -> tuple[Bench, Trial | None]:
    """The sampler on its target: a mixture, or a Gaussian if it draws noise."""

    def target(deterministic: bool) -> Target1D:
        built = build(MIXTURE if deterministic else GAUSSIAN)
        assert isinstance(built, Target1D)
        return built

    if isinstance(found, Sampler) or (isinstance(found, type) and issubclass(found, Sampler)):
        sampler = as_sampler(found, named)
        return Bench(sampler, target(sampler.deterministic)), None
    first = "numpy"
    if asked.convention != "score":
        found, first = _adapted(found, named, asked.convention), "torch"
    steps = asked.steps or STEPS[:3]
    trial = tried(found, named, asked.arrays, first, target(True), [views[0].ladder(T) for T in steps])
    return Bench(trial.sampler, target(trial.sampler.deterministic), trial.unit), trial


def _adapted(found: Any, named: str, convention: str) -> Any:
    if isinstance(found, type) or not callable(found):
        raise InputError(
            f"{named}: a sampler of this convention is a function f(model, x, levels)", key="--convention"
        )
    return adapt.CONVENTIONS[convention](found)


def _document(
    named: str,
    asked: Asked,
    nominal: float,
    bench: Bench,
    trial: Trial | None,
    judged: Sequence[Judged],
    others: dict[str, Any],
) -> dict[str, Any]:
    deciding = worst(judged)
    precision, rounded = _precision(bench, trial, judged)
    told = [deciding.reason]
    if deciding.verdict != "failed":
        told += _causes(bench, deciding, judged, others)
    if rounded:
        told.append(f"the sampler computes in {precision}: {rounded}")
    line = "; ".join(told)
    details = deciding.details or {}
    return {
        "sampler": named,
        "convention": asked.convention,
        "nominal": nominal,
        "metric": "w2",
        "metrics": ["w2"],
        "swept": "T",
        "verdict": deciding.verdict,
        "diagnosis": line,
        "exponent": deciding.exponent,
        "interval": deciding.interval,
        "schedule": deciding.view.schedule,
        "range": list(deciding.view.range),
        "ladder": deciding.view.steps,
        "precision": precision,
        "remarks": trial.remarks if trial else [],
        "views": [
            {
                "range": list(each.view.range),
                "ladder": each.view.steps,
                "schedule": each.view.schedule,
                "verdict": each.verdict,
                "exponent": each.exponent,
                "interval": each.interval,
                "reason": each.reason,
                "rows": [point.row for point in each.points],
            }
            for each in judged
        ],
        "rows": [point.row for point in deciding.points],
        "details": details | {"reason": line},
    }


def _causes(bench: Bench, deciding: Judged, judged: Sequence[Judged], others: dict[str, Any]) -> list[str]:
    """What is to blame for an order below the nominal one."""
    if deciding.verdict != "not reached":
        return []
    if isinstance(bench.sampler, PlainSampler) and deciding.stalls:
        stalled = next((each for each in judged if each.stalls and not each.view.uneven), None)
        if stalled is not None:
            readings = {name: replace(bench.sampler, call=call) for name, call in others.items()}
            return [diagnosis(bench, stalled.view, readings)]
    found = []
    if (step := blamed(bench, deciding)) is not None:
        found.append(step)
    even = [each for each in judged if not each.view.uneven and each.exponent is not None]
    if deciding.view.uneven and deciding.exponent is not None and even:
        least = min(each.exponent for each in even if each.exponent is not None)
        if least > deciding.exponent + 0.5:
            found.append(
                f"on even steps it is of order {least:.2f}: its coefficients are those of equal steps"
            )
    return found


def _precision(bench: Bench, trial: Trial | None, judged: Sequence[Judged]) -> tuple[str, str]:
    """The precision the sampler computes in, and how that shows; "" in float64."""
    if trial is None:
        return "float64", ""
    if trial.rounded:
        return trial.precision, f"{trial.rounded} rounded to it"
    if trial.unit > 2.0**-53:
        return "float32", "its output is rounded to it"
    worst_noise = max(
        (
            point.noise / scale_of(bench, each.view)
            for each in judged
            for point in each.points
            if point.w2 is not None and point.T <= 96 and point.noise > LEGITIMATE * point.T * point.w2
        ),
        default=0.0,
    )
    if worst_noise > INSIDE:
        return "float32", f"moving its levels by 3e-7 changes W2 by {worst_noise:.0e} of the law's size"
    return "float64", ""


def _nominal(order: Any, named: str) -> float:
    if order is None:
        raise InputError(f"{named}: tell its order: --order 2, or an attribute `order` of the object")
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (0 < order < math.inf):
        raise InputError(f"{named}: its order must be a positive number, not {order!r}")
    return float(order)


def read_steps(given: str | None) -> list[int] | None:
    """Of "8,16,32": three numbers of steps or more, rising."""
    if given is None:
        return None
    try:
        steps = sorted({int(part) for part in given.split(",")})
    except ValueError:
        raise InputError(f"write whole numbers, as in 8,16,32, not {given!r}", key="--steps") from None
    if len(steps) < 3 or steps[0] < 2:
        raise InputError(
            f"an order takes three numbers of steps, each of 2 or more, not {given!r}", key="--steps"
        )
    return steps


__all__ = ["STATUS", "Asked", "audit_user", "read_steps"]
