"""Defects of single steps of a stochastic sampler of full noise on the line, carried to the clean end at once.

eps(x) = (K p_{t})(x)/p_{t-1}(x) - 1 of one step is carried on by the kernels of the later ones, which for a sampler
whose noise is that of the forward process tend to those of the forward process, taken backwards: R(x) = E[eps(X_t) | X = x].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.integrals import IntegralPasses
from sharpbound.laws.leading.kernels import carried, pushed
from sharpbound.laws.leading.line import _integrated
from sharpbound.laws.leading.passes import RESOLVED, ROUNDS
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.leading.single import SingleStep
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import log_density
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D

SMOOTHED, ROUNDING = 1e-8, 1e-13
"""The share of a defect that a panel in x may leave unresolved, and what is rounding of log p."""
SHORT, FULL = 1e-3, 0.02
"""A step in lambda, and how far the variance of where it came from may be from that of the forward process."""


@dataclass(frozen=True)
class DensityIntegrals(IntegralPasses):
    """Of a stochastic one-step sampler whose noise tends to that of the forward process."""

    level: Level
    panels: Panels
    density_there: Array

    contracting: ClassVar[bool] = True

    @property
    def first(self) -> tuple[int, ...]:
        return (16, 24, 32, 48)

    @property
    def finer(self) -> tuple[int, ...]:
        return (64, 96, 128)

    def _defects(self, lam: float, steps: Sequence[float]) -> list[LineResponse]:
        assert isinstance(self.target, Target1D)
        level = self.density.process.level_at(lam)
        panels = density_panels(self.target, *level, RESOLVED)
        eps = self._eps(lam, steps, panels.nodes)
        p = np.exp(log_density(self.target, panels.nodes, *level))
        noise = math.sqrt(2 * steps[0]) * level[1]
        rounding = ROUNDING * (1 + np.abs(panels.nodes).max() / (10 * noise))
        for _ in range(ROUNDS):
            flagged = np.zeros(len(panels), dtype=bool)
            for f in (p * eps[0], p * eps[0] ** 2):
                heard = SMOOTHED * panels.integrate(np.abs(f)) + rounding * panels.half * p.max(1)
                flagged |= panels.half * panels.tails(f) > heard
            if not flagged.any():
                break
            cut = panels.halved(flagged)
            new = self._eps(lam, steps, cut.new_nodes)
            p = cut.merged(p, np.exp(log_density(self.target, cut.new_nodes, *level)))
            panels, eps = cut.panels, cut.merged(eps, new)
        ratio = level[0] / self.level[0]
        std = np.sqrt(max(level[1] ** 2 - (ratio * self.level[1]) ** 2, 0.0))
        found = carried(panels, eps, ratio, std, self.panels.nodes.ravel()).reshape(-1, *self.panels.nodes.shape)
        q = self.density_there
        return [LineResponse(self.panels, q, r, _integrated(self.panels, q * r)) for r in found]

    def _eps(self, lam: float, steps: Sequence[float], x: Array) -> Array:
        assert isinstance(self.target, Target1D)
        log_p = log_density(self.target, x, *self.density.process.level_at(lam))
        found = []
        for h in steps:
            step = SingleStep.of(self.target, self.sampler, self.density.process, lam - h, h)
            found.append(np.expm1(pushed(self.target, step, x.ravel())[0].reshape(x.shape) - log_p))
        return np.stack(found)

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> DensityIntegrals:
        level = density.process.level_at(density.breaks[-1])
        panels = density_panels(target, *level, RESOLVED)
        return cls(target, sampler, density, level, panels, np.exp(log_density(target, panels.nodes, *level)))


def of_full_noise(target: Target1D, sampler: Sampler, density: StepDensity) -> bool:
    """Whether the state before a short step, given that after it, has the variance of the forward process."""
    for share in (0.2, 0.8):
        lam = density.breaks[0] + share * (density.breaks[-1] - density.breaks[0])
        step = SingleStep.of(target, sampler, density.process, lam - SHORT, SHORT)
        level = step.ladder.level(step.t - 1)
        panels = density_panels(target, *level, 1e-3)
        p = np.exp(log_density(target, panels.nodes, *level))
        spread = pushed(target, step, panels.nodes.ravel())[1].reshape(p.shape)
        mean = panels.integrate(p * spread) / panels.integrate(p)
        if abs(mean / step.ladder.noise_variance(step.t) - 1) > FULL:
            return False
    return True
