"""Laws on the line symmetric about a point: a family gives one half, the other follows."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian import Gaussian1D

Array = NDArray[np.float64]


class Symmetric1D(Target1D):
    """X0 = centre + (symmetric law). Families speak of z = x - a centre >= 0 and of a > 0 only, in arrays (n,)."""

    centre: float

    @abstractmethod
    def _half_derivatives(self, z: Array, a: float, sigma: float, orders: Sequence[int]) -> list[Array]:
        """(d/dz)^k log p for z >= 0 and each k of ``orders``."""

    @abstractmethod
    def _half_log_sf(self, z: Array, a: float, sigma: float) -> Array:
        """log P(a X0 + sigma W > a centre + z) for z >= 0."""

    @abstractmethod
    def _half_landmarks(self, a: float, sigma: float) -> Tensor:
        """Landmarks z > 0."""

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if a == 0:
            return _NORMAL._derivatives(x, 1.0, sigma, orders)
        z = x.detach().numpy().reshape(-1) - a * self.centre
        with np.errstate(all="ignore"):
            values = self._half_derivatives(np.abs(z), a, sigma, orders)
        both = [np.sign(z) * f if order % 2 else f for order, f in zip(orders, values, strict=True)]
        return [torch.from_numpy(f.reshape(x.shape)) for f in both]

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        if a == 0:
            return _NORMAL.log_sf(x, 1.0, sigma)
        z = x.numpy().reshape(-1) - a * self.centre
        with np.errstate(all="ignore"):
            far = self._half_log_sf(np.abs(z), a, sigma)
            tail = np.where(z >= 0, far, np.log1p(-np.exp(far)))
        return torch.from_numpy(tail.reshape(x.shape))

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.log_sf(2 * a * self.centre - x, a, sigma)

    def landmarks(self, a: float, sigma: float) -> Tensor:
        if a == 0:
            return _NORMAL.landmarks(1.0, sigma)
        z = self._half_landmarks(a, sigma)
        return torch.unique(a * self.centre + torch.cat([-z, torch.zeros(1, dtype=torch.float64), z]))


_NORMAL = Gaussian1D(0.0, 0.0)
"""The point mass at 0: a X0 + sigma W at a = 0, whatever X0 is."""


def log_normal_density(t: Array) -> Array:
    """log phi(t)."""
    return -0.5 * t * t - 0.5 * math.log(2 * math.pi)
