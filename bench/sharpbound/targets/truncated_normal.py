"""Cumulants of a truncated normal, in every tail: the posterior behind Laplace and uniform targets.

S has density proportional to exp(-y s - s^2/2) on (0, L), i.e. S = Z - y for a standard normal Z
kept in (y, y + L). Its log normaliser and cumulants are what the derivatives of
log(Phi(y + L) - Phi(y)) and of the Mills ratio are made of. The textbook forms subtract nearly
equal numbers (1 - g^2 - y g with g ~ 1/y); here every quantity is an integral of one sign, done by
one Gauss-Legendre rule on the stretch of (0, L) that carries the mass.

Up to the variance, which is all that most samplers ask for, closed forms do (`up_to_variance`). With the Mills ratio
m, D = m(y) - e m(y + L) the normaliser, e = exp(-y L - L^2/2), and S the law at L = inf,

    E S + y = (1 - e)/D,    Var S - 1 = -E S (E S + y) - L e/D,

and for large y, q = e m(y + L)/D: E S = M(y) - q (L + M(y + L) - M(y)), where M(y) = 1/m(y) - y, the mean for
L = inf, is a polynomial in 1/y^2, over y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial
from numpy.typing import NDArray
from scipy import special

from sharpbound.numerics.gauss import gauss_legendre

Array = NDArray[np.float64]

_REACH = 9.5
"""exp(-REACH^2/2) = 2.5e-20."""
_RULES = [
    (1.0, 1.0, gauss_legendre(8)),
    (1.0, 4.0, gauss_legendre(10)),
    (1.0, 8.0, gauss_legendre(12)),
    (4.0, 13.0, gauss_legendre(18)),
    (9.6, math.inf, gauss_legendre(28)),
    (12.5, math.inf, gauss_legendre(38)),
    (math.inf, math.inf, gauss_legendre(48)),
]
"""The greatest width of a stretch, and fall of the exponent on it, that so many nodes integrate to machine precision,
times powers up to the fourth."""
_NARROW = 4.0
"""Widths beyond which the width alone decides."""
_SHORT, _LONG = 1.0, 80.0
"""Lengths below which the closed forms lose digits, and beyond which what the other end adds underflows."""
FAR, _DEGREE = 4.0, 19
"""The y beyond which 1/m(y) - y is a polynomial of that degree in 1/y^2, over y."""
_LEVELS = 80
"""Levels of the continued fraction for it: exp(-FAR sqrt(2 _LEVELS)) = 1e-22."""

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
        fall = width if width > _NARROW else (rising * (stop - start)).max(initial=0.0) + width**2 / 2
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


@dataclass(frozen=True)
class UpToVariance:
    """Normaliser, mean and variance of S, each (...)."""

    mass: Array
    """int exp(-y s - s^2/2) ds * exp(-min(y, 0)^2/2)."""
    mean: Array
    mean_plus_y: Array
    """E S + y, in relative terms."""
    variance_less_one: Array
    """Var S - 1, in relative terms: S is almost normal where the ends are far."""

    def rows(self) -> list[UpToVariance]:
        """One for each row of the arrays."""
        return [UpToVariance(*row) for row in zip(*vars(self).values(), strict=True)]


def up_to_variance(y: Array, length: Array | float) -> UpToVariance:
    """S for y >= -length/2 (...), by closed forms where the length allows it; lengths broadcast against y."""
    lengths = np.asarray(length)
    short = lengths < _SHORT
    if not short.any():
        return _closed(y, lengths)
    if short.all():
        return _by_quadrature(y, lengths)
    short, lengths = np.broadcast_to(short, y.shape), np.broadcast_to(lengths, y.shape)
    parts = _by_quadrature(y[short], lengths[short]), _closed(y[~short], lengths[~short])
    whole = {}
    for name in vars(parts[0]):
        whole[name] = np.empty_like(y)
        whole[name][short], whole[name][~short] = (getattr(part, name) for part in parts)
    return UpToVariance(**whole)


def _by_quadrature(y: Array, length: Array) -> UpToVariance:
    law = TruncatedNormal.at(y, length)
    return UpToVariance(law.mass, law.mean(), law.mean_plus_y(), law.variance - 1)


def _closed(y: Array, length: Array) -> UpToVariance:
    """All in terms of m(|y|) times exp(-min(y, 0)^2/2): nothing overflows."""
    inside = np.minimum(y, 0.0)
    top = np.exp(-0.5 * inside * inside)
    mass = _mills(np.abs(y))
    mass = np.where(y < 0, math.sqrt(2 * math.pi) - top * mass, mass)
    cut = bool((length < _LONG).any())
    if cut:
        fall = length * (y + length / 2)
        end = top * np.exp(-fall)
        lost = end * _mills(y + length)
        mass -= lost
        top *= -np.expm1(-fall)
    mean_plus_y = top / mass
    mean = mean_plus_y - y
    far = y > FAR
    if far.any():
        mean[far] = _far_mean(y[far])
        if cut:
            q, beyond = (lost / mass)[far], (y + length)[far]
            mean[far] -= q * (beyond - y[far] + _far_mean(beyond) - mean[far])
    less_one = -mean * mean_plus_y
    if cut:
        less_one -= length * end / mass
    return UpToVariance(mass, mean, mean_plus_y, less_one)


def _mills(y: Array) -> Array:
    """m(y) = int_0^inf exp(-y s - s^2/2) ds, y >= 0."""
    out: Array = special.erfcx(y * math.sqrt(0.5))
    out *= math.sqrt(math.pi / 2)
    return out


def _far_mean(y: Array) -> Array:
    """1/m(y) - y for y > FAR, without the difference."""
    inverse = 1 / y
    square = inverse * inverse
    first, *rest = _far_coefficients()
    value = np.full_like(y, first)
    for coefficient in rest:
        value *= square
        value += coefficient
    value *= inverse
    return value


def far_log_ratio(y: Array, step: Array) -> Array:
    """log m(y) - log m(y + step) for y > FAR and step >= 0, in relative terms: the integral of 1/m - y."""
    end = y + step
    near, far = 1 / (y * y), 1 / (end * end)
    value, divided = np.zeros_like(y), np.zeros_like(y)  # of a polynomial, and its difference by near - far
    for power, coefficient in zip(range(_DEGREE, 0, -1), _far_coefficients()[:-1], strict=True):
        divided *= near
        divided += value
        value *= far
        value += coefficient / (2 * power)
    divided = divided * near + value
    return np.log1p(step / y) + step * (y + end) * near * far * divided


@lru_cache(maxsize=1)
def _far_coefficients() -> list[float]:
    """Of y (1/m(y) - y) in powers of 1/y^2, the highest first, by interpolation to 2e-15.

    Laplace's continued fraction 1/m(y) = y + 1/(y + 2/(y + 3/(y + ...))) has no differences.
    """

    def scaled(square: Array) -> Array:
        y = 1 / np.sqrt(square)
        rest = y
        for k in range(_LEVELS, 1, -1):
            rest = y + k / rest
        return y / rest

    fitted = Chebyshev.interpolate(scaled, _DEGREE, domain=[0.0, FAR**-2])
    return [float(c) for c in fitted.convert(kind=Polynomial).coef[::-1]]
