"""Expected TV between what the empirical score generates and the smoothed truth, without simulation.

The memorised law of n data points (`sharpbound.chapters.learning.empirical`) has the density
q(x) = (1/n) sum_i K(x - a X_i), K = N(0, sigma^2), with mean p(x). As E(q - p) = 0,

    E TV = 1/2 int E|q - p| dx = int E (p - q)_+ dx,

and at each x the sum is one of n independent copies of K(x - a X): its law is a convolution on a lattice.
"""

from __future__ import annotations

import math

import numpy as np

from sharpbound.chapters.learning.kernel import NEGLIGIBLE, data_nodes
from sharpbound.distances.base import Measured
from sharpbound.marginals.panels import log_density, marginal_panels
from sharpbound.numerics.lattice import LatticeLaw
from sharpbound.numerics.quadrature import ORDER, Array, Panels
from sharpbound.targets.base import Target1D

CELLS = 64
"""Lattice cells between no overlap with the kernel and its peak."""


def exact_memorisation_tv(target: Target1D, n: int, a: float, sigma: float) -> Measured:
    """E TV over samples of size n; the floor adds its changes from half the nodes and half the lattice."""
    line = marginal_panels(target, a, sigma)
    counts = log_density(target, line.nodes, a, sigma).max(1) > NEGLIGIBLE
    u, weight = data_nodes(target, (sigma / a) ** 2)

    def total(nodes: int, cells: int) -> float:
        panels = Panels(line.lo[counts], line.hi[counts], nodes)
        shortfall = [_shortfall(x, u, weight, n, a, sigma, cells) for x in panels.nodes.flat]
        return panels.integrate(np.reshape(shortfall, panels.nodes.shape))

    fine, sparse, coarse = total(ORDER, CELLS), total(ORDER // 2, CELLS), total(ORDER // 2, CELLS // 2)
    return Measured(fine, abs(fine - sparse) + abs(sparse - coarse))


def _shortfall(x: float, u: Array, weight: Array, n: int, a: float, sigma: float, cells: int) -> float:
    """E (p(x) - q(x))_+, in units of the kernel's peak on the lattice."""
    kernel = np.exp(-(((x - a * u) / sigma) ** 2) / 2)
    peak = 1 / (math.sqrt(2 * math.pi) * sigma)
    law = LatticeLaw.of(kernel, weight, 1 / cells)
    return peak / n * law.shortfall(n, n * float(kernel @ weight))
