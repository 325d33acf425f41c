"""The verdict on a sampler, one on every view; `sharpbound.chapters.deciding` says which decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sharpbound.chapters.audit.measuring import Bench, Point, scale_of
from sharpbound.chapters.audit.order import Power, lowest_power
from sharpbound.chapters.audit.verdict import by_interval, judge_order
from sharpbound.chapters.audit.views import View
from sharpbound.chapters.deciding import APART
from sharpbound.rates import RateEstimate, estimate
from sharpbound.rates.details import rate_details
from sharpbound.samplers import PlainSampler

STEPS = (12, 24, 48, 96, 192, 384)
"""Multiples of 12, which steps in groups of two or three calls divide, and the pattern of uneven steps."""
FINER, COARSER = (768, 1536), (4, 8, 16, 32)
"""Measured where the others do not decide: finer ones of an order that has not settled, coarser ones and some between
where the fine rows are rounding."""
WORDS = {"sharp": "reached", "loose": "exceeded", "violated": "not reached", "inconclusive": "undecided"}
"""The verdicts of an audit, of those of a bound C/T^nominal."""
STATUS = {
    "reached": 0, "exceeded": 0, "exact": 0, "same": 0,
    "not reached": 1, "failed": 1, "broken": 1, "parts": 1,
    "undecided": 3,
}  # fmt: skip
"""Exit status of each verdict, those of a comparison among them."""
ROUNDING = 1e-11
"""W2 below this share of the law's size is rounding, in float64."""
LEGITIMATE = 1e-4
"""The error itself moves with the levels, by this share of it at most; what moves more is rounding."""
INSTANCES = 2.0
"""How much larger rounding may be than the largest instance of it that was seen."""
EXACTLY = 0.02
"""Half-width of the interval of an order that is the lowest power of the error: a whole number."""


@dataclass(frozen=True)
class Judged:
    """One view: its rows, its order and what follows from it."""

    view: View
    points: Sequence[Point]
    verdict: str
    reason: str
    exponent: float | None = None
    interval: tuple[float, float] | None = None
    power: Power | None = None
    slope: float | None = None
    """The finest local slope: what the order looks like on the ladder."""
    details: dict[str, Any] | None = None

    @property
    def hidden(self) -> bool:
        """Whether the order in the end is not yet what the ladder shows."""
        power, slope = self.power, self.slope
        return power is not None and slope is not None and slope > power.order + APART and power.share < 0.5

    @property
    def stalls(self) -> bool:
        """Whether the error does not go to zero."""
        if self.verdict != "not reached":
            return False
        if self.power is not None:
            return self.power.order == 0
        return self.slope is not None and self.slope < 0.5


def judge_view(bench: Bench, view: View, nominal: float, steps: Sequence[int] | None = None) -> Judged:
    """Measure ``steps``, or as many of the usual ones as it takes."""
    if steps is not None:
        return _confirmed(bench, view, list(steps), nominal)
    # the exact law of a class, and as many impulses as draws, take longer than a run
    quick = isinstance(bench.sampler, PlainSampler) and bench.sampler.deterministic
    wanted = list(STEPS if quick else STEPS[:-1])
    found = _judged(bench, view, [bench.point(view, T) for T in wanted], nominal)
    if found.verdict == "undecided" and not _usable(found.points[-1]):
        wanted = sorted({*wanted, *COARSER})
        found = _judged(bench, view, [bench.point(view, T) for T in wanted], nominal)
    hidden = 0
    for T in FINER if quick else (STEPS[-1], *FINER):
        hidden += found.hidden  # what the ladder does not show is to be seen on a longer one too
        if (found.verdict != "undecided" and hidden != 1) or not _usable(found.points[-1]):
            break
        wanted.append(T)
        found = _judged(bench, view, [bench.point(view, T) for T in wanted], nominal)
    return found


def _confirmed(bench: Bench, view: View, steps: list[int], nominal: float) -> Judged:
    """Of these rows; an order that they do not show is to be seen with one finer row too, or is none."""
    points = [bench.point(view, T) for T in steps]
    found = _judged(bench, view, points, nominal)
    if not found.hidden:
        return found
    longer = _judged(bench, view, [*points, bench.point(view, 2 * max(steps))], nominal)
    same = longer.power is not None and found.power is not None and longer.power.order == found.power.order
    return found if same else _judged(bench, view, points, nominal, powers=False)


def _usable(point: Point) -> bool:
    return point.w2 is not None and point.doubt is not None and point.w2 > 10 * point.doubt


def _doubted(points: Sequence[Point]) -> list[Point]:
    """With the rounding inside the sampler, of which each row sees one instance, at its largest in every row."""
    rough = [p.noise for p in points if p.w2 is not None and p.noise > LEGITIMATE * p.w2]
    least = INSTANCES * max(rough, default=0.0)
    return [p if p.doubt is None else replace(p, doubt=max(p.doubt, least)) for p in points]


def _judged(bench: Bench, view: View, points: Sequence[Point], nominal: float, powers: bool = True) -> Judged:
    points = _doubted(points)
    measured = [p for p in points if p.w2 is not None and p.doubt is not None]
    if len(measured) < 2:
        reason = next((p.note for p in points if p.note), None) or "it could not be measured"
        return Judged(view, points, "failed", reason)
    least = ROUNDING * scale_of(bench, view)
    if all(p.w2 <= max(10 * p.doubt, least) for p in measured):  # type: ignore[operator]
        worst = max(p.w2 or 0.0 for p in measured)
        return Judged(
            view, points, "exact", f"W2 is rounding at every T, at most {worst:.1e}: exact to rounding"
        )
    T = np.array([p.T for p in measured], dtype=float)
    values, doubts = ([getattr(p, key) for p in measured] for key in ("w2", "doubt"))
    fit = estimate(1 / T, values, doubts)
    verdict, reason = judge_order(fit, nominal)
    slope = fit.local_slopes[-1].slope if fit.local_slopes else None
    exponent, interval = fit.exponent, fit.interval
    if verdict != "inconclusive" and by_interval(fit, nominal) is None:  # slopes decide, and are what is told
        ends = fit.local_slopes[-2:]
        exponent, interval = slope, (min(end.low for end in ends), max(end.high for end in ends))
    found = Judged(view, points, WORDS[verdict], reason, exponent, interval, slope=slope)
    power = lowest_power(points, slope) if powers else None
    if power is not None:
        found = _by_power(replace(found, power=power), fit, nominal)
    return replace(found, details=rate_details(fit, T, "T", nominal, found.reason, h=1 / T))


def _by_power(found: Judged, fit: RateEstimate, nominal: float) -> Judged:
    """The same, decided by the lowest power that the error has where the fit says another order, or none."""
    power, slope = found.power, found.slope
    assert power is not None
    order = power.order
    if found.verdict != "undecided" and fit.interval and fit.interval[0] <= order <= fit.interval[1]:
        return found
    told = f"order {order}: the error has a term in h^{order}" if order else "it does not converge"
    if found.hidden and slope is not None:
        last = max(p.T for p in found.points)
        told = (
            f"order {order} in the end: the error has a term in h^{order}, {power.share:.2g} of it at T = {last}, "
            f"which takes over at T = {power.takes_over:.3g}; on T <= {last} it looks like {slope:.2f}"
        )
    apart = order - nominal
    verdict = "reached" if abs(apart) <= APART else "exceeded" if apart > 0 else "not reached"
    return replace(
        found,
        verdict=verdict,
        reason=f"{told}; nominal {nominal:g}: {verdict}",
        exponent=float(order),
        interval=(order - EXACTLY, order + EXACTLY),
    )
