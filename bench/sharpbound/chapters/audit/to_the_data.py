"""Samplers that choose a grid of their own whose last step goes to sigma = 0, which no number of steps makes short.

They are measured up to that step: at the state of the last call of the model. One that adds noise before each step, as
EDM's stochastic sampler does, is by then above the last level of its grid, and held to the law there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sharpbound.processes import Ladder
from sharpbound.processes.ladder import Level
from sharpbound.samplers import PlainSampler
from sharpbound.samplers.own import noisiest_first, single
from sharpbound.targets import Gaussian1D, Target1D


class BeforeTheData:
    """``call`` up to its last step; ``level`` is sigma/a at the last call of the latest run."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call, self.level = call, 0.0

    def __call__(self, score: Any, x: Any, a: Any, sigma: Any, *noise: Any) -> Any:
        last: list[Any] = []

        def heard(y: Any, scale: Any, level: Any) -> Any:
            last[:] = [y / scale]
            self.level = single(level) / single(scale)
            return score(y, scale, level)

        output = self.call(heard, x, a, sigma, *noise)
        return last[0] * a[-1] if last else output


def before_the_data(sampler: PlainSampler, target: Target1D, ladder: Ladder) -> PlainSampler | None:
    """The sampler up to its step to the data, if it ends with one: with the clean prediction of its last call."""
    a, sigma = ladder.level(ladder.stop)
    if not sigma:
        return None
    x = torch.linspace(-1.0, 1.0, 9, dtype=torch.float64) * float(np.hypot(ladder.a[-1], ladder.sigma[-1]))
    output = sampler.moved(target, ladder, x).double()
    short = BeforeTheData(sampler.call)
    up_to = replace(sampler, call=short)
    before, n = up_to.moved(target, ladder, x).double() / a, short.level
    clean = before + n**2 * target.score(before.reshape(-1, 1), 1.0, n).reshape(-1)
    return up_to if n and torch.allclose(output, a * clean, rtol=1e-5, atol=1e-7) else None


def end_of(sampler: PlainSampler, ladder: Ladder) -> Level:
    """The level at which a run on ``ladder`` ends."""
    end = ladder.level(ladder.stop)
    if not isinstance(sampler.call, BeforeTheData):
        return end

    sampler.answer(ANY.score, torch.zeros(2, dtype=torch.float64), *noisiest_first(ladder))
    return end[0], end[0] * sampler.call.level


ANY = Gaussian1D(0.0, 1.0)
"""Levels depend on no law."""
