"""Denoising diffusion probabilistic model: ancestral sampling with either of its two variances."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sharpbound.samplers.base import Sampler, Stage, Step


class DDPM(Sampler):
    """Y_{t-1} = (Y_t + (1 - alpha_t) s_t(Y_t) + sqrt(1 - alpha_t) Z_t) / sqrt(alpha_t)."""

    name = "ddpm"
    title = "DDPM"
    deterministic = False
    nfe = 1
    order = 1
    source = (
        "Li, Wei, Chen & Chi, arXiv:2306.09251, version of Feb 2024, eq. (30); "
        "Ho, Jain & Abbeel, arXiv:2006.11239"
    )

    def variance(self, step: Step) -> float:
        """1/alpha_t - 1."""
        return step.beta / step.alpha

    def stages(self, step: Step) -> Sequence[Stage]:
        t, beta, alpha, s = step.t, step.beta, step.alpha, step.score
        return [Stage(lambda y: (y + beta * s(t, y)) / math.sqrt(alpha), math.sqrt(self.variance(step)))]


class DDPMPosterior(DDPM):
    """The same mean with variance (1 - alpha_t)(alpha_t - abar_t) / (alpha_t (1 - abar_t)).

    This is the variance of X_{t-1} given X_t and X_0, the one that low-dimensional theory needs.
    Written as beta_t sigma_{t-1}^2 / sigma_t^2: alpha_t - abar_t = alpha_t (1 - abar_{t-1}).
    """

    name = "ddpm-posterior"
    title = "DDPM, posterior variance"
    source = "Ho, Jain & Abbeel, arXiv:2006.11239, eq. (7); Li & Yan, arXiv:2405.14861"

    def variance(self, step: Step) -> float:
        return step.beta * (step.sigma_next / step.sigma) ** 2
