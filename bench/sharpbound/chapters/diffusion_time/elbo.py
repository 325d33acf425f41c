"""The two terms of the ELBO that the diffusion time T trades against each other.

    ELBO = E log p_data - G(s, T) - KL[p_T | p_noise],     G = 1/2 int_0^T g^2 E|s - score|^2 dt >= 0

(Franzese et al. 2206.05173). A long diffusion makes the last term small and the gap G large. Two
processes: variance preserving with beta = 1 (a^2 = exp(-T), p_noise = N(0, 1)) and variance exploding
(a = 1, sigma^2 = T the added variance, p_noise = N(0, T)); both have g = 1, and along both

    d/dT KL[p_T | p_noise] = -1/2 E|score_T - grad log p_noise|^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.optimize import brentq

from sharpbound.errors import InputError
from sharpbound.marginals.divergence import Normal, divergence, relative_information
from sharpbound.targets.base import Target1D

Process = Literal["vp", "ve"]
MARGINALS = "marginals"
"""The engine that rows name where no sampler runs: quadrature over the true p_t."""


def level(process: Process, time: float) -> tuple[float, float]:
    """(a, sigma) at diffusion time ``time`` > 0."""
    if not time > 0:
        raise InputError(f"the diffusion time must be positive, got {time:g}")
    if process == "vp":
        return math.exp(-0.5 * time), math.sqrt(-math.expm1(-time))
    if process == "ve":
        return 1.0, math.sqrt(time)
    raise InputError(f"unknown process {process!r}; choose vp or ve")


def noise_std(process: Process, time: float) -> float:
    """Standard deviation of p_noise."""
    return 1.0 if process == "vp" else math.sqrt(time)


def kl_to_noise(target: Target1D, process: Process, time: float) -> float:
    """KL[p_T | p_noise]."""
    return divergence(target, *level(process, time), Normal(0.0, noise_std(process, time)))


def kl_bound(second_moment: float, dim: int, process: Process, time: float) -> float:
    """Upper bound on KL[p_T | p_noise] from E|x|^2 alone (convexity of KL over the data points).

    VP: 1/2 [a^2 (E|x|^2 - d) - d log(1 - a^2)];  VE: E|x|^2 / (2 T).
    """
    a, _ = level(process, time)
    if process == "ve":
        return 0.5 * second_moment / time
    return 0.5 * (a**2 * (second_moment - dim) - dim * math.log1p(-(a**2)))


def kl_leading(mean_square: float, process: Process, time: float) -> float:
    """Leading order of KL[p_T | p_noise] for |E x|^2 = ``mean_square`` > 0: 1/2 |Ex|^2 e^-T, or |Ex|^2 / 2T.

    Centred data decay twice as fast: the first surviving term is of the square of this order.
    """
    return 0.5 * mean_square * (math.exp(-time) if process == "vp" else 1 / time)


def gap(score_error: float, time: float) -> float:
    """G = 1/2 int_0^T E|s - score|^2 dt for the constant squared score error ``score_error``."""
    return 0.5 * score_error * time


@dataclass(frozen=True)
class OptimalTime:
    """The diffusion time that maximises the ELBO, and what the ELBO loses there."""

    time: float
    gap: float
    kl: float
    leading: float | None
    """log(|E x|^2 / e2) for VP, |E x| / sqrt(e2) for VE: T* to leading order; None for centred data."""

    @property
    def loss(self) -> float:
        return self.gap + self.kl


def optimal_time(target: Target1D, process: Process, score_error: float) -> OptimalTime:
    """Minimise G + KL[p_T | p_noise] over T, by the root of its derivative.

    Stationarity reads E|score_T - grad log p_noise|^2 = e2: a relative Fisher information, so the flat
    bottom of the objective costs no digits. Raises InputError where no time in [1e-3, 60] (VP) or
    [1e-3, 1e12] (VE) is optimal.
    """

    def slope(log_time: float) -> float:
        time = math.exp(log_time)
        return relative_information(target, *level(process, time), noise_std(process, time)) - score_error

    ends = math.log(1e-3), math.log(60.0 if process == "vp" else 1e12)
    if not slope(ends[0]) > 0 > slope(ends[1]):
        raise InputError(
            f"no optimal diffusion time for a squared score error of {score_error:g}: choose one below the "
            "relative Fisher information of the data and above 0"
        )
    time = math.exp(brentq(slope, *ends, xtol=1e-13))
    mean_square = float(target.moments().mean @ target.moments().mean)
    leading = None
    if mean_square > 0:
        ratio = mean_square / score_error
        leading = math.log(ratio) if process == "vp" else math.sqrt(ratio)
    return OptimalTime(time, gap(score_error, time), kl_to_noise(target, process, time), leading)
