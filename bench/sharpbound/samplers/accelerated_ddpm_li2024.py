"""Accelerated stochastic sampler of 2306.09251, the one its Theorem 4 is about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sharpbound.samplers.base import Sampler, Stage, Step


class AcceleratedDDPMLi2024(Sampler):
    """With b = 1 - alpha_t, abar_t = a_t^2 and X_t = sqrt(abar_t) X_0 + sqrt(1 - abar_t) W, the paper's step is

    Y_{t-1} = 1/sqrt(alpha_t) (Y_t + b s_t) + sigma_t { Z - b/(2 (1 - abar_t)) [Z + (1 - abar_t) s_t s_t^T Z - v_t] },
    v_t(x, z) = E[ W W^T z | X_t = x ],    sigma_t^2 = 1/alpha_t - 1.

    The second moment of W given X_t is that of the score's Jacobian, and the step is

    Y_{t-1} = 1/sqrt(alpha_t) (Y_t + b s_t) + sigma_t (I + (b/2) grad s_t) Z,

    which is what is run: `ddpm-covariance` with the first-order expansion of its root.
    """

    name = "accelerated-ddpm-li2024"
    title = "accelerated DDPM (Li et al. 2024)"
    deterministic = False
    nfe = 1
    order = 2
    source = "Li, Wei, Chen & Chi, arXiv:2306.09251, version of Feb 2024, Section 3.3.2, eq. (33b)"

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, s = step.t, step.beta, step.alpha, step.score

        def factor(y: Tensor) -> Tensor:
            eye = torch.eye(y.shape[-1], dtype=y.dtype)
            return math.sqrt(beta / alpha) * (eye + 0.5 * beta * s.jacobian(t, y))

        return [Stage(lambda y: (y + beta * s(t, y)) / math.sqrt(alpha), factor)]
