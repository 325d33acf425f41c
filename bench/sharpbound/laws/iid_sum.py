"""Product laws in any dimension: the log-ratio of a product is a sum of independent log-ratios.

A product pair (p, q) is a list of factors with how often each occurs. What a factor contributes to
the product is its Hellinger transform

    H(s) = int p^{1-s} q^s = E_p e^{s l},   l = log q/p,

the moment generating function of its log-ratio: transforms of independent factors multiply, so
H_total = exp(sum n_i log H_i), whatever the dimension, and every f-divergence can be read off it
(`sharpbound.distances.products`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from sharpbound.distances import gaussian, one_dimensional
from sharpbound.distances.base import Measured
from sharpbound.distances.gaussian import GaussianPair
from sharpbound.forward import Ladder
from sharpbound.gauss import gauss_legendre
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.laws.line import line_law
from sharpbound.laws.ratio import Ratio1D
from sharpbound.quadrature import Array
from sharpbound.samplers.base import ExactScore, Sampler
from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian import Gaussian1D
from sharpbound.targets.product import Product

_PHASE = 8.0
"""Radians that e^{i tau l} may turn within a panel of 16 nodes and still be integrated to rounding."""
_LEAST_MASS = 1e-13
"""Panels with less are left as they are: all that a wrong phase can do there is 1e-13."""
_BLOCK = 2048
"""Nodes worked on at once: the temporaries then stay in cache."""


class Factor(ABC):
    """One factor (p, q) of a product, through its log-ratio."""

    @abstractmethod
    def log_transform(self, tau: Array) -> Any:
        """log H(1/2 + i tau), complex, for ``tau`` of shape (P, n) with equally spaced rows."""

    @abstractmethod
    def divergence(self, metric: str) -> Measured:
        """A distance of the factor alone, by metric name."""


@dataclass(frozen=True)
class GaussianFactor(Factor):
    """A Gaussian block of any dimension, in closed form."""

    pair: GaussianPair

    def log_transform(self, tau: Array) -> Any:
        excess, shift, count = self.pair.distinct
        total = np.zeros(np.shape(tau), dtype=complex)
        for e, d, n in zip(excess, shift, count, strict=True):
            total += n * gaussian.log_transform(e, d, 0.5 + 1j * tau)
        return total

    def divergence(self, metric: str) -> Measured:
        return gaussian.METRICS[metric](self.pair)


@dataclass(frozen=True)
class LineFactor(Factor):
    """A law on the line against its target, held by a quadrature."""

    law: Ratio1D

    def divergence(self, metric: str) -> Measured:
        return one_dimensional.METRICS[metric](self.law)

    def _nodes(self, tau: float) -> tuple[Array, Array]:
        """sqrt(pq) dx and l at nodes that resolve e^{i tau l}: panels on which the phase turns are cut."""
        law, n = self.law, self.law.panels.n
        with np.errstate(over="ignore"):
            mass = (law.panels.weights * np.exp(law.log_p + 0.5 * law.log_ratio)).sum(1)
        turn = tau * np.ptp(np.where(mass[:, None] > _LEAST_MASS, law.log_ratio, 0.0), axis=1)
        pieces = np.maximum(np.ceil(turn / _PHASE), 1).astype(int)
        x, w = gauss_legendre(n)
        roots, ratios = [], []
        for k in np.unique(pieces):
            mine = pieces == k
            log_p, log_ratio = law.log_p[mine], law.log_ratio[mine]
            if k > 1:
                local = (2 * np.arange(k)[:, None] + 1 - k + x).ravel() / k
                basis = np.polynomial.legendre.legvander(local, n - 1).T
                log_p = law.panels.coefficients(law.log_p)[mine] @ basis
                log_ratio = law.panels.coefficients(law.log_ratio)[mine] @ basis
            weights = law.panels.half[mine, None] / k * np.tile(w, k)
            root = weights * np.exp(log_p + 0.5 * log_ratio)
            held = root > 1e-20
            roots.append(root[held])
            ratios.append(log_ratio[held])
        return np.concatenate(roots), np.concatenate(ratios)

    def log_transform(self, tau: Array) -> Any:
        """log H, from 1 - H(1/2 + i tau) = h^2 + int sqrt(pq) (1 - e^{i tau l}), h the Hellinger distance.

        The real part is a sum of positive terms, 2 sin^2(tau l / 2), so 1 - H keeps its digits when
        it is 1e-12 and is then raised to a power of 1e6.
        """
        root, ratio = self._nodes(float(tau.max()))
        hellinger_squared = self.divergence("hellinger").value ** 2
        lost = np.full(tau.shape, hellinger_squared, dtype=complex)
        for start in range(0, root.size, _BLOCK):
            weight, half = 2 * root[start : start + _BLOCK], 0.5j * ratio[start : start + _BLOCK]
            # rows of tau are equally spaced: e^{i tau l / 2} goes from one to the next by one factor
            turn, step = (
                np.exp(tau[0][:, None] * half),
                np.exp((tau[-1, 0] - tau[0, 0]) / max(len(tau) - 1, 1) * half),
            )
            for row in lost:
                row += (turn.imag**2) @ weight - 1j * ((turn.imag * turn.real) @ weight)
                turn *= step
        # log(1 - lost) by log1p of the squared modulus, which is positive but for rounding
        modulus = np.maximum(np.abs(lost) ** 2 - 2 * lost.real, -1 + gaussian.EPS)
        return 0.5 * np.log1p(modulus) + 1j * np.arctan2(-lost.imag, 1 - lost.real)


@dataclass(frozen=True)
class ProductLaw:
    """Independent factors, factor i occurring ``counts[i]`` times."""

    factors: Sequence[Factor]
    counts: Sequence[int]

    def log_transform(self, tau: Array) -> Any:
        """log H_total(1/2 + i tau) = sum n_i log H_i."""
        return sum(n * f.log_transform(tau) for f, n in zip(self.factors, self.counts, strict=True))

    def total(self, metric: str) -> Measured:
        """sum n_i D_i of an additive divergence."""
        parts = [f.divergence(metric) for f in self.factors]
        return Measured(
            math.fsum(n * part.value for part, n in zip(parts, self.counts, strict=True)),
            math.fsum(n * part.floor for part, n in zip(parts, self.counts, strict=True)),
        )


def factor_law(target: Target1D, ladder: Ladder, sampler: Sampler, init: str = "normal") -> Factor:
    """One coordinate: the sampler with the exact score of a law on the line, by the engine that fits it."""
    score = ExactScore(target, ladder)
    if isinstance(target, Gaussian1D):
        with suppress(NotAffine):  # a mixture of transitions
            return GaussianFactor(gaussian_law(target, ladder, sampler, score, init))
    return LineFactor(line_law(target, ladder, sampler, score, init))


def product_law(target: Product, ladder: Ladder, sampler: Sampler, init: str = "normal") -> ProductLaw:
    """The law of the sampler's output on a product target with its exact score.

    The score of a product acts on each coordinate alone, so the output's coordinates are independent
    and each is a problem on the line; equal factors are solved once, whatever the dimension.
    """
    factors, counts = zip(*target.counts, strict=True)
    return ProductLaw([factor_law(factor, ladder, sampler, init) for factor in factors], counts)
