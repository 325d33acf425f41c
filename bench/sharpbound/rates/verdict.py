"""From a measured exponent to a verdict on a claim.

A bound's exponent q is compared with the measured p: error/bound behaves as h^(p - q).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sharpbound.rates.estimate import RateEstimate

TOLERANCE = 0.02
"""Exponents closer than this are one exponent; an interval with a larger half-width cannot show it."""

BoundKind = Literal["upper-bound", "lower-bound", "exponential"]
VerdictName = Literal["sharp", "loose", "violated", "confirmed", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Verdict:
    """The verdict, the logarithms by which bound and error differ (None: no such question), and why."""

    verdict: VerdictName
    log_gap: float | None
    reason: str


def judge_bound(
    estimate: RateEstimate,
    predicted: float,
    kind: BoundKind = "upper-bound",
    tolerance: float = TOLERANCE,
    *,
    bound_log_power: float = 0.0,
    axis_log_power: float = 0.0,
) -> Verdict:
    """Whether a bound C h^q (log T)^b holds, and is attained, given the measured error ~ h^p.

    estimate : of p (of the rate, for kind "exponential": an upper bound C exp(-q x)).
    predicted : q > 0.  tolerance : absolute; relative to q for "exponential".
    bound_log_power : power of log T in the bound as stated against 1/T.
    axis_log_power : l if the axis is h ~ (log T)^l / T, so that the error carries l*q logarithms, plus
        one where the estimate needed a factor A log + B. log_gap = bound's logarithms - error's.

    Upper bounds. sharp: the interval contains q and its half-width is at most the tolerance. loose: it
    lies above q + tolerance (the error decays faster). violated: below q - tolerance (error/bound grows).
    Lower bounds mirror this. Equal powers with logarithms that would break the bound are inconclusive:
    on a ladder a power of log T is not told from constants. All else is inconclusive.
    """
    if kind not in ("upper-bound", "lower-bound", "exponential"):
        raise ValueError(f"kind must be upper-bound, lower-bound or exponential, not {kind!r}")
    slack = tolerance * abs(predicted) if kind == "exponential" else tolerance
    place, numbers = _place(estimate, predicted, slack)
    if place == "unknown":
        return Verdict("inconclusive", None, numbers)
    if place == "wide":
        return Verdict("inconclusive", None, f"{numbers}: the two are neither equal nor apart by {slack:.3g}")
    lower = kind == "lower-bound"
    if place != "equal":
        faster = place == "above"
        verdict: VerdictName = "loose" if faster != lower else "violated"
        ratio = "falls" if faster else "grows"
        return Verdict(verdict, None, f"{numbers}: error/bound {ratio} as a power, the {kind} is {verdict}")

    log_gap = 0.0
    if kind != "exponential":
        log_gap = bound_log_power - axis_log_power * predicted - estimate.log_power
    if log_gap == 0:
        return Verdict("sharp", log_gap, f"{numbers}: error/bound tends to a constant")
    change = f"error/bound {'falls' if log_gap > 0 else 'grows'} like (log T)^{-log_gap:g}"
    if (log_gap > 0) == lower:
        return Verdict(
            "inconclusive", log_gap, f"{numbers}: equal powers, but {change}, which no ladder demonstrates"
        )
    return Verdict("sharp", log_gap, f"{numbers}: sharp in the power, and {change}")


def judge_equality(estimate: RateEstimate, predicted: float, tolerance: float = TOLERANCE) -> Verdict:
    """Whether the exponent (or rate) equals ``predicted``.

    confirmed: the interval contains it and has a half-width of at most ``tolerance``. refuted: the
    interval lies further than ``tolerance`` away. Otherwise inconclusive.
    """
    place, numbers = _place(estimate, predicted, tolerance)
    if place == "equal":
        return Verdict("confirmed", None, f"{numbers}: equal")
    if place in ("above", "below"):
        return Verdict("refuted", None, f"{numbers}: apart by more than {tolerance:g}")
    return Verdict("inconclusive", None, numbers)


def judge_ordering(
    values_a: ArrayLike,
    values_b: ArrayLike,
    floor_a: ArrayLike = 0.0,
    floor_b: ArrayLike = 0.0,
) -> Verdict:
    """Whether a <= b at every x, given floors: bounds on |measured - true| of each value.

    confirmed: a + floor_a <= b - floor_b everywhere. refuted: a - floor_a > b + floor_b somewhere.
    Otherwise some rows are within their floors (or not finite), and it is inconclusive.
    Raises ValueError if the shapes differ, there is no row, or a floor is negative.
    """
    a, b = np.asarray(values_a, dtype=float), np.asarray(values_b, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(f"values_a and values_b must be vectors of one length, not {a.shape} and {b.shape}")
    doubt = np.broadcast_to(np.asarray(floor_a, dtype=float) + np.asarray(floor_b, dtype=float), a.shape)
    if not np.all(doubt >= 0):
        raise ValueError("floors must not be negative")
    gap = b - a
    refuting = np.flatnonzero(gap < -doubt)
    if len(refuting):
        i = refuting[np.argmin((gap + doubt)[refuting])]
        reason = (
            f"a exceeds b at {len(refuting)} of {len(a)} rows, at the {_place_of(i)}: {a[i]:.6g} > {b[i]:.6g}"
        )
        return Verdict("refuted", None, f"{reason} beyond the floors {doubt[i]:.1e}")
    undecided = np.flatnonzero(~(gap >= doubt))
    if len(undecided):
        i = undecided[0]
        reason = f"{len(undecided)} of {len(a)} rows lie within their floors, first the {_place_of(i)}: "
        return Verdict("inconclusive", None, reason + f"{a[i]:.6g} against {b[i]:.6g}, floors {doubt[i]:.1e}")
    i = int(np.argmin(gap - doubt))
    reason = f"a <= b at {_all_rows(len(a))} beyond the floors, closest at the {_place_of(i)}: {a[i]:.6g} <= {b[i]:.6g}"
    return Verdict("confirmed", None, reason)


def _all_rows(n: int) -> str:
    return "the only row" if n == 1 else f"all {n} rows"


def _place_of(i: int) -> str:
    """Row i as a reader counts: "first row", "12th row"."""
    n = int(i) + 1
    if n <= 3:
        return ("first", "second", "third")[n - 1] + " row"
    ending = "th" if n % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{ending} row"


def _short(rate: float | None) -> str:
    """Four decimals, or three digits of a small rate per iteration."""
    if rate is None:
        return "-"
    return f"{rate:.4f}" if abs(rate) >= 0.01 else f"{rate:.3g}"


def log_factor(power: int) -> str:
    """The slowly varying factor that was fitted beside the power law, in words; empty if none was."""
    return {0: "", 1: "A log T + B"}.get(power, f"(A log T + B)^{power}")


def _place(
    estimate: RateEstimate, predicted: float, tolerance: float
) -> tuple[Literal["equal", "above", "below", "wide", "unknown"], str]:
    """Where the interval lies against ``predicted``, and the numbers that say so."""
    if estimate.interval is None or estimate.window is None:
        return "unknown", f"no estimate: {estimate.reason}"
    low, high = estimate.interval
    factor = log_factor(estimate.log_power)
    numbers = (
        f"measured {_short(estimate.exponent)} in [{_short(low)}, {_short(high)}]"
        f"{' beside a factor ' + factor if factor else ''} over rows "
        f"{estimate.window[0] + 1} to {estimate.window[1] + 1}, predicted {predicted:g}"
    )
    if low > predicted + tolerance:
        return "above", numbers
    if high < predicted - tolerance:
        return "below", numbers
    if low <= predicted <= high and high - low <= 2 * tolerance:
        return "equal", numbers
    return "wide", numbers


def judge_values(
    measured: ArrayLike, predicted: ArrayLike, tolerance: float, uncertainty: ArrayLike = 0.0
) -> Verdict:
    """confirmed: |measured - predicted| <= tolerance |predicted| at every row, uncertainty included; refuted:
    somewhere it is more, even if the uncertainty is taken off; else inconclusive.
    """
    value, formula = np.asarray(measured, dtype=float), np.asarray(predicted, dtype=float)
    doubt = np.broadcast_to(np.asarray(uncertainty, dtype=float), value.shape)
    off, allowed = np.abs(value - formula), tolerance * np.abs(formula)
    i = int(np.argmax((off + doubt) / allowed))
    numbers = (
        f"farthest at the {_place_of(i)}: measured {value[i]:.10g}, predicted {formula[i]:.10g}, apart by {off[i]:.1e} "
        f"with an uncertainty of {doubt[i]:.1e}"
    )
    if (off + doubt <= allowed).all():
        return Verdict("confirmed", None, f"equal to {tolerance:.0e} at {_all_rows(len(value))}; {numbers}")
    if (off - doubt > allowed).any():
        return Verdict("refuted", None, f"apart by more than {tolerance:.0e}; {numbers}")
    return Verdict("inconclusive", None, f"not resolved to {tolerance:.0e}; {numbers}")
