"""Output law of `sharpbound.samplers.churned.Churned`; closed form on N(m, lambda)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.laws import Law, output_law
from sharpbound.numerics.stable import log1p_minus
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.churned import Churned, drift_gain
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import ShiftedScore
from sharpbound.targets.base import Target

Array = NDArray[np.float64]

MOMENTS = "moments"
"""The engine that rows name for `gaussian_output`: mean and variance, step by step."""


def churned_law(target: Target, ladder: Ladder, error: float, churn: float, init: str) -> Law:
    """The output law of `Churned`, by the engine that suits the target (`sharpbound.laws.output_law`)."""
    score = ShiftedScore(ExactScore(target, ladder), error)
    return output_law(target, ladder, Churned(churn), score, init)


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
