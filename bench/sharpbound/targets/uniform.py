"""The uniform law, smoothed: p = (Phi(alpha) - Phi(beta))/(B - A), a truncated normal's normaliser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments
from sharpbound.targets.facts import Facts
from sharpbound.targets.symmetric import Array, Symmetric1D, log_normal_density
from sharpbound.targets.truncated_normal import UNIT_RULE, TruncatedNormal, up_to_variance

_DEEP = -2.0
"""Standard deviations from the nearer edge (inside) from where the closed form loses no digits."""
_WIDE = 10.0
"""A support this many sigmas wide: the closed form of the tail; narrower, one Gauss-Legendre rule."""


class Uniform(Symmetric1D):
    """The uniform law on (low, high).

    With y = (x - B)/sigma the distance beyond the nearer edge B and L = (B - A)/sigma,
    p = int_0^L phi(y + s) ds / (B - A), whose logarithm's derivatives are cumulants of a truncated
    normal; deep inside, where they would be 1 - 1, the ratios p'/p, p''/p, ... are used instead.
    """

    family = "uniform"

    def __init__(self, low: Any, high: Any) -> None:
        self.low = parameters.number(low, "low")
        self.high = parameters.number(high, "high")
        if not self.low < self.high:
            raise parameters.mistake("high", f"must be greater than low = {self.low:g}, got {self.high:g}")
        self.centre = (self.low + self.high) / 2

    def _half_derivatives(self, z: Array, a: float, sigma: float, orders: Sequence[int]) -> list[Array]:
        width = a * (self.high - self.low)
        if sigma == 0:
            outside = z > width / 2
            flat = (-math.log(width), -math.inf), (0.0, math.nan)
            values = [flat[min(order, 1)] for order in orders]
            return [np.where(outside, none, value) for value, none in values]
        y, length = (z - width / 2) / sigma, width / sigma
        found: dict[int, Array] = {}
        if min(orders) <= 2:
            law = up_to_variance(y, length)
            if 0 in orders:
                found[0] = log_normal_density(np.maximum(y, 0.0)) + np.log(law.mass) - math.log(width)
            found[1] = -law.mean_plus_y / sigma
            found[2] = law.variance_less_one / sigma**2
        if max(orders) > 2:
            kept, inside = TruncatedNormal.at(y, length), LogMass(y, length)
            deep = (y < _DEEP) & (length > -2 * _DEEP)
            for order in (3, 4):
                value = kept.cumulant(order) * (-1) ** order
                found[order] = np.where(deep, inside.derivative(order), value) / sigma**order
        return [found[order] for order in orders]

    def _half_log_sf(self, z: Array, a: float, sigma: float) -> Array:
        width = a * (self.high - self.low)
        if sigma == 0:
            return np.log(np.maximum(0.5 - z / width, 0.0))
        # sf = (1/L) int_0^L Phi(-y - s) ds, and int Phi = u Phi(u) + phi(u)
        y, length = (z - width / 2) / sigma, width / sigma
        kept = TruncatedNormal.at(y, length)
        rising = np.maximum(y, 0.0)
        mills = special.erfcx((rising + kept.s) / math.sqrt(2)) / 2
        tail = -0.5 * rising * rising + np.log((kept.weights * mills).sum(0)) - math.log(length)
        return np.where(y < 0, np.log(_inner_tail(-y, length)), tail)

    def _half_landmarks(self, a: float, sigma: float) -> Tensor:
        half = a * (self.high - self.low) / 2
        offsets = sigma * torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0], dtype=torch.float64)
        points = torch.cat([half - offsets, half + offsets])
        return points[points > 0]

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        return self.low + (self.high - self.low) * u

    def facts(self) -> Facts:
        return Facts(
            radius=max(abs(self.low), abs(self.high)),
            low_dimensional=False,
            smooth=False,
            lipschitz_score=False,
            log_concave=True,
            strongly_log_concave=False,
            sub_gaussian=True,
            gaussian=False,
        )

    def moments(self) -> Moments:
        mean = torch.tensor([self.centre], dtype=torch.float64)
        return Moments(mean, torch.tensor([[(self.high - self.low) ** 2 / 12]], dtype=torch.float64))


class LogMass:
    """Derivatives in y, of order 3 and 4, of log(Phi(y + L) - Phi(y)) for -L/2 <= y < 0: the ratios p^(n)/p."""

    def __init__(self, y: Array, length: Array | float) -> None:
        self.y, self.end = y, y + length
        self._length = length

    @cached_property
    def _ends(self) -> tuple[Array, Array, Array]:
        """phi(y), phi(y + L), p."""
        near, far = np.exp(log_normal_density(self.y)), np.exp(log_normal_density(self.end))
        return near, far, special.ndtr(-self.y) - special.ndtr(-self.end)

    @cached_property
    def _r1(self) -> Array:
        near, _, p = self._ends
        # phi(y + L) - phi(y), exact near the centre where the two meet
        return near * np.expm1(-self._length * (self.y + self._length / 2)) / p

    @cached_property
    def _r2(self) -> Array:
        near, far, p = self._ends
        return (self.y * near - self.end * far) / p

    @cached_property
    def _r3(self) -> Array:
        near, far, p = self._ends
        return ((self.end**2 - 1) * far - (self.y * self.y - 1) * near) / p

    def derivative(self, order: int) -> Array:
        """The derivative of order 3 or 4."""
        r1, r2, r3 = self._r1, self._r2, self._r3
        if order == 3:
            return r3 - 3 * r2 * r1 + 2 * r1**3
        near, far, p = self._ends
        r4 = (_cubic(self.y) * near - _cubic(self.end) * far) / p
        return r4 - 4 * r3 * r1 - 3 * r2 * r2 + 12 * r2 * r1 * r1 - 6 * r1**4


def _cubic(u: Array) -> Array:
    """Hermite's He_3."""
    return u * (u * u - 3)


def _inner_tail(depth: Array, length: float) -> Array:
    """(1/L) int_0^L Phi(depth - s) ds for 0 <= depth <= L/2: the tail seen from inside the support."""
    if length < _WIDE:
        nodes, weights = UNIT_RULE
        return special.ndtr(depth[:, None] - length * nodes) @ weights
    upper = depth * special.ndtr(depth) + np.exp(log_normal_density(depth))
    v = depth - length
    lower = v * special.ndtr(v) + np.exp(log_normal_density(v))
    return (upper - lower) / length
