"""DDPM with the variance of its forward step."""

from __future__ import annotations

from sharpbound.samplers.base import Step
from sharpbound.samplers.ddpm import DDPM


class DDPMBeta(DDPM):
    """Y_{t-1} = (Y_t + (1 - alpha_t) s_t(Y_t)) / sqrt(alpha_t) + sqrt(1 - alpha_t) Z_t.

    Exact, in any dimension, for data N(m, I): the marginals keep their covariance, and alpha_t + (1 - alpha_t) = 1.
    """

    name = "ddpm-beta"
    title = "DDPM, variance beta"
    source = "Ho, Jain & Abbeel, arXiv:2006.11239, Section 3.2, the first of the two variances"

    def variance(self, step: Step) -> float:
        """1 - alpha_t."""
        return step.beta
