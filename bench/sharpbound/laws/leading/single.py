"""One step of a one-step sampler between two levels of log(a/sigma), as it is among even ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.laws.leading.clock import at_log_snr
from sharpbound.numerics.dual import derivative
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import Process
from sharpbound.samplers.base import Mixture, Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets.base import Target

BEFORE, AFTER = 4, 1
"""Steps of the same length that the ladder has before and after the one that is taken: a sampler may look there."""


@dataclass(frozen=True)
class SingleStep:
    """From lambda to lambda + h."""

    ladder: Ladder
    t: int
    length: float
    stages: Any

    @classmethod
    def of(
        cls,
        target: Target,
        sampler: Sampler,
        process: Process,
        lam: float,
        h: float,
        before: int = BEFORE,
        after: int = AFTER,
    ) -> SingleStep:
        """``before``, ``after``: how many steps the ladder has on either side of this one."""
        ladder = at_log_snr(process, lam + h * np.arange(1.0 + after, -1.0 - before, -1.0))
        t = 1 + after
        path = sampler.path(ladder, ExactScore(target, ladder))
        return cls(ladder, t, h, next(stages for at, stages in path if at == t))

    def like(self, other: SingleStep, x: Tensor) -> bool:
        """Whether both do the same to points x of shape (n,)."""
        mine, theirs = (list(one.outcome(x.unsqueeze(-1))) for one in (self, other))
        return len(mine) == len(theirs) and all(map(torch.equal, mine, theirs))

    def outcome(self, y: Tensor) -> Iterator[Tensor]:
        """Means and noises of its stages at the same points."""
        for stage in self.stages:
            for one in stage.stages if isinstance(stage, Mixture) else [stage]:
                yield one.mean(y)
                yield one.std(y) if callable(one.std) else torch.tensor(one.std)

    def moved(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Phi(x) and Phi'(x) of a step without noise; x of shape (n,)."""

        def phi(y: Any) -> Any:
            for stage in self.stages:
                y = stage.mean(y)
            return y

        with torch.no_grad():
            image, slope = derivative(phi, x.unsqueeze(-1), torch.ones_like(x).unsqueeze(-1))
        return image.squeeze(-1), slope.squeeze(-1)
