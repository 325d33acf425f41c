"""Laws on the line symmetric about a point: a family gives one half, the other follows."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian import Gaussian1D


class Symmetric1D(Target1D):
    """X0 = centre + (symmetric law). Families speak of z = x - a centre >= 0 and of a > 0 only."""

    centre: float

    @abstractmethod
    def _half_derivatives(self, z: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        """(d/dz)^k log p for z >= 0 and each k of ``orders``."""

    @abstractmethod
    def _half_log_sf(self, z: Tensor, a: float, sigma: float) -> Tensor:
        """log P(a X0 + sigma W > a centre + z) for z >= 0."""

    @abstractmethod
    def _half_landmarks(self, a: float, sigma: float) -> Tensor:
        """Landmarks z > 0."""

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if a == 0:
            return _NORMAL._derivatives(x, 1.0, sigma, orders)
        z = x - a * self.centre
        values = self._half_derivatives(z.abs(), a, sigma, orders)
        return [
            torch.sign(z) * value if order % 2 else value for order, value in zip(orders, values, strict=True)
        ]

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        if a == 0:
            return _NORMAL.log_sf(x, 1.0, sigma)
        z = x - a * self.centre
        far = self._half_log_sf(z.abs(), a, sigma)
        return torch.where(z >= 0, far, torch.log1p(-torch.exp(far)))

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.log_sf(2 * a * self.centre - x, a, sigma)

    def landmarks(self, a: float, sigma: float) -> Tensor:
        if a == 0:
            return _NORMAL.landmarks(1.0, sigma)
        z = self._half_landmarks(a, sigma)
        return torch.unique(a * self.centre + torch.cat([-z, torch.zeros(1, dtype=torch.float64), z]))


_NORMAL = Gaussian1D(0.0, 0.0)
"""The point mass at 0: a X0 + sigma W at a = 0, whatever X0 is."""


def log_normal_density(t: Tensor) -> Tensor:
    """log phi(t)."""
    return -0.5 * t * t - 0.5 * math.log(2 * math.pi)
