"""The forward processes X = a X0 + sigma W: what ties a to sigma, and how much noise a stretch of one adds.

dX = f X dt + g dW has a = exp(int f) and u = -2 log a as its own clock. With the noise-to-signal ratio
n = sigma/a = e^{-lambda}, a process is one curve (a(n), sigma(n)), which is all that a sampler may use of it
between the levels of a ladder.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Level = tuple[float, float]
"""(a, sigma), on a ladder or between two of its levels."""


@dataclass(frozen=True)
class Process(ABC):
    """One family of forward processes. ``beta`` = 1 - (a_above/a_below)^2 is that of a step, without cancellation."""

    name: ClassVar[str]
    """As in a sampler's ``kinds``, in case files and in messages."""

    @abstractmethod
    def scale(self, n: float) -> float:
        """a where sigma/a = n."""

    def level_at(self, lam: float) -> Level:
        """The (a, sigma) with log(a/sigma) = lam."""
        n = math.exp(-lam)
        a = self.scale(n)
        return a, n * a

    @abstractmethod
    def clock(self, n: Array) -> Array:
        """The time of the process as a function of sigma/a: -log a, or sigma where a does not move."""

    @abstractmethod
    def diffusion(self, above: Level, below: Level, beta: float) -> float:
        """int g^2 dt from the level ``below`` to the noisier ``above``."""

    def noise_variance(self, above: Level, below: Level, beta: float) -> float:
        """Variance of X_above given X_below: sigma_above^2 - (1 - beta) sigma_below^2."""
        return above[1] ** 2 - (1 - beta) * below[1] ** 2

    def prior_std(self, sigma: float) -> float:
        """Standard deviation of the Gaussian that samplers start from, sigma being that of the noisiest level."""
        return 1.0


class VariancePreserving(Process):
    """a^2 + sigma^2 = 1, f = -beta/2, g^2 = beta: Song et al., arXiv:2011.13456, eq. (11)."""

    name = "vp"

    def scale(self, n: float) -> float:
        return 1 / math.sqrt(1 + n**2)

    def level_at(self, lam: float) -> Level:
        return 1.0 / math.sqrt(1.0 + math.exp(-2 * lam)), 1.0 / math.sqrt(1.0 + math.exp(2 * lam))

    def clock(self, n: Array) -> Array:
        return 0.5 * np.log1p(n**2)

    def diffusion(self, above: Level, below: Level, beta: float) -> float:
        """-log(1 - beta)."""
        return -float(np.log1p(-beta))

    def noise_variance(self, above: Level, below: Level, beta: float) -> float:
        return beta


class SubVariancePreserving(Process):
    """sigma = 1 - a^2, g^2 = beta (1 - a^4): Song et al., arXiv:2011.13456, eq. (13)."""

    name = "sub-vp"

    def scale(self, n: float) -> float:
        """The positive root of a^2 + n a = 1."""
        return 2 / (n + math.sqrt(n**2 + 4))

    def clock(self, n: Array) -> Array:
        return np.arcsinh(0.5 * n)

    def diffusion(self, above: Level, below: Level, beta: float) -> float:
        """int (1 - e^{-2u}) du."""
        du = -float(np.log1p(-beta))
        return du + 0.5 * above[0] ** 4 * -math.expm1(2 * du)


class VarianceExploding(Process):
    """a = 1, f = 0, g^2 = d sigma^2/dt: Song et al., arXiv:2011.13456, eq. (9)."""

    name = "ve"

    def scale(self, n: float) -> float:
        return 1.0

    def clock(self, n: Array) -> Array:
        return n

    def diffusion(self, above: Level, below: Level, beta: float) -> float:
        """sigma_above^2 - sigma_below^2."""
        return above[1] ** 2 - below[1] ** 2

    def prior_std(self, sigma: float) -> float:
        return sigma


VP, SUB_VP, VE = VariancePreserving(), SubVariancePreserving(), VarianceExploding()

PROCESSES: dict[str, Process] = {process.name: process for process in (VP, SUB_VP, VE)}
