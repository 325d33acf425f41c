"""A stage's law as a sum over its source: q'(x) = int q(y) N(x; m(y), s^2) dy by Gauss-Legendre panels in y.

The panels are the source's own, cut until they resolve the kernel too, and a few more at both ends. That is right for
any noise, down to where q' is so small that what is left out of the source would count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sharpbound.laws.stages import Move
from sharpbound.numerics.quadrature import Array, Panels

BULK, HELD = -75.0, -90.0
"""log q' relative to the maximum of q down to which the sum is right, and log q down to which it goes: farther down, in
gaps between atoms, log q soon is what polynomials make of it, and a sum of that would feed on itself."""
PIECE = 4.0
"""Widest panels of the sum in standard deviations of the noise: 16 nodes integrate its kernel to rounding."""
UNSEEN, SLACK = 37.0, 0.75
"""The kernel is not looked at any more where it has fallen to exp(-UNSEEN - SLACK depth), at a point where
q' = exp(-depth): to a share of 1e-16 of q' in the bulk, and of 1e-4 at the deepest."""
ENDS = 8.0
"""Standard deviations of the noise from a point that the source must reach out to on either side ..."""
MOST_OUTER = 16
"""... if need be by so many panels beyond its own."""
TOGETHER = 128
"""Points that are summed for at once: the kernel then stays in cache."""

_REACH = float(np.sqrt(2 * (UNSEEN - SLACK * BULK)))


def direct_sum(
    move: Move, x: Array, f: Callable[[Array], Array] | None = None
) -> tuple[Array, NDArray[np.bool_], Array]:
    """(log sum_j w_j q(y_j) N(x; m(y_j), s_j^2), where that is q', the mean of each f(y_j) under these weights).

    x of shape (n,), increasing; log q' is -inf where no mass is near. f : several functions at once,
    (N,) -> (k, N), or None; their means are (k, n), and 0 where no mass is near.
    """
    peak, widest = move.source.log_q.max(), move.std.max()
    nodes, weights, log_q, mean, std = _source(move, x, peak, _REACH * widest)
    if not nodes.size:
        return (
            np.full(x.size, -np.inf),
            np.zeros(x.size, dtype=bool),
            np.zeros((len(f(x)) if f else 0, x.size)),
        )
    mass = np.exp(log_q - peak) * weights / (std * np.sqrt(2 * np.pi))
    scale = np.sqrt(0.5) / std
    rows = [mass, *(mass * f(nodes))] if f else [mass]
    table = np.stack([mean, *rows] if move.constant_std else [mean, *rows, scale])
    # what is seen from x: q' is about q there
    depth = np.interp(x, mean, log_q, left=-np.inf, right=-np.inf) - peak
    reach = np.minimum(np.sqrt(2 * (UNSEEN - SLACK * depth)), _REACH) * widest
    first, last = np.searchsorted(mean, x - reach), np.searchsorted(mean, x + reach)
    sums = np.empty((len(rows), x.size))
    for start in range(0, x.size, TOGETHER):
        part = slice(start, start + TOGETHER)
        width = max(int((last[part] - first[part]).max()), 1)
        begin = np.minimum(first[part], mean.size - width)
        near, *parts = sliding_window_view(table, width, axis=1)[:, begin]
        kernel = np.subtract(x[part, None], near, out=near)
        kernel *= scale[0] if move.constant_std else parts.pop()
        np.multiply(kernel, -kernel, out=kernel)
        np.exp(kernel, out=kernel)
        for row, out in zip(parts, sums, strict=True):
            out[part] = np.einsum("ij,ij->i", kernel, row)
    total = sums[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        found, means = np.log(total), np.where(total > 0, sums[1:] / total, 0.0)
    reached = (x - ENDS * widest >= mean[0]) & (x + ENDS * widest <= mean[-1])
    return peak + found, reached & (found > BULK), means


def _source(move: Move, x: Array, peak: float, reach: float) -> tuple[Array, Array, Array, Array, Array]:
    """y_j and w_j, and log q, m and s there, as far as they are seen from x."""
    panels, log_q = move.panels, move.source.log_q
    spread = move.slope.max(1) * panels.half + reach
    first, last = (np.searchsorted(x, move.mean.mean(1) + side * spread) for side in (-1, 1))
    held = (log_q.max(1) > peak + HELD) & (first < last)  # and its image, with the noise, holds some x
    if not held.any():
        return (np.empty(0),) * 5
    noise = (move.std / move.slope)[held].min(1)
    cut = panels.only(held).cut(np.ceil(2 * panels.half[held] / (PIECE * noise)).astype(int))
    known = cut.resampled(move.coefficients[move.DENSITY, held])
    np.maximum(known[2], move.least_std[held][cut.parent, None], out=known[2])
    known = known.reshape(3, -1)
    inner = np.concatenate([cut.panels.nodes.ravel()[None], cut.panels.weights.ravel()[None], known])
    parts = [inner]
    if held[0]:
        parts.insert(0, _outer(move, -1, float(x[0])))
    if held[-1]:
        parts.append(_outer(move, 1, float(x[-1])))
    nodes, weights, log_q, mean, std = np.concatenate(parts, axis=1)
    if move.constant_std:
        # the rounding of a polynomial's would be that of every step's mass
        std = np.full_like(mean, move.std[0, 0])
    return nodes, weights, log_q, mean, std


def _outer(move: Move, side: int, x: float) -> Array:
    """The same rows beyond an end, till ``x`` and `ENDS` beyond it are reached: (5, N)."""
    end = (0, -1)[side > 0]
    edge = float((move.panels.hi if side > 0 else move.panels.lo)[end])
    log_q, image, std, slope, *_ = move.at_edge(side)
    piece = PIECE * std / slope
    count = min(int(np.ceil((side * (x - image) / std + ENDS + 1) / PIECE)), MOST_OUTER)
    if count <= 0:
        return np.empty((5, 0))
    outer = Panels.between(np.sort(edge + side * piece * np.arange(count + 1)))
    step = outer.nodes.ravel() - edge
    growth = move.growth(side, step)
    # beyond its last panel a law falls, whatever derivatives there say
    fallen = np.minimum(growth[move.LOG_Q], 0.0)
    known = [log_q + fallen, image + growth[move.M], np.full_like(step, std)]
    return np.stack([edge + step, outer.weights.ravel(), *known])
