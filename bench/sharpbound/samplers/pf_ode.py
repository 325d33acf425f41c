"""Probability-flow ODE sampler of Li, Wei, Chen & Chi."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sharpbound.samplers.base import Sampler, Stage, Step


class PFODE(Sampler):
    """Y_{t-1} = (Y_t + (1 - alpha_t)/2 s_t(Y_t)) / sqrt(alpha_t)."""

    name = "pf-ode"
    title = "probability-flow ODE"
    deterministic = True
    nfe = 1
    order = 1
    source = "Li, Wei, Chen & Chi, arXiv:2306.09251, version of Feb 2024, eq. (23)"

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, s = step.t, step.beta, step.alpha, step.score
        return [Stage(lambda y: (y + 0.5 * beta * s(t, y)) / math.sqrt(alpha))]
