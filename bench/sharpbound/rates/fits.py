"""Nested fits of a power law with corrections, and what each of them may still have wrong.

The law is error = C h^p (1 + c1 h + c2 h^2 + ...), so log error = c + p log h + a1 h + a2 h^2 + ....
A *candidate* is a fit with k corrections over a window of rows. With as many rows as unknowns it is
Richardson's extrapolation of the local slopes; with more it averages noise. Its half-width adds what
the next order leaves out (the spread over windows and models), the floors, the noise, and RESOLUTION.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpbound.rates.ladder import Z95, Array, Rows

MIN_ROWS = 4
"""Three local slopes: two changes of slope, the fewest that can be seen to shrink."""
MIN_ROWS_LOG = 6
"""One fit of a factor A log + B takes five rows, and a second must say whether it settles."""
MAX_CORRECTIONS = 3
RESOLUTION = 0.005
"""No exponent is claimed more finely: that the corrections are powers of h is itself an assumption."""
MAX_SPREAD = 0.1
"""Extrapolations further apart than this have not converged."""
MAX_CORRECTION = 0.5
"""A local slope further than this from the limit lies outside the range the expansion describes."""
CARRY = 0.125
"""Two extrapolations may agree by chance: the spread is never less than this share of the last one's."""
TRUSTED_ORDER = 0.85
"""Corrections must shrink like h (observed order 1); a logarithm is seen at order 2/log(1/h) < 0.5."""
STILL = 1e-4
"""A slope that changes less per unit of log h has settled; h (1 + h^.1) still changes its by 2e-3 at h = 1e-3."""
LOG_SAFETY = 2.5
"""Times drift/order bounds the drift left; for (log 1/h)^g, whose slope is p - g/log(1/h), 2 is exact."""
LOG_SPREAD = 2.0
"""Times the largest step to a neighbouring fit: the search for the factor leaves few rows to judge by."""
LOG_SPAN = 1.5
"""The least log T_last / log T_first over which a factor A log T + B may narrow anything: over less it is a power."""
LOG_NONE = 0.02
"""A logarithm with a smaller share of the factor is none; a fit that asks for less than -LOG_NONE is no fit:
corrections that the powers of h do not describe feign shares near -0.07."""
WIDEST = 0.5
"""An interval of a larger half-width is not given."""
SPOILED = 1e-3
"""A fine row may be left out of a window only if floor or noise makes its logarithm this doubtful."""


@dataclass(frozen=True)
class Candidate:
    """One fit: exponent, the parts of its half-width, first and last row (positions), corrections used.

    log_share : s of the factor 1 + s (log/log_max - 1); 0 for a power law.
    """

    exponent: float
    spread: float
    noise: float
    floor: float
    first: int
    last: int
    corrections: int
    log_share: float = 0.0

    @property
    def half_width(self) -> float:
        return RESOLUTION + self.spread + Z95 * self.noise + self.floor


def _powers(rows: Rows, corrections: int) -> Array:
    """Columns 1, log h, h, ..., h^k, with h in units of the coarsest row of the window."""
    log_x = rows.log_h - rows.log_h[0]
    columns = [np.ones_like(log_x), log_x, *(np.exp((j + 1) * log_x) for j in range(corrections))]
    return np.stack(columns, axis=1)


def _row_weights(rows: Rows) -> Array:
    """1/standard error, or 1 for exact rows; one lucky row does not outweigh the others tenfold."""
    worst = rows.noise.max()
    return 1 / np.maximum(rows.noise, worst / 10) if worst > 0 else np.ones(len(rows))


def exponent_weights(rows: Rows, corrections: int) -> Array:
    """w such that the least-squares exponent of the model with k corrections is w @ log_e."""
    weight = _row_weights(rows)
    return np.linalg.pinv(_powers(rows, corrections) * weight[:, None])[1] * weight


def _drift(rows: Rows, level: int) -> tuple[Array, float, float]:
    """Last two changes per unit of log h of the ``level`` times extrapolated local slope.

    Also the doubt of the last change, and the order of h at which the changes shrink.
    """
    start = len(rows) - level - 4
    windows = [rows[j : j + level + 2] for j in range(start, start + 3)]
    weights = [exponent_weights(window, level) for window in windows]
    values = np.array([w @ window.log_e for w, window in zip(weights, windows, strict=True)])
    doubts = np.array([np.abs(w) @ window.doubt for w, window in zip(weights, windows, strict=True)])
    at = np.array([window.log_h.mean() for window in windows])
    change = np.diff(values) / np.diff(at)
    doubt = (doubts[1] + doubts[2]) / (at[1] - at[2])
    with np.errstate(divide="ignore"):
        order = 2 * np.log(np.abs(change[0] / change[1])) / (at[0] - at[2]) if change[1] else np.inf
    return change, float(doubt), float(order)


def drift_left(rows: Rows) -> float:
    """How far the finest local slope may still move beyond what powers of h explain; inf if unbounded.

    0 when the change of slope is below resolution, or shrinks as h does, or (a first correction that
    nearly cancels) the once extrapolated slope changes as h^2. A slope that changes ever faster bounds
    nothing, nor one that turns by more than RESOLUTION. In between, a slowly varying factor is at work:
    LOG_SAFETY drift/order.
    """
    change, doubt, order = _drift(rows, 0)
    if abs(change[1]) <= doubt or np.abs(change).max() <= max(doubt, STILL):
        return 0.0
    turns = change[0] * change[1] < 0
    if order >= TRUSTED_ORDER and not turns:
        return 0.0
    if len(rows) > MIN_ROWS and _drift(rows, 1)[2] >= 1 + TRUSTED_ORDER:
        return 0.0
    if turns and np.abs(change).max() <= RESOLUTION:
        return LOG_SAFETY * float(np.abs(change).max())
    return np.inf if turns or order <= 0 else LOG_SAFETY * abs(float(change[1])) / order


def _ever_faster(rows: Rows) -> bool:
    """Whether the local slope changes more and more over the last rows: what neither powers of h nor A > 0 does."""
    middle = (rows.log_h[1:] + rows.log_h[:-1]) / 2
    step = -np.diff(middle)
    bend = (np.diff(rows.slopes) / step)[-4:]
    doubt = ((rows.slope_doubt[1:] + rows.slope_doubt[:-1]) / step)[-4:]
    grows = np.diff(np.sign(bend[-1]) * bend) > doubt[1:] + doubt[:-1]
    return bool(bend[0] * bend[-1] > 0 and grows.all())


def _fine_ends(rows: Rows) -> Iterator[int]:
    """Ends of windows: all rows, and fewer as long as the rows left out are spoiled."""
    for end in range(len(rows), MIN_ROWS - 1, -1):
        if end < len(rows) and rows.doubt[end] < SPOILED:
            return
        yield end


def candidates(rows: Rows) -> Iterator[Candidate]:
    """Every acceptable fit of C h^p (1 + c1 h + ...) over a window at the fine end."""
    for end in _fine_ends(rows):
        yield from _candidates_to(rows[:end])


def _candidates_to(rows: Rows) -> Iterator[Candidate]:
    n = len(rows)
    fits = {}
    for i in range(n - 1):
        window = rows[i:]
        for k in range(min(MAX_CORRECTIONS, len(window) - 2) + 1):
            w = exponent_weights(window, k)
            noise_of_fit = float(np.linalg.norm(w * window.noise))
            fits[i, k] = float(w @ window.log_e), noise_of_fit, float(np.abs(w) @ window.floor)
    left = [drift_left(rows[i:]) for i in range(n - MIN_ROWS + 1)]
    for (i, k), (p, noise, floor) in fits.items():
        if k == 0 or n - i < MIN_ROWS:
            continue
        spread = abs(p - fits[i + 1, k - 1][0])
        if k > 1:
            spread = max(spread, CARRY * abs(fits[i + 1, k - 1][0] - fits[i + 2, k - 2][0]))
        for j in range(i + 1, n - k - 1):
            other, other_noise, other_floor = fits[j, k]
            spread = max(spread, abs(p - other) - Z95 * other_noise - other_floor)
        reach = abs(rows.slopes[i] - p) - rows.slope_doubt[i]
        if spread > MAX_SPREAD or reach > MAX_CORRECTION:
            continue
        if left[i] > 0:
            p, spread = float(rows.slopes[-1]), max(spread, left[i])
        yield Candidate(p, spread, noise, floor, i, n - 1, k)


def best(found: Iterator[Candidate]) -> Candidate | None:
    """The candidate of smallest half-width, unless that is too wide to say anything of a rate."""
    narrowest = min(found, key=lambda candidate: candidate.half_width, default=None)
    return narrowest if narrowest is not None and narrowest.half_width <= WIDEST else None


def best_with_log(rows: Rows, log: Array) -> Candidate | None:
    """The best fit where a factor A log + B may, but need not, multiply the power law.

    A narrow power law proves nothing: over few octaves three corrections imitate the factor. So unless a fit
    with the factor is the narrower one the interval spans both, and without any such fit all that the factor
    may do to a slope.
    """
    power = best(candidates(rows))
    told = len(rows) >= MIN_ROWS_LOG and log[-1] >= LOG_SPAN * log[0] and not _ever_faster(rows)
    logarithmic = best(log_candidates(rows, log)) if told else None
    if power is None or (logarithmic is not None and logarithmic.half_width < power.half_width):
        return logarithmic
    if logarithmic is None:
        apart = _largest_share(log) * np.log(log[-1] / log[-2]) / (rows.log_h[-2] - rows.log_h[-1])
    else:
        apart = abs(power.exponent - logarithmic.exponent) + logarithmic.half_width - power.half_width
    return replace(power, spread=power.spread + apart) if apart <= WIDEST else None


def log_candidates(rows: Rows, log: Array) -> Iterator[Candidate]:
    """Every acceptable fit of C h^p (A log + B)(1 + c1 h + ...), A > 0, over a window at the fine end.

    The factor is written 1 + s (log/log_max - 1): s = 0 without logarithm, s = 1 for a pure one. Its
    zero must lie well before the window. The fit is linear but for s, which is searched.
    """
    for n in _fine_ends(rows):
        fits = {}
        for i in range(n - MIN_ROWS):
            window = rows[i:n]
            for k in range(1, min(MAX_CORRECTIONS, len(window) - 3) + 1):
                fit = _fit_log(window, log[i:n], k)
                if fit is not None:
                    fits[i, k] = fit
        for (i, k), (p, noise, floor, share) in fits.items():
            near = [fits[i + a, k + b][0] for a in (-1, 0, 1) for b in (-1, 0, 1) if (i + a, k + b) in fits]
            spread = LOG_SPREAD * max(abs(p - other) for other in near) if len(near) > 1 else np.inf
            reach = abs(rows.slopes[i] - p) - rows.slope_doubt[i]
            if spread > MAX_SPREAD or reach > MAX_CORRECTION:
                continue
            bare = _without_factor(rows[i:n], log[i:n], share)
            left = drift_left(bare)
            if left > 0:
                p, spread = float(bare.slopes[-1]), max(spread, left)
            yield Candidate(p, spread, noise, floor, i, n - 1, k, share if share > LOG_NONE else 0.0)


def _without_factor(rows: Rows, log: Array, share: float) -> Rows:
    """The rows divided by 1 + s (log/log_max - 1)."""
    return replace(rows, log_e=rows.log_e - np.log1p(share * (log / log[-1] - 1)))


def _largest_share(log: Array) -> float:
    """s at which the factor's zero lies as far before the window as the window is long, in log."""
    return float(2 / (2 - log[0] / log[-1]))


def _fit_log(rows: Rows, log: Array, corrections: int) -> tuple[float, float, float, float] | None:
    """(exponent, noise, floor, s) of the best factor; None if it lies on the edge of its range."""
    ratio = log / log[-1] - 1
    weight = _row_weights(rows)
    design = _powers(rows, corrections) * weight[:, None]
    project: NDArray[np.float64] = np.eye(len(rows)) - design @ np.linalg.pinv(design)

    low, high = -LOG_NONE, _largest_share(log)
    for _ in range(4):
        grid = np.linspace(low, high, 40)
        rest = weight * (rows.log_e - np.log1p(np.outer(grid, ratio)))
        at = int(np.argmin(np.linalg.norm(rest @ project, axis=1)))
        if at in (0, len(grid) - 1):
            return None
        low, high = grid[at - 1], grid[at + 1]
    s = float(grid[at])
    # how the exponent answers to a change of the rows, s following
    full = np.column_stack([design, weight * ratio / (1 + s * ratio)])
    w = np.linalg.pinv(full)[1] * weight
    plain = np.linalg.pinv(design)[1] * weight
    p = float(plain @ (rows.log_e - np.log1p(s * ratio)))
    return p, float(np.linalg.norm(w * rows.noise)), float(np.abs(w) @ rows.floor), s
