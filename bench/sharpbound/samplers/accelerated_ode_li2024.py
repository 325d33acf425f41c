"""Accelerated deterministic sampler of 2306.09251, the one its Theorem 2 is about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from sharpbound.samplers.base import Sampler, Stage, Step


class AcceleratedODELi2024(Sampler):
    """With b = 1 - alpha_t, abar_t = a_t^2 and X_t = sqrt(abar_t) X_0 + sqrt(1 - abar_t) W, the paper's step is

    Y_{t-1} = 1/sqrt(alpha_t) { Y_t + [b/2 + b^2/(8 (1 - abar_t)) - b^2/8 |s_t|^2] s_t + b^2/(8 (1 - abar_t)) w_t },
    w_t(x) = E[ |W|^2 (W/sqrt(1 - abar_t) + s_t(x)) + W W^T s_t(x) | X_t = x ].

    The second and third moments of W given X_t are those of the score's derivatives, and the step is

    Y_{t-1} = 1/sqrt(alpha_t) { Y_t + (b/2) s_t - (b^2/8) [(grad s_t) s_t + grad tr(grad s_t)] },

    which is what is run: any score field with a Jacobian serves. It differs from `taylor-ode` by O(b^3).
    """

    name = "accelerated-ode-li2024"
    title = "accelerated ODE (Li et al. 2024)"
    deterministic = True
    nfe = 1
    order = 2
    source = "Li, Wei, Chen & Chi, arXiv:2306.09251, version of Feb 2024, Section 3.2.2, eq. (27b)"

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, score = step.t, step.beta, step.alpha, step.score

        def mean(y: Tensor) -> Tensor:
            s = score(t, y)
            curvature = (score.jacobian(t, y) @ s.unsqueeze(-1)).squeeze(-1) + score.grad_divergence(t, y)
            return (y + 0.5 * beta * s - beta**2 / 8 * curvature) / math.sqrt(alpha)

        return [Stage(mean)]
