"""Sums of a one-step sampler's defects as integrals over lambda = log(a/sigma), without a ladder.

A step from lambda to lambda + h has a defect D(lambda, h) that depends on nothing else, so that the defects of even
steps add up to

    R_h = (1/h) int D(lambda, h) dlambda

up to terms of higher order in h. Quadrature takes a few dozen lambda to rounding, of which each serves all h, and h may
be as small as defects are heard above their rounding. What the first steps or the last do otherwise, where the sampler
looks at its neighbours, is added.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.passes import Passes
from sharpbound.laws.leading.response import Field
from sharpbound.laws.leading.series import weighted
from sharpbound.numerics.quadrature import Array, Panels

Lengths = tuple[tuple[int, ...], tuple[int, ...]]
LONG: Lengths = (4, 6, 8, 12), (16, 24)
"""Steps in lambda, as parts of UNIT, and more for where these do not settle ..."""
SHORT: Lengths = (24, 32, 48, 64), (96, 128)
"""... where the noise of a step has to be small beside what p bends on ..."""
LONGER: Lengths = (16, 24, 32, 48), (64,)
"""... and the same where the steps end so near the data that defects of order two are soon lost in rounding."""
RATE_STEPS = (6, 8, 12, 16, 24)
"""Steps at the ends of a growing horizon."""
NODES, WIDTH = 8, 4.0
"""Nodes and most width of a panel in the variable of integration."""
END_NODES = 4
"""Nodes of a stretch at an end, where little changes."""
ROUNDS = 5
"""The most rounds of halving."""
TINY = 1e-300
"""Keeps quotients of nothing finite."""


@dataclass(frozen=True)
class Variable:
    """What is integrated over in place of lambda: lambda = at(u), ``rate`` = dlambda/du."""

    of: Callable[[Array], Array]
    at: Callable[[Array], Array]
    rate: Callable[[Array], Array]
    resolved: float
    """Share of the whole that the last Legendre coefficients of D on a panel may have: Gauss quadrature squares it."""

    def panels(self, density: StepDensity) -> Panels:
        """In u, between the breaks of a density of steps, before any is halved."""
        breaks = self.of(np.array(density.breaks))
        pieces = [
            np.linspace(lo, hi, 1 + math.ceil((hi - lo) / WIDTH))[1:] for lo, hi in itertools.pairwise(breaks)
        ]
        return Panels.between(np.concatenate([breaks[:1], *pieces]), NODES)

    def rule(self, panels: Panels) -> tuple[Array, Array]:
        """Nodes and weights in lambda, (P, n), of panels in u."""
        return self.at(panels.nodes), panels.weights * self.rate(panels.nodes)


ITSELF = Variable(lambda lam: lam, lambda u: u, np.ones_like, 1e-2)
"""lambda, for defects that may go on unabated at both ends."""
SOFTENED = Variable(
    lambda lam: np.logaddexp(0.0, lam), lambda u: np.log(np.expm1(u)), lambda u: -1 / np.expm1(-u), 3e-3
)
"""u = log(1 + e^lambda), which at the noisy end is e^lambda: for what a sampler forgets there, a power of that."""


@dataclass(frozen=True)
class IntegralPasses(Passes):
    """The sums of the defects of steps of length UNIT/fineness, from single steps at quadrature points."""

    taken: dict[float, dict[int, Field]] = field(default_factory=dict, init=False, compare=False)
    """By lambda and fineness."""

    @property
    def variable(self) -> Variable:
        """What is integrated over."""
        return ITSELF

    @property
    def lengths(self) -> Lengths:
        """The steps to begin with, and more."""
        return LONG

    @property
    def first(self) -> tuple[int, ...]:
        return self.lengths[0]

    @property
    def finer(self) -> tuple[int, ...]:
        return self.lengths[1]

    @property
    def rates(self) -> tuple[int, ...]:
        return RATE_STEPS

    def summed(self, fineness: int, p: int) -> Field:
        if (fineness, p) not in self.kept:
            h, panels = UNIT / fineness, self._panels
            lam, weights = (one.ravel() for one in self.variable.rule(panels))
            self._take(lam, self.first if fineness in self.first else [fineness])
            fields = [self.taken[x][fineness] for x in lam]
            factors = list(weights / h * self._density(lam, h) ** p)
            for x, extra in self._at_ends(fineness):
                fields.append(extra)
                factors.append(float(self._density(np.array([x]), h)[0] ** p))
            self.kept[fineness, p] = self._doubting(weighted(fields, factors), panels, fineness, p)
        return self.kept[fineness, p]

    def _doubting(self, total: Field, panels: Panels, fineness: int, p: int) -> Field:
        """With what the rules behind a sum have wrong, which is had in the middle of each panel."""
        h, (nodes, parts) = UNIT / fineness, self.variable.rule(panels)
        lam = nodes[:, panels.n // 2]
        found = [self._doubt(float(x), fineness) for x in lam]
        weights = parts.sum(1) / h * self._density(lam, h) ** p
        known = [(one, w) for one, w in zip(found, weights, strict=True) if one is not None]
        return total.doubting(weighted(*zip(*known, strict=True))) if known else total

    def _density(self, lam: Array, h: float) -> Array:
        return np.array([self.density.at(x) for x in lam]) / h

    @cached_property
    def _panels(self) -> Panels:
        """In u, halved until they resolve the defects of the longest steps."""
        panels = self.variable.panels(self.density)
        for _ in range(ROUNDS):
            if not (flagged := self._unresolved(panels)).any():
                break
            panels = panels.halved(flagged).panels
        return panels

    def _unresolved(self, panels: Panels) -> NDArray[np.bool_]:
        lam, weights = self.variable.rule(panels)
        self._take(lam.ravel(), self.first[:1])
        rows = [[self.taken[x][self.first[0]] for x in row] for row in lam]
        whole = weighted(list(itertools.chain(*rows)), list(weights.ravel()))
        last = panels.coefficients(np.eye(panels.n))[:, -2:].T
        rate = panels.half[:, None] * self.variable.rate(panels.nodes)
        left = [
            max(_share(weighted(row, list(one * each)), whole) for one in last)
            for row, each in zip(rows, rate, strict=True)
        ]
        return np.array(left) > self.variable.resolved

    def _take(self, lam: Array, finenesses: Sequence[int]) -> None:
        """From the clean end on, so that each lambda has one near by before it."""
        for x in sorted(lam, reverse=True):
            kept = self.taken.setdefault(float(x), {})
            missing = [one for one in finenesses if one not in kept]
            if missing:
                kept.update(zip(missing, self._defects(float(x), missing), strict=True))

    def latter_half(self, fineness: int, p: int) -> tuple[Field, tuple[float, float]]:
        lo, hi = self.density.breaks
        ends = np.array([0.5 * (lo + hi), hi])
        h, panels = UNIT / fineness, Panels.between(self.variable.of(ends), END_NODES)
        lam, weights = (one.ravel() for one in self.variable.rule(panels))
        self._take(lam, self.rates)
        weights = weights / h * self._density(lam, h) ** p
        total = weighted([self.taken[x][fineness] for x in lam], list(weights))
        return self._doubting(total, panels, fineness, p), (float(ends[0]), hi)

    def _added(self, problem: Problem) -> Sequence[Field]:
        raise NotMeasured("integrals over single steps have no ladder")

    @abstractmethod
    def _defects(self, lam: float, finenesses: Sequence[int]) -> Sequence[Field]:
        """D of steps of lengths UNIT/fineness that start or end at lambda."""

    def _doubt(self, lam: float, fineness: int) -> Field | None:
        """What the rule behind D has wrong, as far as another tells; None where it has none."""
        return None

    def _at_ends(self, fineness: int) -> Sequence[tuple[float, Field]]:
        """What the first and last steps of a ladder add beyond that, and their lambda."""
        return []


def _share(part: Field, whole: Field) -> float:
    """How much of a field a part is, in the metrics that look at the bulk of the law and at its tails."""
    found = [0.0]
    for metric in ("hellinger", "w2"):
        with contextlib.suppress(NotMeasured):
            found.append(abs(part.distance(metric)) / max(abs(whole.distance(metric)), TINY))
    return max(found)
