"""The common currency of the 1-D engines: two densities and their ratio on one quadrature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from sharpbound.distances import one_dimensional
from sharpbound.distances.base import Law, Measured
from sharpbound.numerics.quadrature import Array, Panels

_BISECTIONS = 60
"""Enough to halve a panel down to the last bit."""


@dataclass(frozen=True)
class Ratio1D(Law):
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
    engine: str = ""

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return one_dimensional.METRICS

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

    # -- q itself, as far as the panels reach; what lies beyond them (``outside_q``) has no place ------------
    def density(self, x: Array) -> Array:
        """q(x) to about 1e-12 of its maximum; 0 beyond the panels."""
        flat = np.asarray(x, dtype=float).ravel()
        panel, local, inside = self._located(self.panels.coefficients(self.y), flat)
        basis = legendre.legvander(local, self.panels.n - 1)
        position = self.panels.coefficients(self.y)
        q, slope = (
            (basis * coefficients[panel]).sum(1)
            for coefficients in (
                self.panels.coefficients(self.q),
                self.panels.derivative_coefficients(position),
            )
        )
        return np.where(inside, np.maximum(q, 0.0) / slope, 0.0).reshape(np.shape(x))

    def cdf(self, x: Array) -> Array:
        """Mass of q up to x, on the panels."""
        flat = np.asarray(x, dtype=float).ravel()
        panel, local, _ = self._located(self.panels.coefficients(self.y), flat)
        mass = (legendre.legvander(local, self.panels.n - 1) * self._mass_coefficients[panel]).sum(1)
        return np.clip(mass, 0.0, 1.0).reshape(np.shape(x))

    def quantile(self, u: Array) -> Array:
        """The x with cdf(x) = u, within the panels."""
        flat = np.asarray(u, dtype=float).ravel()
        panel, local, _ = self._located(self._mass_coefficients, flat)
        position = self.panels.coefficients(self.y)[panel]
        return (legendre.legvander(local, self.panels.n - 1) * position).sum(1).reshape(np.shape(u))

    @property
    def _mass_coefficients(self) -> Array:
        return self.panels.coefficients(self.panels.cumulative(self.q)[0])

    def _located(
        self, coefficients: Array, values: Array
    ) -> tuple[NDArray[np.intp], Array, NDArray[np.bool_]]:
        """Panel and place in [-1, 1] where an increasing function has ``values``, and whether it has them at all."""
        ends = np.concatenate([coefficients @ (-1.0) ** np.arange(self.panels.n), [coefficients[-1].sum()]])
        panel = np.clip(np.searchsorted(ends, values, side="right") - 1, 0, len(self.panels) - 1)
        lo, hi = -np.ones_like(values), np.ones_like(values)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (lo + hi)
            below = (legendre.legvander(middle, self.panels.n - 1) * coefficients[panel]).sum(1) < values
            lo, hi = np.where(below, middle, lo), np.where(below, hi, middle)
        return panel, 0.5 * (lo + hi), (values >= ends[0]) & (values <= ends[-1])


class RadialRatio(Ratio1D):
    """The radii of two laws with rotational symmetry in R^d: all distances are those of the radii, but a density of
    the radius is none of the law.
    """

    def density(self, x: Array) -> Array:
        raise self._not_on_the_line("density")

    def cdf(self, x: Array) -> Array:
        raise self._not_on_the_line("distribution function")

    def quantile(self, u: Array) -> Array:
        raise self._not_on_the_line("quantile function")
