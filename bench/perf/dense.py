"""The same laws as a careful researcher computes them in an afternoon: a uniform grid, numpy, trapezoids.

One target is known, a mixture of normals with its score. Deterministic steps move the grid, and the density follows
from the slopes by finite differences; noisy steps multiply the density on a fixed grid by the kernel's matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

Array = np.ndarray
WIDTH = 9.0
"""Standard deviations of the grid on either side, and no more: what is beyond has a mass of 1e-18."""


@dataclass(frozen=True)
class Mixture:
    """sum_k w_k N(m_k, v_k)."""

    weights: Array
    means: Array
    stds: Array

    def at(self, a: float, sigma: float) -> tuple[Array, Array]:
        return a * self.means, np.sqrt((a * self.stds) ** 2 + sigma**2)

    def density(self, x: Array, a: float, sigma: float) -> Array:
        means, stds = self.at(a, sigma)
        z = (x[:, None] - means) / stds
        return np.exp(-z * z / 2) @ (self.weights / (stds * np.sqrt(2 * np.pi)))

    def cdf(self, x: Array, a: float, sigma: float) -> Array:
        means, stds = self.at(a, sigma)
        return ndtr((x[:, None] - means) / stds) @ self.weights

    def score(self, x: Array, a: float, sigma: float) -> Array:
        means, stds = self.at(a, sigma)
        z = (x[:, None] - means) / stds
        log = np.log(self.weights / stds) - z * z / 2
        share = np.exp(log - log.max(1, keepdims=True))
        return (share * -z / stds).sum(1) / share.sum(1)

    def grid(self, n: int, a: float, sigma: float) -> Array:
        means, stds = self.at(a, sigma)
        return np.linspace((means - WIDTH * stds).min(), (means + WIDTH * stds).max(), n)


def moved(target: Mixture, a: Array, sigma: Array, step: Callable[..., Array], n: int) -> tuple[Array, Array]:
    """The grid at the first level and where the steps send it; levels from the noisiest to the last."""
    start = x = target.grid(n, a[0], sigma[0])
    for i in range(len(a) - 1):
        x = step(x, target.score(x, a[i], sigma[i]), a[i : i + 2], sigma[i : i + 2])
    return start, x


def pf_ode(x: Array, score: Array, a: Array, sigma: Array) -> Array:
    alpha = (a[0] / a[1]) ** 2
    return (x + 0.5 * (1 - alpha) * score) / np.sqrt(alpha)


def ddim(x: Array, score: Array, a: Array, sigma: Array) -> Array:
    return a[1] * (x + sigma[0] ** 2 * score) / a[0] - sigma[1] * sigma[0] * score


def ode_tv(target: Mixture, a: Array, sigma: Array, step: Callable[..., Array], n: int) -> float:
    start, end = moved(target, a, sigma, step, n)
    law = target.density(start, a[0], sigma[0]) / np.gradient(end, start, edge_order=2)
    return 0.5 * float(np.trapezoid(np.abs(law - target.density(end, a[-1], sigma[-1])), end))


def ode_w2(target: Mixture, a: Array, sigma: Array, step: Callable[..., Array], n: int) -> float:
    """The root of the integral of (end - Q(F(start)))^2 over the law of the start; Q by interpolation of the CDF."""
    start, end = moved(target, a, sigma, step, n)
    y = target.grid(n, a[-1], sigma[-1])
    truth = np.interp(target.cdf(start, a[0], sigma[0]), target.cdf(y, a[-1], sigma[-1]), y)
    mass = target.density(start, a[0], sigma[0])
    return float(np.sqrt(np.trapezoid((end - truth) ** 2 * mass, start)))


def ddpm_density(target: Mixture, a: Array, sigma: Array, n: int) -> tuple[Array, Array]:
    """The output density of DDPM on a grid that serves all levels: one n x n matrix per step."""
    grids = [target.grid(n, *level) for level in zip(a, sigma, strict=True)]
    x = np.linspace(min(g[0] for g in grids), max(g[-1] for g in grids), n)
    law = target.density(x, a[0], sigma[0])
    for i in range(len(a) - 1):
        alpha = (a[i] / a[i + 1]) ** 2
        mean = (x + (1 - alpha) * target.score(x, a[i], sigma[i])) / np.sqrt(alpha)
        std = np.sqrt(1 / alpha - 1)
        kernel = np.exp(-(((x[:, None] - mean) / std) ** 2) / 2) / (std * np.sqrt(2 * np.pi))
        law = kernel @ law * (x[1] - x[0])
    return x, law


def ddpm_tv(target: Mixture, a: Array, sigma: Array, n: int) -> float:
    x, law = ddpm_density(target, a, sigma, n)
    return 0.5 * float(np.trapezoid(np.abs(law - target.density(x, a[-1], sigma[-1])), x))


def ddpm_w2(target: Mixture, a: Array, sigma: Array, n: int) -> float:
    """Quantiles of both laws by interpolation of their CDFs."""
    x, law = ddpm_density(target, a, sigma, n)
    cdf = np.concatenate([[0.0], np.cumsum((law[1:] + law[:-1]) / 2 * np.diff(x))])
    truth = np.interp(cdf, target.cdf(x, a[-1], sigma[-1]), x)
    return float(np.sqrt(np.trapezoid((x - truth) ** 2 * law, x)))


def refined(value: Callable[[int], float], truth: float, error: float, most: int) -> tuple[int, float, Any]:
    """The first grid, doubled from 256 points to ``most``, whose value has at most that error: n, value, error."""
    n = 256
    while True:
        found = value(n)
        if abs(found - truth) <= error or 2 * n > most:
            return n, found, abs(found - truth)
        n *= 2
