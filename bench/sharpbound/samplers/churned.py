"""The frozen-score sampler with its stochasticity as a dial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.errors import InputError
from sharpbound.samplers.base import Sampler, Stage, Step


def drift_gain(sigma: float, sigma_next: float, churn: float) -> float:
    """The factor of the score in one step: eta^2 D + (1 - eta^2) sigma (sigma - sigma')."""
    return churn**2 * (sigma**2 - sigma_next**2) + (1 - churn**2) * sigma * (sigma - sigma_next)


@dataclass(frozen=True)
class Churned(Sampler):
    """Euler in v = sigma^2/a^2 and x = y/a, with any amount eta = ``churn`` of fresh noise:

    X_{k+1} = X_k + (eta^2 D + (1 - eta^2) sigma_k (sigma_k - sigma_{k+1})) s_k(X_k) + eta sqrt(D) Z,

    D = v_k - v_{k+1}. eta = 0 is the Euler probability-flow ODE in sigma (DDIM), eta = 1 the sampler of the
    path-KL decomposition. All leave the marginals alone in continuous time, and differ by how errors are
    kept or forgotten.
    """

    churn: float = 1.0

    name = "churned"
    title = "Euler with churn"
    nfe = 1
    order = 1
    source = "Song et al., arXiv:2011.13456, and Karras et al., arXiv:2206.00364, section 4"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        if not (math.isfinite(self.churn) and self.churn >= 0):
            raise InputError(f"the churn is a finite number >= 0, got {self.churn:g}", key="sampler.churn")

    @property
    def deterministic(self) -> bool:
        return self.churn == 0

    def stages(self, step: Step) -> Sequence[Stage]:
        t, s, ratio = step.t, step.score, step.a_next / step.a
        here, below = step.sigma / step.a, step.sigma_next / step.a_next
        gain = step.a * step.a_next * drift_gain(here, below, self.churn)
        noise = self.churn * step.a_next * math.sqrt(here**2 - below**2)
        return [Stage(lambda y: ratio * y + gain * s(t, y), noise)]
