"""Expectations under a law on the line: quadrature nodes that carry its density.

`marginal.marginal_panels` resolve log p as far as its tails matter to a ratio of densities; these resolve p
itself and its Fisher information, to the last bit of an integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.marginals.panels import geometric
from sharpbound.numerics.quadrature import Array, Panels, resolve
from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian_mixture_line import thinned

LOG_TAIL = -40.0
"""log of the mass left out on each side, 4e-18: below the rounding of any expectation."""

FAR = 16.0
"""Width of an outermost panel, in widths of the next one, from which on a tail is a heavy one. Its panels are
geometric: a second moment has its share there long after the mass is spent.
"""

BLURRED = 3.0
"""Width of a panel, in standard deviations of the noise, on which its nodes see all that the noise leaves."""
RESOLUTION = 1e-15
"""Largest unresolved coefficient, times the panel's width, of a density normalised to one."""


def law_nodes(target: Target1D, a: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Nodes x ``(n,)`` and weights ``(n,)`` with E f(a X0 + sigma W) = weights @ f(x).

    Panels start between the law's landmarks and are cut in two until p, p s^2 and p (s')^2, each
    normalised to mass one, are polynomials on every panel to ``RESOLUTION``; any f of the same
    smoothness is then integrated to rounding.
    """
    law = LineLaw.of(target, a, sigma)
    return torch.from_numpy(law.panels.nodes.ravel()), torch.from_numpy(law.weights.ravel())


def law_panels(target: Target1D, a: float, sigma: float) -> Panels:
    """The panels of `law_nodes`, between the two quantiles at ``LOG_TAIL``."""
    return LineLaw.of(target, a, sigma).panels


def density_panels(
    target: Target1D, a: float, sigma: float, resolution: float, ends: tuple[float, float] | None = None
) -> Panels:
    """The same, cut for p alone, to ``resolution``; between ``ends`` where these are known to hold the law.

    Landmarks closer than ``BLURRED`` noises are left out: noise leaves nothing that such a panel would hide.
    """

    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        p = target.derivative(torch.from_numpy(panels.nodes), a, sigma, 0).exp().numpy()
        return panels.half * panels.tails(p) > resolution * panels.integrate(p)

    return resolve(unresolved, _edges(target, a, sigma, ends, BLURRED * sigma), rounds=80)


@dataclass(frozen=True)
class LineLaw:
    """p, s = (log p)' and s' at the nodes of panels that resolve p, p s^2 and p (s')^2; arrays (P, n)."""

    panels: Panels
    density: Array
    score: Array
    slope: Array

    @property
    def weights(self) -> Array:
        """Quadrature weights of expectations under p, (P, n)."""
        return self.panels.weights * self.density

    @classmethod
    def of(
        cls,
        target: Target1D,
        a: float,
        sigma: float,
        ends: tuple[float, float] | None = None,
        resolution: float | None = None,
    ) -> LineLaw:
        """The law of a X0 + sigma W, on panels between its quantiles at ``LOG_TAIL``, or ``ends`` known to hold it.

        resolution : with which p, p s^2 and p (s')^2 are to be integrated; by default to the last bit.
        """
        if resolution is None:
            return _resolved(target, a, sigma, _edges(target, a, sigma, ends))
        return _resolved(target, a, sigma, _edges(target, a, sigma, ends, BLURRED * sigma), resolution)

    def moved(self, target: Target1D, a: float, sigma: float) -> LineLaw:
        """A law near by on the same panels, cut in two where they do not resolve it."""
        return _resolved(target, a, sigma, np.append(self.panels.lo, self.panels.hi[-1]))


def _edges(
    target: Target1D, a: float, sigma: float, ends: tuple[float, float] | None = None, apart: float = 0.0
) -> Array:
    """Of the first panels: landmarks at least so far ``apart``."""
    target.check(a, sigma)
    lo, hi = ends or (target.tail_end(LOG_TAIL, a, sigma, upper=upper) for upper in (False, True))
    marks = target.landmarks(a, sigma).numpy()
    edges = np.unique(np.concatenate([[lo, hi], marks[(marks > lo) & (marks < hi)]]))
    if apart > 0:
        edges = thinned(torch.from_numpy(edges), apart).numpy()
    widths = np.diff(edges)
    heavy = len(widths) > 2 and max(widths[0] / widths[1], widths[-1] / widths[-2]) > FAR
    return geometric(edges) if heavy else edges


def _resolved(
    target: Target1D, a: float, sigma: float, edges: Array, resolution: float = RESOLUTION
) -> LineLaw:
    def at(panels: Panels) -> LineLaw:
        log_p, score, slope = target.derivatives(torch.from_numpy(panels.nodes), a, sigma, (0, 1, 2))
        return LineLaw(panels, log_p.exp().numpy(), score.numpy(), slope.numpy())

    last: LineLaw | None = None

    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        nonlocal last
        last = at(panels)
        flagged = np.zeros(len(panels), dtype=bool)
        for f in (last.density, last.density * last.score**2, last.density * last.slope**2):
            flagged |= panels.half * panels.tails(f) > resolution * panels.integrate(f)
        return flagged

    panels = resolve(unresolved, edges, rounds=80)
    return last if last is not None and last.panels is panels else at(panels)
