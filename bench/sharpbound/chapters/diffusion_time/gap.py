"""The optimal gap G*(T) of a whole class of scores, without solving an equation in time.

The scores of diffused Gaussians, s_t = grad log nu_t with nu_0 = N(m, s^2) and nu_t its law after time t, are
a class with two parameters shared by all times. As p_t and nu_t obey the same forward process,

    G = 1/2 int_0^T g^2 E_{p_t} |grad log nu_t - grad log p_t|^2 dt = KL[p_0 | nu_0] - KL[p_T | nu_T],

so the best of the class is a minimum over (m, log s) of a difference of two divergences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from scipy.optimize import minimize

from sharpbound.bounds import LEAST, MOST
from sharpbound.chapters.diffusion_time.auxiliary import fit_gaussian
from sharpbound.chapters.diffusion_time.elbo import Process, level
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import Marginal, Normal
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class OptimalGap:
    """G*(T) and the law nu_0 that attains it."""

    value: float
    start: Normal


class ClassGap:
    """G of the scores of nu_t up to diffusion time ``time``, as a function of nu_0."""

    def __init__(self, target: Target1D, process: Process, time: float) -> None:
        self._a, self._sigma = level(process, time)
        self._first, self._last = Marginal(target, 1.0, 0.0), Marginal(target, self._a, self._sigma)

    def __call__(self, start: Normal) -> float:
        end = Normal(self._a * start.mean, math.hypot(self._a * start.std, self._sigma))
        return self._first.divergence(start) - self._last.divergence(end)


def optimal_gap(target: Target1D, process: Process, time: float) -> OptimalGap:
    """The least gap of the class, from the Gaussian with the moments of the data."""
    class_gap = ClassGap(target, process, time)

    def law(parameters: Any) -> Normal:
        return Normal(float(parameters[0]), math.exp(float(parameters[1])))

    def loss(parameters: Any) -> float:
        return class_gap(law(parameters))

    fitted = fit_gaussian(target, 1.0, 0.0)
    if not LEAST <= fitted.std <= MOST:
        raise InputError(
            f"has a standard deviation of {fitted.std:.3g}; {LEAST:g} to {MOST:g} will do", key="target"
        )
    start: Any = [fitted.mean, math.log(fitted.std)]
    options: Any = {"xatol": 1e-6, "fatol": 1e-12, "maxiter": 200}
    found: Any = minimize(loss, start, method="Nelder-Mead", options=options)
    return OptimalGap(float(found.fun), law(found.x))
