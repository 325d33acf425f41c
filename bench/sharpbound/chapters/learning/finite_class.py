"""Hypothesis classes on which ERM's failure probability is known exactly, with |H| up to 10^5 and beyond.

The theorem (Gupta, Parulekar, Price & Xun, 2311.13745; finite classes): with
m > O~((d + log 1/delta_train)/(eps^2 delta_score) * log(|H|/delta_train)) samples, ERM has
D^{delta_score} <= eps/sigma with probability 1 - delta_train. The L2 error needs
m = Omega(R^2/(eps^2 sigma^2)).

A class here is the true score s* and alternatives that are *as hard as the theorem allows*: wrong by
just enough, on just enough mass, to count as an error. The m it needs bounds from below what any
theorem for all classes can promise, and its scaling in |H|, eps, delta_score, d, sigma and R is read off
without noise. Scores are functions, not necessarily gradients, as in the theorem.

* ``ShiftClass``, ``SphereClass``: wrong by eps/sigma on a set of mass delta_score. The noise of the
  denoising target hides it. They decide the robust metric.
* ``OutlierClass``: each alternative misplaces a cluster of mass eta. Only a sample from the cluster
  shows it. They decide the L2 metric, and the robust one only where eta > delta_score.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_ndtr
from scipy.stats import binom, chi2

from sharpbound.chapters.learning.failure import first_below
from sharpbound.errors import InputError

Array = NDArray[np.float64]


class HypothesisClass(ABC):
    """The truth and equally wrong alternatives, with the exact law of ERM."""

    @property
    @abstractmethod
    def log_size(self) -> float:
        """log |H|, the truth included."""

    @property
    @abstractmethod
    def l2(self) -> float:
        """||s - s*||_{L2(p)} of the alternatives."""

    @abstractmethod
    def robust(self, delta: float) -> float:
        """D^delta_p(s, s*) of the alternatives."""

    @abstractmethod
    def failure(self, m: int) -> float:
        """P(ERM on m samples does not pick the truth); a tie with an alternative is a fair coin."""

    @abstractmethod
    def fails(self, m: int, rng: np.random.Generator) -> bool:
        """One run of ERM: draws data, computes the losses of all hypotheses. The check of ``failure``."""

    def samples_needed(self, delta_train: float) -> int:
        """The smallest m with failure(m) <= delta_train."""
        if not 0 < delta_train < 0.5:
            raise InputError(f"must lie in (0, 0.5), got {delta_train:g}", key="delta_train")
        return first_below(self.failure, delta_train)


def _picks_alternative(truth: float, alternatives: Array, rng: np.random.Generator) -> bool:
    """Whether an alternative has the smallest empirical risk; each tie is a coin against the truth."""
    ties = int((alternatives == truth).sum())
    return bool((alternatives < truth).any()) or rng.random() > 0.5**ties


# -- wrong by eps/sigma on a set of mass delta_score ------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Shifts(HypothesisClass):
    """Alternatives s* + (eps/sigma) 1_A e with unit vectors e in R^dim and P(A) = mass.

    One coordinate of the data says by its cluster whether y lies in A; the others are N(0, R^2), so
    that the residual of the denoising target, s*(y) + z/sigma^2, is N(0, v/sigma^2 I) and independent
    of y, with v = R^2/(R^2 + sigma^2). On the n samples in A the loss difference of e is, times sigma^2,

        n eps^2 + 2 eps sqrt(n v) e.g,    g ~ N(0, I),

    so ERM prefers e when -e.g > sqrt(n) eps/(2 sqrt v). As R/sigma grows, neither remains.
    """

    dim: int
    eps: float
    mass: float
    R: float
    sigma: float

    def __post_init__(self) -> None:
        if not 0 < self.mass < 1:
            raise InputError(f"mass is a probability in (0, 1), got {self.mass:g}", key="mass")
        for key in ("dim", "eps", "R", "sigma"):
            if not 0 < getattr(self, key) < math.inf:
                raise InputError(f"must be a positive number, got {getattr(self, key):g}", key=key)

    @property
    def residual(self) -> float:
        """v, the share of the noise's variance that the denoising target leaves unexplained."""
        return self.R**2 / (self.R**2 + self.sigma**2)

    @property
    def l2(self) -> float:
        return self.eps / self.sigma * math.sqrt(self.mass)

    def robust(self, delta: float) -> float:
        """eps/sigma where mass > delta, else 0; mass = delta stands for the limit from above."""
        return self.eps / self.sigma if self.mass > delta else 0.0

    def failure(self, m: int) -> float:
        n, weight = _binomial(m, self.mass)
        return math.fsum(weight * self._exceeds(np.sqrt(n / self.residual) * self.eps / 2))

    @abstractmethod
    def _exceeds(self, barrier: Array) -> Array:
        """P(-e.g > barrier for some alternative e), g ~ N(0, I)."""

    def _draw(self, m: int, rng: np.random.Generator) -> Array:
        """Residuals s*(y) + z/sigma^2 of the samples that fall in A, (n, dim); outside A all losses agree."""
        n = rng.binomial(m, self.mass)
        x, z = self.R * rng.standard_normal((n, self.dim)), self.sigma * rng.standard_normal((n, self.dim))
        return z / self.sigma**2 - (x + z) / (self.R**2 + self.sigma**2)


@dataclass(frozen=True, kw_only=True)
class ShiftClass(_Shifts):
    """One alternative in each of ``dim`` orthogonal directions, |H| = dim + 1: independent given n,

        P(failure) = E_{n ~ Bin(m, mass)}[1 - Phi(sqrt(n/v) eps/2)^dim].

    So m ~ 8 v log(|H|/delta_train)/(eps^2 delta_score) for small eps: the theorem without its factor d.
    Further dimensions, which no hypothesis uses, change nothing.
    """

    @property
    def log_size(self) -> float:
        return math.log1p(self.dim)

    def _exceeds(self, barrier: Array) -> Array:
        return -np.expm1(self.dim * log_ndtr(barrier))

    def fails(self, m: int, rng: np.random.Generator) -> bool:
        residual = self._draw(m, rng)
        shifted = residual[:, None, :] + self.eps / self.sigma * np.eye(self.dim)
        return _picks_alternative(float((residual**2).sum()), (shifted**2).sum((0, 2)), rng)


@dataclass(frozen=True, kw_only=True)
class SphereClass(_Shifts):
    """An alternative in *every* direction of R^dim; no class of shifts in R^dim fails more often:

        P(failure) = E_{n ~ Bin(m, mass)}[P(chi^2_dim > n eps^2/(4 v))],    m ~ 4 v dim/(eps^2 delta_score).

    ``log_size`` is that of a 1/2-net of the sphere, dim log 5, on which the maximum of e.g is at
    least 7/8 of |g|: such a finite class needs between (7/8)^2 of this m and all of it.
    """

    @property
    def log_size(self) -> float:
        return self.dim * math.log(5)

    def _exceeds(self, barrier: Array) -> Array:
        return chi2.sf(barrier**2, self.dim)

    def fails(self, m: int, rng: np.random.Generator) -> bool:
        residual = self._draw(m, rng)
        total = residual.sum(0)
        worst = -total / np.linalg.norm(total) if len(residual) else np.eye(self.dim)[0]
        shifted = residual + self.eps / self.sigma * worst
        return _picks_alternative(float((residual**2).sum()), (shifted**2).sum(keepdims=True), rng)


# -- a misplaced cluster --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OutlierClass(HypothesisClass):
    """The hard pair, ``clusters`` times over: data 0 with probability 1 - clusters*eta, -R e_j with
    probability eta each (e_j orthonormal), noise N(0, sigma^2 I); alternative j has cluster j at +R e_j.

    ``failure`` is the limit R >> sigma, where an alternative is found out by one sample of its cluster
    and is a fair coin without (`sharpbound.chapters.learning.failure`; the rest is of order exp(-R^2/8 sigma^2)).
    With N_j the number of samples of cluster j,

        P(success) = E prod_j (1/2)^{1[N_j = 0]} = m! [z^m] e^z (1 - e^{-eta z}/2)^clusters.
    """

    clusters: int
    eta: float
    R: float
    sigma: float

    def __post_init__(self) -> None:
        for key in ("clusters", "eta", "R", "sigma"):
            if not 0 < getattr(self, key) < math.inf:
                raise InputError(f"must be a positive number, got {getattr(self, key):g}", key=key)
        if self.clusters * self.eta > 1:
            raise InputError(
                f"{self.clusters} clusters of mass {self.eta:g} exceed probability one: "
                "take fewer hypotheses, or a larger R/(eps*sigma)",
                key="clusters",
            )

    @classmethod
    def hardest(cls, *, clusters: int, eps: float, R: float, sigma: float) -> Self:
        """The class whose alternatives have L2 error eps/sigma: eta = (eps sigma/R)^2."""
        return cls(clusters=clusters, eta=(eps * sigma / R) ** 2, R=R, sigma=sigma)

    @property
    def log_size(self) -> float:
        return math.log1p(self.clusters)

    @property
    def l2(self) -> float:
        """sqrt(eta) R/sigma^2."""
        return math.sqrt(self.eta) * self.R / self.sigma**2

    def robust(self, delta: float) -> float:
        """R/sigma^2 where eta > delta, else 0."""
        return self.R / self.sigma**2 if self.eta > delta else 0.0

    def failure(self, m: int) -> float:
        # Cauchy's integral on |z| = m, through the saddle point of e^z/z^m; the integral of the bare
        # weight being one, 1 - P(success) is integrated itself and keeps its relative accuracy.
        phi = np.linspace(-1, 1, 2001)[1:] * min(math.pi, 12 / math.sqrt(m))
        z = m * np.exp(1j * phi)
        exponent = m * (-2 * np.sin(phi / 2) ** 2 + 1j * (np.sin(phi) - phi))  # z - m - i m phi
        weight = np.exp(exponent + _log_stirling(m))
        failing = -np.expm1(self.clusters * np.log1p(-0.5 * np.exp(-self.eta * z)))
        return float((weight * failing).real.sum() * (phi[1] - phi[0]) / (2 * math.pi))

    def fails(self, m: int, rng: np.random.Generator) -> bool:
        k = self.clusters
        centres = np.concatenate([np.zeros((1, k)), -self.R * np.eye(k)])
        weights = np.array([1 - k * self.eta, *[self.eta] * k])
        z = self.sigma * rng.standard_normal((m, k))
        y = centres[rng.choice(k + 1, m, p=weights)] + z
        moved = [np.where(np.arange(k + 1)[:, None] == j + 1, -centres, centres) for j in range(k)]
        truth, *others = (self._risk(y, z, c, weights) for c in (centres, *moved))
        return _picks_alternative(truth, np.array(others), rng)

    def _risk(self, y: Array, z: Array, centres: Array, weights: Array) -> float:
        """Empirical risk of the score of sum_i weights_i N(centres_i, sigma^2 I)."""
        exponent = np.log(weights) - ((y[:, None] - centres) ** 2).sum(-1) / (2 * self.sigma**2)
        posterior = np.exp(exponent - exponent.max(1, keepdims=True))
        posterior /= posterior.sum(1, keepdims=True)
        score = (posterior @ centres - y) / self.sigma**2
        return float(((score + z / self.sigma**2) ** 2).sum(1).mean())


def _log_stirling(m: int) -> float:
    """log(m! e^m/m^m), by its series where the terms would cancel."""
    if m < 256:
        return float(gammaln(m + 1)) - m * math.log(m) + m
    return 0.5 * math.log(2 * math.pi * m) + 1 / (12 * m) - 1 / (360 * m**3)


def _binomial(m: int, p: float) -> tuple[Array, Array]:
    """The values n of Bin(m, p) that have mass in float64 terms (within 12 deviations), and their masses."""
    reach = 12 * math.sqrt(m * p * (1 - p)) + 60
    n = np.arange(max(0, math.floor(m * p - reach)), min(m, math.ceil(m * p + reach)) + 1)
    return n.astype(np.float64), binom.pmf(n, m, p)
