"""Empirical laws, and what a diffusion model with the empirical (memorising) score returns.

The empirical score at level (a, sigma) is the exact score of the law (1/n) sum_i delta(x_i). A sampler
run with it therefore aims at that law, and without discretisation error, stopped at OU time delta, it returns

    (1/n) sum_i N(e^{-delta} x_i, 1 - e^{-2 delta})

exactly (Li, Chen & Li, 2401.04856). That is a kernel density estimate: within n^{-1/2} t^{-d/4} of the
truth in TV, t = sigma^2 (Zhang et al., 2402.15602; here d = 1), and made of nothing but the data.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from sharpbound.chapters.learning.intervals import Estimate, mean_estimate
from sharpbound.marginals.panels import log_density, marginal_panels
from sharpbound.targets.atoms import Atoms1D
from sharpbound.targets.base import Target1D


def empirical_laws(target: Target1D, n: int, repetitions: int, seed: int) -> Iterator[Atoms1D]:
    """``repetitions`` independent empirical laws of n draws of X0; n enters the seed."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, n]).generate_state(1)[0]))
    weights = torch.full((n,), 1 / n, dtype=torch.float64)
    for _ in range(repetitions):
        yield Atoms1D(weights, target.sample(n, generator).squeeze(-1))


def memorisation_tv(target: Target1D, data: Atoms1D, a: float, sigma: float) -> float:
    """TV between the memorised law (1/n) sum_i N(a x_i, sigma^2) and the law of a X0 + sigma W."""
    panels = marginal_panels(target, a, sigma).narrowed(sigma)
    p, q = (np.exp(log_density(law, panels.nodes, a, sigma)) for law in (target, data))
    return panels.integrate_abs(q - p) / 2


def simulated_memorisation_tv(
    target: Target1D, n: int, a: float, sigma: float, repetitions: int, seed: int
) -> Estimate:
    """Mean of ``memorisation_tv`` over ``repetitions`` samples: a check on `exact_memorisation_tv`."""
    laws = empirical_laws(target, n, repetitions, seed)
    return mean_estimate(np.array([memorisation_tv(target, data, a, sigma) for data in laws]))


def normal_memorisation_tv(target: Target1D, n: int, a: float, sigma: float) -> float:
    """The expected TV where many samples fall under each kernel (n p sigma >> 1): q - p is then Gaussian,

    E TV = 1/2 sqrt(2/pi) int sqrt(Var q),    Var q = (p_{sigma/sqrt 2}/(2 sqrt(pi) sigma) - p^2)/n,

    with p_{sigma/sqrt 2} the density at noise sigma/sqrt 2: of order n^{-1/2} sigma^{-1/2}.
    """
    panels = marginal_panels(target, a, sigma)
    p = np.exp(log_density(target, panels.nodes, a, sigma))
    half = np.exp(log_density(target, panels.nodes, a, sigma / math.sqrt(2)))
    variance = (half / (2 * math.sqrt(math.pi) * sigma) - p**2) / n
    return panels.integrate(np.sqrt(variance)) / math.sqrt(2 * math.pi)
