"""Langevin dynamics at one level: no diffusion model, but what a score at the data alone would be used for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.errors import InputError
from sharpbound.samplers.base import Sampler, Stage, Step


@dataclass(frozen=True)
class Langevin(Sampler):
    """The unadjusted Langevin algorithm for the law of the least noisy level l at which samplers evaluate a score,

    Y <- Y + e s_l(Y) + sqrt(2 e) Z,    e = strength sigma_l^2,

    one step for each of the ladder. Of the ladder it needs that level and the number of steps alone: the time that it
    runs, T e, grows with T, and what is left in the limit is the bias of the step and that of the level.
    """

    strength: float = 0.1

    name = "langevin"
    title = "Langevin dynamics (ULA)"
    deterministic = False
    nfe = 1
    order = 0
    source = (
        "Roberts & Tweedie, Bernoulli 2 (1996), Section 1.4; as compared with diffusion in arXiv:2603.11319"
    )
    kinds = frozenset({"vp", "sub-vp", "ve"})
    descends = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and self.strength > 0):
            raise InputError(f"must be a positive number, got {self.strength:g}", key="sampler.strength")

    def stages(self, step: Step) -> Sequence[Stage]:
        level = step.ladder.stop + 1
        e = self.strength * float(step.ladder.sigma[level]) ** 2
        return [Stage(lambda y: y + e * step.score(level, y), math.sqrt(2 * e))]
