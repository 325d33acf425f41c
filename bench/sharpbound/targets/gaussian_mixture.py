"""Finite mixtures of normals in R^d.

The derivatives of log p are joint cumulants, under the posterior weights pi_k(x), of the component
scores s_k = -P_k (x - a m_k) and of -P_k, P_k = (a^2 C_k + sigma^2 I)^{-1}:
score E s; Jacobian Cov(s) - E P; grad tr(grad s) = E[c (|c|^2 - tr P)] - 2 E[P c], c = s - E s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target
from sharpbound.targets.facts import Facts, of_mixture
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D
from sharpbound.targets.parameters import Numbers

_BLOCK = 1 << 18
"""Entries of a (points, components, d[, d]) array worked on at once."""


def gaussian_mixture(
    weights: Any, means: Any, stds: Any = None, covs: Any = None
) -> GaussianMixture1D | GaussianMixtureND:
    """sum_k weights_k N(means_k, covs_k): on the line if the means are numbers, else in R^d.

    ``stds``: K numbers, or K lists with the diagonal's standard deviations; or ``covs``: K matrices
    (numbers on the line). Raises InputError for lists of different lengths, weights that do not
    sum to 1, negative deviations, matrices that are not covariances.
    """
    means, stds, covs = (parameters.plain(value) for value in (means, stds, covs))
    w = parameters.weights(weights)
    count = len(w)
    if (stds is None) == (covs is None):
        raise parameters.mistake("stds", "give exactly one of stds and covs")
    entries = parameters.sequence(means, "means", length=count)
    if not isinstance(entries[0], (list, tuple)):
        centres = parameters.vector(entries, "means")
        if covs is not None:
            return GaussianMixture1D(w, centres, parameters.vector(covs, "covs", length=count, least=0.0))
        return GaussianMixture1D(w, centres, parameters.vector(stds, "stds", length=count, least=0.0) ** 2)
    centres = parameters.vectors(entries, "means")
    dim = centres.shape[1]
    if covs is not None:
        matrices = parameters.sequence(covs, "covs", length=count)
        full = [parameters.covariance(c, f"covs[{k}]", dim=dim) for k, c in enumerate(matrices)]
        return GaussianMixtureND(w, centres, torch.stack(full))
    deviations = parameters.sequence(stds, "stds", length=count)
    diagonals = [_diagonal(s, f"stds[{k}]", dim) for k, s in enumerate(deviations)]
    return GaussianMixtureND(w, centres, torch.stack(diagonals) ** 2)


def _diagonal(std: Any, key: str, dim: int) -> Tensor:
    """Standard deviations along the axes, from a list of them or from one number for all."""
    if isinstance(std, (list, tuple)):
        return parameters.vector(std, key, length=dim, least=0.0)
    return torch.full((dim,), parameters.number(std, key, least=0.0), dtype=torch.float64)


class GaussianMixtureND(Target):
    """sum_k w_k N(m_k, C_k) in R^d. ``means``: (K, d); ``covariances``: (K, d, d), or (K, d) for diagonal ones.

    Lists, numpy or torch. Raises InputError for other shapes and for weights that do not sum to 1.

    C_k is diagonalised once, so that a^2 C_k + sigma^2 I is inverted for any (a, sigma) at no cost.
    """

    family = "gaussian-mixture"

    def __init__(self, weights: Numbers, means: Numbers, covariances: Numbers) -> None:
        self.weights = parameters.probabilities(weights)
        self.log_weights = torch.log(self.weights)
        self.means = parameters.array(means, "means", len(self.weights), None)
        self.dim = self.means.shape[1]
        sides = (self.dim, self.dim) if parameters.depth(covariances, "covariances") == 3 else (self.dim,)
        covariances = parameters.array(covariances, "covariances", len(self.weights), *sides)
        self.axes: Tensor | None = None
        """Eigenvectors as columns (K, d, d); None for the coordinate axes."""
        self.spectra = covariances
        if covariances.ndim == 3:
            self.spectra, self.axes = torch.linalg.eigh(covariances)
            self.spectra = self.spectra.clamp_min(0.0)
        floor = 1e-14 * self.spectra.max()
        self.has_density = bool((self.spectra > floor).all())

    @property
    def covariances(self) -> Tensor:
        """C_k, (K, d, d)."""
        if self.axes is None:
            return torch.diag_embed(self.spectra)
        return (self.axes * self.spectra.unsqueeze(-2)) @ self.axes.mT

    def _variances(self, a: float, sigma: float) -> Tensor:
        """Eigenvalues of a^2 C_k + sigma^2 I, (K, d)."""
        return a * a * self.spectra + sigma * sigma

    def _along_axes(self, x: Tensor, a: float) -> Tensor:
        """x - a m_k in the axes of component k, (N, K, d)."""
        z = x.unsqueeze(-2) - a * self.means
        return z if self.axes is None else torch.einsum("kij,nki->nkj", self.axes, z)

    def _from_axes(self, y: Tensor) -> Tensor:
        return y if self.axes is None else torch.einsum("kij,nkj->nki", self.axes, y)

    def _components(self, x: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """log w_k N_k(x), (N, K), and the component scores in their own axes, (N, K, d)."""
        v = self._variances(a, sigma)
        z = self._along_axes(x, a)
        y = z / v
        log_c = self.log_weights - 0.5 * torch.log(2 * math.pi * v).sum(-1)
        return log_c - 0.5 * (z * y).sum(-1), -y

    def _posterior(self, x: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor, Tensor]:
        """Posterior weights (N, K), centred component scores (N, K, d) and their mean (N, d)."""
        log_p, y = self._components(x, a, sigma)
        pi = torch.softmax(log_p, -1)
        s = self._from_axes(y)
        mean = (pi.unsqueeze(-1) * s).sum(-2)
        return pi, s - mean.unsqueeze(-2), mean

    def _in_blocks(self, x: Tensor, entries: int, f: Callable[[Tensor], Tensor]) -> Tensor:
        """f over the rows of x, (N, ...), in blocks whose temporaries of ``entries`` per point stay in cache."""
        flat = x.reshape(-1, x.shape[-1])
        out = torch.cat([f(part) for part in flat.split(max(1, _BLOCK // entries))])
        return out.reshape(x.shape[:-1] + out.shape[1:])

    def _log_density(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._in_blocks(
            x, self.means.numel(), lambda x: torch.logsumexp(self._components(x, a, sigma)[0], -1)
        )

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._in_blocks(x, self.means.numel(), lambda x: self._posterior(x, a, sigma)[2])

    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """The score and (E c c^T - E P_k) dx, of the same posterior; no matrix is made."""
        v = self._variances(a, sigma)

        def jet(pair: Tensor) -> Tensor:
            x, dx = pair.split(self.dim, -1)
            pi, c, mean = self._posterior(x, a, sigma)
            along = dx.unsqueeze(-2) if self.axes is None else torch.einsum("kij,ni->nkj", self.axes, dx)
            curved = self._from_axes((along / v).expand(c.shape))
            push = pi.unsqueeze(-1) * (c * (c * dx.unsqueeze(-2)).sum(-1, keepdim=True) - curved)
            return torch.cat([mean, push.sum(-2)], -1)

        found = self._in_blocks(torch.cat(torch.broadcast_tensors(x, dx), -1), 2 * self.means.numel(), jet)
        return found[..., : self.dim].contiguous(), found[..., self.dim :].contiguous()

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        precisions = self._precisions(a, sigma)

        def jacobian(x: Tensor) -> Tensor:
            pi, c, _ = self._posterior(x, a, sigma)
            return torch.einsum("nk,nki,nkj->nij", pi, c, c) - torch.einsum("nk,kij->nij", pi, precisions)

        return self._in_blocks(x, self.means.numel() + self.dim**2, jacobian)

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        precisions = self._precisions(a, sigma)
        traces = (1 / self._variances(a, sigma)).sum(-1)

        def gradient(x: Tensor) -> Tensor:
            pi, c, _ = self._posterior(x, a, sigma)
            cubic = pi * ((c * c).sum(-1) - traces)
            return torch.einsum("nk,nki->ni", cubic, c) - 2 * torch.einsum(
                "nk,kij,nkj->ni", pi, precisions, c
            )

        return self._in_blocks(x, self.means.numel(), gradient)

    def _precisions(self, a: float, sigma: float) -> Tensor:
        """P_k, (K, d, d)."""
        inverse = 1 / self._variances(a, sigma)
        if self.axes is None:
            return torch.diag_embed(inverse)
        return (self.axes * inverse.unsqueeze(-2)) @ self.axes.mT

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        component = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.dim, generator=generator, dtype=torch.float64)
        scaled = torch.sqrt(self.spectra)[component] * noise
        if self.axes is not None:
            scaled = torch.einsum("nij,nj->ni", self.axes[component], scaled)
        return self.means[component] + scaled

    def facts(self) -> Facts:
        return of_mixture(self.means, self.covariances)

    def moments(self) -> Moments:
        mean = self.weights @ self.means
        centred = self.means - mean
        between = torch.einsum("k,ki,kj->ij", self.weights, centred, centred)
        return Moments(mean, between + torch.einsum("k,kij->ij", self.weights, self.covariances))
