"""The Laplace law, smoothed: a mixture of two exponentials, each convolved with a normal.

With t = (x - a loc)/sigma, b = a scale, R = sigma/b and m(y) = int_0^inf exp(-y s - s^2/2) ds the
Mills ratio,

    p(x) = phi(t) (m(R - t) + m(R + t)) / (2 b),      score = -tanh(D/2)/b,
    D(t) = log m(R - t) - log m(R + t),

because the derivatives of phi cancel. -(log m)', (log m)'', ... are cumulants of a truncated normal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments
from sharpbound.targets.facts import Facts
from sharpbound.targets.symmetric import Array, Symmetric1D, log_normal_density
from sharpbound.targets.truncated_normal import (
    FAR,
    TruncatedNormal,
    UpToVariance,
    far_log_ratio,
    up_to_variance,
)


class Laplace(Symmetric1D):
    """Density exp(-|x - loc|/scale)/(2 scale)."""

    family = "laplace"

    def __init__(self, scale: Any, loc: Any = 0.0) -> None:
        self.scale = parameters.number(scale, "scale", above=0.0)
        self.centre = self.loc = parameters.number(loc, "loc")

    def _half_derivatives(self, z: Array, a: float, sigma: float, orders: Sequence[int]) -> list[Array]:
        b = a * self.scale
        if sigma == 0:
            slope = np.full_like(z, -1 / b)
            exact = [-z / b - math.log(2 * b), slope, *3 * [np.zeros_like(z)]]
            return [exact[order] for order in orders]
        law = _Smoothed(z / sigma, sigma / b)

        def one(order: int) -> Array:
            if order == 0:
                return law.log_density - math.log(2 * b)
            if order == 1:
                return -law.tanh / b
            return -law.tanh_derivative(order - 1) / (b * sigma ** (order - 1))

        return [one(order) for order in orders]

    def _half_log_sf(self, z: Array, a: float, sigma: float) -> Array:
        b = a * self.scale
        if sigma == 0:
            return -z / b - math.log(2)
        # sf = phi(t) [m(t) + (m(R - t) - m(R + t))/2], each log m with its mode's value put back
        t, ratio = z / sigma, sigma / b
        near, far, here = (TruncatedNormal.at(y) for y in (ratio - t, ratio + t, t))
        leading = np.where(t < ratio, log_normal_density(t), -ratio * (t - ratio / 2) - _LOG_ROOT)
        difference = np.log(near.mass) + np.log(-np.expm1(-_gap(near.y, near, far))) - math.log(2)
        return np.logaddexp(leading + difference, log_normal_density(t) + np.log(here.mass))

    def _half_landmarks(self, a: float, sigma: float) -> Tensor:
        b = a * self.scale
        powers = 2.0 ** torch.arange(-1, 6, dtype=torch.float64)
        onset = [sigma * sigma / b] if sigma < 40 * b else []
        return torch.cat([b * powers, sigma * powers[:6], torch.tensor(onset, dtype=torch.float64)])

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        magnitude = -torch.log1p(-torch.rand(n, 1, generator=generator, dtype=torch.float64))
        sign = 1.0 - 2.0 * torch.randint(2, (n, 1), generator=generator)
        return self.loc + self.scale * sign * magnitude

    def facts(self) -> Facts:
        return Facts(
            radius=math.inf,
            low_dimensional=False,
            smooth=False,
            lipschitz_score=False,
            log_concave=True,
            strongly_log_concave=False,
            sub_gaussian=False,
            gaussian=False,
        )

    def moments(self) -> Moments:
        mean = torch.tensor([self.loc], dtype=torch.float64)
        return Moments(mean, torch.tensor([[2 * self.scale**2]], dtype=torch.float64))


_LOG_ROOT = 0.5 * math.log(2 * math.pi)
_SMALL = 0.5
"""D that as a difference of logarithms would lose digits: there t < 1, or t < R/3."""


class _Smoothed:
    """The law at t >= 0 for one R: its parts, each computed at most once."""

    def __init__(self, t: Array, ratio: float) -> None:
        self.t, self.ratio = t, ratio
        both = up_to_variance(np.stack([ratio - t, ratio + t]), math.inf)
        self.near, self.far = both.rows()

    @cached_property
    def nodes(self) -> tuple[TruncatedNormal, TruncatedNormal]:
        """The laws at R - t and R + t, for higher cumulants."""
        return TruncatedNormal.at(self.ratio - self.t), TruncatedNormal.at(self.ratio + self.t)

    @cached_property
    def gap(self) -> Array:
        """D(t)."""
        return _gap(self.ratio - self.t, self.near, self.far)

    @property
    def log_density(self) -> Array:
        """log phi(t) + log m(R - t) + log(1 + e^-D); beyond t = R the mode of the first product is inside."""
        t, ratio = self.t, self.ratio
        leading = np.where(t < ratio, -0.5 * t * t, -ratio * (t - ratio / 2)) - _LOG_ROOT
        return leading + np.log(self.near.mass) + np.log1p(np.exp(-self.gap))

    @cached_property
    def tanh(self) -> Array:
        """tanh D/2, in relative terms down to t = 0."""
        gap = self.gap
        small = gap < _SMALL
        if not small.any():
            return np.tanh(gap / 2)
        t = self.t[small]
        if self.ratio > 2 * FAR:
            gap[small] = far_log_ratio(self.ratio - t, 2 * t)
            return np.tanh(gap / 2)
        value = np.tanh(gap / 2)
        value[small] = _small_tanh(TruncatedNormal.at(self.ratio - t), t)
        return value

    @cached_property
    def sech2(self) -> Array:
        """1 - tanh(D/2)^2, without the difference."""
        return 4 * np.exp(-self.gap) / (1 + np.exp(-self.gap)) ** 2

    def tanh_derivative(self, order: int) -> Array:
        """(d/dt)^order tanh u, order 1..3, u = D/2."""
        u1 = (self.near.mean + self.far.mean) / 2
        if order == 1:
            return self.sech2 * u1
        near, far = self.nodes
        u2 = (near.cumulant(2) - far.cumulant(2)) / 2
        if order == 2:
            return self.sech2 * (u2 - 2 * self.tanh * u1 * u1)
        u3 = (near.cumulant(3) + far.cumulant(3)) / 2
        third = u3 - 6 * self.tanh * u1 * u2 + u1**3 * (4 * self.tanh**2 - 2 * self.sech2)
        return self.sech2 * third


def _gap(y: Array, near: UpToVariance | TruncatedNormal, far: UpToVariance | TruncatedNormal) -> Array:
    """D = log m(R - t) - log m(R + t) for t >= 0, y = R - t."""
    gap = 0.5 * np.minimum(y, 0.0) ** 2 + np.log(near.mass) - np.log(far.mass)
    return np.maximum(gap, 0.0)


def _small_tanh(near: TruncatedNormal, t: Array) -> Array:
    """tanh(D/2) = (m(R - t) - m(R + t))/(m(R - t) + m(R + t)), as integrals of one sign.

    The law S at R - t weighted by exp(-2 t s) is the one at R + t; accurate in relative terms down
    to t = 0 as long as that weight is resolved by the nodes (t <= max(1, R/2)).
    """
    s = near.s + np.maximum(-near.y, 0.0)
    lost = near.expectation(np.expm1(-2 * t * s))
    return -lost / (2 + lost)
