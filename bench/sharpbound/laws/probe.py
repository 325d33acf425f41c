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
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
AFFINE_ALONE = "is not affine on a Gaussian target"
"""Why a stochastic sampler could not be measured, in words."""
LINEAR = 1e-4
"""Relative departure from linearity at which a sampler is not taken for affine; float32 leaves 1e-6."""


class Quantiles:
    """Equal-quantile coupling with the laws of a one-dimensional target.

    z, weights : (count,) nodes, an odd number, and their trapezoidal weights of the standard normal density.
    """

    def __init__(self, target: Target1D, count: int = COUNT) -> None:
        self.target = target
        self.z = np.linspace(-REACH, REACH, count)
        self.weights = np.exp(-0.5 * self.z**2) / np.exp(-0.5 * self.z**2).sum()
        self._known: dict[Level, Array] = {}

    def at(self, level: Level) -> Array:
        """The quantiles F^{-1}(Phi(z)) of the target at ``level``, shape (count,)."""
        if level not in self._known:
            lower = self.z < 0
            tails = torch.from_numpy(special.log_ndtr(-np.abs(self.z)))
            x = np.empty(len(self.z))
            for side, upper in ((lower, False), (~lower, True)):
                x[side] = self.target.quantile_from_log(tails[side], *level, upper=upper).numpy()
            self._known[level] = x
        return self._known[level]

    def w2(self, output: Array, level: Level) -> tuple[float, float]:
        """W2 between the law that ``output`` (count,) carries and the target at ``level``, and its error.

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


class Tape:
    """A noise source of zeros that notes what is drawn: how many draws, and over which intervals."""

    def __init__(self) -> None:
        self.draws = 0
        self.intervals: list[tuple[float, float]] = []

    def __call__(self, like: Tensor, interval: tuple[float, float] | None = None) -> Tensor:
        if interval is None:
            self.draws += 1
        else:
            self.intervals.append(interval)
        return torch.zeros_like(like)

    @property
    def silent(self) -> bool:
        """Whether nothing was drawn."""
        return not (self.draws or self.intervals)


class Impulses:
    """The noise source of an impulse response: member 5 + j of the batch hears draw j alone.

    The first five members give c0 and c1 and try whether the response is affine: the starts 0, 1 and -2 (in
    units of the start) without noise, and the start 0 with every draw at once, 3 and -3.

    A draw over an interval (t, u) is (B_u - B_t)/sqrt|u - t| of one Brownian path B. The ends of all ``intervals``
    cut the path into cells with an independent draw each, so that overlapping intervals are correlated as they are.
    """

    FIXED = 5
    LOUD = 3.0
    SAME = 1e-9
    """Ends of intervals that are closer, as a share of all that is covered, are one."""

    def __init__(self, draws: int, intervals: Sequence[tuple[float, float]] = ()) -> None:
        self.draws, self.drawn = draws, 0
        ends = np.unique(np.array(intervals, dtype=float))
        if len(ends):
            ends = ends[np.concatenate([[True], np.diff(ends) > self.SAME * np.ptp(ends)])]
        self.cuts = ends

    @classmethod
    def of(cls, tape: Tape) -> Impulses:
        """For a sampler that drew what ``tape`` heard."""
        return cls(tape.draws, tape.intervals)

    def starts(self, std: float) -> Tensor:
        """Starts (FIXED + draws + cells,)."""
        x = torch.zeros(self.FIXED + self.draws + max(len(self.cuts) - 1, 0), dtype=torch.float64)
        x[1], x[2] = std, -2 * std
        return x

    def __call__(self, like: Tensor, interval: tuple[float, float] | None = None) -> Tensor:
        """The next draw, of the shape of ``like`` (batch first), or the path's over ``interval``."""
        noise = torch.zeros_like(like)
        if interval is None:
            if self.drawn >= self.draws:
                raise NotMeasured("two runs of the sampler draw noise differently often")
            noise[self.FIXED + self.drawn] = 1.0
            self.drawn += 1
            whole = 1.0
        else:
            shares = self._shares(*interval)
            cells = self.FIXED + self.draws
            noise[cells:] += torch.from_numpy(shares).reshape(-1, *(1 for _ in like.shape[1:]))
            whole = float(shares.sum())
        noise[3], noise[4] = self.LOUD * whole, -self.LOUD * whole
        return noise

    def _shares(self, t: float, u: float) -> Array:
        """Coefficients of the cells in (B_u - B_t)/sqrt|u - t|, (cells,)."""
        ends = [int(np.abs(self.cuts - at).argmin()) for at in (t, u)]
        low, high = min(ends), max(ends)
        if low == high:
            raise NotMeasured(f"noise is drawn over an interval of length 0, at {t:.6g}")
        lengths = np.diff(self.cuts)
        shares = np.zeros(len(lengths))
        shares[low:high] = np.sqrt(lengths[low:high] / lengths[low:high].sum())
        return shares if ends[0] > ends[1] else -shares

    def law(self, output: Tensor, mean: float, std: float, start_std: float) -> tuple[float, float]:
        """Mean and standard deviation of the output for the start N(mean, std^2).

        Raises NotMeasured if the output is not affine in start and noise.
        """
        y = output.double().reshape(-1)
        c0, up, down, loud, quiet = (float(v) for v in y[: self.FIXED])
        c1 = up - c0
        k = y[self.FIXED :] - c0
        whole = self.LOUD * float(k.sum())
        scale = float(y.abs().max())
        departures = (down - (c0 - 2 * c1), loud - (c0 + whole), quiet - (c0 - whole))
        if max(map(abs, departures)) > LINEAR * scale:
            raise NotMeasured(f"the sampler {AFFINE_ALONE}: it clips or thresholds")
        return c0 + c1 * mean / start_std, math.hypot(
            c1 * std / start_std, float(torch.linalg.vector_norm(k))
        )


def gaussian_level(target: Gaussian1D, level: Level) -> tuple[float, float]:
    """Mean and standard deviation of a Gaussian target at ``level``."""
    a, sigma = level
    moments = target.moments()
    return a * float(moments.mean[0]), math.hypot(a * math.sqrt(float(moments.cov[0, 0])), sigma)


@dataclass(frozen=True)
class Probed:
    """What a run tells: W2, the error of its quadrature, and the error itself, whose norm W2 is.

    errors, weights : (n,); of a deterministic run y(u) - F^{-1}(u) at the nodes u, of a stochastic one the errors of
        mean and standard deviation. Each has an expansion in powers of the step.
    """

    w2: float
    quadrature: float
    errors: Array
    weights: Array

    def norm(self, errors: Array) -> float:
        """Of ``errors`` (n,), as W2 weighs them."""
        with np.errstate(over="ignore"):
            return math.sqrt(float(errors**2 @ self.weights))


def probe_deterministic(
    quantiles: Quantiles, run: Callable[[Tensor], Tensor], start: Level, end: Level
) -> Probed:
    """Of a deterministic ``run``, (n,) -> (n,), from the target at ``start`` against it at ``end``."""
    output = run(torch.from_numpy(quantiles.at(start))).double().numpy().reshape(-1)
    if not np.isfinite(output).all():
        raise NotMeasured("the sampler's output is not finite")
    return Probed(*quantiles.w2(output, end), output - quantiles.at(end), quantiles.weights)


def probe_stochastic(
    target: Target1D, run: Callable[[Tensor, Tape | Impulses], Tensor], start: Level, end: Level
) -> Probed:
    """Of a stochastic ``run`` on a Gaussian target, by its impulse response; a first run counts what it draws."""
    if not isinstance(target, Gaussian1D):
        raise NotMeasured("a stochastic sampler is measured on a Gaussian target, where it is affine")
    mean, std = gaussian_level(target, start)
    tape = Tape()
    run(Impulses(0).starts(std), tape)
    impulses = Impulses.of(tape)
    output = run(impulses.starts(std), impulses)
    if not torch.isfinite(output).all():
        raise NotMeasured("the sampler's output is not finite")
    found, truth = impulses.law(output, mean, std, std), gaussian_level(target, end)
    errors = np.subtract(found, truth)
    return Probed(math.hypot(*errors), 0.0, errors, np.ones(2))


def measure_deterministic(
    quantiles: Quantiles, run: Callable[[Tensor], Tensor], start: Level, end: Level, unit: float, steps: int
) -> Measured:
    """W2 of a deterministic ``run``; ``unit`` roundoff of the arithmetic, once per step in the floor."""
    found = probe_deterministic(quantiles, run, start, end)
    floor = found.quadrature + rounding(unit, steps, quantiles.at(end), quantiles.weights)
    return Measured(found.w2, floor)


def measure_stochastic(
    quantiles: Quantiles,
    run: Callable[[Tensor, Tape | Impulses], Tensor],
    start: Level,
    end: Level,
    unit: float,
    steps: int,
) -> Measured:
    """W2 of a stochastic ``run`` on a Gaussian target."""
    found = probe_stochastic(quantiles.target, run, start, end)
    truth = gaussian_level(quantiles.target, end)  # type: ignore[arg-type]
    return Measured(found.w2, rounding(unit, steps, np.array(truth), np.ones(2)))


def rounding(unit: float, steps: int, values: Array, weights: Array) -> float:
    """unit * sqrt(steps) * rms(values): what independent roundings of every step add up to."""
    return unit * math.sqrt(steps) * math.sqrt(float(weights @ values**2))
