"""Defects of single steps of a flow on the line, at quantile coordinates u.

The law of Phi(X_t) has the density p_t/Phi' at Phi(x), and that of X_{t-1} there is p_{t-1}: to first order

    R(u) = 1 - Phi'(x) p_{t-1}(Phi(x))/p_t(x),    x = x_t(u),

with no quantile but x itself. x_t(u) follows from one level to another along the exact flow of y = x/a in n = sigma/a,
dy/dn = -sigma s_t(x), whose solution of order two Newton's method then mends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.integrals import IntegralPasses, in_lambda
from sharpbound.laws.leading.line import Coordinates
from sharpbound.laws.leading.passes import resolving, weighted
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.leading.single import BEFORE, SingleStep
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D

COARSE, COARSE_WIDTH, COARSE_NODES = 8, 2.0, 4
"""Step, most width of a panel and its nodes in lambda of the coarse integral that panels in x are cut for."""


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
            level_at = self.density.process.level_at
            near = min(self.places, key=lambda other: abs(other - lam), default=self.density.breaks[-1])
            x = self.places.get(near, self.at.x)
            n, middle, end = (np.exp(-one) for one in (near, 0.5 * (near + lam), lam))
            a, sigma = level_at(near)
            (a_middle, sigma_middle), (a_end, _) = level_at(0.5 * (near + lam)), level_at(lam)
            y = x / a
            half = a_middle * (y - (middle - n) * sigma * self._score(x, a, sigma))
            slope = -sigma_middle * self._score(half, a_middle, sigma_middle)
            guess = a_end * (y + (end - n) * slope)
            self.places[lam] = self.at.quantiles.at(level_at(lam), guess)
        return self.places[lam]

    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.target.score(x.unsqueeze(-1), a, sigma).squeeze(-1)

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> FlowIntegrals:
        """With panels of p, cut where they do not resolve what a coarse integral gives."""
        panels = in_lambda(density, COARSE_WIDTH, COARSE_NODES)
        lam = panels.nodes.ravel()[::-1]
        weights = panels.weights.ravel()[::-1] * COARSE / UNIT

        def coarse(at: Coordinates) -> LineResponse:
            passes = cls(target, sampler, density, at)
            return weighted([passes._defects(float(x), [COARSE])[0] for x in lam], list(weights))

        return cls(target, sampler, density, resolving(target, density, coarse))
