"""Defects of single steps of a flow on the line, at quantile coordinates u.

The law of Phi(X_t) has the density p_t/Phi' at Phi(x), and that of X_{t-1} there is p_{t-1}: to first order

    R(u) = 1 - Phi'(x) p_{t-1}(Phi(x))/p_t(x),    x = x_t(u),

with no quantile but x itself. x_t(u) follows from one level to another along the exact flow of y = x/a in n = sigma/a,
dy/dn = -sigma s_t(x), whose solution of order four Newton's method then mends. It need not be exact: what it leaves
moves R along u by as much, and is no part of a defect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
from torch import Tensor

from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.integrals import IntegralPasses, lambda_panels
from sharpbound.laws.leading.ladders import resolving
from sharpbound.laws.leading.line import NEAR, Coordinates
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.leading.single import BEFORE, SingleStep
from sharpbound.numerics.quadrature import Array
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class FlowIntegrals(IntegralPasses):
    """Of a deterministic one-step sampler on the line."""

    at: Coordinates
    places: dict[float, Tensor] = field(default_factory=dict)
    """x_t(u) by lambda."""

    def _defects(self, lam: float, finenesses: Sequence[int]) -> list[LineResponse]:
        return [self._defect(lam, UNIT / one, self._step(lam, UNIT / one)) for one in finenesses]

    def _step(self, lam: float, h: float, before: int = BEFORE, after: int = 1) -> SingleStep:
        return SingleStep.of(self.target, self.sampler, self.density.process, lam, h, before, after)

    def _defect(self, lam: float, h: float, step: SingleStep) -> LineResponse:
        assert isinstance(self.target, Target1D)
        x = self._place(lam)
        image, slope = step.moved(x)
        log_before = self.target.derivative(x, *self.density.process.level_at(lam), 0)
        log_after = self.target.derivative(image, *self.density.process.level_at(lam + h), 0)
        return self.at.response(1.0 - slope * torch.exp(log_after - log_before))

    def _at_ends(self, fineness: int) -> list[tuple[float, LineResponse]]:
        """Where the sampler looks at steps before or after its own, and the ladder has none there."""
        h, lo, hi = UNIT / fineness, self.density.breaks[0], self.density.breaks[-1]
        odd = [(lo + j * h, self._step(lo + j * h, h, before=j)) for j in range(BEFORE)]
        odd.append((hi - h, self._step(hi - h, h, after=0)))
        found = []
        for lam, step in odd:
            usual = self._step(lam, h)
            if not usual.like(step, self.at.x):
                extra = self._defect(lam, h, step).combined([self._defect(lam, h, usual)], [1.0, -1.0])
                found.append((lam, extra))
        return found

    def _place(self, lam: float) -> Tensor:
        if lam not in self.places:
            assert isinstance(self.target, Target1D)
            near = min(self.places, key=lambda other: abs(other - lam), default=self.density.breaks[-1])
            guess = self._followed(self.places.get(near, self.at.x), near, lam)
            level = self.density.process.level_at(lam)
            self.places[lam] = self.at.quantiles.at(level, guess, NEAR)
        return self.places[lam]

    def _followed(self, x: Tensor, start: float, end: float) -> Tensor:
        """From x at lambda = ``start`` along the exact flow, by one step of Runge and Kutta's method of order four."""
        target, level_at = cast(Target1D, self.target), self.density.process.level_at
        n = [math.exp(-lam) for lam in (start, 0.5 * (start + end), end)]
        levels = [level_at(-math.log(one)) for one in n]
        y, h = x / levels[0][0], n[2] - n[0]

        def slope(i: int, y: Tensor) -> Tensor:
            a, sigma = levels[i]
            return -sigma * target.score((a * y).unsqueeze(-1), a, sigma).squeeze(-1)

        first = slope(0, y)
        second = slope(1, y + 0.5 * h * first)
        third = slope(1, y + 0.5 * h * second)
        fourth = slope(2, y + h * third)
        return levels[2][0] * (y + h / 6 * (first + 2 * second + 2 * third + fourth))

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> FlowIntegrals:
        """With panels of p, cut where they do not resolve what the longest steps give, which is kept."""
        lengths, panels = cls.lengths[0][:1], lambda_panels(density)
        lam = panels.nodes.ravel()[::-1]
        weights = panels.weights.ravel()[::-1] * lengths[0] / UNIT

        def longest(at: Coordinates) -> Array:
            passes = cls(target, sampler, density, at)
            defects = np.stack([passes._defects(float(one), lengths)[0].relative for one in lam])
            places = np.stack([at.filled(passes.places[one]) for one in lam])
            return np.concatenate([np.tensordot(weights, defects, 1)[None], defects, places])

        at, (_, *found) = resolving(target, density, longest)
        passes = cls(target, sampler, density, at)
        for one, defect, place in zip(lam, found[: len(lam)], found[len(lam) :], strict=True):
            passes.taken[float(one)] = {lengths[0]: at.response(at.of_seen(defect))}
            passes.places[float(one)] = at.of_seen(place)
        return passes
