"""Nominal against measured order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sharpbound.chapters.deciding import APART
from sharpbound.rates import RateEstimate, estimate
from sharpbound.rates.details import rate_details

STALLED = 0.5
"""Where no power law is found, two finest local slopes that are this far below the nominal order decide."""


def order_details(
    rows: Sequence[Mapping[str, Any]], nominal: float
) -> tuple[str, RateEstimate, dict[str, Any]]:
    """Verdict, estimate and details of rows with T, w2 and w2_floor; rows without a value
    or without a floor are left out.
    """
    usable = [row for row in rows if None not in (row["w2"], row["w2_floor"])]
    T = np.array([row["T"] for row in usable], dtype=float)
    found = estimate(1 / T, [row["w2"] for row in usable], [row["w2_floor"] for row in usable])
    verdict, reason = judge_order(found, nominal)
    return verdict, found, rate_details(found, T, "T", nominal, reason, h=1 / T)


def judge_order(found: RateEstimate, nominal: float) -> tuple[str, str]:
    """Verdict and reason on "the error is at most C/T^nominal".

    sharp: the whole interval lies within APART of the nominal order: a library that computes in float32, on integer
    timesteps, has no slopes as exact as those of an exact law. violated: all of it below that, the
    order is not reached. loose: all of it above. Where the error gives no interval, or a wide one, the finest local
    slopes decide: see `_by_slopes`. Otherwise inconclusive.
    """
    decided = by_interval(found, nominal) or _by_slopes(found, nominal)
    if decided is not None:
        return decided
    if found.interval is None or found.exponent is None:
        return "inconclusive", f"no order: {found.reason}"
    return (
        "inconclusive",
        f"{_numbers(found.exponent, found.interval, nominal)}: the interval does not decide",
    )


def _numbers(exponent: float, interval: tuple[float, float], nominal: float) -> str:
    low, high = interval
    return f"measured order {exponent:.3f} in [{low:.3f}, {high:.3f}], nominal {nominal:g}"


def by_interval(found: RateEstimate, nominal: float) -> tuple[str, str] | None:
    """What the interval says by itself, or None."""
    if found.interval is None or found.exponent is None:
        return None
    low, high = found.interval
    numbers = _numbers(found.exponent, found.interval, nominal)
    if nominal - APART <= low and high <= nominal + APART:
        return "sharp", f"{numbers}: reached"
    if high < nominal - APART:
        return "violated", f"{numbers}: not reached"
    if low > nominal + APART:
        return "loose", f"{numbers}: exceeded"
    return None


def _by_slopes(found: RateEstimate, nominal: float) -> tuple[str, str] | None:
    """What the two finest local slopes say where no interval decides, or None.

    ``ahead`` is the next one if they go on as they do, within ``doubt`` by the floors. violated: both, with all
    their doubt, are STALLED below the nominal order, as where the error stalls. sharp: the last is within APART of
    it, and so is ``ahead``. loose: the last is above that and no further up than the one before, and ``ahead`` is
    not below.
    """
    finest = found.local_slopes[-2:]
    if len(finest) < 2:
        return None
    before, last = finest
    ahead = 2 * last.slope - before.slope
    doubt = (last.high - last.low) + (before.high - before.low) / 2
    seen = f"the finest local slopes are {before.slope:.2f} and {last.slope:.2f}, nominal {nominal:g}"
    if all(slope.high < nominal - STALLED for slope in finest):
        return "violated", f"{seen}: not reached"
    if last.high - last.low > 2 * STALLED:
        return None
    if abs(last.slope - nominal) <= APART and abs(ahead - nominal) <= APART + doubt:
        return "sharp", f"{seen}: reached"
    steady = last.slope <= before.slope + APART / 2  # slopes that rise are no power law
    if steady and last.low > nominal + APART and ahead >= nominal - APART - doubt:
        return "loose", f"{seen}: exceeded"
    return None
