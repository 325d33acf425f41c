"""Noise-free probes of a sampler that is only known as a function from starts to outputs.

*Deterministic.* Both the sampler's map and the flow that it approximates are increasing, so the optimal
coupling of output and truth is that of equal quantiles: started from the quantiles of the true law,

    W2^2 = int_0^1 (y(u) - F^{-1}(u))^2 du,    u = Phi(z),

which the trapezoidal rule in z integrates with an error far below 1e-6: the points are many because the
quantiles of separated modes change fast at the gap. No sample is drawn.

*Stochastic.* With a Gaussian target every sampler is affine in its start and its noises,
y = c0 + c1 x + sum_j k_j xi_j. One batch whose members have a unit impulse in one of them each gives all the
coefficients, hence the Gaussian output law and its W2 in closed form. Again no sample is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from sharpbound.distances.base import Measured
from sharpbound.errors import NotMeasured
from sharpbound.processes.ladder import Level
from sharpbound.targets import Gaussian1D
from sharpbound.targets.base import Target1D

Array = NDArray[np.float64]

REACH = 6.0
"""Largest |z|: 2e-9 of the mass lies beyond."""
COUNT = 1921
"""Odd, so that every second point is a coarser rule of the same ends."""
LINEAR = 1e-4
"""Relative departure from linearity at which a sampler is not taken for affine; float32 leaves 1e-6."""


class Quantiles:
    """Equal-quantile coupling with the laws of a one-dimensional target."""

    z = np.linspace(-REACH, REACH, COUNT)
    weights = np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()
    """Trapezoidal weights of the standard normal density, (COUNT,)."""

    def __init__(self, target: Target1D) -> None:
        self.target = target
        self._known: dict[Level, Array] = {}

    def at(self, level: Level) -> Array:
        """The quantiles F^{-1}(Phi(z)) of the target at ``level``, shape (COUNT,)."""
        if level not in self._known:
            lower = self.z < 0
            tails = torch.from_numpy(special.log_ndtr(-np.abs(self.z)))
            x = np.empty(COUNT)
            for side, upper in ((lower, False), (~lower, True)):
                x[side] = self.target.quantile_from_log(tails[side], *level, upper=upper).numpy()
            self._known[level] = x
        return self._known[level]

    def w2(self, output: Array, level: Level) -> tuple[float, float]:
        """W2 between the law that ``output`` (COUNT,) carries and the target at ``level``, and its error.

        The error is the change when every second point is left out.
        """
        fine, coarse = (self._w2(output, level, slice(None, None, skip)) for skip in (1, 2))
        return fine, abs(fine - coarse)

    def _w2(self, output: Array, level: Level, points: slice) -> float:
        y, truth, weights = output[points], self.at(level)[points], self.weights[points]
        weights = weights / weights.sum()
        if (np.diff(y) < 0).any():  # the map is so coarse that it folds: sorted, the coupling is optimal
            order = np.argsort(y, kind="stable")
            y, weights = y[order], weights[order]
            middle = np.clip(np.cumsum(weights) - 0.5 * weights, special.ndtr(-REACH), special.ndtr(REACH))
            truth = np.interp(special.ndtri(middle), self.z[points], truth)
        with np.errstate(over="ignore"):  # infinite is what it then is
            return math.sqrt(float(weights @ (y - truth) ** 2))


class Impulses:
    """The noise source of an impulse response: member 5 + j of the batch hears draw j alone.

    The first five members give c0 and c1 and try whether the response is affine: the starts 0, 1 and -2 (in
    units of the start) without noise, and the start 0 with every draw at once, 3 and -3.
    """

    FIXED = 5
    LOUD = 3.0

    def __init__(self, draws: int) -> None:
        self.draws, self.drawn = draws, 0

    def starts(self, std: float) -> Tensor:
        """Starts (FIXED + draws,)."""
        x = torch.zeros(self.FIXED + self.draws, dtype=torch.float64)
        x[1], x[2] = std, -2 * std
        return x

    def __call__(self, like: Tensor) -> Tensor:
        """The next draw, of the shape of ``like`` (batch first)."""
        if self.drawn >= self.draws:
            raise NotMeasured(f"the sampler draws noise more than {self.draws} times")
        noise = torch.zeros_like(like)
        noise[3], noise[4] = self.LOUD, -self.LOUD
        noise[self.FIXED + self.drawn] = 1.0
        self.drawn += 1
        return noise

    def law(self, output: Tensor, mean: float, std: float, start_std: float) -> tuple[float, float]:
        """Mean and standard deviation of the output for the start N(mean, std^2).

        Raises NotMeasured if the output is not affine in start and noise.
        """
        y = output.double().reshape(-1)
        c0, up, down, loud, quiet = (float(v) for v in y[: self.FIXED])
        c1 = up - c0
        k = y[self.FIXED : self.FIXED + self.drawn] - c0
        whole = self.LOUD * float(k.sum())
        scale = float(y.abs().max())
        departures = (down - (c0 - 2 * c1), loud - (c0 + whole), quiet - (c0 - whole))
        if max(map(abs, departures)) > LINEAR * scale:
            raise NotMeasured("the sampler is not affine on a Gaussian target: it clips or thresholds")
        return c0 + c1 * mean / start_std, math.hypot(
            c1 * std / start_std, float(torch.linalg.vector_norm(k))
        )


def gaussian_level(target: Gaussian1D, level: Level) -> tuple[float, float]:
    """Mean and standard deviation of a Gaussian target at ``level``."""
    a, sigma = level
    moments = target.moments()
    return a * float(moments.mean[0]), math.hypot(a * math.sqrt(float(moments.cov[0, 0])), sigma)


def measure_deterministic(
    quantiles: Quantiles, run: Callable[[Tensor], Tensor], start: Level, end: Level, unit: float, steps: int
) -> Measured:
    """W2 of a deterministic ``run``, (n,) -> (n,), from the target at ``start`` against it at ``end``.

    unit : unit roundoff of the arithmetic, once per step in the floor.
    """
    output = run(torch.from_numpy(quantiles.at(start))).double().numpy().reshape(-1)
    if not np.isfinite(output).all():
        raise NotMeasured("the sampler's output is not finite")
    value, error = quantiles.w2(output, end)
    return Measured(value, error + rounding(unit, steps, quantiles.at(end), quantiles.weights))


def measure_stochastic(
    quantiles: Quantiles,
    run: Callable[[Tensor, Impulses], Tensor],
    start: Level,
    end: Level,
    unit: float,
    steps: int,
) -> Measured:
    """W2 of a stochastic ``run`` on a Gaussian target, by its impulse response."""
    target = quantiles.target
    if not isinstance(target, Gaussian1D):
        raise NotMeasured("a stochastic sampler is measured on a Gaussian target, where it is affine")
    impulses = Impulses(2 * steps + 4)
    mean, std = gaussian_level(target, start)
    output = run(impulses.starts(std), impulses)
    if not torch.isfinite(output).all():
        raise NotMeasured("the sampler's output is not finite")
    found, truth = impulses.law(output, mean, std, std), gaussian_level(target, end)
    floor = rounding(unit, steps, np.array(truth), np.ones(2))
    return Measured(math.hypot(found[0] - truth[0], found[1] - truth[1]), floor)


def rounding(unit: float, steps: int, values: Array, weights: Array) -> float:
    """unit * sqrt(steps) * rms(values): what independent roundings of every step add up to."""
    return unit * math.sqrt(steps) * math.sqrt(float(weights @ values**2))
