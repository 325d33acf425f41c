"""Passes of a sampler with steps that are even in lambda, finer and finer, until what their sums tend to settles."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.response import Field
from sharpbound.laws.leading.series import Series, size, weighted
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler, log_snr
from sharpbound.scores.base import ExactScore
from sharpbound.targets import TruncatedGaussianMixture
from sharpbound.targets.base import Target

FINENESS, FINER = (2, 3, 4, 6), (8, 12, 16, 24, 32)
"""Ladders that are extrapolated from (`clock.StepDensity.ladder`), and more for where that does not settle."""
RATE_FINENESS = (4, 8, 12, 16, 20)
"""Ladders of the ends of a growing horizon."""
COSTLY = (TruncatedGaussianMixture,)
"""Targets whose tails cost a hundred times those of others: some digits have to do ..."""
FEW, FEW_RATES = (2, 3, 4), (4, 8, 12)
"""... from these ladders."""
SETTLED, MOST_STEPS = 1e-6, 900
"""Relative accuracy that is asked for, and the number of steps of a pass beyond which it is given up."""


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
