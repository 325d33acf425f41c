"""A measured error on a ladder of step sizes: its usable rows and its local slopes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

FLOOR_MARGIN = 10.0
"""A row whose error is not above this many floors is shown, never fitted."""
NOISE_LIMIT = 0.3
"""A row whose relative standard error is larger has no useful logarithm."""
BEND = 0.05
"""A change of slope, per unit of log h, that smooth corrections may show anywhere on the ladder."""
SPIKE = 1.0
"""One at the coarse end that is a sign change if the slopes turn back after it."""
Z95 = 2.0
"""Standard errors in a 95 % half-width."""


@dataclass(frozen=True)
class LocalSlope:
    """log(e_i/e_j) / log(h_i/h_j) of two neighbouring rows, at ``x`` = the geometric mean of their h."""

    x: float
    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Rows:
    """The usable rows, coarse to fine, in logarithms.

    index : position in the caller's arrays.  log_h, log_e : natural logarithms.
    floor : largest change of log_e the floor allows, log(e / (e - floor)).
    noise : standard error of log_e.
    """

    index: NDArray[np.intp]
    log_h: Array
    log_e: Array
    floor: Array
    noise: Array

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(self.index[rows], self.log_h[rows], self.log_e[rows], self.floor[rows], self.noise[rows])

    @property
    def doubt(self) -> Array:
        """How far each log_e may be off: all of the floor and two standard errors."""
        return self.floor + Z95 * self.noise

    @property
    def slopes(self) -> Array:
        return np.diff(self.log_e) / np.diff(self.log_h)

    @property
    def slope_doubt(self) -> Array:
        step = -np.diff(self.log_h)
        return (self.floor[:-1] + self.floor[1:] + Z95 * np.hypot(self.noise[:-1], self.noise[1:])) / step

    def turn_short_of(self, exponent: float, margin: float) -> float:
        """How far the farthest local slope is from ``exponent``, where the slopes rise and fall and end short of it.

        0 where they do not turn, or one of them comes within ``margin`` of the exponent or beyond it.
        """
        slope, doubt = self.slopes, self.slope_doubt
        change, unsure = np.diff(slope), doubt[1:] + doubt[:-1]
        turn = (change > unsure).any() and (change < -unsure).any()
        if turn and not (slope - doubt).min() - margin <= exponent <= (slope + doubt).max() + margin:
            return float(np.abs(slope - exponent).max())
        return 0.0


def read_rows(
    h: ArrayLike, error: ArrayLike, floor: ArrayLike | None = None, noise: ArrayLike | None = None
) -> tuple[Rows, list[tuple[int, str]]]:
    """Split a ladder into usable rows and ``(index, reason)`` of the others.

    Raises ValueError if the arrays do not match, or h is not positive and strictly decreasing.
    """
    h = np.asarray(h, dtype=float)
    error = np.asarray(error, dtype=float)
    if h.ndim != 1 or error.shape != h.shape:
        raise ValueError(f"h and error must be vectors of one length, not {h.shape} and {error.shape}")
    if not (np.all(np.isfinite(h)) and np.all(h > 0) and np.all(np.diff(h) < 0)):
        raise ValueError("h must be positive and strictly decreasing (coarse to fine)")
    floor = _per_row("floor", floor, h.shape)
    noise = _per_row("noise", noise, h.shape)

    excluded = {}
    for i, (e, f, s) in enumerate(zip(error, floor, noise, strict=True)):
        if not np.isfinite(e) or e <= 0:
            excluded[i] = f"error {e:.3g} has no logarithm"
        elif e <= FLOOR_MARGIN * f:
            excluded[i] = f"error {e:.3g} is within {FLOOR_MARGIN:g} times its floor {f:.3g}"
        elif s > NOISE_LIMIT * e:
            excluded[i] = f"standard error {s:.3g} is above {NOISE_LIMIT:.0%} of the error {e:.3g}"
    kept = np.array([i for i in range(len(h)) if i not in excluded], dtype=np.intp)
    rows = Rows(
        index=kept,
        log_h=np.log(h[kept]),
        log_e=np.log(error[kept]),
        floor=-np.log1p(-floor[kept] / error[kept]),
        noise=noise[kept] / error[kept],
    )
    return rows, sorted(excluded.items())


def _per_row(name: str, value: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    array = np.broadcast_to(np.asarray(0.0 if value is None else value, dtype=float), shape)
    if not (np.all(np.isfinite(array)) and np.all(array >= 0)):
        raise ValueError(f"{name} must be finite and not negative")
    return array


def after_last_dip(rows: Rows) -> int:
    """First row on the fine side of the last dip of the error; 0 if there is none.

    A signed error that crosses zero shows as a local minimum of its absolute value: it falls, then
    rises again, by more than the doubt of the rows. Rows on the two sides belong to different laws.
    """
    slope, doubt = rows.slopes, rows.slope_doubt
    falls, rises = slope > doubt, slope < -doubt
    dips = np.flatnonzero(falls[:-1] & rises[1:])
    return int(dips[-1]) + 2 if len(dips) else 0


def first_smooth(rows: Rows) -> int:
    """First row from which on the local slopes change less and less; 0 if they do so throughout.

    Corrections to a power law are largest at the coarse end. A change of slope that exceeds those on
    its coarse side marks a zero of the signed error between the rows, or the end of another regime: the
    rows up to it, and the slope that may straddle the zero, do not belong to the law.
    """
    middle = (rows.log_h[1:] + rows.log_h[:-1]) / 2
    bend = np.diff(rows.slopes) / np.diff(middle)
    doubt = (rows.slope_doubt[1:] + rows.slope_doubt[:-1]) / -np.diff(middle)
    size = np.where(np.abs(bend) > doubt, np.abs(bend), 0.0)
    peak = int(np.argmax(size))
    spike = peak == 0 and size[0] > SPIKE and len(bend) > 1 and bend[0] * bend[1] < 0
    if size[peak] < BEND or (peak == 0 and not spike):
        return 0
    return peak + 2


def local_slopes(rows: Rows) -> tuple[LocalSlope, ...]:
    """The local slope of every two neighbouring usable rows, with the range that its doubt allows."""
    middle = np.exp((rows.log_h[:-1] + rows.log_h[1:]) / 2)
    return tuple(
        LocalSlope(float(x), float(s), float(s - u), float(s + u))
        for x, s, u in zip(middle, rows.slopes, rows.slope_doubt, strict=True)
    )


def raw_slope(T: Sequence[float] | Array, error: Sequence[float] | Array) -> float:
    """Least-squares exponent p of error ~ T^-p: the number a log-log plot against T shows.

    It ignores floors, logarithms and corrections; it is reported beside the estimate, never judged.
    Raises ValueError unless there are two rows or more, all positive.
    """
    T, error = np.asarray(T, dtype=float), np.asarray(error, dtype=float)
    if T.shape != error.shape or len(T) < 2 or np.any(T <= 0) or np.any(error <= 0):
        raise ValueError("raw_slope needs two rows or more of positive T and error")
    return float(-np.polyfit(np.log(T), np.log(error), 1)[0])
