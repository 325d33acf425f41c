"""Passes along ladders: of flows and chains, whose steps add up, and of kernels, which carry on earlier defects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, cast

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.gaussian import gaussian_response
from sharpbound.laws.leading.layer import Layered, edged
from sharpbound.laws.leading.line import Coordinates, pulled_back, transported
from sharpbound.laws.leading.passes import MOST_STEPS, SETTLED, Passes
from sharpbound.laws.leading.path import step_divergences
from sharpbound.laws.leading.response import Field, LineResponse
from sharpbound.laws.leading.series import weighted
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import log_density
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler, log_snr
from sharpbound.targets import Gaussian1D, StudentT
from sharpbound.targets.base import Target, Target1D

HEAVY_TAILED, HEAVY = (StudentT,), (4, 6, 8, 12)
"""Laws with tails like a power of x, and the ladders of stochastic samplers on them: there R of a coarse one grows like
a power whose exponent is its step, and not like the logarithm that this tends to."""
COARSE, RESOLVED, ROUNDS = 2, 1e-9, 12
"""Ladder of the pass that panels are cut for, the share of a field that one may leave unresolved, and the most cuts."""
QUARTERED = 1e4
"""A panel that leaves more than so many times that is cut in four at once: halves of it leave 2^-14 of it where the
field is smooth, and more elsewhere."""
SETTLED_PUSHED, MOST_PUSHED = 1e-5, 300
"""Relative accuracy that is asked for of stochastic samplers of other laws than Gaussian ones, whose densities are
pushed on, and the number of steps beyond which a pass is given up."""
USUAL = range(3)
"""Powers of the density of steps that one pass of a stochastic sampler is weighted with at once: few have more."""


@dataclass(frozen=True)
class PathPasses(Passes):
    """Of a chain's divergence from the true one, in any dimension."""

    def _added(self, problem: Problem) -> Sequence[Field]:
        return step_divergences(problem)


@dataclass(frozen=True)
class FlowPasses(Passes):
    """Of a deterministic sampler on the line."""

    at: Coordinates
    """The fields are given at the nodes of its panels."""

    def _added(self, problem: Problem) -> Sequence[Field]:
        return list(transported(problem, self.at))

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> FlowPasses:
        """With panels of p, cut where they do not resolve what a coarse pass gives, which is had node by node."""

        def coarse(at: Coordinates) -> Array:
            passes = cls(target, sampler, density, at)
            added = cast(Sequence[LineResponse], passes.defects(COARSE))
            return weighted(added, [1.0] * len(added)).relative[None]

        return cls(target, sampler, density, resolving(target, density, coarse)[0])


def resolving(
    target: Target1D, density: StepDensity, coarse: Callable[[Coordinates], Array]
) -> tuple[Coordinates, Array]:
    """Of panels at the clean end that resolve p and the first row of what ``coarse`` finds node by node, (k, P, n); and
    that.
    """
    level = density.process.level_at(density.breaks[-1])
    panels = density_panels(target, *level, RESOLVED)
    if not isinstance(target, HEAVY_TAILED):  # whose panels widen with x as it is
        panels = panels.graded()
    peak = float(log_density(target, panels.nodes, *level).max())
    found = coarse(Coordinates(target, panels, level, peak))
    for _ in range(ROUNDS):
        p, r = np.exp(log_density(target, panels.nodes, *level)), found[0]
        left = np.max([panels.excess(f, RESOLVED) for f in (p * r, p * r**2)], axis=0)
        if not (left > 1).any():
            break
        cut = panels.cut(np.where(left > QUARTERED, 4, np.where(left > 1, 2, 1)))
        panels = cut.panels
        found = cut.merged(found, coarse(Coordinates(target, panels.only(cut.new), level, peak)))
    return Coordinates(target, panels, level, peak), found


@dataclass(frozen=True)
class DensityPasses(Passes):
    """Of a stochastic sampler on the line, whose sums are carried by its own kernels and are not had step by step."""

    panels: Panels
    edges: bool = False
    """Whether what lies in layers about the edges of the law of X0 is to be taken off (`layer`)."""
    accuracy: ClassVar[float] = SETTLED_PUSHED
    most_steps: ClassVar[int] = MOST_PUSHED

    @property
    def first(self) -> tuple[int, ...]:
        return HEAVY if isinstance(self.target, HEAVY_TAILED) else super().first

    def summed(self, fineness: int, p: int) -> Field:
        if (fineness, p) not in self.kept:
            ladder, factor = self.density.ladder(fineness)
            powers = USUAL if p in USUAL else (p,)
            found = self._carried(self.problem(ladder), lambda t: [factor(t) ** k for k in powers])
            self.kept.update({(fineness, k): one for k, one in zip(powers, found, strict=True)})
        return self.kept[fineness, p]

    def at_vanishing_noise(self) -> DensityPasses:
        if not edged(cast(Target1D, self.target)):
            return self
        return replace(self, edges=True)

    def _carried(self, problem: Problem, weights: Callable[[int], Sequence[float]]) -> Sequence[Field]:
        ladder, end = problem.ladder, problem.ladder.stop
        if not self.edges:
            return pulled_back(problem, {end: self.panels}, weights)[end]
        t = min(range(end, ladder.T), key=lambda t: abs(log_snr(ladder, t) - self.density.breaks[-2]))
        panels = _panels(self.target, ladder.level(t))
        found = pulled_back(problem, {t: panels, end: self.panels}, weights)
        ratio = float(ladder.sigma[t] / ladder.sigma[end])
        return [Layered(last, before, ratio) for last, before in zip(found[end], found[t], strict=True)]

    def _added(self, problem: Problem) -> Sequence[Field]:
        raise NotMeasured("the defects of a stochastic sampler are carried on together")

    @classmethod
    def of(cls, target: Target1D, sampler: Sampler, density: StepDensity) -> DensityPasses:
        """With panels of p; Gaussian laws have closed forms."""
        level = density.process.level_at(density.breaks[-1])
        kind = GaussianPasses if isinstance(target, Gaussian1D) else cls
        return kind(target, sampler, density, _panels(target, level))


@dataclass(frozen=True)
class GaussianPasses(DensityPasses):
    """Of a stochastic sampler on a Gaussian law on the line."""

    accuracy: ClassVar[float] = SETTLED
    most_steps: ClassVar[int] = MOST_STEPS

    def _carried(self, problem: Problem, weights: Callable[[int], Sequence[float]]) -> Sequence[Field]:
        return gaussian_response(problem, self.panels, weights)


def _panels(target: Target, level: Level) -> Panels:
    """Panels of p that resolve R too."""
    assert isinstance(target, Target1D)
    return density_panels(target, *level, RESOLVED).graded()
