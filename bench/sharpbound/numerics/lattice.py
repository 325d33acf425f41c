"""The law of a sum of m independent copies of a discrete variable, accurate far into its left tail.

A law on the lattice h Z is tilted, p_theta(j) = p(j) exp(-theta h j)/M(theta), so that the event
{S <= 0} is no longer rare; its m-fold convolution is one power of a discrete Fourier transform; and
tilting back, P(S = hj) = M(theta)^m exp(theta h j) p_theta^{*m}(j), only shrinks the left half. The
result is therefore accurate in relative terms, however small it is. The transform is long enough
that what wraps around is below 1e-17 by Chernoff's bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[np.float64]

_WRAPPED = math.log(1e-17)
_STEEPEST = 60.0
"""Largest tilt, in units of 1/(largest value): exp(-60) makes that value as good as impossible."""


@dataclass(frozen=True)
class LatticeLaw:
    """P(X = step * (first + k)) = mass[k], k = 0, 1, ...; the masses sum to one."""

    step: float
    first: int
    mass: Array

    @staticmethod
    def of(values: Array, weights: Array, step: float) -> LatticeLaw:
        """The law of ``values`` (n,) with probabilities ``weights`` (n,), put on the lattice ``step`` Z.

        Each value is shared among its three nearest points by quadratic interpolation, which keeps its
        mean and its square: sums then have the right spread, and a smooth law is represented with an
        error of order step^3. Some masses may be slightly negative; a convolution does not mind.
        """
        scaled = values / step
        near = np.rint(scaled).astype(np.int64)
        off = scaled - near
        first = int(near.min()) - 1
        size = int(near.max()) - first + 2
        shares = {-1: off * (off - 1) / 2, 0: 1 - off**2, 1: off * (off + 1) / 2}
        mass = sum(np.bincount(near + k - first, weights * share, size) for k, share in shares.items())
        return LatticeLaw(step, first, mass / weights.sum())

    @property
    def values(self) -> Array:
        """The lattice points, same shape as ``mass``."""
        return self.step * (self.first + np.arange(len(self.mass), dtype=np.float64))

    @property
    def mean(self) -> float:
        return float(self.mass @ self.values)

    @cached_property
    def _tilted(self) -> tuple[float, float, Array]:
        """(theta, log M(theta), p_theta) with theta >= 0 minimising M(theta) = E exp(-theta X)."""
        x, scale = self.values, float(self.values[-1])
        if self.mean <= 0:
            return 0.0, 0.0, self.mass

        theta = minimize_scalar(
            lambda theta: log_moment(self.mass, -theta * x), bounds=(0.0, _STEEPEST / scale), method="bounded"
        ).x
        log_m = log_moment(self.mass, -theta * x)
        return theta, log_m, self.mass * np.exp(-theta * x - log_m)

    def left_tail(self, m: int) -> float:
        """P(S < 0) + P(S = 0)/2 for the sum S of m independent copies."""
        theta, log_m, mass = self._tilted
        folded = self._convolved(mass, m)
        j = np.arange(-len(folded) // 2, 0)
        below = folded[j] * np.exp(theta * self.step * j)
        return math.exp(m * log_m) * max(math.fsum(below) + 0.5 * float(folded[0]), 0.0)

    def shortfall(self, m: int, level: float) -> float:
        """E max(level - S, 0) for the sum S of m independent copies."""
        shift = round(self.mean / self.step)  # centred, the sum needs a transform as long as its spread
        centred = LatticeLaw(self.step, self.first - shift, self.mass)
        folded = centred._convolved(self.mass, m)
        j = np.arange(len(folded)) - len(folded) // 2
        gap = level - self.step * (j + m * shift)
        return float(np.maximum(gap, 0.0) @ folded[j])

    def _convolved(self, mass: Array, m: int) -> Array:
        """Law of the sum of m copies of ``mass``, at index j (from the end for j < 0) what sums to step*j."""
        length = self._transform_length(mass, m)
        padded = np.zeros(length)
        padded[(self.first + np.arange(len(mass))) % length] = mass
        found = power(scipy.fft.rfft(padded), m, np.ones(1, dtype=np.complex128), np.multiply)
        return scipy.fft.irfft(found, length)

    def _transform_length(self, mass: Array, m: int) -> int:
        """A length quick to transform, with less than 1e-17 of the sum's law outside half of it on either side.

        Chernoff: P(J_1 + ... + J_m > half) <= exp(m log E exp(r J) - r half) for every r > 0.
        """
        mass = np.abs(mass)  # bounds the characteristic function of a law with slightly negative masses
        j = self.first + np.arange(len(mass))
        largest = int(np.abs(j).max())
        half = float(largest)
        for side in (1, -1):
            half = max(
                half,
                min(
                    (m * log_moment(mass, side * rate * j) - _WRAPPED) / rate
                    for rate in np.geomspace(1e-4, 1e2, 25) / largest
                ),
            )
        return scipy.fft.next_fast_len(2 * math.ceil(half) + 2, real=True)


def power(x: Any, m: int, one: Any, times: Callable[[Any, Any], Any]) -> Any:
    """x^m by repeated squaring under the product ``times`` with unit ``one``.

    For complex numbers it is several times faster than the power function.
    """
    result = one
    while m:
        if m & 1:
            result = times(result, x)
        m >>= 1
        if m:
            x = times(x, x)
    return result


def log_moment(mass: Array, exponent: Array) -> float:
    """log sum_k mass_k exp(exponent_k)."""
    top = float(exponent.max())
    return top + math.log(float(mass @ np.exp(exponent - top)))


def truncated_sum(one: Array, other: Array) -> Array:
    """The masses of the sum of two independent values >= 0 on one lattice, as far as the longer one reaches."""
    from scipy.signal import fftconvolve  # slow to import

    found: Array = fftconvolve(one, other)
    return found[: max(len(one), len(other))]


def on_lattice(y: Array, mass: Array, points: int) -> Array:
    """Masses at 0, ..., points - 1 of values y >= 0, each shared by its two neighbours so that means are kept;
    what lies beyond is left out.
    """
    held = y < points - 1
    below = np.floor(y[held]).astype(np.intp)
    upper = y[held] - below
    shared = np.bincount(below, mass[held] * (1 - upper), points)
    return np.asarray(shared + np.bincount(below + 1, mass[held] * upper, points), dtype=np.float64)
