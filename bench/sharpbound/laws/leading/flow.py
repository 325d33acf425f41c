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
from scipy.integrate import solve_ivp
from torch import Tensor

from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.integrals import ITSELF, LONG, IntegralPasses
from sharpbound.laws.leading.ladders import resolving
from sharpbound.laws.leading.line import NEAR, Coordinates
from sharpbound.laws.leading.passes import COSTLY
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.leading.single import BEFORE, SingleStep
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D

DRIFTED, ROUNDING = 1e-9, 1e-12
"""Accuracy of each stretch of a flow, in noises of its cleaner end, and relative."""


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
            x = self.places.get(near, self.at.x)
            if isinstance(self.target, COSTLY):
                self.places[lam] = self._integrated(x, near, lam)
            else:
                guess = self._followed(x, near, lam)
                level = self.density.process.level_at(lam)
                self.places[lam] = self.at.quantiles.at(level, guess, NEAR)
        return self.places[lam]

    def _followed(self, x: Tensor, start: float, end: float) -> Tensor:
        """From x at lambda = ``start`` along the exact flow, by one step of Runge and Kutta's method of order four."""
        n0, n2 = math.exp(-start), math.exp(-end)
        y, h, half = x / self._level(n0)[0], n2 - n0, math.exp(-0.5 * (start + end))
        first = self._drift(n0, y)
        second = self._drift(half, y + 0.5 * h * first)
        third = self._drift(half, y + 0.5 * h * second)
        fourth = self._drift(n2, y + h * third)
        return self._level(n2)[0] * (y + h / 6 * (first + 2 * second + 2 * third + fourth))

    def _integrated(self, x: Tensor, start: float, end: float) -> Tensor:
        """The same by a method of high order, to `DRIFTED` noises, without a quantile."""
        n0, n1 = math.exp(-start), math.exp(-end)
        found = solve_ivp(
            lambda n, y: self._drift(n, tensor(y)).numpy(),
            (n0, n1),
            (x / self._level(n0)[0]).numpy(),
            "DOP853",
            t_eval=(n1,),
            first_step=abs(n1 - n0),
            rtol=ROUNDING,
            atol=DRIFTED * min(n0, n1),
        )
        return self._level(n1)[0] * tensor(found.y[:, -1])

    def _level(self, n: float) -> Level:
        return self.density.process.level_at(-math.log(n))

    def _drift(self, n: float, y: Tensor) -> Tensor:
        """dy/dn = -sigma s."""
        a, sigma = self._level(n)
        return -sigma * cast(Target1D, self.target).score((a * y).unsqueeze(-1), a, sigma).squeeze(-1)

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> FlowIntegrals:
        """With panels of p, cut where they do not resolve what the longest steps give, which is kept."""
        longest = LONG[0][0]
        lam, weights = (one.ravel()[::-1] for one in ITSELF.rule(ITSELF.panels(density)))

        def coarse(at: Coordinates) -> Array:
            passes = cls(target, sampler, density, at)
            defects = np.stack([passes._defects(float(one), [longest])[0].relative for one in lam])
            places = np.stack([at.filled(passes.places[one]) for one in lam])
            total = np.tensordot(weights * longest / UNIT, defects, 1)
            return np.concatenate([total[None], defects, places])

        at, (_, *found) = resolving(target, density, coarse)
        passes = cls(target, sampler, density, at)
        for one, defect, place in zip(lam, found[: len(lam)], found[len(lam) :], strict=True):
            passes.taken[float(one)] = {longest: at.response(at.of_seen(defect))}
            passes.places[float(one)] = at.of_seen(place)
        return passes
