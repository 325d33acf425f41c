"""Finite mixtures of normals on the line, and the derivatives of their log density.

With posterior weights pi_k(x) and component scores s_k(x) = -(x - m_k)/v_k,

    log p(x + h) - log p(x) = log E_pi exp(s h - h^2/(2 v)),

so the derivatives of log p are joint cumulants of (s, -1/v) under pi:
order 1 E s; 2 Var s + E[-1/v]; 3 k3(s) + 3 Cov(s, -1/v); 4 k4(s) + 6 k(s, s, -1/v) + 3 Var(1/v).
Everything is measured from the leading component r, whose large terms would cancel otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.special import log_ndtr

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.facts import Facts, of_mixture
from sharpbound.targets.parameters import Numbers
from sharpbound.targets.two_normals import two_normals_derivatives

Array = NDArray[np.float64]

_BLOCK = 1 << 14
"""Points times components worked on at once: the temporaries then stay in cache."""
_OFFSETS = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0], dtype=torch.float64)


def mixture_derivatives(
    x: Tensor,
    orders: Sequence[int],
    log_weights: Tensor,
    means: Tensor,
    variances: Tensor,
    a: float,
    sigma: float,
) -> list[Tensor]:
    """(d/dx)^k log sum_j w_j N(x; a m_j, a^2 C_j + sigma^2), k of ``orders``, for x (...), components (K,)."""
    block = max(1, _BLOCK // len(means))
    flat = x.detach().numpy().reshape(-1)
    log_w, m, c = (values.numpy()[:, None] for values in (log_weights, means, variances))
    with np.errstate(all="ignore"):
        parts = [
            _derivatives(flat[i : i + block], orders, log_w, m, c, a, sigma)
            for i in range(0, max(flat.size, 1), block)
        ]
    whole = parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]
    return [torch.from_numpy(values.reshape(x.shape)) for values in whole]


def _derivatives(
    x: Array, orders: Sequence[int], log_w: Array, m: Array, c: Array, a: float, sigma: float
) -> list[Array]:
    """The same for x (n,) and components (K, 1): arrays of a few hundred numbers, on which a call of numpy takes a
    fraction of one of torch.
    """
    v = a * a * c + sigma * sigma
    log_c = log_w - 0.5 * np.log(2 * math.pi * v)
    r = (log_c - (x - a * m) ** 2 / (2 * v)).argmax(0)
    m_r, c_r, v_r, log_c_r = (values[r, 0] for values in (m, c, v, log_c))
    z = x - a * m_r
    shift = a * (m - m_r)
    # 1/v_r - 1/v_k, from the difference of the variances of X0
    gap = a * a * (c - c_r) / (v * v_r)
    pi = np.exp(log_c - log_c_r + shift * (z - shift / 2) / v + 0.5 * z * (z * gap))
    mass = pi.sum(0)
    found = {}
    if 0 in orders:
        found[0] = log_c_r - 0.5 * z * z / v_r + np.log(mass)
    if max(orders) > 0:
        pi /= mass
        s = shift / v + z * gap  # s_k - s_r
        mean_s = _dots(pi, s)
        found[1] = mean_s - z / v_r
    if max(orders) > 1:
        mean_gap = _dots(pi, gap)
        s -= mean_s
        second = pi * s * s
        variance = second.sum(0)
        found[2] = variance + (mean_gap - 1 / v_r)
    if max(orders) > 2:
        gap -= mean_gap
        found[3] = _dots(second, s) + 3 * _dots(pi * s, gap)
    if max(orders) > 3:
        found[4] = _dots(second, s * s + 6 * gap) + 3 * _dots(pi * gap, gap) - 3 * variance**2
    return [found[order] for order in orders]


def _dots(x: Array, y: Array) -> Array:
    """Sums over the components of x y."""
    return np.einsum("kn,kn->n", x, y)


class GaussianMixture1D(Target1D):
    """sum_k w_k N(m_k, C_k) on the line; C_k = 0 makes atoms, which have a density once sigma > 0.

    ``weights``, ``means``, ``variances``: (K,) each, lists, numpy or torch. Raises InputError for other shapes,
    weights that are not positive or do not sum to 1, and negative variances.
    """

    family = "gaussian-mixture"

    def __init__(self, weights: Numbers, means: Numbers, variances: Numbers) -> None:
        self.weights = parameters.probabilities(weights)
        count = len(self.weights)
        self.means = parameters.array(means, "means", count)
        self.variances = parameters.array(variances, "variances", count, least=0.0)
        self.log_weights = torch.log(self.weights)
        self.has_density = bool((self.variances > 0).all())

    @cached_property
    def _two(self) -> tuple[list[float], list[float], list[float]] | None:
        """Log weights, means and variances where there are two components."""
        parts = self.log_weights, self.means, self.variances
        return None if len(self.means) != 2 else tuple(part.tolist() for part in parts)  # type: ignore[return-value]

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if self._two is None:
            return mixture_derivatives(x, orders, self.log_weights, self.means, self.variances, a, sigma)
        flat = x.detach().numpy().reshape(-1)
        with np.errstate(all="ignore"):
            values = two_normals_derivatives(flat, orders, *self._two, a, sigma)
        return [torch.from_numpy(value.reshape(x.shape)) for value in values]

    def _standardised(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """(x - a m_k)/std_k, (..., K); for an atom at sigma = 0 that is +inf where x >= a m_k, else -inf."""
        distance = x.unsqueeze(-1) - a * self.means
        std = torch.sqrt(a * a * self.variances + sigma * sigma)
        return torch.where((std == 0) & (distance == 0), math.inf, distance / std)

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return torch.logsumexp(self.log_weights + log_ndtr(self._standardised(x, a, sigma)), -1)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return torch.logsumexp(self.log_weights + log_ndtr(-self._standardised(x, a, sigma)), -1)

    def landmarks(self, a: float, sigma: float) -> Tensor:
        std = torch.sqrt(a * a * self.variances + sigma * sigma)
        offsets = _OFFSETS if len(std) <= 16 else _OFFSETS[[0, 2, 5]]
        offsets = torch.cat([-offsets, offsets])
        points = torch.unique((a * self.means).unsqueeze(-1) + std.unsqueeze(-1) * offsets)
        return thinned(points, 0.45 * float(std.min()))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        component = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        return (self.means[component] + torch.sqrt(self.variances)[component] * noise).unsqueeze(-1)

    def facts(self) -> Facts:
        bends_up = self.has_density and bends_up_between(self, float("-inf"), float("inf"))
        return of_mixture(self.means.unsqueeze(-1), self.variances.reshape(-1, 1, 1), bends_up)

    def moments(self) -> Moments:
        mean = self.weights @ self.means
        variance = self.weights @ (self.variances + (self.means - mean) ** 2)
        return Moments(mean.reshape(1), variance.reshape(1, 1))


def bends_up_between(law: Target1D, low: float, high: float) -> bool:
    """Whether (log p)'' > 0 is seen, without noise, somewhere on (low, high): p is then not log-concave."""
    marks = law.landmarks(1.0, 0.0)
    x = torch.cat([marks, *(marks[:-1] + t * marks.diff() for t in (0.25, 0.5, 0.75))])
    bend = law.derivative(x[(x > low) & (x < high)], 1.0, 0.0, 2)
    return bool((bend > 1e-9 * bend.abs().max()).any())


def thinned(points: Tensor, spacing: float) -> Tensor:
    """Sorted ``points`` less those closer than ``spacing`` to the last one kept; both ends stay."""
    kept = [points[0].item()]
    for point in points[1:].tolist():
        if point - kept[-1] >= spacing:
            kept.append(point)
    if kept[-1] != points[-1].item():
        kept.append(points[-1].item())
    return torch.tensor(kept, dtype=torch.float64)
