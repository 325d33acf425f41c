"""Defects of single steps of a stochastic sampler of full noise on the line, carried to the clean end at once.

eps(x) = (K p_{t})(x)/p_{t-1}(x) - 1 of one step is carried on by the kernels of the later ones, which for a sampler
whose noise is that of the forward process tend to those of the forward process, taken backwards:
R(x) = E[eps(X_t) | X = x].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.integrals import (
    ITSELF,
    LONGER,
    SHORT,
    SOFTENED,
    IntegralPasses,
    Lengths,
    Variable,
)
from sharpbound.laws.leading.kernels import MORE, Carrier, pushed
from sharpbound.laws.leading.ladders import HEAVY_TAILED, RESOLVED
from sharpbound.laws.leading.layer import Layered, edged
from sharpbound.laws.leading.line import UNSEEN, across, integrated
from sharpbound.laws.leading.passes import Passes
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.leading.single import SingleStep
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import log_density
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D

SPENT, ROUNDS = 9.3, 6
"""Standard deviations that hold a Gaussian law but for exp(-40), and the most rounds of halving in x."""
SMOOTHED, ROUNDING = 1e-8, 1e-13
"""The share of a defect that a panel in x may leave unresolved, and what is rounding of log p."""
NEAR_DATA = 5.0
"""lambda of a clean end from which on the noise is nothing beside laws with a density."""


@dataclass
class _Source:
    """eps of single steps that end at a level, by fineness, at the nodes of panels that carry its law."""

    panels: Panels
    eps: dict[int, Array]


@dataclass
class _Image:
    """What comes of defects of a level at the clean end, by fineness, and of what their rule has wrong."""

    carrier: Carrier
    ratio: float
    """Of the level's a to that of the clean end."""
    values: dict[int, Array]
    doubts: dict[int, Array]

    def at(self, values: Sequence[Array], x: Array) -> Array:
        """Several ``values``, at points x (...) of the clean end: (k, ...)."""
        return self.carrier.at(np.stack(values), self.ratio * x)


@dataclass(frozen=True)
class DensityIntegrals(IntegralPasses):
    """Of a stochastic one-step sampler whose noise tends to that of the forward process."""

    level: Level
    panels: Panels
    """Where the fields are given, at this level."""
    sources: dict[float, _Source] = field(default_factory=dict)
    """By lambda."""
    images: dict[float, _Image] = field(default_factory=dict, init=False, compare=False)
    """By lambda."""

    accuracy: ClassVar[float] = 5e-6

    @property
    def variable(self) -> Variable:
        """lambda itself for tails like a power of x, which bend at ever noisier levels."""
        return ITSELF if isinstance(self.target, HEAVY_TAILED) else SOFTENED

    @property
    def lengths(self) -> Lengths:
        """Those of the order that the sampler claims."""
        second, spread = self.sampler.order != 1, not self.target.facts().low_dimensional
        return LONGER if second and spread and self.density.breaks[-1] > NEAR_DATA else SHORT

    @cached_property
    def _truth(self) -> Array:
        """p at the nodes of the panels."""
        return self._density_at(self.panels.nodes, self.level)

    def _defects(self, lam: float, finenesses: Sequence[int]) -> list[LineResponse]:
        return self.fields(self._carried(lam, finenesses, self.panels.nodes))

    def _doubt(self, lam: float, fineness: int) -> LineResponse:
        return self.fields(self._wrong(lam, fineness, self.panels.nodes)[None])[0]

    def fields(self, r: Array) -> list[LineResponse]:
        """Of several R at the nodes of the panels, (k, P, n)."""
        p = self._truth
        seen = p > p.max() * math.exp(UNSEEN)
        r, gaps = np.where(seen, r, 0.0), across(seen)
        return [LineResponse(self.panels, p, one, integrated(self.panels, p * one), gaps) for one in r]

    def at_vanishing_noise(self) -> Passes:
        if not edged(cast(Target1D, self.target)):
            return self
        inner = replace(self.density, breaks=self.density.breaks[:-1])
        before = DensityIntegrals.of(cast(Target1D, self.target), self.sampler, inner, self.sources)
        return LayeredIntegrals(self.target, self.sampler, self.density, self, before)

    def _carried(self, lam: float, finenesses: Sequence[int], x: Array) -> Array:
        """R of steps that end at lambda, at points x (...) of the clean end: (k, ...)."""
        image = self._image(lam, finenesses)
        missing = [one for one in finenesses if one not in image.values]
        if missing:
            source = self._source(lam, missing)
            found = image.carrier.carried(np.stack([source.eps[one] for one in missing]))
            image.values.update(zip(missing, found, strict=True))
        return image.at([image.values[one] for one in finenesses], x)

    def _wrong(self, lam: float, fineness: int, x: Array) -> Array:
        """What more Gauss-Hermite nodes would add to that of one fineness."""
        image = self._image(lam, [fineness])
        if fineness not in image.doubts:
            source = self._source(lam, [fineness])
            more = self._eps(lam, fineness, source.panels.nodes, more=MORE)
            image.doubts[fineness] = image.carrier.carried((more - source.eps[fineness])[None])[0]
        return image.at([image.doubts[fineness]], x)[0]

    def _image(self, lam: float, finenesses: Sequence[int]) -> _Image:
        if lam not in self.images:
            ratio, std = self._forward(lam)
            ends = ratio * self.panels.lo[0], ratio * self.panels.hi[-1]
            self.images[lam] = _Image(Carrier(self._source(lam, finenesses).panels, std, ends), ratio, {}, {})
        return self.images[lam]

    def _forward(self, lam: float) -> tuple[float, float]:
        """(ratio, std) of the forward process, taken backwards: X_s = ratio X + std Z."""
        a, sigma = self.density.process.level_at(lam)
        ratio = a / self.level[0]
        return ratio, math.sqrt(max(sigma**2 - (ratio * self.level[1]) ** 2, 0.0))

    def _pushed(self, step: SingleStep, x: Array, more: int) -> Array:
        """log K p at x, with ``more`` nodes than usual."""
        return pushed(cast(Target1D, self.target), step, x, more)

    def _ends(self, level: Level) -> tuple[float, float] | None:
        """What holds the law of a noisier level, seen from the panels; None for that law's own ends."""
        return noisier(self.level, (self.panels.lo[0], self.panels.hi[-1]), level)

    def _source(self, lam: float, finenesses: Sequence[int]) -> _Source:
        if lam not in self.sources:
            self.sources[lam] = self._resolved(lam, finenesses[0])
        source = self.sources[lam]
        for one in finenesses:
            if one not in source.eps:
                source.eps[one] = self._eps(lam, one, source.panels.nodes)
        return source

    def _resolved(self, lam: float, fineness: int) -> _Source:
        """On panels that resolve p, and p eps of one step as far as it is not rounding."""
        level = self.density.process.level_at(lam)
        panels = density_panels(cast(Target1D, self.target), *level, RESOLVED, self._ends(level))
        peak = float(log_density(cast(Target1D, self.target), panels.nodes, *level).max())
        noise = math.sqrt(2 * UNIT / fineness) * level[1]
        rounding = ROUNDING * (1 + np.abs(panels.nodes).max() / (10 * noise))

        def at(x: Array) -> Array:
            return np.stack([self._density_at(x, level), self._eps(lam, fineness, x, peak)])

        panels, (_, eps) = _refined(panels, at, rounding)
        return _Source(panels, {fineness: eps})

    def _eps(self, lam: float, fineness: int, x: Array, peak: float | None = None, more: int = 0) -> Array:
        """(K p)(x)/p(x) - 1 of a step that ends at lambda; zero where p is spent, which carries no share of R.

        peak : the maximum of log p, where x are but some of the points that see it.
        more : nodes beyond the usual ones.
        """
        target, h = cast(Target1D, self.target), UNIT / fineness
        step = SingleStep.of(target, self.sampler, self.density.process, lam - h, h)
        log_p = log_density(target, x, *self.density.process.level_at(lam))
        seen = log_p > (log_p.max() if peak is None else peak) + UNSEEN
        eps = np.zeros_like(x)
        eps[seen] = np.expm1(self._pushed(step, x[seen], more) - log_p[seen])
        return eps

    def _density_at(self, x: Array, level: Level) -> Array:
        return np.exp(log_density(cast(Target1D, self.target), x, *level))

    @classmethod
    def of(
        cls,
        target: Target1D,
        sampler: Sampler,
        density: StepDensity,
        sources: dict[float, _Source] | None = None,
    ) -> DensityIntegrals:
        """With panels of p, cut where they do not resolve what a coarse integral gives; ``sources`` are known ones."""
        level, known = density.process.level_at(density.breaks[-1]), {} if sources is None else sources
        passes = cls(target, sampler, density, level, density_panels(target, *level, RESOLVED), known)
        variable = passes.variable
        lam, weights = (one.ravel() for one in variable.rule(variable.panels(density)))

        def coarse(x: Array) -> Array:
            parts = [passes._carried(float(one), passes.first[:1], x)[0] for one in lam]
            return np.stack([passes._density_at(x, level), np.tensordot(weights, np.stack(parts), 1)])

        return replace(passes, panels=_refined(passes.panels, coarse, 0.0)[0])


@dataclass(frozen=True)
class LayeredIntegrals(IntegralPasses):
    """The same of a law with edges, as the noise of the last level vanishes (`layer`)."""

    last: DensityIntegrals
    before: DensityIntegrals
    """Up to a level before."""

    accuracy: ClassVar[float] = DensityIntegrals.accuracy

    @property
    def variable(self) -> Variable:
        """As it is of each."""
        return self.last.variable

    @property
    def lengths(self) -> Lengths:
        """As they are of each."""
        return self.last.lengths

    def _defects(self, lam: float, finenesses: Sequence[int]) -> list[Layered]:
        return self._at_both(lam, len(finenesses), lambda passes: passes._defects(lam, finenesses))

    def _doubt(self, lam: float, fineness: int) -> Layered:
        return self._at_both(lam, 1, lambda passes: [passes._doubt(lam, fineness)])[0]

    def _at_both(
        self, lam: float, count: int, found: Callable[[DensityIntegrals], Sequence[LineResponse]]
    ) -> list[Layered]:
        """What is ``found`` of steps that end at lambda, ``count`` fields, at the last level and at that before."""
        if lam <= self.before.density.breaks[-1]:
            before = found(self.before)
        else:  # a step that ends later has no part in the law of that level
            before = self.before.fields(np.zeros((count, *self.before.panels.nodes.shape)))
        return [Layered(one, other, self._ratio) for one, other in zip(found(self.last), before, strict=True)]

    @property
    def _ratio(self) -> float:
        return self.before.level[1] / self.last.level[1]


def noisier(clean: Level, ends: tuple[float, float], level: Level) -> tuple[float, float]:
    """An interval that holds the law of a noisier level, given one that holds that of a clean one."""
    ratio = level[0] / clean[0]
    reach = SPENT * math.sqrt(max(level[1] ** 2 - (ratio * clean[1]) ** 2, 0.0))
    return ratio * ends[0] - reach, ratio * ends[1] + reach


def _refined(panels: Panels, at: Callable[[Array], Array], rounding: float) -> tuple[Panels, Array]:
    """``panels`` halved until they resolve (p, r) = ``at`` nodes, and these, (2, P, n)."""
    values = at(panels.nodes)
    for _ in range(ROUNDS):
        p, r = values
        flagged = _unresolved(panels, p, r, rounding)
        if not flagged.any():
            break
        halves = panels.halved(flagged)
        panels, values = halves.panels, halves.merged(values, at(halves.new_nodes))
    return panels, values


def _unresolved(panels: Panels, p: Array, r: Array, rounding: float) -> NDArray[np.bool_]:
    flagged = np.zeros(len(panels), dtype=bool)
    for f in (p * r, p * r**2):
        heard = SMOOTHED * panels.integrate(np.abs(f)) + rounding * panels.half * p.max(1)
        flagged |= panels.half * panels.tails(f) > heard
    return flagged
