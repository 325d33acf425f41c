"""Exact scores plus a constant shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from sharpbound.scores.base import ExactScore


@dataclass(frozen=True)
class ShiftedScore(ExactScore):
    """The exact score plus a constant field of normalised squared error (sigma/a)^2 E|a e|^2 = ``error``."""

    error: float

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return super().__call__(t, y) + math.sqrt(self.error / y.shape[-1]) / float(self.ladder.sigma[t])


@dataclass(frozen=True)
class PushedScore:
    """The exact score plus a constant vector ``push[t]`` at each level."""

    exact: ExactScore
    push: Tensor

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.exact(t, y) + self.push[t]

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.exact.jacobian(t, y)

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.exact.grad_divergence(t, y)
