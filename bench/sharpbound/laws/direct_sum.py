"""A stage's law as a sum over its source: q'(x) = int q(y) N(x; m(y), s^2) dy by Gauss-Legendre panels in y.

The panels are the source's own, cut until they resolve the kernel too, and a few more at both ends. That is right for
any noise, down to where q' is so small that what is left out of the source would count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import NotMeasured
from sharpbound.laws.stages import Move
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array

BULK, HELD = -75.0, -90.0
"""log q' relative to the maximum of q down to which the sum is right, and log q down to which it goes: farther down, in
gaps between atoms, log q soon is what polynomials make of it, and a sum of that would feed on itself."""
DEEP, DEEP_HELD = -220.0, -260.0
"""The same outside all that is above `BULK`, where log q falls off without gaps."""
PIECE = 4.0
"""Widest panels of the sum in standard deviations of the noise: 16 nodes integrate its kernel to rounding."""
UNSEEN = 37.0
"""The kernel is not looked at any more where what it weighs has fallen to exp(-UNSEEN) of q'."""
ENDS = 8.0
"""Standard deviations of the noise from a point that the source must reach out to on either side ..."""
MOST_OUTER = 16
"""... if need be by so many panels beyond its own."""
MOST_PIECES = 64
"""Pieces of a panel that are worth while where there is next to nothing on it."""
MOST_IN_ALL = 10**6
"""Pieces beyond which there is no sum: the steps are too few to hold a heavy tail together."""
TOGETHER = 32
"""Points that are summed for at once, over all that any of them sees."""


def direct_sum(
    move: Move, x: Array, f: Callable[[Array], Array] | None = None
) -> tuple[Array, NDArray[np.bool_], Array]:
    """(log sum_j w_j q(y_j) N(x; m(y_j), s_j^2), where that is q', the mean of each f(y_j) under these weights).

    x of shape (n,), increasing; log q' is -inf where no mass is near. f : several functions at once,
    (N,) -> (k, N), or None; their means are (k, n), and 0 where no mass is near.
    """
    peak, widest = move.source.log_q.max(), move.std.max()
    begin, end = move.mean.ravel()[np.flatnonzero(move.source.log_q > peak + BULK)[[0, -1]]]
    before, after = x < begin, x > end
    lowest = np.where(before | after, DEEP, BULK)
    nodes, weights, log_q, mean, std = _source(move, x, peak, float(_reach(-lowest.min())) * widest)
    if not nodes.size:
        return (
            np.full(x.size, -np.inf),
            np.zeros(x.size, dtype=bool),
            np.zeros((len(f(x)) if f else 0, x.size)),
        )
    # a polynomial that overshoots is held down: it is no law any more, but not infinite
    mass = np.exp(np.minimum(log_q - peak, -BULK)) * weights / (std * np.sqrt(2 * np.pi))
    rows = np.stack([mass, *(mass * f(nodes))]) if f else mass[None]
    scale = np.sqrt(0.5) / std
    # what is seen from x, where q' is about q: log q rises by no more than this per noise, and than its depth
    with np.errstate(divide="ignore", invalid="ignore"):
        steepest = widest * float(np.abs(np.diff(log_q) / np.diff(mean)).max())
    depth = np.clip(np.interp(x, mean, log_q, left=-np.inf, right=-np.inf) - peak, lowest, 0.0)
    reach = np.fmin(_reach(-depth), steepest + np.hypot(steepest, _reach(0.0)))
    inwards = widest * _reach(0.0)  # on the side where q falls off
    first = np.searchsorted(mean, x - np.where(before, inwards, widest * reach))
    last = np.searchsorted(mean, x + np.where(after, inwards, widest * reach))
    starts = np.arange(0, x.size, TOGETHER)
    sums = np.empty((len(rows), x.size))
    for start, lo, hi in zip(
        starts.tolist(),
        np.minimum.reduceat(first, starts).tolist(),
        np.maximum.reduceat(last, starts).tolist(),
        strict=True,
    ):
        part, seen = slice(start, start + TOGETHER), slice(lo, hi)
        kernel = np.subtract.outer(x[part], mean[seen])
        kernel *= scale[0] if move.constant_std else scale[seen]
        np.multiply(kernel, -kernel, out=kernel)
        np.exp(kernel, out=kernel)
        sums[:, part] = rows[:, seen] @ kernel.T
    total = sums[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found, means = np.log(total), np.where(total > 0, sums[1:] / total, 0.0)
    reached = (x - ENDS * widest >= mean[0]) & (x + ENDS * widest <= mean[-1])
    return peak + found, reached & (found > lowest), means


def _reach(depth: Array | float) -> Array:
    """Standard deviations of the noise beyond which nothing is seen from where log q' is ``depth`` below its peak."""
    return np.sqrt(2 * (UNSEEN + np.asarray(depth)))


def _source(move: Move, x: Array, peak: float, reach: float) -> tuple[Array, Array, Array, Array, Array]:
    """y_j and w_j, and log q, m and s there, as far as they are seen from x."""
    panels, log_q = move.panels, move.source.log_q
    spread = move.slope.max(1) * panels.half + reach
    first, last = (np.searchsorted(x, move.mean.mean(1) + side * spread) for side in (-1, 1))
    pieces = np.ceil(2 * panels.half / (PIECE * move.noise))
    top = log_q.max(1)
    held, falling = top > peak + HELD, (top > peak + DEEP_HELD) & (pieces <= MOST_PIECES)
    begin, end = np.flatnonzero(held)[[0, -1]]
    held[:begin] = np.logical_and.accumulate(falling[:begin][::-1])[::-1]
    held[end:] |= np.logical_and.accumulate(falling[end:])
    held &= first < last  # its image, with the noise, holds some x
    if not held.any():
        return (np.empty(0),) * 5
    if pieces[held].sum() > MOST_IN_ALL:
        raise NotMeasured(
            f"a step's noise is {pieces[held].max():.0e} times narrower than what its map widens: use a larger T"
        )
    cut = panels.cut(np.where(held, pieces, 0).astype(int))
    known = cut.resampled(move.coefficients[: move.S if move.constant_std else move.DM])
    if move.constant_std:
        std = np.full((1, *known.shape[1:]), move.std[0, 0])
    else:
        std = np.maximum(known[move.S :], move.least_std[cut.parent, None])
    inner = np.concatenate([cut.panels.nodes[None], cut.panels.weights[None], known[: move.S], std])
    inner = inner.reshape(5, -1)
    parts = [inner]
    if held[0]:
        parts.insert(0, _outer(move, -1, float(x[0])))
    if held[-1]:
        parts.append(_outer(move, 1, float(x[-1])))
    nodes, weights, log_q, mean, std = np.concatenate(parts, axis=1)
    return nodes, weights, log_q, mean, std


def _outer(move: Move, side: int, x: float) -> Array:
    """The same rows beyond an end, till ``x`` and `ENDS` beyond it are reached: (5, N)."""
    end = (0, -1)[side > 0]
    edge = float((move.panels.hi if side > 0 else move.panels.lo)[end])
    log_q, image, std, slope, *_ = move.edges[side]
    piece = PIECE * std / slope
    count = min(int(np.ceil((side * (x - image) / std + ENDS + 1) / PIECE)), MOST_OUTER)
    if count <= 0:
        return np.empty((5, 0))
    z, w = gauss_legendre(move.panels.n)
    step = side * piece * (np.arange(count)[:, None] + 0.5 * (1 + z)).ravel()[::side]
    growth = move.growth(side, step)
    weights = np.tile(0.5 * piece * w, count)
    return np.stack(
        [edge + step, weights, log_q + growth[move.LOG_Q], image + growth[move.M], np.full_like(step, std)]
    )
