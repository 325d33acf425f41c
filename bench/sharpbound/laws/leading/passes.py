"""Passes of a sampler on ladders that are uniform in lambda, finer and finer, and what their sums tend to.

The defects of a sampler of order p add up to R_h = c_p h^p + c_{p+1} h^{p+1} + ... in the step h of such a ladder, and
Richardson's extrapolation has the coefficients from a few. What they are sums of, a *field*, is a difference of laws
on the line (`LineResponse`) or the divergence of a chain (`PathSum`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, TypeVar, cast

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.gaussian import gaussian_response
from sharpbound.laws.leading.layer import Layered, edged
from sharpbound.laws.leading.line import Coordinates, pulled_back, transported
from sharpbound.laws.leading.path import step_divergences
from sharpbound.laws.leading.response import Field, LineResponse
from sharpbound.marginals.expectation import density_panels
from sharpbound.marginals.panels import log_density
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Sampler, log_snr
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Gaussian1D, StudentT, TruncatedGaussianMixture
from sharpbound.targets.base import Target, Target1D

FINENESS, FINER = (2, 3, 4, 6), (8, 12, 16, 24, 32)
"""Ladders that are extrapolated from (`clock.StepDensity.ladder`), and more for where that does not settle."""
RATE_FINENESS = (4, 8, 12, 16, 20)
"""Ladders of the ends of a growing horizon."""
HEAVY_TAILED, HEAVY = (StudentT,), (4, 6, 8, 12)
"""Laws with tails like a power of x, and the ladders of stochastic samplers on them: there R of a coarse one grows like
a power whose exponent is its step, and not like the logarithm that this tends to."""
COSTLY = (TruncatedGaussianMixture,)
"""Targets whose tails cost a hundred times those of others: some digits have to do ..."""
FEW, FEW_RATES = (2, 3, 4), (4, 8, 12)
"""... from these ladders."""
COARSE, RESOLVED, ROUNDS = 2, 1e-9, 12
"""Ladder of the pass that panels are cut for, the share of a field that one may leave unresolved, and the most cuts."""
QUARTERED = 1e4
"""A panel that leaves more than so many times that is cut in four at once: halves of it leave 2^-14 of it where the
field is smooth, and more elsewhere."""
SETTLED, MOST_STEPS = 1e-6, 900
"""Relative accuracy that is asked for, and the number of steps of a pass beyond which it is given up ..."""
SETTLED_PUSHED, MOST_PUSHED = 1e-5, 300
"""... and those for stochastic samplers of other laws than Gaussian ones, whose densities are pushed on."""
ROUNDING = 1e-15
"""Rounding of what one step adds to a field."""
ORDERS = range(8)
"""Powers of the step that are looked for."""
CLEAR = 5.0
"""How much less well than its own coefficient those of other powers settle, for few ladders to tell an order."""
USUAL = range(3)
"""Powers of the density of steps that one pass of a stochastic sampler is weighted with at once: few have more."""
NONE, UNSURE = 1e-3, 0.1
"""A coefficient whose term at the finest ladder is this small against the whole is none, and one that may be off by
this much of itself is not known."""


class NoError(NotMeasured):
    """Of a sampler whose steps are exact on a law: its leading term is zero."""


F = TypeVar("F", bound=Field)


@dataclass(frozen=True)
class Series:
    """Fields R_h for several h, decreasing, which expand in powers of h."""

    steps: tuple[float, ...]
    counts: tuple[int, ...]
    """Numbers of steps that each field is the sum of, for its rounding."""
    fields: tuple[Field, ...]

    def coefficient(self, p: int, first: int = 0) -> Field:
        """c_p of R_h = c_p h^p + c_{p+1} h^{p+1} + ..., from the fields of index ``first`` on."""
        return self.fields[first].combined(self.fields[first + 1 :], self._weights(p, first))

    def _weights(self, p: int, first: int) -> list[float]:
        h = np.array(self.steps[first:])
        vandermonde = (h[:, None] / h[-1]) ** (p + np.arange(len(h)))
        return list(np.linalg.inv(vandermonde)[0] / h[-1] ** p)

    def value(self, p: int, f: Callable[[Field], float]) -> tuple[float, float]:
        """f(c_p) from the run of ladders on which it settles best, and how far it may be off."""
        firsts = range(max(1, len(self.steps) - 3))
        values = [f(self.coefficient(p, first)) for first in range(firsts[-1] + 2)]
        errors = [abs(values[i] - values[i + 1]) + self._rounding(p, i, values[i]) for i in firsts]
        best = int(np.argmin(errors))
        return values[best], errors[best]

    def _rounding(self, p: int, first: int, value: float) -> float:
        weights = self._weights(p, first)
        noise = ROUNDING * math.fsum(abs(w) * n for w, n in zip(weights, self.counts[first:], strict=True))
        whole = size(self.coefficient(p, first))
        return 2 * value * noise / whole if whole > 0 else 0.0

    def order(self, clear: float = CLEAR) -> int:
        """The p whose coefficient settles best, by a factor of ``clear``; 0 for an error that stays.

        Lower powers leave a part that settles by chance where the ladders are few, higher ones diverge as h -> 0.
        NotMeasured where none is found.
        """
        whole = size(self.fields[-1])
        if whole <= ROUNDING * self.counts[-1]:
            raise NoError("its steps are exact: there is no error")
        (doubt, p), (next_doubt, _) = sorted((self._doubt(p, whole), p) for p in ORDERS)[:2]
        if doubt < UNSURE and clear * doubt <= next_doubt:
            return p
        raise NotMeasured("the defects do not settle on a power of the step")

    def _doubt(self, p: int, whole: float) -> float:
        """Relative error of c_p; infinite where its term is none beside the ``whole``."""
        found, error = self.value(p, size)
        return error / found if found * self.steps[-1] ** p > NONE * whole else math.inf


def size(field: Field) -> float:
    """One number for a field, linear in it."""
    return field.distance("hellinger")


def weighted(fields: Sequence[F], weights: Sequence[float]) -> F:
    """sum_k weights_k fields_k."""
    return fields[0].combined(fields[1:], weights)


@dataclass(frozen=True)
class Passes(ABC):
    """The sums of a sampler's defects on ladders whose steps in lambda are UNIT/fineness."""

    target: Target
    sampler: Sampler
    density: StepDensity
    kept: dict[tuple[int, int], Field] = field(default_factory=dict, init=False, compare=False)
    steps: dict[int, Sequence[Field]] = field(default_factory=dict, init=False, compare=False)

    accuracy: ClassVar[float] = SETTLED
    """Relative accuracy that is asked of a limit."""
    most_steps: ClassVar[int] = MOST_STEPS

    @property
    def first(self) -> tuple[int, ...]:
        """The ladders to begin with."""
        return FEW if isinstance(self.target, COSTLY) else FINENESS

    @property
    def finer(self) -> tuple[int, ...]:
        """More of them, for where these do not settle."""
        if isinstance(self.target, COSTLY):
            return ()
        return tuple(one for one in FINER if self.most_steps >= self.density.ladder(one)[0].T)

    @property
    def rates(self) -> tuple[int, ...]:
        """The ladders of an end."""
        return FEW_RATES if isinstance(self.target, COSTLY) else RATE_FINENESS

    def order(self) -> int:
        """The order of the sampler, from as few ladders as tell it; NotMeasured where it has none."""
        ladders = self.first
        while True:
            try:
                p = self._series(ladders, 0).order()
                break
            except NotMeasured:
                if not (finer := self._finer(ladders)):
                    p = self._series(ladders, 0).order(clear=1.0)
                    break
                ladders = finer
        if p == 0:
            raise NotMeasured(f"the error of {self.sampler.name} does not vanish with its step")
        return p

    def settled(self, p: int, accuracy: float) -> Series:
        """The sums of the defects times the p-th power of the density of steps, from as many ladders as it takes."""
        ladders = self.first
        while True:
            found = self._series(ladders, p)
            value, error = found.value(0, size)
            if error <= accuracy * value or not (finer := self._finer(ladders)):
                return found
            ladders = finer

    def _finer(self, ladders: tuple[int, ...]) -> tuple[int, ...]:
        """With one more ladder; empty where there is none."""
        more = [one for one in self.finer if one > ladders[-1]][:1]
        return (*ladders, *more) if more else ()

    def _series(self, ladders: Sequence[int], p: int) -> Series:
        return self.as_series(ladders, [self.summed(fineness, p) for fineness in ladders])

    def as_series(self, ladders: Sequence[int], fields: Sequence[Field]) -> Series:
        """Fields of several ladders as a series in 1/fineness."""
        counts = tuple(self.density.ladder(fineness)[0].T for fineness in ladders)
        return Series(tuple(1.0 / fineness for fineness in ladders), counts, tuple(fields))

    def summed(self, fineness: int, p: int) -> Field:
        """The sum of the defects times the p-th power of the density of steps."""
        if (fineness, p) not in self.kept:
            ladder, factor = self.density.ladder(fineness)
            weights = [factor(t) ** p for t in range(ladder.T, 0, -1)]
            self.kept[fineness, p] = weighted(self.defects(fineness), weights)
        return self.kept[fineness, p]

    def defects(self, fineness: int) -> Sequence[Field]:
        """What each step adds, from the noisy end on."""
        if fineness not in self.steps:
            self.steps[fineness] = list(self._added(self.problem(self.density.ladder(fineness)[0])))
        return self.steps[fineness]

    def latter_half(self, fineness: int, p: int) -> tuple[Field, tuple[float, float]]:
        """The same of the second half of the steps alone, for a multistep sampler starts in the first; its ends."""
        ladder, factor = self.density.ladder(fineness)
        half = ladder.T // 2
        weights = [factor(t) ** p if t <= half else 0.0 for t in range(ladder.T, 0, -1)]
        return weighted(self.defects(fineness), weights), (log_snr(ladder, half), log_snr(ladder, 0))

    def problem(self, ladder: Ladder) -> Problem:
        """From the exact start, with the exact score."""
        return Problem(self.target, ladder, self.sampler, ExactScore(self.target, ladder), "exact")

    def at_vanishing_noise(self) -> Passes:
        """Of the law as the noise of the last level goes to zero, of which that of the break before it tells."""
        return self

    @abstractmethod
    def _added(self, problem: Problem) -> Sequence[Field]: ...


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
    peak = float(log_density(target, panels.nodes, *level).max())
    found = coarse(Coordinates(target, panels, level, peak))
    for _ in range(ROUNDS):
        p, r = np.exp(log_density(target, panels.nodes, *level)), found[0]
        left = np.zeros(len(panels))
        for f in (p * r, p * r**2):
            left = np.maximum(left, panels.half * panels.tails(f) / (RESOLVED * panels.integrate(np.abs(f))))
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
        if not edged(self.target):
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
