"""What ``sharpbound audit`` does: load, try, measure on every view, judge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sharpbound import foreign
from sharpbound.audit import adapt
from sharpbound.chapters.audit.asked import Asked
from sharpbound.chapters.audit.beside import beside
from sharpbound.chapters.audit.changes import FACTORS
from sharpbound.chapters.audit.diagnosis import diagnosis, scaled
from sharpbound.chapters.audit.ends import blamed
from sharpbound.chapters.audit.judging import LEGITIMATE, STATUS, STEPS, Judged, judge_view
from sharpbound.chapters.audit.measuring import Bench, scale_of
from sharpbound.chapters.audit.same_as import compared
from sharpbound.chapters.audit.scheduler_command import OURS, audit_scheduler, is_scheduler, plain_name
from sharpbound.chapters.audit.schedulers import class_of
from sharpbound.chapters.audit.trial import Trial, tried
from sharpbound.chapters.audit.views import View
from sharpbound.chapters.deciding import worst
from sharpbound.errors import InputError
from sharpbound.samplers import PlainSampler, Sampler
from sharpbound.samplers.own import as_sampler, callable_of

INSIDE = 1e-8
"""What rounding does inside a sampler, as a share of the law's size, from which on it is not that of float64."""


def audit_user(named: str, asked: Asked) -> dict[str, Any]:
    """The user's sampler ``named`` = MODULE:OBJECT measured, or compared, as a JSON document."""
    asked.check()
    ours = named.startswith(OURS)
    found = class_of(plain_name(named)) if ours else foreign.load(named)
    if ours or is_scheduler(found):
        return audit_scheduler(named, found, asked, _nominal(asked.order, named))
    for option in ("options", "allow", "state"):
        if getattr(asked, option) is not None:
            raise InputError("is for schedulers; leave it out", key=f"--{option}")
    views, steps = asked.views(), asked.numbers()
    if asked.convention != "score":
        found = callable_of(found, named)
    if asked.same_as is not None:
        return _compared(found, named, asked, views)
    bench, trial = _bench(found, named, asked, views, steps)
    nominal = _nominal(getattr(found, "order", None) if asked.order is None else asked.order, named)
    judged = [judge_view(bench, view, nominal, steps) for view in views]
    document = _document(named, asked, nominal, bench, trial, judged, _readings(found, asked.convention))
    return document | ({"at": beside(bench, views[0], asked.at)} if asked.at is not None else {})


def _compared(found: Any, named: str, asked: Asked, views: Sequence[View]) -> dict[str, Any]:
    """The document of --same-as, on uneven steps where the schedule has them."""
    view = next((view for view in views if view.uneven), views[0])
    if _is_sampler(found):
        return compared(as_sampler(found, named), named, asked.other(), view, "float64")
    trial = _tried(found, named, asked, view, None)
    return compared(trial.sampler, named, asked.other(), view, trial.precision)


def _is_sampler(found: Any) -> bool:
    return isinstance(found, Sampler) or (isinstance(found, type) and issubclass(found, Sampler))


def _bench(
    found: Any, named: str, asked: Asked, views: Sequence[View], steps: Sequence[int] | None
) -> tuple[Bench, Trial | None]:
    """The sampler on its target: a mixture, or a Gaussian if it draws noise."""
    if _is_sampler(found):
        if asked.guidance is not None:
            raise InputError("a Sampler is measured by its exact law, without guidance", key="--guidance")
        sampler = as_sampler(found, named)
        return Bench(sampler, asked.target_for(sampler.deterministic)), None
    trial = _tried(found, named, asked, views[0], steps)
    deterministic = trial.sampler.deterministic
    target, guided = asked.target_for(deterministic), asked.guided(deterministic)
    return Bench(trial.sampler, target, trial.unit, guided=guided), trial


def _tried(found: Any, named: str, asked: Asked, view: View, steps: Sequence[int] | None) -> Trial:
    first = "numpy"
    if asked.convention != "score":
        found, first = adapt.CONVENTIONS[asked.convention](found), "torch"
    ladders = [view.ladder(T) for T in steps or STEPS[:3]]
    return tried(found, named, asked.arrays, first, Asked().target_for(True), ladders)


def _readings(found: Any, convention: str) -> dict[str, Any]:
    """The function of a convention in the others, and with another sign or size of what its model gives."""
    if convention == "score":
        return {}
    others = {f"with --convention {name}": of for name, of in adapt.CONVENTIONS.items() if name != convention}
    own = adapt.CONVENTIONS[convention]
    return {name: of(found) for name, of in others.items()} | {
        f"where the model gives {words}": own(scaled(found, factor)) for words, factor in FACTORS.items()
    }


def _document(
    named: str,
    asked: Asked,
    nominal: float,
    bench: Bench,
    trial: Trial | None,
    judged: Sequence[Judged],
    readings: dict[str, Any],
) -> dict[str, Any]:
    deciding = worst(judged)
    precision, rounded = _precision(bench, trial, judged)
    told = [deciding.reason]
    if deciding.verdict != "failed":
        told += _causes(bench, deciding, judged, readings)
    missing = next((p for p in deciding.points if p.note), None)
    if missing is not None and deciding.verdict != "failed":
        told.append(f"with {missing.T} steps it could not be measured: {missing.note}")
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
        "target": asked.target_words(bench.sampler.deterministic),
        **({} if bench.guided is None else {"guidance": bench.guided.scale}),
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


def _causes(bench: Bench, deciding: Judged, judged: Sequence[Judged], readings: dict[str, Any]) -> list[str]:
    """What is to blame for an order below the nominal one."""
    if deciding.verdict != "not reached":
        return []
    if isinstance(bench.sampler, PlainSampler) and deciding.stalls:
        stalled = next((each for each in judged if each.stalls and not each.view.uneven), None)
        if stalled is not None:
            samplers = {name: replace(bench.sampler, call=call) for name, call in readings.items()}
            return [diagnosis(bench, stalled.view, samplers)]
    found = []
    short = [each for each in judged if each.verdict == "not reached"]
    steps = (blamed(bench, each) for each in [deciding, *short])
    if (step := next((step for step in steps if step is not None), None)) is not None:
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
            if point.w2 is not None and point.T <= 96 and point.noise > LEGITIMATE * point.w2
        ),
        default=0.0,
    )
    if worst_noise > INSIDE:
        return "float32", f"moving its levels by 1e-6 changes W2 by {worst_noise:.0e} of the law's size"
    return "float64", ""


def _nominal(order: Any, named: str) -> float:
    if order is None:
        raise InputError(f"{named}: tell its order: --order 2, or an attribute `order` of the object")
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (0 < order < math.inf):
        raise InputError(f"{named}: its order must be a positive number, not {order!r}")
    return float(order)


__all__ = ["STATUS", "Asked", "audit_user"]
