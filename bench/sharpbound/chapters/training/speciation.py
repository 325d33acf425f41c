"""Speciation and collapse times of the reverse diffusion (Biroli et al. 2402.18491), X_t = e^-t X0 + noise.

Speciation, t_S: when the reverse process decides for a class of the data; collapse, t_C: when it is drawn
to a single training point, if it follows the score of the empirical law.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import logsumexp

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D


def speciation_time(largest_eigenvalue: float) -> float:
    """t_S = 1/2 log Lambda: Lambda e^{-2t} = 1 for the largest eigenvalue of the data's covariance."""
    if largest_eigenvalue <= 1:
        raise InputError(f"there is no speciation with a largest eigenvalue of {largest_eigenvalue:g} <= 1")
    return 0.5 * math.log(largest_eigenvalue)


def same_class_probability(shift: float) -> float:
    """phi: probability that two reverse paths cloned at time t end in the same class.

    Along the line through two equal Gaussian classes, X_t ~ 1/2 N(shift, 1) + 1/2 N(-shift, 1) with shift
    = |m| e^-t in units of the local spread. Given X_t = x the classes have odds e^{2 shift x}, so

        phi = E[p^2 + (1-p)^2] = 1/2 (1 + E tanh^2(shift X)).

    At the speciation time shift = 1 and phi = .7752.
    """
    panels = Panels.between(np.linspace(shift - 9.0, shift + 9.0, 73))  # symmetric: one class is enough
    density = np.exp(-0.5 * (panels.nodes - shift) ** 2) / math.sqrt(2 * math.pi)
    return 0.5 * (1 + panels.integrate(density * np.tanh(shift * panels.nodes) ** 2))


def collapse_time(dim: int, points: int, std: float = 1.0) -> float:
    """t_C = 1/2 log(1 + sigma^2/(n^{2/d} - 1)) for ``points`` = n draws of N(0, sigma^2 I_d)."""
    if points < 2:
        raise InputError(f"the collapse time needs at least 2 training points, got {points}")
    return 0.5 * math.log1p(std**2 / math.expm1(2 * math.log(points) / dim))


def splitting_time(separation: float) -> float:
    """The time at which the density of X_t, X_0 ~ 1/2 N(m, 1) + 1/2 N(-m, 1), m = ``separation`` > 1, goes
    over from one mode to two: where (log p_t)'' = 0 in the middle. Knows nothing of eigenvalues or of clones.
    """
    half, one = torch.full((2,), 0.5, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    law = GaussianMixture1D(half, torch.tensor([-separation, separation], dtype=torch.float64), one)
    middle = torch.zeros(1, dtype=torch.float64)

    def curvature(time: float) -> float:
        return float(law.derivative(middle, math.exp(-time), math.sqrt(-math.expm1(-2 * time)), 2)[0])

    return brentq(curvature, 1e-6, math.log(separation) + 2.0, xtol=1e-14)


def collapse_times(dim: int, points: int, std: float, queries: int, seed: int) -> Array:
    """Per query, the time at which its own training point has half of the posterior weight, shape (queries,).

    X_t = e^-t x_1 + sqrt(1 - e^-2t) w is noised from one of ``points`` draws of N(0, std^2 I); the score
    of the empirical law leads back to x_1 once that has the most weight. By rotation invariance all that a
    further point x_i needs are its components along w and x_1, and the chi-squared rest of its length, so
    that neither memory nor time grow with ``dim`` >= 3. Every query has training points of its own.
    """
    rng = np.random.default_rng(seed)
    times = np.empty(queries)
    for q in range(queries):
        noise = math.sqrt(rng.chisquare(dim))  # |w|
        own = std * np.array(
            [rng.standard_normal(), math.sqrt(rng.chisquare(dim - 1))]
        )  # x_1 along w, and across
        along, across = std * rng.standard_normal((2, points - 1))
        rest = std**2 * rng.chisquare(dim - 2, points - 1)
        overlap = noise * (own[0] - along)  # <w, x_1 - x_i>
        distance = (own[0] - along) ** 2 + (own[1] - across) ** 2 + rest  # |x_1 - x_i|^2
        low, high = 1e-3, 20.0
        while high - low > 1e-4:  # the times of single queries scatter by far more
            middle = 0.5 * (low + high)
            a, sigma = math.exp(-middle), math.sqrt(-math.expm1(-2 * middle))
            others = logsumexp(-(2 * a * sigma * overlap + a**2 * distance) / (2 * sigma**2))
            low, high = (middle, high) if others < 0 else (low, middle)
        times[q] = 0.5 * (low + high)
    return times
