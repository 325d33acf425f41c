"""What a sampler is given: a score field, exact unless an error was injected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from sharpbound.processes.ladder import Ladder, Level
from sharpbound.targets.base import Target


class ScoreField(Protocol):
    """The score that a sampler is given: s_t(y) at ladder level t, exact or with an injected error.

    Each method may be differentiated once in forward mode.
    """

    def __call__(self, t: int, y: Tensor) -> Tensor:
        """s_t(y), shape (..., d)."""

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        """grad s_t(y), shape (..., d, d)."""

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        """grad tr(grad s_t)(y), shape (..., d)."""


@dataclass(frozen=True)
class ExactScore:
    """s_t = grad log density of a_t X0 + sigma_t W."""

    target: Target
    ladder: Ladder

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.target.score(y, *self.ladder.level(t))

    def between(self, level: Level, y: Tensor) -> Tensor:
        """The score at any (a, sigma), for samplers that evaluate it between ladder levels."""
        return self.target.score(y, *level)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.target.score_jacobian(y, *self.ladder.level(t))

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.target.grad_divergence(y, *self.ladder.level(t))
