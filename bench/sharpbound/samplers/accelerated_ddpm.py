"""Accelerated stochastic sampler of 2403.03852, which needs no derivative of the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from sharpbound.samplers.base import Sampler, Stage, Step


class AcceleratedDDPM(Sampler):
    """Half of the noise before the score evaluation, half after:

    Y^+     = Y_t + sqrt((1 - alpha_t)/2) Z
    Y_{t-1} = 1/sqrt(alpha_t) (Y^+ + (1 - alpha_t) s_t(Y^+) + sqrt((1 - alpha_t)/2) Z^+).

    Its authors claim TV of order 1/T. On Gaussian targets the order is two, on others one; with the
    last noise outside 1/sqrt(alpha_t), or the first one scaled by sqrt(alpha_t), it is one everywhere.
    The form is that of the authors' README; their code scales the first noise by sqrt(alpha_t).

    The sampler of 2306.09251, whose Theorem 4 has the rate d^3 log^4.5 T/T, is another one:
    `accelerated-ddpm-li2024`.
    """

    name = "accelerated-ddpm"
    title = "accelerated DDPM"
    deterministic = False
    nfe = 1
    order = 1
    source = "Li, Huang, Efimov, Wei, Chi & Chen, arXiv:2403.03852; form recalled"

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, s = step.t, step.beta, step.alpha, step.score
        half = math.sqrt(0.5 * beta)

        def identity(y: Tensor) -> Tensor:
            return y

        return [
            Stage(identity, half),
            Stage(lambda y: (y + beta * s(t, y)) / math.sqrt(alpha), half / math.sqrt(alpha)),
        ]
