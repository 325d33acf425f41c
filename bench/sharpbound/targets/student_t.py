"""Student's t, smoothed, as a scale mixture of normals.

X0 = loc + scale e^u Z with e^(-2u) ~ Gamma(nu/2)/(nu/2), so a X0 + sigma W is a mixture over u of
N(a loc, (a scale)^2 e^(2u) + sigma^2). The trapezoid rule in u converges geometrically, because
the integrand is analytic in a strip; it makes the law a finite mixture whose derivatives, tails
and posterior are those of `scale_mixture`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import special
from scipy.optimize import brentq
from torch import Tensor

from sharpbound.numerics.stable import log_sum_exp
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments
from sharpbound.targets.facts import Facts
from sharpbound.targets.scale_mixture import scale_mixture_derivatives
from sharpbound.targets.symmetric import Array, Symmetric1D

_CUT = 45.0
"""Weights below e^-45 of the largest are left out."""
_FARTHEST = 1e8
"""Beyond this times (1 + nu) max(a scale, sigma) the smoothing changes p by less than 1e-16."""
_LARGEST_LOG = 300.0
"""Nodes beyond e^300 are put there: to the x that are reached both look equally flat."""

LEAST_NU = 0.1
"""Of tails heavier still, the quantiles at which what is beyond is negligible have no float64 value."""


class StudentT(Symmetric1D):
    """loc + scale * (Student's t with nu > 0 degrees of freedom); nu = 1 is the Cauchy law."""

    family = "student-t"

    def __init__(self, nu: Any, loc: Any = 0.0, scale: Any = 1.0) -> None:
        self.nu = parameters.number(nu, "nu", above=0.0, least=LEAST_NU)
        self.centre = self.loc = parameters.number(loc, "loc")
        self.scale = parameters.number(scale, "scale", above=0.0)
        self._log_constant = -float(special.betaln(self.nu / 2, 0.5)) - 0.5 * math.log(self.nu)
        # Left end: where the log weight (nu/2)(e^(-2u) - 1 + 2u) below its peak is _CUT.
        self._start = brentq(lambda u: math.expm1(-2 * u) + 2 * u - 2 * _CUT / self.nu, -20.0, 0.0)

    def _nodes(self, reach: float, a: float, sigma: float) -> tuple[Array, Array]:
        """Log weights and X0 variances of the scale mixture, for |x - a loc| <= reach."""
        nu = self.nu
        # u = t + e^(t - bend) turns the last stretch, e^(-nu u) alone, into a double exponential.
        bend = max(0.0, math.log(max(reach, sigma, a * self.scale) / (a * self.scale))) + 4.0
        step = min(0.12, 0.5 / math.sqrt(2 * (nu + 1)))
        t = np.arange(self._start, bend + math.log1p(_CUT / nu), step)
        stretch = np.exp(t - bend)
        u = t + stretch
        log_w = -0.5 * nu * (np.expm1(-2 * u) + 2 * u) + np.log1p(stretch)
        variances = self.scale**2 * np.exp(2 * np.minimum(u, _LARGEST_LOG))
        return log_w - log_sum_exp(log_w), variances

    def _half_derivatives(self, z: Array, a: float, sigma: float, orders: Sequence[int]) -> list[Array]:
        b = a * self.scale
        far = z > _FARTHEST * (1 + self.nu) * max(b, sigma)
        if sigma == 0 or far.all():
            return [self._exact_derivative(z, b, order) for order in orders]
        near = np.where(far, 0.0, z)
        log_w, variances = self._nodes(float(near.max()), a, sigma)
        mixed = scale_mixture_derivatives(near, orders, log_w, variances, a, sigma)
        if not far.any():
            return mixed
        exact = [self._exact_derivative(z, b, order) for order in orders]
        return [np.where(far, *pair) for pair in zip(exact, mixed, strict=True)]

    def _exact_derivative(self, z: Array, b: float, order: int) -> Array:
        """(d/dz)^order log p of b times the standard law: y/(nu + y^2) = Re 1/(y + i sqrt(nu)), in polar form."""
        y, root = z / b, math.sqrt(self.nu)
        r = np.hypot(y, root)
        if order == 0:
            small = np.log1p(np.minimum(y / root, 1.0) ** 2) / 2
            log_r = np.where(y < root, small, np.log(r / root))
            return self._log_constant - (self.nu + 1) * log_r - math.log(b)
        angle = np.arctan2(root, y)
        sign = (-1) ** order * math.factorial(order - 1)
        return (self.nu + 1) * sign * np.cos(order * angle) / r**order / b**order

    def _half_log_sf(self, z: Array, a: float, sigma: float) -> Array:
        b = a * self.scale
        far = z > _FARTHEST * (1 + self.nu) * max(b, sigma)
        near = np.where(far, 0.0, z)
        log_w, variances = self._nodes(near.max(initial=0.0), a, sigma)
        std = np.sqrt(a * a * variances + sigma * sigma)
        block = max(1, (1 << 17) // len(std))
        mixed = np.empty_like(near)
        for i in range(0, near.size, block):
            part = near[i : i + block, None]
            mixed[i : i + block] = log_sum_exp(log_w + special.log_ndtr(-part / std))
        # sf(y) = y p(y)/nu (1 + O(nu/y^2))
        return np.where(far, self._exact_derivative(z, b, 0) + np.log(z / self.nu), mixed)

    def _half_landmarks(self, a: float, sigma: float) -> Tensor:
        powers = 2.0 ** torch.arange(-2, 11, dtype=torch.float64)
        return math.hypot(a * self.scale, sigma) * powers

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        normal = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        shape = torch.full((n, 1), self.nu / 2, dtype=torch.float64)
        gamma = torch._standard_gamma(shape, generator=generator)
        return self.loc + self.scale * normal * torch.sqrt(self.nu / 2 / gamma)

    def facts(self) -> Facts:
        return Facts(
            radius=math.inf,
            low_dimensional=False,
            smooth=True,
            lipschitz_score=True,
            log_concave=False,
            strongly_log_concave=False,
            sub_gaussian=False,
            gaussian=False,
        )

    def moments(self) -> Moments:
        """Mean: nan for nu <= 1. Variance: nu/(nu - 2), inf for 1 < nu <= 2, nan for nu <= 1."""
        mean = self.loc if self.nu > 1 else math.nan
        variance = math.inf if self.nu > 1 else math.nan
        if self.nu > 2:
            variance = self.scale**2 * self.nu / (self.nu - 2)
        return Moments(
            torch.tensor([mean], dtype=torch.float64), torch.tensor([[variance]], dtype=torch.float64)
        )
