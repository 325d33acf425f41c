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
import torch
from numpy.typing import NDArray

from sharpbound.distances.gaussian import EPS
from sharpbound.laws.density import landing
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.single import SingleStep
from sharpbound.laws.stages import evaluated
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import log_density, tensor
from sharpbound.numerics.gauss import gauss_hermite
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Mixture, Sampler, Stage
from sharpbound.targets.base import Target1D

NODES, HEARD, BESIDE_ATOMS = {1: 8, 2: 6}, 38.0, 50.0
"""Gauss-Hermite nodes of each stage at least, by how many of a step have noise; elsewhere the fewer. And so many, where
they are alone, that length^nodes of the step is exp(-38), or exp(-50) in gaps between atoms, where p bends most ..."""
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

PROBED, FULL = 1e-3, 0.02
"""A step in lambda, and how far the variance of where it came from may be from that of the forward process."""


def pushed(target: Target1D, step: SingleStep, x: Array, more: int = 0) -> Array:
    """log K p at x (n,), increasing. ``more``: nodes beyond the usual ones.

    Stages Y -> c Y + s Z take the marginal of a level to that of (c a, sqrt((c sigma)^2 + s^2)): those that come first
    are no work.
    """
    stages, level = list(step.stages), step.ladder.level(step.t)
    while stages and (scale := _linear(stages[0], x)) is not None:
        level = scale * level[0], math.hypot(scale * level[1], stages.pop(0).std)
    return _Chain.of(target, step, stages, level, more).at(len(stages), x)[0]


def spread(target: Target1D, step: SingleStep, x: Array) -> Array:
    """The variance of the state before the step given that after it, at x (n,), increasing."""
    stages, level = step.stages, step.ladder.level(step.t)
    _, first, second = _Chain.of(target, step, stages, level).at(len(stages), x, 2)
    return second - first**2


def of_full_noise(target: Target1D, sampler: Sampler, density: StepDensity) -> bool:
    """Whether the state before a short step, given that after it, has the variance of the forward process."""
    for share in (0.2, 0.8):
        lam = density.breaks[0] + share * (density.breaks[-1] - density.breaks[0])
        step = SingleStep.of(target, sampler, density.process, lam - PROBED, PROBED)
        level = step.ladder.level(step.t - 1)
        panels = density_panels(target, *level, 1e-3)
        p = np.exp(log_density(target, panels.nodes, *level))
        variance = spread(target, step, panels.nodes.ravel()).reshape(p.shape)
        mean = panels.integrate(p * variance) / panels.integrate(p)
        if abs(mean / step.ladder.noise_variance(step.t) - 1) > FULL:
            return False
    return True


def _linear(stage: Stage | Mixture, x: Array) -> float | None:
    """c of a stage y -> c y + s Z, as far as x (n,) tell; None of others."""
    if isinstance(stage, Mixture) or callable(stage.std):
        return None
    for points in (x[:: 1 + len(x) // 4], x):  # few tell most
        m, slope, _ = evaluated(stage, points)
        if np.ptp(slope) > 0 or not np.allclose(m, slope[0] * points, rtol=4 * EPS, atol=0.0):
            return None
    return float(slope[0])


@dataclass(frozen=True)
class _Chain:
    """``stages``, and the ``levels`` whose marginals the state is close to before, between and after them."""

    target: Target1D
    stages: Sequence[Any]
    levels: Sequence[Level]
    nodes: int
    shared: bool
    """Whether the first stage may look at the very law that it starts from."""

    @classmethod
    def of(
        cls, target: Target1D, step: SingleStep, stages: Sequence[Any], start: Level, more: int = 0
    ) -> _Chain:
        """The last ``stages`` of a step, from the marginal of the level ``start``."""
        levels, first = [start], step.ladder.level(step.t)
        for stage in stages[:-1]:
            levels.append(landing(stage, levels[-1], step.ladder, step.t, False))
        noisy = sum(not stage.deterministic for stage in stages)
        nodes = NODES.get(noisy, min(NODES.values()))
        if noisy == 1:
            heard = BESIDE_ATOMS if target.facts().low_dimensional else HEARD
            nodes = max(nodes, math.ceil(heard / -math.log(step.length)))
        return cls(target, stages, [*levels, step.ladder.level(step.t - 1)], nodes + more, start == first)

    def at(self, count: int, x: Array, powers: int = 0) -> list[Array]:
        """log of the density after ``count`` stages at x (n,), and E[Y^k] of the state before them given x for
        k = 1..``powers``.
        """
        if count == 0:
            return [*self._marginal(0, x, 0), *(x**k for k in range(1, 1 + powers))]
        stage = self.stages[count - 1]
        if isinstance(stage, Mixture):
            parts = [self._through(one, count, x, powers) for one in stage.stages]
            log_q, *means = (np.stack(each) for each in zip(*parts, strict=True))
            return _mixed(log_q + np.log(stage.weights)[:, None], means)
        return self._through(stage, count, x, powers)

    def _through(self, stage: Stage, count: int, x: Array, powers: int) -> list[Array]:
        guess = x * (self.levels[count - 1][0] / self.levels[count][0])
        if stage.deterministic:
            y, slope = inverse(stage, x, guess)
            log_q, *means = self.at(count - 1, y, powers)
            return [log_q - np.log(slope), *means]
        y, log_weight = self._about_mode(stage, count - 1, x, guess)
        log_q, *means = (one.reshape(y.shape) for one in self.at(count - 1, y.ravel(), powers))
        return _mixed((log_q + log_weight).T, [one.T for one in means])

    def _about_mode(self, stage: Stage, before: int, x: Array, y: Array) -> tuple[Array, Array]:
        """Points (n, nodes) about the y that maximises log p(y) - (x - m(y))^2 / 2 s^2, and the log of their weights
        times N(x; m(y), s^2); p is close to the law after so many stages ``before``.
        """
        for _ in range(MODE_STEPS):
            score, bend = self._marginal(before, y, 1, 2)
            m, slope, s = evaluated(stage, y)
            pull = (slope / s) ** 2
            width = 1.0 / np.sqrt(np.maximum(pull - bend, 0.25 * pull))
            move = width**2 * (score + (x - m) * slope / s**2)
            y = y + np.clip(move, -8 * width, 8 * width)
            if (np.abs(move) < MODE_ACCURACY * width).all():
                break
        z, w = gauss_hermite(self.nodes)
        points = y[:, None] + np.sqrt(2.0) * width[:, None] * z
        if before == 0 and self.shared:
            self._marginal(0, points.ravel(), 0, 1)  # at once what is asked for one by one below
        m, s = _moved(stage, points)
        log_weight = np.log(w) + z**2 + np.log(width)[:, None] - 0.5 * np.log(np.pi)
        return points, log_weight - 0.5 * ((x[:, None] - m) / s) ** 2 - np.log(s)

    def _marginal(self, before: int, y: Array, *orders: int) -> list[Array]:
        """Derivatives of log p at the level before or after so many stages, kept for a stage that asks for the same."""
        if before > 0 or not self.shared:
            return alone(self.target, y, self.levels[before], *orders)
        return [one.numpy() for one in self.target.derivatives(tensor(y), *self.levels[0], orders)]


def alone(target: Target1D, x: Array, level: Level, *orders: int) -> list[Array]:
    """Derivatives of log p at points that nothing else is asked of: none is added to them, and none kept."""
    target.check(*level)
    return [found.numpy() for found in target._derivatives(tensor(x), *level, orders)]


def _moved(stage: Stage, y: Array) -> tuple[Array, Array]:
    """Mean and noise of a stage at points of any shape."""
    flat = tensor(y.reshape(-1, 1))
    with torch.no_grad():
        std = stage.std(flat).reshape(y.shape).numpy() if callable(stage.std) else np.full(y.shape, stage.std)
        return stage.mean(flat).numpy().reshape(y.shape), std


def _mixed(logs: Array, means: Sequence[Array]) -> list[Array]:
    """log sum_k exp(logs_k), and means of what there is for each k, all along the first axis."""
    top = logs.max(0)
    share = np.exp(logs - top)
    whole = share.sum(0)
    return [top + np.log(whole), *((share * one).sum(0) / whole for one in means)]


def inverse(stage: Stage, x: Array, y: Array) -> tuple[Array, Array]:
    """The y with m(y) = x, and m'(y)."""
    for _ in range(INVERTED):
        m, slope, _ = evaluated(stage, y)
        y = y + (x - m) / slope
    return y, evaluated(stage, y)[1]


@dataclass(frozen=True)
class Carrier:
    """E f(y + std Z) of functions f that are given at the nodes of ``panels``, for y between ``ends``."""

    panels: Panels
    std: float
    ends: tuple[float, float]

    @cached_property
    def landing(self) -> Panels:
        """Panels that resolve what noise makes of f: as wide as before where that is small beside them and their
        neighbours, and elsewhere of about the width that a polynomial resolves a Gaussian kernel on.
        """
        edges: list[Array] = []
        within = np.flatnonzero((self._graded.hi > self.ends[0]) & (self._graded.lo < self.ends[1]))
        for smooth, run in itertools.groupby(within, lambda i: bool(self._smooth[i])):
            first, *rest = run
            lo, hi = self._graded.lo[first], self._graded.hi[first : first + 1 + len(rest)]
            if not smooth:
                lo, end = max(lo, self.ends[0] - self.std), min(hi[-1], self.ends[1] + self.std)
                hi = np.linspace(lo, end, 1 + math.ceil((end - lo) / (LANDED * self.std)))[1:]
            edges += [hi] if edges else [np.array([lo]), hi]
        return Panels.between(np.concatenate(edges))

    @cached_property
    def _graded(self) -> Panels:
        """The panels, cut so that a wide one, as in a gap, is narrow near narrow ones alone."""
        return self.panels.graded(self.std / SMOOTH)

    @cached_property
    def _smooth(self) -> NDArray[np.bool_]:
        """Graded panels beside which, and beside whose neighbours, the noise is small."""
        half = np.pad(self._graded.half, 1, mode="edge")
        return self.std <= SMOOTH * np.minimum(np.minimum(half[:-2], half[2:]), self._graded.half)

    def carried(self, f: Array) -> Array:
        """Of several f (k, P, n), at the nodes of `landing`: (k, P', n).

        Where noise is small beside the panels by Gauss-Hermite, elsewhere over them, cut to a width of ``WIDE`` noises.
        """
        y, ends = self.landing.nodes.ravel(), (self.panels.lo[0], self.panels.hi[-1])
        smooth = self._smooth[self._graded.locate(y)[0]]
        out = np.empty((len(f), len(y)))
        if smooth.any():
            z, w = gauss_hermite(CARRIED_NODES)
            points = np.clip(y[smooth, None] + np.sqrt(2.0) * self.std * z, *ends)
            out[:, smooth] = self.panels.interpolate(f, points) @ w / np.sqrt(np.pi)
        if not smooth.all():
            out[:, ~smooth] = self._over_panels(f, y[~smooth])
        return out.reshape(len(f), *self.landing.nodes.shape)

    def at(self, values: Array, y: Array) -> Array:
        """What is `carried`, at points y (...) between the ends: (k, ...)."""
        return self.landing.interpolate(values, np.clip(y, self.landing.lo[0], self.landing.hi[-1]))

    def _over_panels(self, f: Array, y: Array) -> Array:
        std, reach, panels = self.std, REACH * self.std, self._graded
        near = np.searchsorted(y, panels.lo - reach) < np.searchsorted(y, panels.hi + reach)
        fine = panels.only(near).narrowed(WIDE * std)
        nodes, weights = fine.nodes.ravel(), fine.weights.ravel()
        values = (self.panels.interpolate(f, nodes) * weights).T
        out = np.empty((len(f), len(y)))
        for part in np.array_split(np.arange(len(y)), 1 + len(y) // 64):
            seen = slice(*np.searchsorted(nodes, (y[part[0]] - reach, y[part[-1]] + reach)))
            kernel = np.exp(-0.5 * ((y[part, None] - nodes[seen]) / std) ** 2)
            out[:, part] = ((kernel @ values[seen]) / (kernel @ weights[seen])[:, None]).T
        return out
