"""A target whose landmarks also resolve a score error, for engines that lay their panels by the target.

The density engine holds a stage's mean as polynomials on panels that resolve the marginal. A field
that is rougher than the marginal would be misread there, so it brings its own panel edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Panels, resolve
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import LineError
from sharpbound.targets.base import Moments, Target1D

REACH = -60.0
"""log of the tail mass beyond which a field need not be resolved."""
MAX_DOUBLINGS = 60
RESOLUTION = 1e-11
"""Last Legendre coefficients of the field, relative to its largest value within reach."""


Reach = tuple[float, float]
"""An interval outside which there is no mass to speak of."""


def field_panels(error: LineError, frame: Frame, log_tail: float, reach: Reach | None = None) -> Panels:
    """Panels on which the error's shape is a polynomial, out to ``log_tail`` of the marginal's mass, and to
    ``reach`` where that is farther.
    """
    low, high = frame.reach(log_tail)
    inner = np.concatenate([frame.target.landmarks(frame.a, frame.sigma).numpy(), error.shape.cuts(frame)])
    edges = np.unique(np.concatenate([[low, high], inner[(inner > low) & (inner < high)]]))

    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        f = error.shape.derivative(frame, tensor(panels.nodes), 0).numpy()
        largest = np.abs(f).max(1)
        bulk = largest[(panels.lo >= low) & (panels.hi <= high)].max()
        return panels.tails(f) > RESOLUTION * np.maximum(largest, bulk)

    return resolve(unresolved, widened(edges, reach or (low, high), frame.spread))


def widened(edges: NDArray[np.float64], reach: Reach, first: float) -> NDArray[np.float64]:
    """``edges`` and more of them outwards till they cover ``reach``: ``first`` apart, then doubling."""
    offsets = first * (2.0 ** np.arange(1, MAX_DOUBLINGS) - 1.0)
    needs = (edges[0] - reach[0], reach[1] - edges[-1])
    left, right = (offsets[: np.searchsorted(offsets, need) + 1 if need > 0 else 0] for need in needs)
    return np.concatenate([(edges[0] - left)[::-1], edges, edges[-1] + right])


class Resolving(Target1D):
    """``target`` with the panel edges that ``error`` needs among its landmarks."""

    def __init__(self, target: Target1D, error: LineError) -> None:
        self.target, self.error = target, error
        self.family, self.has_density = target.family, target.has_density  # type: ignore[misc]
        self._sigmas = np.array([frame.sigma for frame in error.frames])

    def landmarks(self, a: float, sigma: float) -> Tensor:
        own = self.target.landmarks(a, sigma).numpy()
        level = int(np.argmin(np.abs(self._sigmas - sigma)))
        panels = field_panels(self.error, self.error.frame(level, a, sigma), REACH)
        return torch.from_numpy(np.union1d(own, np.append(panels.lo, panels.hi[-1])))

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        return self.target.derivatives(x, a, sigma, orders)

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.target.log_cdf(x, a, sigma)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.target.log_sf(x, a, sigma)

    def quantile_from_log(self, log_p: Tensor, a: float, sigma: float, *, upper: bool) -> Tensor:
        return self.target.quantile_from_log(log_p, a, sigma, upper=upper)

    def tail_end(self, log_p: float, a: float, sigma: float, *, upper: bool) -> float:
        return self.target.tail_end(log_p, a, sigma, upper=upper)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.target.sample(n, generator)

    def moments(self) -> Moments:
        return self.target.moments()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)
