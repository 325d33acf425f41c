"""Output law of the frozen-score sampler with its stochasticity as a dial; closed form on N(m, lambda).

The reverse process of noise variance v = sigma^2 may be run with any amount of fresh noise ("churn") eta:

    X_{k+1} = X_k + (eta^2 D + (1 - eta^2) sigma_k (sigma_k - sigma_{k+1})) s_k(X_k) + eta sqrt(D) Z,

D = v_k - v_{k+1}; eta = 0 is the Euler probability-flow ODE in sigma (DDIM), eta = 1 the sampler of the
path-KL decomposition. All of them leave the marginals alone in continuous time, and differ by how errors
are kept or forgotten.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.distances.stable import log1p_minus
from sharpbound.errors import InputError
from sharpbound.forward import Ladder
from sharpbound.laws import output_law
from sharpbound.samplers.base import ExactScore, Sampler, Stage, Step
from sharpbound.targets.base import Target

Array = NDArray[np.float64]


def drift_gain(sigma: float, sigma_next: float, churn: float) -> float:
    """The factor of the score in one step: eta^2 D + (1 - eta^2) sigma (sigma - sigma')."""
    return churn**2 * (sigma**2 - sigma_next**2) + (1 - churn**2) * sigma * (sigma - sigma_next)


@dataclass(frozen=True)
class Churned(Sampler):
    """The sampler of this module as a program for the engines of `sharpbound.laws`, in x = y/a."""

    churn: float

    name = "churned"
    title = "Euler with churn"
    nfe = 1
    order = 1
    source = "Song et al., arXiv:2011.13456, and Karras et al., arXiv:2206.00364, section 4"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        if not (math.isfinite(self.churn) and self.churn >= 0):
            raise InputError(f"the churn is a finite number >= 0, got {self.churn:g}", key="design")

    @property
    def deterministic(self) -> bool:
        return self.churn == 0

    def stages(self, step: Step) -> Sequence[Stage]:
        t, s, ratio = step.t, step.score, step.a_next / step.a
        here, below = step.sigma / step.a, step.sigma_next / step.a_next
        gain = step.a * step.a_next * drift_gain(here, below, self.churn)
        noise = self.churn * step.a_next * math.sqrt(here**2 - below**2)
        return [Stage(lambda y: ratio * y + gain * s(t, y), noise)]


@dataclass(frozen=True)
class ShiftedScore(ExactScore):
    """The exact score plus a constant field of normalised squared error (sigma/a)^2 E|a e|^2 = ``error``."""

    error: float

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return super().__call__(t, y) + math.sqrt(self.error / y.shape[-1]) / float(self.ladder.sigma[t])


def churned_law(target: Target, ladder: Ladder, error: float, churn: float, init: str) -> Any:
    """The output law of `Churned`, by the engine that suits the target (`sharpbound.laws.output_law`)."""
    return output_law(target, ladder, Churned(churn), ShiftedScore(target, ladder, error), init)


@dataclass(frozen=True)
class GaussianOutput:
    """Law N(mean, variance) of the output, against the true N(0, true_variance)."""

    mean: float
    variance: float
    true_variance: float

    @property
    def kl(self) -> float:
        """KL(true || output) = 1/2 [(tau - 1 - log tau) + mean^2/variance], tau = true/output variance."""
        excess = (self.true_variance - self.variance) / self.variance
        return 0.5 * float(self.mean**2 / self.variance - log1p_minus(excess))

    @property
    def w2(self) -> float:
        """Wasserstein-2 distance."""
        return math.hypot(self.mean, math.sqrt(self.variance) - math.sqrt(self.true_variance))


def gaussian_output(
    variance: float,
    v: Array,
    error: float = 0.0,
    churn: float = 1.0,
    start: tuple[float, float] | None = None,
) -> GaussianOutput:
    """Output on N(m, ``variance``) along the decreasing ladder ``v`` (one dimension), seen from m.

    The score carries the constant error sqrt(error/v_k): normalised squared error v_k E|s-score|^2 =
    ``error`` at every level. ``start``: mean, seen from m, and variance; by default those of the true law.
    """
    mean, spread = (0.0, v[0] + variance) if start is None else start
    for here, below in itertools.pairwise(v.tolist()):
        drift = drift_gain(math.sqrt(here), math.sqrt(below), churn)
        shrink = 1 - drift / (variance + here)
        mean = shrink * mean + drift * math.sqrt(error / here)
        spread = shrink**2 * spread + churn**2 * (here - below)
    return GaussianOutput(float(mean), float(spread), float(variance + v[-1]))
