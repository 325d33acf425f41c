"""The letters of a formula that a target and a ladder fix: what a bound with its constant is evaluated at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sharpbound.processes.ladder import Ladder
    from sharpbound.targets.base import Target


def known_values(target: Target, ladder: Ladder) -> dict[str, float]:
    """The letters of the target (`target_values`) and of the ladder: ``T``, ``sigma_min``, ``sigma_max``, ``kappa``,
    ``horizon``, ``delta``.

    sigma_min and sigma_max are the noise levels at the sampler's two ends. Variance-preserving ladders run in
    Ornstein-Uhlenbeck time -log a: horizon is its value at the noisy end and delta that at the other, left out where it
    is 0; kappa is the largest step over min(1, t), t at the step's end. Variance-exploding ones run in time sigma^2,
    without horizon: kappa is the largest step over the time before it.
    """
    values = target_values(target) | {
        "T": float(ladder.T),
        "sigma_min": float(ladder.sigma[ladder.stop]),
        "sigma_max": float(ladder.sigma[-1]),
    }
    if ladder.kind == "ve":
        times = ladder.sigma[ladder.stop :] ** 2
        values["kappa"] = float(np.max(np.diff(times) / times[1:]))
    elif ladder.kind == "vp":
        times = -np.log(ladder.a[ladder.stop :])
        values["horizon"] = float(times[-1])
        if times[0] > 0:
            values["delta"] = float(times[0])
            values["kappa"] = float(np.max(np.diff(times) / np.minimum(1.0, times[:-1])))
    return values


def target_values(target: Target) -> dict[str, float]:
    """``d``, ``m2`` and ``R``: m2^2 = E||X0||^2, R the radius of the support; those that are infinite or unknown are
    left out.
    """
    values = {"d": float(target.dim)}
    second = target.moments().second_moment
    if math.isfinite(second):
        values["m2"] = math.sqrt(second)
    radius = target.facts().radius
    if radius is not None and math.isfinite(radius):
        values["R"] = radius
    return values
