"""Accelerated deterministic sampler of 2403.03852, which needs no derivative of the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from sharpbound.samplers.base import Sampler, Stage, Step


class AcceleratedODE(Sampler):
    """Looks one level back to cancel the first-order term of the probability-flow step:

    Y^-     = sqrt(alpha_{t+1}) (Y_t - (1 - alpha_{t+1})/2 s_t(Y_t))
    Y_{t-1} = 1/sqrt(alpha_t) { Y_t + (1 - alpha_t)/2 s_t(Y_t)
              + (1 - alpha_t)^2 / (4 (1 - alpha_{t+1})) [s_t(Y_t) - sqrt(alpha_{t+1}) s_{t+1}(Y^-)] };

    the first step, t = T, has no level above and is the plain probability-flow step.

    This form is recalled, not read in the paper. The sampler of 2306.09251, whose Theorem 2 has the rate
    d^6 log^6 T/T^2, is another one: `accelerated-ode-li2024`.
    """

    name = "accelerated-ode"
    title = "accelerated ODE"
    deterministic = True
    nfe = 2
    order = 2
    source = "Li, Huang, Efimov, Wei, Chi & Chen, arXiv:2403.03852; form recalled"

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, s, ladder = step.t, step.beta, step.alpha, step.score, step.ladder

        def mean(y: Tensor) -> Tensor:
            score = s(t, y)
            drift = y + 0.5 * beta * score
            if t < ladder.T:
                alpha_up, beta_up = ladder.alpha(t + 1), float(ladder.beta[t + 1])
                y_up = math.sqrt(alpha_up) * (y - 0.5 * beta_up * score)
                drift = drift + beta**2 / (4 * beta_up) * (score - math.sqrt(alpha_up) * s(t + 1, y_up))
            return drift / math.sqrt(alpha)

        return [Stage(mean)]
