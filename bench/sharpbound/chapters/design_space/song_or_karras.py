"""Song or Karras? The losses that decide it, and the data scale at which the winner changes.

The statement under test (Wang, He & Tao 2406.12839): a well-trained score prefers the exponential
schedule of Song et al., a poorly trained one the polynomial schedule of Karras et al. Data are N(0,
s^2) in one dimension (s -> 0 is the worst case of the theorem); the score has normalised squared error
v E|s - score|^2 = e at every level. Errors add over dimensions, so one dimension tells all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from sharpbound.chapters.design_space.output import gaussian_output
from sharpbound.chapters.design_space.schedules import named
from sharpbound.laws.path_kl_parts import discretisation_error, score_error, variances
from sharpbound.marginals.fisher import GaussianInformation

Array = NDArray[np.float64]

Loss = Callable[[Array, float, float], float]
"""(ladder v, data scale s, score error e) -> error of the sampler."""


def path_loss(v: Array, scale: float, error: float) -> float:
    """E_D + E_S: the path KL from the exact p_{v_0}."""
    return discretisation_error(GaussianInformation([scale**2]), v) + score_error(v, error / v[:-1])


def output_loss(v: Array, scale: float, error: float, churn: float = 1.0) -> float:
    """KL(true || output) from the exact p_{v_0}, the score error being constant in space."""
    return gaussian_output(scale**2, v, error, churn).kl


def crossover_scale(
    steps: int,
    sigma_min: float,
    sigma_max: float,
    error: float = 0.0,
    power: float = 7.0,
    loss: Loss = path_loss,
) -> float | None:
    """Data scale s below which the exponential schedule beats the polynomial one.

    None if they tie nowhere in [sigma_min, sigma_max].
    """
    exponential = variances(named("exponential", steps, sigma_min, sigma_max))
    polynomial = variances(named(f"polynomial-{power}", steps, sigma_min, sigma_max))

    def lead(log_scale: float) -> float:
        scale = float(np.exp(log_scale))
        return loss(polynomial, scale, error) - loss(exponential, scale, error)

    ends = float(np.log(sigma_min)), float(np.log(sigma_max))
    if lead(ends[0]) * lead(ends[1]) >= 0:
        return None
    return float(np.exp(brentq(lead, *ends, xtol=1e-12)))
