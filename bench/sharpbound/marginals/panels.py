"""Panels that resolve a true marginal p = law of a X0 + sigma W on the line, tails included."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array, Panels, resolve
from sharpbound.processes.ladder import Level
from sharpbound.targets.base import Target1D

LOG_TAIL = -100.0
"""Panels reach to where a tail holds exp(-100) of the mass (14 standard deviations of a Gaussian) ..."""
FARTHEST = 1e14
"""... but no farther than this many interquartile ranges, for heavy tails (their mass beyond is exact)."""
_QUARTILES = 1.34
"""Between the quartiles of N(0, 1), which are 1.349 apart."""
RESOLUTION = 1e-13
"""Last Legendre coefficients of log p, relative to its size, at which a panel counts as resolved."""
NEAR = 0.4
"""Landmarks nearer to one another than this many sigma are one: noise leaves no feature between them."""
REBUILD_SCALE, REBUILD_SHIFT = 0.1, 0.3
"""Relative change of sigma, and motion of the target in units of sigma, after which panels that follow a marginal
are built anew."""


def tensor(x: Array) -> torch.Tensor:
    """The same numbers as a float64 tensor."""
    return torch.as_tensor(np.ascontiguousarray(x), dtype=torch.float64)


def log_density(target: Target1D, x: Array, a: float, sigma: float) -> Array:
    """log p at x (any shape)."""
    return target.derivative(tensor(x), a, sigma, 0).numpy()


def mass_outside(target: Target1D, a: float, sigma: float, lo: float, hi: float) -> float:
    """p's mass below ``lo`` and above ``hi``, from its closed-form tails."""
    ends = tensor(np.array([lo, hi]))
    return float(target.log_cdf(ends, a, sigma)[0].exp() + target.log_sf(ends, a, sigma)[1].exp())


def support(target: Target1D, a: float, sigma: float) -> tuple[float, float]:
    """An interval outside which p is negligible, or (heavy tails) very far."""
    lo, hi = (target.tail_end(LOG_TAIL, a, sigma, upper=upper) for upper in (False, True))
    # noise alone is that wide: no interval holds half of its mass, or of a sum with it, and is shorter
    if hi - lo <= FARTHEST * _QUARTILES * sigma:
        return lo, hi
    tails = torch.tensor([np.log(0.25), np.log(0.5)], dtype=torch.float64)
    quartile, median = target.quantile_from_log(tails, a, sigma, upper=False).tolist()
    reach = FARTHEST * float(target.quantile_from_log(tails[0], a, sigma, upper=True) - quartile)
    return max(lo, median - reach), min(hi, median + reach)


def marginal_panels(target: Target1D, a: float, sigma: float) -> Panels:
    """Panels between the target's landmarks, geometric in heavy tails, bisected until log p is resolved."""
    lo, hi = support(target, a, sigma)
    if not hi - lo > 2e-9 * max(abs(lo), abs(hi)):
        raise InputError(
            f"a law between {lo:.3g} and {hi:.3g} is too narrow for where it lies: move it towards 0",
            key="target",
        )
    inner = target.landmarks(a, sigma).numpy()
    inner = inner[(inner > lo) & (inner < hi)]
    edges = np.concatenate([[lo], _apart(inner, NEAR * sigma), [hi]])
    edges = edges[np.concatenate([[True], np.diff(edges) > 1e-9 * (hi - lo + np.abs(edges[1:]))])]
    edges[-1] = hi
    return resolve(lambda panels: _unresolved(target, a, sigma, panels), geometric(edges))


def _apart(points: Array, spacing: float) -> Array:
    """Increasing points without those closer than ``spacing`` to the last one kept."""
    if not (np.diff(points) < spacing).any():
        return points
    kept = [-np.inf]
    for point in points.tolist():
        if point - kept[-1] >= spacing:
            kept.append(point)
    return np.array(kept[1:])


class FollowingPanels:
    """Panels that resolve the marginal near which a law is, as the level changes.

    They are built anew when the marginal has moved too far from the one they were built for; until then they
    stay as they are, or as whoever holds a law on them has refined them.
    """

    def __init__(self, build: Callable[[Level], Panels], size: float) -> None:
        """``build`` gives the panels of a level; ``size`` is the target's, a length."""
        self.build, self.size = build, size
        self.built: Level = (0.0, 0.0)
        self.panels: Panels

    def at(self, level: Level, *, exactly: bool = False) -> Panels:
        """The panels for the level; ``exactly``: those of this marginal and of none near it."""
        (a, sigma), (a_built, sigma_built) = level, self.built
        moved = (
            abs(sigma - sigma_built) > REBUILD_SCALE * sigma_built
            or abs(a - a_built) * self.size > REBUILD_SHIFT * sigma
        )
        if moved or (exactly and level != self.built):
            self.built, self.panels = level, self.build(level)
        return self.panels


def geometric(edges: Array) -> Array:
    """The edges with the two outermost panels cut so that widths at most double outwards from their neighbours."""
    if len(edges) < 4:
        return edges
    left = _doubling(edges[1] - edges[0], edges[2] - edges[1])
    right = _doubling(edges[-1] - edges[-2], edges[-2] - edges[-3])
    return np.concatenate([(edges[1] - left)[::-1], edges[1:-1], edges[-2] + right])


def _doubling(length: float, first: float) -> Array:
    """Offsets first, 3 first, 7 first, ... below ``length``, then ``length``."""
    steps = first * (2.0 ** np.arange(1, 200) - 1.0)
    return np.append(steps[steps < 0.7 * length], length)


def _unresolved(target: Target1D, a: float, sigma: float, panels: Panels) -> NDArray[np.bool_]:
    log_p, score = (f.numpy() for f in target.derivatives(tensor(panels.nodes), a, sigma, (0, 1)))
    mattering = log_p.max(1) > log_p.max() + LOG_TAIL - np.log(panels.half / panels.half.min()).clip(0)
    roughness = np.maximum(panels.tails(log_p), panels.tails(score * panels.half[:, None]))
    rough = roughness > RESOLUTION * (10 + np.abs(log_p).max(1))
    return rough & mattering
