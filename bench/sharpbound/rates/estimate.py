"""The exponent of a measured error, with an interval that answers for what is not a pure power law."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sharpbound.rates.fits import MIN_ROWS, WIDEST, best, best_with_log, candidates
from sharpbound.rates.ladder import (
    Z95,
    LocalSlope,
    Rows,
    after_last_dip,
    first_smooth,
    local_slopes,
    read_rows,
)

MAX_LOG_H = 600.0
"""exp(-600) is still a float; a faster decay than that over one ladder is below every floor."""

PLATEAU, FALL = 0.05, 0.2
"""An exponent below the first, after a local slope above the second, is the end of the errors' fall, not a law."""
FAR = 1e3
"""Unless floors were told and are this many times smaller: then what is left is not rounding."""
OVERSHOOT = 0.02
"""An exponent further than this beyond every local slope, where they turn, may continue a wave."""


@dataclass(frozen=True)
class RateEstimate:
    """What a ladder says of the exponent p in error ~ C h^p, or of the rate r in error ~ C exp(-r x).

    status : "estimated", or "inconclusive" with exponent, interval and window None and the reason.
    interval : 95 % interval; systematic parts (corrections, floors) enter as bounds.
    window : first and last index fitted, in the caller's arrays.
    local_slopes : of neighbouring usable rows; on the log h axis (of x, for an exponential law).
    excluded : (index, reason) of every row that was not fitted.
    log_power : 1 if the law needed a factor A log + B, A > 0, beside the power; else 0.
    reason : one sentence with the numbers.
    """

    status: Literal["estimated", "inconclusive"]
    exponent: float | None
    interval: tuple[float, float] | None
    window: tuple[int, int] | None
    local_slopes: tuple[LocalSlope, ...]
    excluded: tuple[tuple[int, str], ...]
    log_power: int
    reason: str

    @property
    def half_width(self) -> float | None:
        return None if self.interval is None else (self.interval[1] - self.interval[0]) / 2


def estimate(
    h: ArrayLike,
    error: ArrayLike,
    floor: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    *,
    log: ArrayLike | None = None,
) -> RateEstimate:
    """Exponent p of ``error = C h^p (1 + c1 h + c2 h^2 + ...)`` with an honest 95 % interval.

    h : (n,) step sizes, strictly decreasing, on any ladder.  error : (n,) absolute errors.
    floor : bound on |measured - true| per row (scalar or (n,)).  noise : standard error per row.
    log : (n,) log T, where the law may (but need not) carry a factor A log T + B with A > 0, as it does
        on a schedule whose horizon grows with T. It takes 6 rows to tell the two laws apart; the interval of
        fewer is as wide as such a factor may bend a slope.

    Raises ValueError if arrays do not match, h is not positive and strictly decreasing, or log not
    positive and strictly increasing. Rows that cannot be fitted are excluded with a reason, and too few
    usable rows make the estimate inconclusive.
    """
    rows, excluded = read_rows(h, error, floor, noise)
    slopes = local_slopes(rows)
    slow = None if log is None else np.asarray(log, dtype=float)
    if slow is not None and not (slow.shape == np.shape(h) and slow.min() > 0 and np.all(np.diff(slow) > 0)):
        raise ValueError("log must be positive and strictly increasing, one value per row")

    def inconclusive(reason: str) -> RateEstimate:
        seen = ", ".join(f"{s.slope:.3f}" for s in slopes)
        reason += f" (local slopes {seen})" if slopes else ""
        return RateEstimate("inconclusive", None, None, None, slopes, tuple(sorted(excluded)), 0, reason)

    for cut, reason in (
        (after_last_dip, "coarse side of a dip of the error: a sign change"),
        (first_smooth, "coarse side of a jump of the local slopes: pre-asymptotic, or a sign change"),
    ):
        if len(rows) >= MIN_ROWS:
            first = cut(rows)
            excluded += [(int(i), reason) for i in rows.index[:first]]
            rows = rows[first:]
    if len(rows) < MIN_ROWS:
        return inconclusive(f"{len(rows)} usable rows, {MIN_ROWS} are needed")

    found = best(candidates(rows)) if slow is None else best_with_log(rows, slow[rows.index])
    if found is None:
        return inconclusive("the local slopes do not settle: not asymptotic, or a slowly varying factor")

    if slow is None:  # where a factor may be, the interval spans all that it does
        found = replace(found, spread=found.spread + rows.turn_short_of(found.exponent, OVERSHOOT))
        if found.half_width > WIDEST:
            return inconclusive("the local slopes turn and do not settle")
    p, half = found.exponent, found.half_width
    if p < PLATEAU and not _floors_far_below(rows, floor):
        fell = max(s.slope for s in slopes) > FALL
        if fell or (floor is None and p > -PLATEAU):
            return inconclusive(f"exponent {p:.3f}: the errors stand on a floor that was not told")
    excluded += [(int(i), "coarser than the fitted window") for i in rows.index[: found.first]]
    excluded += [(int(i), "floor or noise would widen the interval") for i in rows.index[found.last + 1 :]]
    law = "a power law times A log + B" if found.log_share else "a power law"
    parts = (("corrections", found.spread), ("floors", found.floor), ("noise", Z95 * found.noise))
    return RateEstimate(
        status="estimated",
        exponent=p,
        interval=(p - half, p + half),
        window=(int(rows.index[found.first]), int(rows.index[found.last])),
        local_slopes=slopes,
        excluded=tuple(sorted(excluded)),
        log_power=int(found.log_share > 0),
        reason=f"{law} with {found.corrections} corrections over {found.last - found.first + 1} rows gives "
        f"{p:.4f} +- {half:.4f} (" + ", ".join(f"{name} {size:.1e}" for name, size in parts) + ")",
    )


def _floors_far_below(rows: Rows, floor: ArrayLike | None) -> bool:
    """Whether floors were told, and even floors that were told `FAR` times too small would not reach an error."""
    return floor is not None and bool(rows.floor.max() < 1 / FAR)


def estimate_exponential(
    x: ArrayLike, error: ArrayLike, floor: ArrayLike | None = None, noise: ArrayLike | None = None
) -> RateEstimate:
    """Rate r of ``error = C exp(-r x) (1 + c1 exp(-r x) + ...)``; ``exponent`` and interval are r's.

    x : (n,) strictly increasing (time, training steps, ...).  Otherwise as ``estimate``: with
    h = exp(-s x) the law is the power law h^(r/s); s is the overall slope, so that the corrections,
    multiples of the leading rate, are the powers of h that ``estimate`` extrapolates.

    The interval is relative: it is never narrower than half a percent of the rate.
    """
    at, error = np.asarray(x, dtype=float), np.asarray(error, dtype=float)
    if at.ndim != 1 or len(at) < 2 or not np.all(np.isfinite(at)) or not np.all(np.diff(at) > 0):
        raise ValueError("x must be two finite, strictly increasing numbers or more")
    span = float(np.ptp(at))
    rows, _ = read_rows(np.exp(-(at - at[0]) / span), error, floor, noise)
    steepness = abs(np.ptp(rows.log_e) / np.ptp(rows.log_h)) if len(rows) > 1 else 1.0
    scale = float(np.clip(steepness, 1e-3, MAX_LOG_H)) / span
    found = estimate(np.exp(-scale * (at - at[0])), error, floor, noise)
    slopes = tuple(
        LocalSlope(float(at[0] - np.log(s.x) / scale), scale * s.slope, scale * s.low, scale * s.high)
        for s in found.local_slopes
    )
    if found.exponent is None or found.interval is None:
        return replace(found, local_slopes=slopes)
    low, high = (scale * edge for edge in found.interval)
    reason = f"rate {scale * found.exponent:.6g}: with h = exp(-{scale:.6g} x), "
    return replace(
        found,
        exponent=scale * found.exponent,
        interval=(low, high),
        local_slopes=slopes,
        reason=reason + found.reason,
    )
