"""An output density against the true marginal: their ratio, and the monotone coupling from both tails."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sharpbound.distances.ratio import Ratio1D
from sharpbound.laws.stages import ROUNDING, Density
from sharpbound.marginals.panels import log_density, mass_outside, tensor
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.numerics.tails import beyond
from sharpbound.processes.ladder import Level
from sharpbound.targets.base import Target1D

FINAL_ROUNDS = 45
"""Most bisections of the last density's panels: enough to close in on a jump of the coupling."""
FINAL_RESOLVED = 1e-12
"""Share of int |q - p| and of the transport cost that may be unresolved on one panel."""


def against(target: Target1D, level: Level, density: Density) -> Ratio1D:
    """The ratio to the true marginal, and the monotone coupling from both tails of q.

    Where p has a gap the coupling jumps inside a mode of q: panels are halved until that too is resolved.
    """
    panels, log_q, dead = density.panels, density.log_q, density.dead
    outside, unsure = zip(*(_beyond(panels, np.exp(log_q), end) for end in (0, -1)), strict=True)
    below, above = _masses(panels, log_q, outside)
    error = density.error + sum(unsure) + panels.integrate(np.exp(log_q) * panels.tails(log_q)[:, None])
    partner = coupled(target, level, panels.nodes, below, above)
    log_p = log_density(target, panels.nodes, *level)
    for _ in range(FINAL_ROUNDS):
        flagged = _distances_unresolved(panels, np.exp(log_q), np.exp(log_p), partner)
        if not flagged.any():
            break
        halves = panels.halved(flagged)
        new, y = halves.new, halves.new_nodes
        log_q = halves.merged(log_q, panels.interpolate(log_q, y))
        # q's masses anew: where q falls by many orders on a panel they are no polynomials, though log q is one
        below, above = _masses(halves.panels, log_q, outside)
        partner = halves.merged(partner, coupled(target, level, y, below[new], above[new]))
        log_p = halves.merged(log_p, log_density(target, y, *level))
        panels, dead = halves.panels, dead[halves.parent]
    log_ratio = np.where(dead[:, None], 0.0, log_q - log_p)  # neither law has mass there
    outside_p = mass_outside(target, *level, panels.lo[0], panels.hi[-1])
    return Ratio1D(panels, panels.nodes, partner, log_p, log_ratio, outside_p, sum(outside), error)


def _masses(panels: Panels, log_q: Array, outside: Sequence[float]) -> tuple[Array, Array]:
    """q's mass below and above each node, with what lies beyond the panels."""
    q = np.exp(log_q)
    return outside[0] + panels.cumulative(q)[0], outside[1] + panels.cumulative_from_right(q)[0]


def _beyond(panels: Panels, q: Array, end: int) -> tuple[float, float]:
    """q's mass beyond the first (0) or last (-1) panel, and the error of that."""
    left, unsure = beyond(panels, q, end, centre=float(panels.nodes[len(panels) // 2, 0]))
    # a density that does not fall off there is the rounding of one that is spent
    return (left, unsure) if math.isfinite(left) else (0.0, 0.0)


def coupled(target: Target1D, level: Level, y: Array, below: Array, above: Array) -> Array:
    """F_p^{-1}(F_q(y)) from q's masses on either side of y (y itself where q has none)."""
    partner = y.copy()
    for upper, tail in ((False, below), (True, above)):
        chosen = (tail > 0) & ((above < below) == upper)
        log_tail = tensor(np.log(np.minimum(tail[chosen], 0.9)))
        partner[chosen] = target.quantile_from_log(log_tail, *level, upper=upper).numpy()
    return partner


def _distances_unresolved(panels: Panels, q: Array, p: Array, partner: Array) -> NDArray[np.bool_]:
    """Panels on which q - p or the cost of the coupling is not a polynomial, down to a rounding's width."""
    cost = q * (panels.nodes - partner) ** 2
    size = np.maximum(np.abs(panels.nodes), np.abs(partner)).max(1)
    flagged = np.zeros(len(panels), dtype=bool)
    for f, rounding in (
        (q - p, ROUNDING * panels.masses(q + p)),
        (cost, panels.masses(q) * (ROUNDING * size) ** 2),
    ):
        flagged |= panels.half * panels.tails(f) > FINAL_RESOLVED * panels.integrate(np.abs(f)) + rounding
    return flagged & (panels.half > ROUNDING * size)
