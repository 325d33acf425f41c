"""Equal isotropic normals whose means lie in a k-dimensional coordinate subspace of R^d."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target
from sharpbound.targets.facts import Facts, of_product
from sharpbound.targets.gaussian import Gaussian1D
from sharpbound.targets.gaussian_mixture import GaussianMixtureND
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D


class LowRankMixture(Target):
    """sum_k w_k N((m_k, 0), std^2 I_d), m_k in R^k: ``core``, a mixture in R^k, times N(0, std^2 I_(d-k)).

    weights: K numbers; means: K lists of length k; std: a number; dim = d >= k.
    """

    family = "low-rank-mixture"

    def __init__(self, weights: Any, means: Any, std: Any, dim: Any) -> None:
        w = parameters.weights(weights)
        centres = parameters.vectors(means, "means", length=len(w))
        self.k = centres.shape[1]
        self.std = parameters.number(std, "std", least=0.0)
        self.dim = parameters.integer(dim, "dim", least=1)
        if self.dim < self.k:
            raise parameters.mistake("dim", f"must be at least the means' length {self.k}, got {self.dim}")
        variances = torch.full_like(centres, self.std**2)
        self.core: Target = (
            GaussianMixture1D(w, centres[:, 0], variances[:, 0])
            if self.k == 1
            else GaussianMixtureND(w, centres, variances)
        )
        self.has_density = self.std > 0

    def _variance(self, a: float, sigma: float) -> float:
        return a * a * self.std**2 + sigma * sigma

    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        v = self._variance(a, sigma)
        rest = x[..., self.k :]
        normal = -0.5 * (rest * rest).sum(-1) / v - 0.5 * (self.dim - self.k) * math.log(2 * math.pi * v)
        return self.core._log_density(x[..., : self.k], a, sigma) + normal

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        core = self.core._score(x[..., : self.k], a, sigma)
        return torch.cat([core, -x[..., self.k :] / self._variance(a, sigma)], -1)

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        identity = torch.eye(self.dim, dtype=torch.float64)
        out = (-identity / self._variance(a, sigma)).repeat(*x.shape[:-1], 1, 1)
        out[..., : self.k, : self.k] = self.core._score_jacobian(x[..., : self.k], a, sigma)
        return out

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        core = self.core._grad_divergence(x[..., : self.k], a, sigma)
        return torch.cat([core, torch.zeros_like(x[..., self.k :])], -1)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        core = self.core.sample(n, generator)
        rest = torch.randn(n, self.dim - self.k, generator=generator, dtype=torch.float64)
        return torch.cat([core, self.std * rest], -1)

    def facts(self) -> Facts:
        core = self.core.facts()
        if self.dim == self.k:
            return core
        return of_product([(core, 1), (Gaussian1D(0.0, self.std**2).facts(), self.dim - self.k)])

    def moments(self) -> Moments:
        core = self.core.moments()
        mean = torch.zeros(self.dim, dtype=torch.float64)
        cov = self.std**2 * torch.eye(self.dim, dtype=torch.float64)
        mean[: self.k], cov[: self.k, : self.k] = core.mean, core.cov
        return Moments(mean, cov)
