"""Expectations under a law on the line: quadrature nodes that carry its density.

`marginal.marginal_panels` resolve log p as far as its tails matter to a ratio of densities; these resolve p
itself and its Fisher information, to the last bit of an integral.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.quadrature import Array, Panels, resolve
from sharpbound.targets.base import Target1D

LOG_TAIL = -40.0
"""log of the mass left out on each side, 4e-18: below the rounding of any expectation."""

RESOLUTION = 1e-15
"""Largest unresolved coefficient, times the panel's width, of a density normalised to one."""


def law_nodes(target: Target1D, a: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Nodes x ``(n,)`` and weights ``(n,)`` with E f(a X0 + sigma W) = weights @ f(x).

    Panels start between the law's landmarks and are cut in two until p, p s^2 and p (s')^2, each
    normalised to mass one, are polynomials on every panel to ``RESOLUTION``; any f of the same
    smoothness is then integrated to rounding.
    """
    panels = law_panels(target, a, sigma)
    x = torch.from_numpy(panels.nodes.ravel())
    return x, torch.from_numpy(panels.weights.ravel()) * target.derivative(x, a, sigma, 0).exp()


def law_panels(target: Target1D, a: float, sigma: float) -> Panels:
    """The panels of `law_nodes`, between the two quantiles at ``LOG_TAIL``."""
    target.check(a, sigma)
    tail = torch.tensor(LOG_TAIL, dtype=torch.float64)
    lo, hi = (float(target.quantile_from_log(tail, a, sigma, upper=upper)) for upper in (False, True))
    marks = target.landmarks(a, sigma).numpy()
    edges = np.unique(np.concatenate([[lo, hi], marks[(marks > lo) & (marks < hi)]]))
    return _resolved(target, a, sigma, edges)


def refined(panels: Panels, target: Target1D, a: float, sigma: float) -> Panels:
    """Panels of a marginal near by, cut in two where they do not resolve the one at (a, sigma)."""
    return _resolved(target, a, sigma, np.append(panels.lo, panels.hi[-1]))


def _resolved(target: Target1D, a: float, sigma: float, edges: Array) -> Panels:
    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        x = torch.from_numpy(panels.nodes)
        density = target.derivative(x, a, sigma, 0).exp().numpy()
        flagged = np.zeros(len(panels), dtype=bool)
        for order in (0, 1, 2):
            f = density * target.derivative(x, a, sigma, order).numpy() ** 2 if order else density
            flagged |= panels.half * panels.tails(f) > RESOLUTION * panels.integrate(f)
        return flagged

    return resolve(unresolved, edges, rounds=80)
