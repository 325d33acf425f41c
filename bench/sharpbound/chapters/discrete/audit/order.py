"""The order of a kernel: the exact total variation of its output on two grids, as the number of steps grows.

Steps of one coordinate apart from the others are of order 1 at best, unless the target's coordinates are independent
or there is one: two that jump in one step, of chance h^2, do not know of each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpbound.chapters.discrete import process
from sharpbound.chapters.discrete.audit.trial import usual_mistake
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.laws import tables
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.own import NoLaw, OwnKernel
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.rates import RateEstimate, estimate
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Row

STEPS = (16, 32, 64, 128, 256, 512)
FINER = (1024, 2048)
"""Measured where the others do not decide."""
METRICS = ("tv", "kl", "path-kl")
HORIZON, DELTA = 2.0, 0.05
"""Where no others are given."""
GRIDS = {"even": "uniform", "uneven": "geometric"}
EXACT = 1e-13
"""Total variation that is rounding."""
SHORT = 1e-4
"""Of a step that tells whether the kernel is right in the limit, over the time."""
WRONG = 1e-6
"""Rate at which the law may go wrong by rounding and extrapolation of such a step."""
LATEST = 1e6
"""An error that takes over beyond this T is none that anybody sees."""
Judge = Callable[[RateEstimate, float], tuple[str, str]]
"""Of an estimate and the nominal order: reached, exceeded, not reached or undecided, and why."""


@dataclass(frozen=True)
class View:
    """A process on one grid."""

    reverse: Reverse
    schedule: str
    grid: str
    """"even" in time, "uneven" (in its logarithm), or "own" of the process."""

    @property
    def range(self) -> tuple[float, float]:
        """The last and the first time."""
        times = self.reverse.process.times(1)
        return float(times[-1]), float(times[0])

    @property
    def timed(self) -> bool:
        """Whether short steps, of a share of the time, can be taken anywhere in the range."""
        low, high = self.range
        return low > 0 and math.isfinite(high)

    @property
    def where(self) -> str:
        low, high = self.range
        return f"{self.schedule} from t = {high:.3g} to {low:.3g}, {self.grid} steps"


@dataclass(frozen=True)
class Judged:
    """A view with its rows and what follows from them."""

    view: View
    rows: Sequence[Row]
    verdict: str
    reason: str
    exponent: float | None = None
    interval: tuple[float, float] | None = None
    details: Mapping[str, Any] | None = None


def views(data: Array, forward: Mapping[str, Any], ladder: str | None) -> list[View]:
    """The process of a [forward] table on even and on uneven steps, or on those of ``ladder``; one view where it says
    its grid, or has its own.
    """
    if ladder not in (None, *GRIDS):
        raise InputError(f"even or uneven, not {ladder!r}", key="--ladder")
    name = str(forward.get("process"))
    states = data.shape[0]
    if name not in process.PROCESSES or name == "d3pm" or "grid" in forward:
        if name in process.PROCESSES and ladder is not None:
            raise InputError(f"{name} has a grid of its own here: leave it out", key="--ladder")
        times = {} if name == "d3pm" else {"horizon": HORIZON, "delta": DELTA}
        return [View(Reverse(data, process.build({**times, **forward}, states)), name, "own")]
    found = []
    for each in GRIDS if ladder is None else (ladder,):
        spec = {"horizon": HORIZON, "delta": DELTA, **forward, "grid": GRIDS[each]}
        found.append(View(Reverse(data, process.build(spec, states)), name, each))
    return found


def judge_view(
    kernel: OwnKernel, view: View, nominal: float, steps: Sequence[int] | None, unit: float, judge: Judge
) -> Judged:
    """Measure ``steps``, or as many of the usual ones as it takes.

    unit : rounding of what the kernel answers.
    """
    wanted = list(STEPS if steps is None else steps)
    rows = [_row(kernel, view, T, unit) for T in wanted]
    found = _judged(kernel, view, rows, nominal, judge)
    for T in FINER if steps is None else ():
        if found.verdict != "undecided" or not _above_floor(rows[-1]):
            break
        rows.append(_row(kernel, view, T, unit))
        found = _judged(kernel, view, rows, nominal, judge)
    return found


def _row(kernel: OwnKernel, view: View, T: int, unit: float) -> Row:
    try:
        pair = tables(Chain(view.reverse, kernel, T))
    except NoLaw as mistake:
        return {"T": T} | {key: None for m in METRICS for key in (m, f"{m}_floor")} | {
            "floor": None, "note": mistake.message
        }  # fmt: skip
    row: Row = {"T": T}
    rounding = T * view.reverse.data.ndim * unit if unit > 1e-10 else 0.0
    for metric in METRICS:
        value, floor, _ = pair.value(metric)
        finite = math.isfinite(value)
        # a law moves by as much as is rounded; a divergence, of second order, by the product with its root
        wide = rounding if metric == "tv" else rounding * math.sqrt(2 * max(value, 0.0)) + rounding**2
        row |= {metric: value if finite else None, f"{metric}_floor": floor + wide if finite else None}
    return row | {"floor": row["tv_floor"], "floor_kind": "closed-form"}


def _above_floor(row: Row) -> bool:
    return row["tv"] is not None and row["tv"] > 10 * row["tv_floor"]


def _judged(kernel: OwnKernel, view: View, rows: Sequence[Row], nominal: float, judge: Judge) -> Judged:
    measured = [row for row in rows if row["tv"] is not None]
    if len(measured) < 2:
        reason = next((row["note"] for row in rows if row.get("note")), "it could not be measured")
        mistake = _mistake(kernel, view)
        return Judged(view, rows, "failed", f"{reason}; {mistake}" if mistake else reason)
    if all(row["tv"] <= max(EXACT, 10 * row["tv_floor"]) for row in measured):
        most = max(row["tv"] for row in measured)
        return Judged(
            view, rows, "exact", f"TV is rounding at every T, at most {most:.1e}: exact to rounding"
        )
    T = np.array([row["T"] for row in measured], dtype=float)
    fit = estimate(1 / T, [row["tv"] for row in measured], [row["tv_floor"] for row in measured])
    verdict, reason = judge(fit, nominal)
    details = rate_details(fit, T, "T", nominal, reason, h=1 / T)
    last = measured[-1]
    stays = _goes_wrong(kernel, view) * (view.range[1] - view.range[0])
    later = last["tv"] * last["T"] / stays if stays else math.inf
    if later <= LATEST:
        mistake = _mistake(kernel, view) or "short steps are wrong to first order"
        seen = "" if later < last["T"] else f", which shows from T = {later:.2g} on"
        reason = f"it does not converge: {mistake}{seen}; nominal {nominal:g}: not reached"
        return Judged(view, rows, "not reached", reason, 0.0, (-0.02, 0.02), details | {"reason": reason})
    return Judged(view, rows, verdict, reason, fit.exponent, fit.interval, details)


def _goes_wrong(kernel: OwnKernel, view: View) -> float:
    """The rate, in total variation, at which short steps from the true law lead away from it; 0 where it is rounding.

    A law that goes wrong at a rate a errs by a times the time at the end, however many steps there are.
    """
    most, (low, high) = 0.0, view.range
    if not view.timed:
        return 0.0
    for t in np.geomspace(low, high, 7)[1:-1].tolist():
        h = SHORT * t
        try:
            first, second = (_moved(kernel, view.reverse, t, step) for step in (h, h / 2))
        except NoLaw:
            return 0.0
        most = max(most, 0.5 * float(np.abs(2 * second - first).sum()))
    return most if most > WRONG else 0.0


def _moved(kernel: OwnKernel, reverse: Reverse, t: float, h: float) -> Array:
    """(p_t K - p_{t-h})/h."""
    (rows,) = kernel.kernels(reverse, t, t - h)
    p = reverse.marginal(t).ravel()
    return np.asarray((p @ rows(slice(0, reverse.size)) - reverse.marginal(t - h).ravel()) / h)


def _mistake(kernel: OwnKernel, view: View) -> str | None:
    if not view.timed:
        return None
    t = math.sqrt(math.prod(view.range))
    try:
        return usual_mistake(kernel, view.reverse, t, SHORT * t)
    except NoLaw:
        return None
