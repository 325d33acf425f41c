"""The common currency of the 1-D engines: two densities and their ratio on one quadrature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharpbound.numerics.quadrature import Array, Panels


@dataclass(frozen=True)
class Ratio1D:
    """The true marginal p and the sampler's law q, both as densities in one coordinate u of the line.

    Arrays have the shape (P, n) of ``panels.nodes``. Deterministic samplers have u = the point of p
    that the monotone coupling takes to y; stochastic ones u = y.
    """

    panels: Panels
    y: Array
    """Position on the line of each node."""
    partner: Array
    """F_p^{-1}(F_q(y)): where the monotone (optimal) coupling of q and p takes y."""
    log_p: Array
    """log of p's density with respect to u."""
    log_ratio: Array
    """log q - log p, accurate as a difference."""
    outside_p: float
    """p's mass outside the covered interval, from its closed-form tails."""
    outside_q: float
    """q's mass outside the covered interval (an upper estimate)."""
    error: float = 0.0
    """Total variation by which q is in error already, from the steps that led to it."""

    @property
    def p(self) -> Array:
        return np.exp(self.log_p)

    @property
    def q(self) -> Array:
        return np.exp(self.log_p + self.log_ratio)

    @property
    def difference(self) -> Array:
        """q - p, without cancellation where the two are close."""
        close = self.p * np.expm1(np.clip(self.log_ratio, -1.0, 1.0))
        return np.where(np.abs(self.log_ratio) < 1.0, close, self.q - self.p)

    @property
    def mass_defect(self) -> float:
        """|int (q - p) + outside masses|: zero for an exact law on an exact quadrature."""
        return abs(self.panels.integrate(self.difference) + self.outside_q - self.outside_p)

    @property
    def unresolved(self) -> float:
        """Estimate of the part of int |q - p| that the panels do not resolve."""
        return float((self.panels.half * self.panels.tails(self.difference)).sum())
