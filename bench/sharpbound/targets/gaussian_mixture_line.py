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

import torch
from torch import Tensor
from torch.special import log_ndtr

from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.facts import Facts, of_mixture
from sharpbound.targets.parameters import Numbers

_BLOCK = 1 << 17
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
    parts = [
        _derivatives(part, orders, log_weights, means, variances, a, sigma)
        for part in x.reshape(-1).split(block)
    ]
    return [torch.cat(of_order).reshape(x.shape) for of_order in zip(*parts, strict=True)]


def _derivatives(
    x: Tensor,
    orders: Sequence[int],
    log_weights: Tensor,
    means: Tensor,
    variances: Tensor,
    a: float,
    sigma: float,
) -> list[Tensor]:
    v = a * a * variances + sigma * sigma
    log_c = log_weights - 0.5 * torch.log(2 * math.pi * v)
    x = x.unsqueeze(-1)
    r = (log_c - (x - a * means) ** 2 / (2 * v)).argmax(-1, keepdim=True)
    v_r = v[r]
    z = x - a * means[r]
    shift = a * (means - means[r])
    # 1/v_r - 1/v_k, from the difference of the variances of X0
    gap = a * a * (variances - variances[r]) / (v * v_r)
    log_ratio = log_c - log_c[r] + shift * (z - shift / 2) / v + 0.5 * z * (z * gap)
    found = {}
    if 0 in orders:
        found[0] = (log_c[r] - 0.5 * z * z / v_r).squeeze(-1) + torch.logsumexp(log_ratio, -1)
    if max(orders) > 0:
        pi = torch.softmax(log_ratio, -1)
        s = shift / v + z * gap  # s_k - s_r
        mean_s = (pi * s).sum(-1)
        found[1] = mean_s - (z / v_r).squeeze(-1)
    if max(orders) > 1:
        mean_gap = (pi * gap).sum(-1)
        s = s - mean_s.unsqueeze(-1)
        second = pi * s * s
        variance = second.sum(-1)
        found[2] = variance + (mean_gap - 1 / v_r.squeeze(-1))
    if max(orders) > 2:
        gap = gap - mean_gap.unsqueeze(-1)
        found[3] = (second * s + 3 * pi * s * gap).sum(-1)
    if max(orders) > 3:
        found[4] = (second * (s * s + 6 * gap) + 3 * pi * gap * gap).sum(-1) - 3 * variance**2
    return [found[order] for order in orders]


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

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        return mixture_derivatives(x, orders, self.log_weights, self.means, self.variances, a, sigma)

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
