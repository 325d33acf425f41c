"""The hard pair: two laws that no small sample tells apart, with scores that are far apart in L2.

    p1 = (1 - eta) N(0, sigma^2) + eta N(-R, sigma^2),    p2 = (1 - eta) N(0, sigma^2) + eta N(+R, sigma^2)

(Gupta, Parulekar, Price & Xun, 2311.13745). Read as a diffusion model at noise level sigma, the data
are atoms: x = 0 with probability 1 - eta and x = -R (or +R) with probability eta, seen as
y = x + z, z ~ N(0, sigma^2). With u = y/sigma, rho = R/sigma and the posterior outlier probabilities

    w1(u) = expit(logit(eta) - rho^2/2 - rho u),    w2(u) = w1(-u),

the scores are s1 = -(y + R w1)/sigma^2 and s2 = -(y - R w2)/sigma^2, so that
s2 - s1 = R (w1 + w2)/sigma^2 is even and, for eta <= 1/2, increasing in |y|.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import expit, log_ndtr, logit, ndtr

from sharpbound.bounds import MOST
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Panels

Array = NDArray[np.float64]

_REACH = 40.0
"""Standard deviations beyond which a Gaussian has no mass in float64 (its density is exp(-800))."""


@dataclass(frozen=True)
class HardPair:
    """The pair (p1, p2) at noise level ``sigma``; the truth is p1, the wrong hypothesis p2.

    Raises InputError unless 0 < eta <= 1/2, R > 0 and sigma > 0.
    """

    eta: float
    R: float
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.eta <= 0.5:
            raise InputError(f"eta is the outliers' share: take 0 < eta <= 0.5, got {self.eta:g}", key="eta")
        for key, value in (("R", self.R), ("sigma", self.sigma)):
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"must be a positive number, got {value:g}", key=key)
        if self.rho > MOST:
            raise InputError(f"must be at most {MOST:g} sigma, got {self.rho:.3g}", key="R")

    def at(self, a: float, sigma: float) -> HardPair:
        """The pair that a X0 + sigma W makes of this one (X0 having standard deviation ``self.sigma``)."""
        return HardPair(self.eta, a * self.R, math.hypot(a * self.sigma, sigma))

    @property
    def rho(self) -> float:
        """R/sigma."""
        return self.R / self.sigma

    # -- densities and scores ------------------------------------------------------------------
    def outlier_posterior(self, y: ArrayLike, which: int) -> Array:
        """w_which(y), the probability under p_which that the point y belongs to the outliers."""
        u = np.asarray(y, dtype=np.float64) / self.sigma
        return expit(logit(self.eta) - self.rho**2 / 2 + _side(which) * self.rho * u)

    def log_density(self, y: ArrayLike, which: int) -> Array:
        """log p_which(y), ``which`` 1 or 2."""
        u = np.asarray(y, dtype=np.float64) / self.sigma
        bulk = math.log1p(-self.eta) - u**2 / 2
        outliers = math.log(self.eta) - (u - _side(which) * self.rho) ** 2 / 2
        return np.logaddexp(bulk, outliers) - math.log(self.sigma * math.sqrt(2 * math.pi))

    def score(self, y: ArrayLike, which: int) -> Array:
        """s_which(y) = d/dy log p_which(y)."""
        y = np.asarray(y, dtype=np.float64)
        return (_side(which) * self.R * self.outlier_posterior(y, which) - y) / self.sigma**2

    def gap(self, y: ArrayLike) -> Array:
        """s2(y) - s1(y) = R (w1 + w2)/sigma^2 > 0, without cancellation."""
        return self.R / self.sigma**2 * (self.outlier_posterior(y, 1) + self.outlier_posterior(y, 2))

    # -- how far apart -------------------------------------------------------------------------
    @property
    def tv(self) -> float:
        """TV(p1, p2) = eta (2 Phi(R/sigma) - 1)."""
        return self.eta * (2 * float(ndtr(self.rho)) - 1)

    @cached_property
    def l2(self) -> float:
        """||s1 - s2||_{L2(p1)} by quadrature; tends to sqrt(eta) R/sigma^2 for R >> sigma."""
        # the bulk, the outliers, and the posteriors' switches from 0 to 1 over a width of 1/rho
        switch = self.rho / 2 + math.log(1 / self.eta - 1) / self.rho
        bulk, narrow = np.arange(-14, 14.5, 0.5), np.arange(-40, 40.5, 0.5) / max(self.rho, 1.0)
        edges = np.concatenate([bulk, bulk - self.rho, narrow - switch, narrow + switch])
        panels = Panels.between(np.unique(edges) * self.sigma)
        p1 = np.exp(self.log_density(panels.nodes, 1))
        return math.sqrt(panels.integrate(p1 * self.gap(panels.nodes) ** 2))

    def robust(self, delta: float) -> float:
        """D^delta_{p1}(s1, s2) = min{e : P_{p1}(|s1 - s2| >= e) <= delta}, exactly.

        The gap increases in |y|, so D^delta = gap(q) with P_{p1}(|y| >= q) = delta.
        """
        if not 0 < delta < 1:
            raise InputError(f"delta is a probability in (0, 1), got {delta:g}", key="delta")

        def excess(q: float) -> float:
            bulk = math.log1p(-self.eta) + math.log(2) + log_ndtr(-q)
            outliers = math.log(self.eta) + np.logaddexp(log_ndtr(self.rho - q), log_ndtr(-self.rho - q))
            return float(np.logaddexp(bulk, outliers)) - math.log(delta)

        q = brentq(excess, 0.0, self.rho + _REACH, xtol=1e-14, rtol=1e-14)
        return float(self.gap(q * self.sigma))

    # -- what ERM sees -------------------------------------------------------------------------
    def sample(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """n draws (x, z) of the data atom x in {0, -R} of p1 and its noise z ~ N(0, sigma^2)."""
        x = np.where(rng.random(n) < self.eta, -self.R, 0.0)
        return x, self.sigma * rng.standard_normal(n)

    def loss(self, x: Array, z: Array, which: int) -> Array:
        """Denoising score-matching loss |s_which(x + z) + z/sigma^2|^2 of each sample."""
        return (self.score(x + z, which) + z / self.sigma**2) ** 2

    def loss_difference(self, x: ArrayLike, z: ArrayLike) -> Array:
        """loss(s2) - loss(s1) of each sample, without cancellation:

        (R/sigma^2)^2 (w1 + w2) (w2 - w1 - 2x/R)

        For an inlier this is (R/sigma^2)^2 (w2^2 - w1^2), odd in z: a sample without outliers tells
        nothing. For an outlier (x = -R) it is never negative.
        """
        x, z = np.asarray(x, dtype=np.float64), np.asarray(z, dtype=np.float64)
        w1, w2 = self.outlier_posterior(x + z, 1), self.outlier_posterior(x + z, 2)
        return (self.R / self.sigma**2) ** 2 * (w1 + w2) * (w2 - w1 - 2 * x / self.R)


def _side(which: int) -> int:
    return {1: -1, 2: 1}[which]
