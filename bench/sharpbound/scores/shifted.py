"""Exact scores plus a constant shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Level
from sharpbound.scores.base import ExactScore, LineProblem, ScoreField
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.parts import own_coordinates


@dataclass(frozen=True)
class ShiftedScore(ScoreField):
    """The exact score plus a constant field of normalised squared error (sigma/a)^2 E|a e|^2 = ``error``.

    The same e = sqrt(error/d)/sigma in every coordinate, so that those of a product stay independent.
    """

    exact: ExactScore
    error: float

    def __post_init__(self) -> None:
        if self.error < 0:
            raise InputError(f"must be at least 0, got {self.error:g}", key="score_error")

    def _shift(self, d: int, sigma: float) -> float:
        return math.sqrt(self.error / d) / sigma

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.exact(t, y) + self._shift(y.shape[-1], float(self.exact.ladder.sigma[t]))

    def between(self, level: Level, y: Tensor) -> Tensor:
        """The same at any (a, sigma)."""
        return self.exact.between(level, y) + self._shift(y.shape[-1], level[1])

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.exact.jacobian(t, y)

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.exact.grad_divergence(t, y)

    def exact_for(self, target: Target) -> bool:
        return self.error == 0 and self.exact.exact_for(target)

    @property
    def affine(self) -> bool:
        return True

    def parts(self, target: Target) -> list[LineProblem] | None:
        if isinstance(target, Target1D):
            return [LineProblem(target, self, 1)]
        own = own_coordinates(target) if self.exact.exact_for(target) else None
        ladder, each = self.exact.ladder, self.error / target.dim
        if own is None:
            return None
        return [LineProblem(law, ShiftedScore(ExactScore(law, ladder), each), n) for law, n in own]


@dataclass(frozen=True)
class PushedScore(ScoreField):
    """The exact score plus a constant vector ``push[t]`` at each level."""

    exact: ExactScore
    push: Tensor

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.exact(t, y) + self.push[t]

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.exact.jacobian(t, y)

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.exact.grad_divergence(t, y)

    def exact_for(self, target: Target) -> bool:
        return not bool(self.push.any()) and self.exact.exact_for(target)

    @property
    def affine(self) -> bool:
        return True
