"""Auxiliary models nu fitted to p_T in place of the fixed noise law (Franzese et al. 2206.05173, section 4).

With nu as the start of the reverse process the ELBO loses KL[p_T | nu] instead of KL[p_T | p_noise], so
T may shrink below T*. All fits are maximum likelihood on the *population*: expectations under p_T are
quadratures, so a fit has no sampling noise and repeats exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq, minimize
from torch import Tensor

from sharpbound.chapters.diffusion_time.elbo import Process, gap, level, optimal_time
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import Density, Normal, divergence, normal_quantile
from sharpbound.marginals.expectation import law_nodes
from sharpbound.numerics.quadrature import Array
from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D

ITERATIONS = 500
"""Of L-BFGS at most. The likelihood of a flow has flat valleys, in which it still moves then."""


EM = 200
"""Iterations of expectation-maximisation."""


def fit_gaussian(target: Target1D, a: float, sigma: float) -> Normal:
    """Maximum likelihood Gaussian: the one with the moments of p_T."""
    moments = target.moments()
    mean, variance = float(moments.mean[0]), float(moments.cov[0, 0])
    if not (math.isfinite(mean) and math.isfinite(variance)):
        raise InputError(f"{target.family} has no variance, so no Gaussian fits it; use a mixture or a flow")
    return Normal(a * mean, math.sqrt(a**2 * variance + sigma**2))


# -- mixture by exact expectation-maximisation ------------------------------------------------


@dataclass(frozen=True)
class NormalMixture:
    """sum_k weights_k N(means_k, stds_k^2) on the line."""

    weights: Tensor
    means: Tensor
    stds: Tensor

    def log_terms(self, x: Tensor) -> Tensor:
        """log(weights_k N(x; means_k, stds_k^2)), shape (..., K)."""
        z = (x[..., None] - self.means) / self.stds
        return -0.5 * z**2 - self.stds.log() + self.weights.log() - 0.5 * math.log(2 * math.pi)

    def log_density(self, x: Tensor) -> Tensor:
        """log density, elementwise."""
        return torch.logsumexp(self.log_terms(x), -1)

    def mass_outside(self, lo: float, hi: float) -> float:
        """P(X < lo) + P(X > hi)."""
        upper = torch.erfc((hi - self.means) / self.stds / math.sqrt(2))
        lower = torch.erfc((self.means - lo) / self.stds / math.sqrt(2))
        return 0.5 * float(self.weights @ (upper + lower))

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""
        law = GaussianMixture1D(self.weights, self.means, self.stds**2)
        lower, upper = (
            law.quantile_from_log(torch.from_numpy(np.minimum(tail, 0.0)), 1.0, 0.0, upper=side).numpy()
            for tail, side in ((log_cdf, False), (log_sf, True))
        )
        return np.where(log_cdf < log_sf, lower, upper)


def fit_mixture(
    target: Target1D, a: float, sigma: float, components: int = 2, iterations: int = ITERATIONS
) -> NormalMixture:
    """Population EM from the quantiles of p_T, each iteration raising E log nu by quadrature; then L-BFGS.

    EM finds the basin but crawls where components overlap (at large T by 1e-8 per iteration), so the last
    digits are those of a quasi-Newton climb on the same likelihood.
    """
    x, weight = law_nodes(target, a, sigma)
    weight = weight / weight.sum()
    levels = (torch.arange(components, dtype=torch.float64) + 0.5) / components
    spread = float((weight @ x**2 - (weight @ x) ** 2).sqrt())
    model = NormalMixture(
        weights=torch.full((components,), 1 / components, dtype=torch.float64),
        means=target.quantile(levels, a, sigma),
        stds=torch.full((components,), spread / components, dtype=torch.float64),
    )
    for _ in range(EM):
        terms = model.log_terms(x)
        share = weight[:, None] * (terms - torch.logsumexp(terms, -1, keepdim=True)).exp()
        mass = share.sum(0)
        means = (share * x[:, None]).sum(0) / mass
        model = NormalMixture(mass, means, ((share * (x[:, None] - means) ** 2).sum(0) / mass).sqrt())
    start = torch.cat([model.weights.log(), model.means, model.stds.log()])
    return _mixture(_maximise(_mixture, start, x, weight, iterations))


def _mixture(parameters: Tensor) -> NormalMixture:
    """The mixture with unnormalised log weights, means and log standard deviations (3 K,)."""
    logits, means, log_stds = parameters.reshape(3, -1)
    return NormalMixture(torch.softmax(logits, 0), means, log_stds.exp())


# -- monotone flow -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MonotoneFlow:
    """Law of g^-1(Z), Z ~ N(0, 1), with g(x) = slope (x - shift) + sum_i h_i tanh(rate_i (x - centre_i)).

    Slope, heights and rates are positive (held as logarithms), so g is increasing and
    log density = log phi(g(x)) + log g'(x).
    """

    parameters: Tensor
    """(2 + 3 units,): shift, log slope, then centres, log rates, log heights."""

    def _map(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """g and g' at x."""
        shift, slope = self.parameters[0], self.parameters[1].exp()
        centre, log_rate, log_height = self.parameters[2:].reshape(3, -1)
        step = torch.tanh(log_rate.exp() * (x[..., None] - centre))
        value = slope * (x - shift) + (log_height.exp() * step).sum(-1)
        return value, slope + ((log_height + log_rate).exp() * (1 - step**2)).sum(-1)

    def log_density(self, x: Tensor) -> Tensor:
        """log density, elementwise."""
        value, derivative = self._map(x)
        return -0.5 * value**2 - 0.5 * math.log(2 * math.pi) + derivative.log()

    def mass_outside(self, lo: float, hi: float) -> float:
        """P(X < lo) + P(X > hi)."""
        low, high = self._map(torch.tensor([lo, hi], dtype=torch.float64))[0].tolist()
        return 0.5 * (math.erfc(high / math.sqrt(2)) + math.erfc(-low / math.sqrt(2)))

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """g^-1(z) by bisection, z the normal quantile of these tail probabilities."""
        z = torch.from_numpy(normal_quantile(log_cdf, log_sf))
        shift, slope = float(self.parameters[0]), float(self.parameters[1].exp())
        reach = float(
            self.parameters[2:].reshape(3, -1)[2].exp().sum()
        )  # |g - slope (x - shift)| is below it
        low, high = shift + (z - reach) / slope, shift + (z + reach) / slope
        for _ in range(80):
            middle = 0.5 * (low + high)
            above = self._map(middle)[0] > z
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        return (0.5 * (low + high)).numpy()


def fit_flow(
    target: Target1D, a: float, sigma: float, units: int = 6, iterations: int = ITERATIONS
) -> MonotoneFlow:
    """Maximise E_{p_T} log nu over the flow's parameters by L-BFGS, from units spread over the quantiles."""
    x, weight = law_nodes(target, a, sigma)
    mean = float(weight @ x)
    spread = math.sqrt(float(weight @ (x - mean) ** 2))
    levels = (torch.arange(units, dtype=torch.float64) + 0.5) / units
    start = torch.cat(
        [
            torch.tensor([mean, -math.log(2 * spread)], dtype=torch.float64),
            target.quantile(levels, a, sigma),
            torch.full((units,), -math.log(spread), dtype=torch.float64),
            torch.full((units,), -math.log(2 * units), dtype=torch.float64),
        ]
    )

    return MonotoneFlow(_maximise(MonotoneFlow, start, x, weight, iterations))


def _maximise(
    model: Callable[[Tensor], Density], start: Tensor, x: Tensor, weight: Tensor, iterations: int
) -> Tensor:
    """Parameters that maximise E_{p_T} log model(parameters), by L-BFGS from ``start``."""

    def loss(values: Any) -> tuple[float, Any]:
        parameters = torch.from_numpy(values.copy()).requires_grad_()
        value = -(weight @ model(parameters).log_density(x))
        (gradient,) = torch.autograd.grad(value, parameters)
        return value.item(), gradient.numpy()

    options: Any = {
        "maxiter": iterations,
        "maxfun": 10 * iterations,
        "ftol": 0.0,
        "gtol": 1e-10,
        "maxcor": 30,
    }
    found = minimize(loss, start.numpy(), jac=True, method="L-BFGS-B", options=options)
    return torch.from_numpy(found.x)


@dataclass(frozen=True)
class ModelStart:
    """A model as the law that a sampler on the line starts from (`sharpbound.laws.transport.StartLaw`)."""

    model: Density

    def log_density(self, x: Array) -> Array:
        """log density, elementwise."""
        return self.model.log_density(torch.from_numpy(x)).numpy()

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""
        return self.model.quantile(log_cdf, log_sf)


# -- how far T can shrink ----------------------------------------------------------------------

Fit = Callable[[Target1D, float, float], Density]

FITS: dict[str, Fit] = {"gaussian": fit_gaussian, "mixture": fit_mixture, "flow": fit_flow}
UNFINISHED: dict[str, Fit] = {
    "mixture": partial(fit_mixture, iterations=ITERATIONS // 2),
    "flow": partial(fit_flow, iterations=ITERATIONS // 2),
}
"""The same with half of the iterations, where there are any: what they differ by is what a fit leaves open, and as much
as rounding may move it.
"""


SHORTEST = 0.01
"""The least diffusion time at which a model is tried."""


def auxiliary_kl(target: Target1D, process: Process, time: float, model: str) -> float:
    """KL[p_T | nu] for the fitted model of that name."""
    if model not in FITS:
        raise InputError(f"unknown auxiliary model {model!r}; choose one of {', '.join(FITS)}")
    a, sigma = level(process, time)
    return divergence(target, a, sigma, FITS[model](target, a, sigma))


def equivalent_time(
    target: Target1D, process: Process, score_error: float, model: str, shortest: float = SHORTEST
) -> float:
    """The least T at which gap + KL[p_T | nu] is no worse than the fixed noise at its own optimal time.

    At a fixed step size, 1 - T/T* of the steps are saved. ``shortest`` is returned where the model is
    good enough already there.
    """
    best = optimal_time(target, process, score_error)

    def excess(log_time: float) -> float:
        time = math.exp(log_time)
        return gap(score_error, time) + auxiliary_kl(target, process, time, model) - best.loss

    if excess(math.log(shortest)) <= 0:
        return shortest
    return math.exp(brentq(excess, math.log(shortest), math.log(best.time), xtol=1e-6))
