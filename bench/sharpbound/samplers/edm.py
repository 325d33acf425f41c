"""The stochastic sampler of Karras et al.: noise added back, then a Heun step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.samplers.base import Sampler, Stage, Step


@dataclass(frozen=True)
class EDMHeun(Sampler):
    """In x = y/a and n = sigma/a: n^ = (1 + gamma) n with gamma = min(churn/T, sqrt(2) - 1), then

    x^  = x + sqrt((n^)^2 - n^2) Z
    x_e = x^ + (n' - n^) eps(x^; n^)
    x'  = x^ + (n' - n^)/2 [eps(x^; n^) + eps(x_e; n')];

    a step to n' = 0 has no corrector. ``churn`` is S_churn, at every level; with churn = 0 this is `heun`.
    """

    churn: float = 10.0

    name = "edm-heun"
    title = "EDM Heun with churn"
    nfe = 2
    order = 2
    source = "Karras, Aittala, Aila & Laine, arXiv:2206.00364, Algorithm 2"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        if not (math.isfinite(self.churn) and self.churn >= 0):
            raise InputError(f"must be a finite number >= 0, got {self.churn:g}", key="sampler.churn")

    @property
    def deterministic(self) -> bool:
        return self.churn == 0

    @property
    def counts_steps(self) -> bool:  # type: ignore[override]
        return self.churn > 0

    def stages(self, step: Step) -> Sequence[Stage]:
        a, a_next, sigma_next = step.a, step.a_next, step.sigma_next
        gamma = min(self.churn / (step.ladder.T - step.ladder.stop), math.sqrt(2) - 1)
        noisy = (a, (1 + gamma) * step.sigma)
        dn = sigma_next / a_next - noisy[1] / a

        def heun(y: Tensor) -> Tensor:
            x = y / a
            eps = -noisy[1] * (step.score_between(noisy, y) if gamma else step.score(step.t, y))
            if step.to_data:
                return a_next * (x + dn * eps)
            predicted = a_next * (x + dn * eps)
            return a_next * (x + 0.5 * dn * (eps - sigma_next * step.score(step.t - 1, predicted)))

        if not gamma:
            return [Stage(heun)]
        return [Stage(lambda y: y, step.sigma * math.sqrt(gamma * (2 + gamma))), Stage(heun)]
