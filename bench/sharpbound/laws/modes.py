"""Gauss-Hermite about the mode over y of log q(y) - (x - m(y))^2 / 2 s^2, for each x by itself.

The mode is found by Newton's method from q's own derivatives, so it is right in far tails too, where no sum over
the source would reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.laws.stages import Move
from sharpbound.numerics.gauss import gauss_hermite
from sharpbound.numerics.quadrature import Array

SMOOTH = 0.02
"""Noise, in half widths of the panels around y, up to which the rule is used for itself; beyond, a sum over the source
is as quick, and sees two modes where there are (the bulk of a law and its heavy tail)."""
NODES, ROUGH_NODES = 6, 14
"""Nodes up to that noise, exact to rounding, and in deep tails of larger noise: there to rounding up to an eighth of
a half width."""
STEPS, ACCURACY = 40, 0.02
"""Most steps of Newton's method for a mode, and its accuracy in widths of the integrand: Gauss-Hermite
needs no better."""
INVERTED = 3
"""Steps of Newton's method that invert a stage without noise."""
FLAT = 1e8
"""Distance from the origin, in noises, from where a tail too flat to feel the noise is moved without it: x - m(y)
would be rounding."""


def push_map(move: Move, x: Array) -> tuple[Array, Array]:
    """log q'(x) = log q(y) - log m'(y) at x = m(y), for a stage without noise, and y."""
    y = move.preimage(x)
    for _ in range(INVERTED):
        m, _, dm = move.at(y, slice(move.M, move.DM + 1))
        y = y + (x - m) / dm
    log_q, _, _, dm = move.at(y, slice(move.LOG_Q, move.DM + 1))
    return log_q - np.log(dm), y


@dataclass(frozen=True)
class Modes:
    """The modes over y of log q(y) - (x - m(y))^2 / 2 s^2 for points x (n,)."""

    move: Move
    x: Array
    y: Array
    width: Array
    """Standard deviation of the normal law that fits the integrand there."""
    roughness: Array
    """The noise, seen from y (s / m') and in half widths of the panel or of a narrower neighbour; infinite where
    no mode was found."""
    flat: NDArray[np.bool_]
    """Where the tail is too flat to feel the noise."""

    @classmethod
    def of(cls, move: Move, x: Array) -> Modes:
        """Found by Newton's method, which takes one step from a first guess where q is smooth."""
        y = _first_guess(move, x)
        width, gradient, dm, s = (np.empty_like(y) for _ in range(4))
        going: slice | NDArray[np.int64] = slice(None)
        left = np.arange(len(y))
        for _ in range(STEPS):
            m, s[going], dm[going], gradient[going], curvature = move.at(y[going], move.MODE)
            noise, slope = s[going], dm[going]
            pull = (slope / noise) ** 2
            now = 1.0 / np.sqrt(np.maximum(pull - curvature, 0.25 * pull))
            step = now**2 * (gradient[going] + (x[going] - m) * slope / noise**2)
            y[going] += np.clip(step, -8 * now, 8 * now)
            width[going] = now
            going = left = left[~(np.abs(step) < ACCURACY * now)]
            if not len(left):
                break
        flat = (np.abs(x) > FLAT * s) & (np.abs(gradient) * FLAT**0.5 * s < dm)
        roughness = np.maximum(width, s / dm) / move.scale[move.panels.locate(y)[0]]
        roughness[left] = np.inf  # no mode found: there may be several
        return cls(move, x, y, width, roughness, flat)

    def integrated(self, f: Callable[[Array], Array] | None = None) -> tuple[Array, Array]:
        """log q'(x), and the mean of each f(Y) given x, (k, n): as `direct_sum`."""
        log_q = np.empty_like(self.x)
        means = np.empty((len(f(self.x)) if f else 0, self.x.size))
        smooth = self.roughness <= SMOOTH
        for those, nodes in ((smooth, NODES), (~smooth, ROUGH_NODES)):
            if those.any():
                log_q[those], means[:, those] = self._integrated(those, nodes, f)
        if self.flat.any():
            log_q[self.flat] = push_map(self.move, self.x[self.flat])[0]
        return log_q, means

    def _integrated(
        self, those: NDArray[np.bool_], nodes: int, f: Callable[[Array], Array] | None
    ) -> tuple[Array, Array]:
        z, w = gauss_hermite(nodes)
        width = self.width[those]
        points = self.y[those, None] + np.sqrt(2.0) * width[:, None] * z
        log_q, m, s = self.move.at(points, self.move.DENSITY)
        exponent = log_q - 0.5 * ((self.x[those, None] - m) / s) ** 2 - np.log(s)
        exponent += np.log(w) + z**2 - 0.5 * np.log(np.pi)
        top = exponent.max(1)
        share = np.exp(exponent - top[:, None])
        whole = share.sum(1)
        means = (share * f(points)).sum(2) / whole if f else np.empty((0, len(width)))
        return top + np.log(whole) + np.log(width), means


def _first_guess(move: Move, x: Array) -> Array:
    """Each mode, interpolated between the nodes: y is the mode for x = m(y) - s(y)^2 (log q)'(y)/m'(y).

    Beyond the panels, where both terms may be parabolas, their common vertex.
    """
    guess, nodes = move.preimage(x), move.panels.nodes.ravel()
    slope_q = move.panels.values(move.slope_q)
    served = (move.mean - move.std**2 * slope_q / move.slope).ravel()
    # where that falls there are several modes: x is then served by m^{-1}(x)
    before, after = np.maximum.accumulate(served), np.minimum.accumulate(served[::-1])[::-1]
    known = np.flatnonzero((served >= before) & (served <= after))
    y = guess.copy()
    if known.size:
        right = np.searchsorted(served[known], x)
        between = (right > 0) & (right < known.size)
        right = right[between]
        between[between] = known[right] == known[right - 1] + 1
        guess[between] = np.interp(x[between], served[known], nodes[known])
    for side, edge, s in (
        (-1, move.panels.lo[0], move.std[0, 0]),
        (1, move.panels.hi[-1], move.std[-1, -1]),
    ):
        beyond = side * (y - edge) > 0
        if beyond.any():
            *_, dm, dq, ddq = move.edges[side]
            pull = (dm / s) ** 2
            step = (dq + pull * (y[beyond] - edge)) / (pull - min(ddq, 0.0))
            guess[beyond] = edge + side * np.maximum(side * step, 0.0)
    return guess
