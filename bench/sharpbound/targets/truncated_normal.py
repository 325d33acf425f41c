"""Cumulants of a truncated normal, in every tail: the posterior behind Laplace and uniform targets.

S has density proportional to exp(-y s - s^2/2) on (0, L), i.e. S = Z - y for a standard normal Z
kept in (y, y + L). Its log normaliser and cumulants are what the derivatives of
log(Phi(y + L) - Phi(y)) and of the Mills ratio are made of. The textbook forms subtract nearly
equal numbers (1 - g^2 - y g with g ~ 1/y); here every quantity is an integral of one sign, done by
one Gauss-Legendre rule on the stretch of (0, L) that carries the mass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharpbound.numerics.gauss import gauss_legendre

Array = NDArray[np.float64]

_REACH = 9.5
"""exp(-REACH^2/2) = 2.5e-20."""
_RULES = [
    (4.0, 13.0, gauss_legendre(18)),
    (9.6, math.inf, gauss_legendre(28)),
    (12.5, math.inf, gauss_legendre(38)),
    (math.inf, math.inf, gauss_legendre(48)),
]
"""The greatest width of a stretch, and fall of the exponent on it, that so many nodes integrate to machine precision,
times powers up to the fourth."""


UNIT_RULE = gauss_legendre(48, 0.0, 1.0)
"""The same rule for integrals over (0, 1)."""


@dataclass(frozen=True)
class TruncatedNormal:
    """S given y (...) and L: nodes ``s`` measured from its mode and unnormalised ``weights``, (n, ...)."""

    y: Array
    s: Array
    weights: Array

    @classmethod
    def at(cls, y: Array, length: Array | float = math.inf) -> TruncatedNormal:
        """The law of S for y >= -length/2 (by symmetry no loss); an array of lengths broadcasts against y."""
        rising = np.maximum(y, 0.0)
        start = np.clip(y, -_REACH, 0.0)
        # The positive root of rising*s + s^2/2 = REACH^2/2, without cancellation.
        stop = _REACH**2 / (np.sqrt(rising * rising + _REACH**2) + rising)
        stop = np.minimum(stop, length - np.maximum(-y, 0.0))
        half = (stop - start) / 2
        width = 2 * half.max(initial=0.0)
        fall = width if width > _RULES[0][0] else (rising * (stop - start)).max(initial=0.0) + width**2 / 2
        rule = next(rule for widest, most, rule in _RULES if width <= widest and fall <= most)
        nodes, weights = (values.reshape(-1, *(1,) * half.ndim) for values in rule)
        s = half * (1 + nodes)
        s += start
        mass = 0.5 * s
        mass += rising
        mass *= s
        np.exp(np.negative(mass, out=mass), out=mass)
        mass *= half * weights
        return cls(y, s, mass)

    def only(self, which: NDArray[np.bool_]) -> TruncatedNormal:
        """The law at some of the y (n,)."""
        return TruncatedNormal(self.y[which], self.s[:, which], self.weights[:, which])

    @cached_property
    def mass(self) -> Array:
        """int exp(-y s - s^2/2) ds * exp(-min(y, 0)^2/2): the normaliser less its value at the mode."""
        return self.weights.sum(0)

    def expectation(self, f: Array) -> Array:
        """E f(S), for f at the nodes."""
        return np.einsum("n...,n...->...", self.weights, f) / self.mass

    @cached_property
    def _from_mode(self) -> Array:
        """E S - mode."""
        return self.expectation(self.s)

    @cached_property
    def _squares(self) -> Array:
        """(S - E S)^2 at the nodes."""
        centred = self.s - self._from_mode
        return centred * centred

    def mean_plus_y(self) -> Array:
        """E S + y = E[Z | y < Z < y + L]."""
        return np.maximum(self.y, 0.0) + self._from_mode

    def mean(self) -> Array:
        """E S."""
        return np.maximum(-self.y, 0.0) + self._from_mode

    @cached_property
    def variance(self) -> Array:
        """The second cumulant of S."""
        return self.expectation(self._squares)

    def cumulant(self, order: int) -> Array:
        """The cumulant of S of order 2, 3 or 4."""
        if order == 2:
            return self.variance
        if order == 3:
            return self.expectation(self._squares * (self.s - self._from_mode))
        return self.expectation(self._squares * self._squares) - 3 * self.variance**2
