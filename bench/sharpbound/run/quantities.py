"""What recomputes a published number that is neither a row of a case nor a claim's formula, by name.

Each is a function of the keys of ``number.options`` and returns the number itself, from the same code that measures
cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from sharpbound import processes, samplers
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.training.speciation import same_class_probability
from sharpbound.errors import InputError
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.options import made
from sharpbound.scores.base import ExactScore
from sharpbound.targets.gaussian import Gaussian1D


def end_of_linear_betas(
    of: Literal["signal", "snr"], T: int = 1000, first: float = 1e-4, last: float = 0.02, power: float = 1.0
) -> float:
    """a_T ("signal") or a_T^2/(1 - a_T^2) ("snr") of the DDPM schedule beta_t^(1/power) linear from ``first`` to
    ``last``: Ho, Jain & Abbeel (2006.11239) with power 1, Stable Diffusion with power 2.
    """
    return _end(_log_abar_of_linear_betas(T, T, first, last, power), of)


def linear_betas_noise_level(
    t: int, T: int = 1000, first: float = 1e-4, last: float = 0.02, power: float = 1.0
) -> float:
    """sigma_t/a_t of the same schedule after the beta of index ``t``, counted from 0 as its authors' code does."""
    if not 0 <= t < T:
        raise InputError(f"must be an index from 0 to {T - 1}, got {t}", key="options.t")
    return math.sqrt(math.expm1(-_log_abar_of_linear_betas(t + 1, T, first, last, power)))


def _log_abar_of_linear_betas(count: int, T: int, first: float, last: float, power: float) -> float:
    """log of the product of the first ``count`` of T factors 1 - beta_t."""
    beta = np.linspace(first ** (1 / power), last ** (1 / power), T) ** power
    return float(np.sum(np.log1p(-beta[:count])))


def end_of_cosine(of: Literal["signal", "snr"], T: int = 1000) -> float:
    """The same of `sharpbound.processes.schedules.cosine` (Nichol & Dhariwal, 2102.09672)."""
    return _end(2 * math.log(float(processes.build({"schedule": "cosine"}, T).a[-1])), of)


def cosine_noise_level(t: int, T: int = 1000) -> float:
    """sigma_t/a_t of the cosine schedule, its noise level in the units of EDM (2206.00364)."""
    ladder = processes.build({"schedule": "cosine"}, T)
    if not 0 <= t <= T:
        raise InputError(f"must be a level from 0 to {T}, got {t}", key="options.t")
    return float(ladder.sigma[t] / ladder.a[t])


def _end(log_abar: float, of: str) -> float:
    return math.exp(0.5 * log_abar) if of == "signal" else math.exp(log_abar) / -math.expm1(log_abar)


def euler_std_ratio(
    schedule: str, T: int, std: float, sigma_min: float = 0.002, sigma_max: float = 80.0
) -> float:
    """Standard deviation of the output of Euler's method for the probability-flow ODE (DDIM) over the true one, on
    N(0, std^2) from the exact law at sigma_max, by the engine of Gaussian laws.
    """
    ladder = processes.build({"schedule": schedule, "sigma_min": sigma_min, "sigma_max": sigma_max}, T)
    target = Gaussian1D(0.0, std**2)
    law = gaussian_law(target, ladder, samplers.build({"name": "ddim"}), ExactScore(target, ladder), "exact")
    return math.sqrt(1 + float(law.cov_error.ravel()[0] / law.cov.ravel()[0]))


def hard_pair_score_distance(eta: float, R: float) -> float:
    """E_{p1} (s1 - s2)^2/(eta R^2) of the pair (1 - eta) N(0, 1) + eta N(-+R, 1), by quadrature."""
    return HardPair(eta, R).l2 ** 2 / (eta * R**2)


def clones_at_speciation() -> float:
    """Probability that two reverse paths cloned at the speciation time end in the same class, by quadrature."""
    return same_class_probability(1.0)


QUANTITIES: dict[str, Callable[..., float]] = {
    "end-of-linear-betas": end_of_linear_betas,
    "linear-betas-noise-level": linear_betas_noise_level,
    "end-of-cosine": end_of_cosine,
    "cosine-noise-level": cosine_noise_level,
    "euler-std-ratio": euler_std_ratio,
    "hard-pair-score-distance": hard_pair_score_distance,
    "clones-at-speciation": clones_at_speciation,
}


def compute(name: str, options: dict[str, Any]) -> float:
    """The quantity ``name`` at ``options``; InputError for an unknown one, and for keys that it does not take."""
    if name not in QUANTITIES:
        raise InputError(f"unknown quantity {name!r}; choose from {', '.join(QUANTITIES)}", key="quantity")
    return float(made(QUANTITIES[name], options, name="options", who=name))
