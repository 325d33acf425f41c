"""Fresh noise at every call of the score: not a field, and a different model.

s_t(y) + xi with xi ~ N(0, eps_t^2) drawn anew at each call leaves the mean of a step alone. Where a step
calls the score once, as y -> A y + c s(y) + std Z, it is exactly the same as a larger noise,

    std -> sqrt(std^2 + c^2 eps_t^2),

so the law of the output needs no sampling. Its effect vanishes with the step, c being of the order of
the step: T terms of size 1/T^2 add up to 1/T. A fixed field's do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler, Stage, Step
from sharpbound.scores.base import ScoreField


class _Probe(ScoreField):
    """A constant score that counts how often it is asked."""

    def __init__(self, value: float) -> None:
        self.value, self.calls = value, 0

    def __call__(self, t: int, y: Tensor) -> Tensor:
        self.calls += 1
        return torch.full_like(y, self.value)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        raise NotImplementedError

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        raise NotImplementedError


def step_gains(sampler: Sampler, ladder: Ladder, t: int) -> list[float]:
    """d mean/d score of each stage of step t, for a step that calls the score once in all.

    Raises InputError for a sampler that calls it more often, or asks for its derivatives.
    """
    origin = torch.zeros(1, 1, dtype=torch.float64)
    means = []
    for value in (0.0, 1.0):
        probe = _Probe(value)
        stages = sampler.stages(Step(t, ladder, probe))
        plain = [stage for stage in stages if isinstance(stage, Stage) and not callable(stage.std)]
        try:
            means.append([float(stage.mean(origin)) for stage in plain])
        except NotImplementedError:
            probe.calls = 0
        if probe.calls != 1 or len(plain) < len(stages) or sampler.history:
            raise InputError(
                f"{sampler.name} does more with the score than call it once in a step; use pf-ode, ddpm, ddim, "
                "euler-maruyama, exponential-integrator or accelerated-ddpm",
                key="sampler.name",
            )
    return [with_error - without for without, with_error in zip(*means, strict=True)]


class NoisyScore(Sampler):
    """``sampler`` with a score that carries fresh noise of standard deviation ``eps[t]`` at each call."""

    deterministic = False
    nfe = 1

    def __init__(self, sampler: Sampler, eps: Array) -> None:
        self.sampler, self.eps = sampler, eps
        for attribute in ("name", "title", "source", "kinds"):
            setattr(self, attribute, getattr(sampler, attribute))

    @property
    def order(self) -> float | None:
        return self.sampler.order

    def stages(self, step: Step) -> Sequence[Stage]:
        added = [c * float(self.eps[step.t]) for c in step_gains(self.sampler, step.ladder, step.t)]
        return [
            replace(stage, std=math.hypot(cast(float, stage.std), extra))
            for stage, extra in zip(cast(Sequence[Stage], self.sampler.stages(step)), added, strict=True)
        ]
