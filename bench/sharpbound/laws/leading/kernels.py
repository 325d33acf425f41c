"""One step of a stochastic sampler on the exact law of a level, without panels of the levels that it comes from.

K p (x) = int p(y) K(x|y) dy is had for each x by Gauss-Hermite about the mode of the integrand, one stage after the
other from the last to the first: p is known in closed form, the noise of a short step is small beside what p bends on,
and with it the rule goes to rounding.

The forward process takes X_s at a level back from X at a cleaner one by a Gaussian kernel, X_s = (a_s/a) X + noise: so
that E[f(X_s) | X] is one convolution (`Carrier`), however many steps lie between.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpbound.laws.density import landing
from sharpbound.laws.leading.single import SingleStep
from sharpbound.laws.stages import evaluated
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.gauss import gauss_hermite
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Mixture, Stage
from sharpbound.targets.base import Target1D

NODES = {1: 8, 2: 6}
"""Gauss-Hermite nodes of each stage, by how many of a step have noise; elsewhere the fewer ..."""
MORE = 1
"""... and how many more are taken to see what these have wrong."""
CARRIED_NODES, SMOOTH = 8, 0.125
"""Of a kernel that carries functions, exact for the polynomials that panels hold, and the noise, in half widths of the
panels around, up to which they are taken."""
MODE_STEPS, MODE_ACCURACY = 12, 0.2
"""Most steps of Newton's method for a mode, and the last one, in widths of the integrand: what it leaves is its square,
of which a short step has a fraction."""
REACH = 14.0
"""Standard deviations of a kernel beyond which nothing is seen of what it is integrated over."""
INVERTED = 6
"""Steps of Newton's method that invert a stage without noise."""
WIDE, LANDED = 2.5, 2.0
"""Most width of panels, in standard deviations of a kernel that is integrated over them, and of those that resolve what
comes of it."""


def pushed(target: Target1D, step: SingleStep, x: Array, more: int = 0) -> tuple[Array, Array]:
    """log K p at x (n,), increasing, and the variance of the state before the step given that after it.

    ``more``: nodes beyond the usual ones.
    """
    levels: list[Level] = [step.ladder.level(step.t)]
    for stage in step.stages[:-1]:
        levels.append(landing(stage, levels[-1], step.ladder, step.t, False))
    levels.append(step.ladder.level(step.t - 1))
    noisy = sum(not stage.deterministic for stage in step.stages)
    nodes = NODES.get(noisy, min(NODES.values())) + more
    log_q, first, second = _Chain(target, step.stages, levels, nodes).at(len(step.stages), x)
    return log_q, second - first**2


@dataclass(frozen=True)
class _Chain:
    """``stages``, and the ``levels`` whose marginals the state is close to before, between and after them."""

    target: Target1D
    stages: Sequence[Any]
    levels: Sequence[Level]
    nodes: int

    def at(self, count: int, x: Array) -> tuple[Array, Array, Array]:
        """log of the density after ``count`` stages at x (n,), and E[Y], E[Y^2] of the state before them given x."""
        if count == 0:
            return alone(self.target, x, self.levels[0], 0)[0], x, x**2
        stage = self.stages[count - 1]
        if isinstance(stage, Mixture):
            parts = [self._through(one, count, x) for one in stage.stages]
            log_q = np.stack([part[0] for part in parts]) + np.log(stage.weights)[:, None]
            return _mixed(log_q, np.stack([part[1] for part in parts]), np.stack([part[2] for part in parts]))
        return self._through(stage, count, x)

    def _through(self, stage: Stage, count: int, x: Array) -> tuple[Array, Array, Array]:
        guess = x * (self.levels[count - 1][0] / self.levels[count][0])
        if stage.deterministic:
            y, slope = inverse(stage, x, guess)
            log_q, first, second = self.at(count - 1, y)
            return log_q - np.log(slope), first, second
        y, log_weight = self._about_mode(stage, self.levels[count - 1], x, guess)
        found = (one.reshape(y.shape) for one in self.at(count - 1, y.ravel()))
        log_q, first, second = found
        return _mixed((log_q + log_weight).T, first.T, second.T)

    def _about_mode(self, stage: Stage, level: Level, x: Array, y: Array) -> tuple[Array, Array]:
        """Points (n, nodes) about the y that maximises log p(y) - (x - m(y))^2 / 2 s^2, and the log of their weights
        times N(x; m(y), s^2).
        """
        for _ in range(MODE_STEPS):
            score, bend = alone(self.target, y, level, 1, 2)
            m, slope, s = evaluated(stage, y)
            pull = (slope / s) ** 2
            width = 1.0 / np.sqrt(np.maximum(pull - bend, 0.25 * pull))
            move = width**2 * (score + (x - m) * slope / s**2)
            y = y + np.clip(move, -8 * width, 8 * width)
            if (np.abs(move) < MODE_ACCURACY * width).all():
                break
        z, w = gauss_hermite(self.nodes)
        points = y[:, None] + np.sqrt(2.0) * width[:, None] * z
        m, _, s = evaluated(stage, points)
        log_weight = np.log(w) + z**2 + np.log(width)[:, None] - 0.5 * np.log(np.pi)
        return points, log_weight - 0.5 * ((x[:, None] - m) / s) ** 2 - np.log(s)


def alone(target: Target1D, x: Array, level: Level, *orders: int) -> list[Array]:
    """Derivatives of log p at points that nothing else is asked of: none is added to them, and none kept."""
    target.check(*level)
    return [found.numpy() for found in target._derivatives(tensor(x), *level, orders)]


def _mixed(logs: Array, first: Array, second: Array) -> tuple[Array, Array, Array]:
    """log sum_k exp(logs_k), and means of what there is for each k, all along the first axis."""
    top = logs.max(0)
    share = np.exp(logs - top)
    whole = share.sum(0)
    return top + np.log(whole), (share * first).sum(0) / whole, (share * second).sum(0) / whole


def inverse(stage: Stage, x: Array, y: Array) -> tuple[Array, Array]:
    """The y with m(y) = x, and m'(y)."""
    for _ in range(INVERTED):
        m, slope, _ = evaluated(stage, y)
        y = y + (x - m) / slope
    return y, evaluated(stage, y)[1]


@dataclass(frozen=True)
class Carrier:
    """E f(y + std Z) of functions f that are given at the nodes of ``panels``."""

    panels: Panels
    std: float

    @cached_property
    def landing(self) -> Panels:
        """Panels that resolve what noise makes of f: as wide as before where that is small beside them and their
        neighbours, and elsewhere of about the width that a polynomial resolves a Gaussian kernel on.
        """
        edges = [self.panels.lo[:1]]
        for smooth, run in itertools.groupby(range(len(self.panels)), lambda i: bool(self._smooth[i])):
            first, *rest = run
            lo, hi = self.panels.lo[first], self.panels.hi[first : first + 1 + len(rest)]
            if not smooth:
                hi = np.linspace(lo, hi[-1], 1 + math.ceil((hi[-1] - lo) / (LANDED * self.std)))[1:]
            edges.append(hi)
        return Panels.between(np.concatenate(edges))

    @cached_property
    def _smooth(self) -> NDArray[np.bool_]:
        """Panels beside which, and beside whose neighbours, the noise is small."""
        half = np.pad(self.panels.half, 1, mode="edge")
        return self.std <= SMOOTH * np.minimum(np.minimum(half[:-2], half[2:]), self.panels.half)

    def carried(self, f: Array) -> Array:
        """Of several f (k, P, n), at the nodes of `landing`: (k, P', n).

        Where noise is small beside the panels by Gauss-Hermite, elsewhere over them, cut to a width of ``WIDE`` noises.
        """
        y, ends = self.landing.nodes.ravel(), (self.panels.lo[0], self.panels.hi[-1])
        smooth = self._smooth[self.panels.locate(y)[0]]
        out = np.empty((len(f), len(y)))
        if smooth.any():
            z, w = gauss_hermite(CARRIED_NODES)
            points = np.clip(y[smooth, None] + np.sqrt(2.0) * self.std * z, *ends)
            out[:, smooth] = self.panels.interpolate(f, points) @ w / np.sqrt(np.pi)
        if not smooth.all():
            out[:, ~smooth] = _over_panels(self.panels, f, self.std, y[~smooth])
        return out.reshape(len(f), *self.landing.nodes.shape)

    def at(self, values: Array, y: Array) -> Array:
        """What is `carried`, at points y (...) : (k, ...); constant beyond the panels."""
        return self.landing.interpolate(values, np.clip(y, self.panels.lo[0], self.panels.hi[-1]))


def _over_panels(panels: Panels, f: Array, std: float, y: Array) -> Array:
    reach = REACH * std
    near = np.searchsorted(y, panels.lo - reach) < np.searchsorted(y, panels.hi + reach)
    fine = panels.only(near).narrowed(WIDE * std)
    nodes, weights = fine.nodes.ravel(), fine.weights.ravel()
    values = (panels.interpolate(f, nodes) * weights).T
    out = np.empty((len(f), len(y)))
    for part in np.array_split(np.arange(len(y)), 1 + len(y) // 64):
        seen = slice(*np.searchsorted(nodes, (y[part[0]] - reach, y[part[-1]] + reach)))
        kernel = np.exp(-0.5 * ((y[part, None] - nodes[seen]) / std) ** 2)
        out[:, part] = ((kernel @ values[seen]) / (kernel @ weights[seen])[:, None]).T
    return out
