"""Divergences of the true marginals: from a Gaussian start, from another model of the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy.special import ndtri_exp
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.marginals.expectation import LOG_TAIL, LineLaw, law_panels
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import expm1_minus, log1p_minus
from sharpbound.processes.ladder import Ladder
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.product import Product


def initialisation_error(target: Target, ladder: Ladder) -> float:
    """E_I = KL(p_T | N(0, prior_std^2 I)), at most E|X0|^2/(2 sigma_T^2) for a variance-exploding ladder."""
    (a, sigma), std = ladder.level(ladder.T), ladder.prior_std
    if isinstance(target, Product):
        return sum(count * initialisation_error(factor, ladder) for factor, count in target.counts)
    if target.family == "gaussian":
        moments = target.moments()
        eigenvalues = np.linalg.eigvalsh(moments.cov.numpy()).clip(min=0)
        excess = ((a**2 * eigenvalues + sigma**2) - std**2) / std**2
        shift = a**2 * float(moments.mean @ moments.mean) / std**2
        return 0.5 * float(shift - log1p_minus(excess).sum())
    if isinstance(target, Target1D):
        return divergence(target, a, sigma, Normal(0.0, std))
    raise InputError(
        f"the start of {target.family} in {target.dim} dimensions is not available", key="target.family"
    )


def normal_quantile(log_cdf: Array, log_sf: Array) -> Array:
    """The z with these log tail probabilities of N(0, 1), from the smaller of the two."""
    return np.where(log_cdf < log_sf, ndtri_exp(log_cdf), -ndtri_exp(log_sf))


@dataclass(frozen=True)
class Normal:
    """N(mean, std^2) on the line."""

    mean: float
    std: float

    def log_density(self, x: Tensor) -> Tensor:
        """log N(x; mean, std^2)."""
        return -0.5 * ((x - self.mean) / self.std) ** 2 - math.log(self.std) - 0.5 * math.log(2 * math.pi)

    def mass_outside(self, lo: float, hi: float) -> float:
        """P(X < lo) + P(X > hi)."""
        scale = self.std * math.sqrt(2)
        return 0.5 * (math.erfc((hi - self.mean) / scale) + math.erfc((self.mean - lo) / scale))

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""
        return self.mean + self.std * normal_quantile(log_cdf, log_sf)


class Density(Protocol):
    """A law on the line that p_T is compared with."""

    def log_density(self, x: Tensor) -> Tensor:
        """log density, elementwise."""

    def mass_outside(self, lo: float, hi: float) -> float:
        """P(X < lo) + P(X > hi)."""

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""


class Marginal:
    """The law p of a X0 + sigma W with the nodes that its divergences are computed on."""

    def __init__(self, target: Target1D, a: float, sigma: float) -> None:
        self._family = target.family
        self._panels = law_panels(target, a, sigma)
        self._x = torch.from_numpy(self._panels.nodes)
        self._log_p = target.derivative(self._x, a, sigma, 0)

    def divergence(self, model: Density) -> float:
        """KL[p | model] to relative precision.

        int p (e^r - 1 - r), r = log(model/p): the integrand is non-negative and of second order in r, so
        the divergence keeps its digits when it is 1e-20. Outside the range of p r is taken for constant on
        each side. Raises InputError where p's tails are so heavy that what lies beyond the range, where
        log(p/model) grows like x^2, is more than 1e-10 of the whole.
        """
        log_p, log_q = self._log_p, model.log_density(self._x)
        r = (log_q - log_p).numpy()
        p = log_p.exp().numpy()
        far = log_q.exp().numpy() - p - p * r
        integrand = np.where(np.abs(r) < 0.5, p * expm1_minus(np.clip(r, -0.5, 0.5)), far)
        lo, hi = float(self._panels.lo[0]), float(self._panels.hi[-1])
        left_out = math.exp(LOG_TAIL)  # of p, on each side
        outside = np.array([model.mass_outside(lo, math.inf), model.mass_outside(-math.inf, hi)])
        r_outside = np.log(np.maximum(outside, np.finfo(float).tiny) / left_out)
        value = self._panels.integrate(integrand) + left_out * float(expm1_minus(r_outside).sum())
        beyond = left_out * float(np.abs(r[[0, -1], [0, -1]]).sum())
        if beyond > max(1e-14, 1e-10 * value):
            raise InputError(
                f"the tails of {self._family} are too heavy for an exact KL against a law with Gaussian "
                "tails; use a target with exponential moments",
                key="target.family",
            )
        return value


def divergence(target: Target1D, a: float, sigma: float, model: Density) -> float:
    """KL[p | model], p the law of a X0 + sigma W (`Marginal.divergence`)."""
    return Marginal(target, a, sigma).divergence(model)


def relative_information(target: Target1D, a: float, sigma: float, std: float) -> float:
    """Relative Fisher information E_p |score - grad log N(0, std^2)|^2 = E |score + x/std^2|^2."""
    law = LineLaw.of(target, a, sigma)
    return float((law.weights * (law.score + law.panels.nodes / std**2) ** 2).sum())


def log_likelihood(target: Target1D) -> float | None:
    """E log p_data, the ELBO of perfect scores and an infinite time; None for data without a density."""
    if not target.has_density:
        return None
    panels = law_panels(target, 1.0, 0.0)
    log_p = target.derivative(torch.from_numpy(panels.nodes), 1.0, 0.0, 0)
    return panels.integrate((log_p.exp() * log_p).numpy())
