"""What the law of an error is as T -> oo: error ~ C (log T)^a / T^p, from series of weighted defects in the step.

* Fixed ends: R_T -> c/T^p with c = int W^p f dlambda.
* Li et al. (`limits`): R_T -> eta^p [A log T + B], eta = c1 log T/T, A = (c1 - c0) A_noisy + c0 A_clean.

Every distance of `response` then is that of this field.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.passes import FINENESS
from sharpbound.laws.leading.response import Field
from sharpbound.laws.leading.series import Series, weighted
from sharpbound.processes.ladder import Level

LEAST = 1e-10
"""Relative accuracy of what the ladders of Li's schedule can tell at best, for their ends are not at infinity."""


@dataclass(frozen=True)
class Constant:
    """error ~ constant (log T)^log_power / T^power as T -> oo."""

    power: float
    log_power: float
    constant: float
    interval: tuple[float, float]


class Limit(ABC):
    """The leading term R_T of a law on the line for large T."""

    p: int
    """The order: R ~ T^{-p}, up to logarithms."""
    log_power: int
    """The power of log T that R carries."""

    @property
    @abstractmethod
    def ladders(self) -> int:
        """The number of ladders that it is extrapolated from."""

    @abstractmethod
    def constant_field(self, first: int = 0) -> Field:
        """c of R_T ~ c (log T)^log_power / T^p, from the ladders of index ``first`` on."""

    @abstractmethod
    def field(self, T: float, first: int = 0) -> Field:
        """R_T."""

    def constant(self, metric: str) -> Constant:
        """The law of one distance; NotMeasured where it has no leading term."""
        k = self.constant_field().power(metric)
        value, error = settled(
            lambda first: self.constant_field(first).distance(metric),
            self.ladders,
            lambda first: self.constant_field(first).corrected().distance(metric),
        )
        return Constant(k * self.p, k * self.log_power, value, (value - error, value + error))

    def at(self, T: float, metric: str) -> float:
        """The leading term of one distance at T."""
        return settled(lambda first: self.field(T, first).distance(metric), self.ladders)[0]


@dataclass(frozen=True)
class FixedEnds(Limit):
    """R ~ c/T^p."""

    p: int
    series: Series
    """Of c: sums of the weighted defects, which expand in powers of h from h^0 on."""
    log_power = 0

    @property
    def ladders(self) -> int:
        return len(self.series.steps)

    def constant_field(self, first: int = 0) -> Field:
        return self.series.coefficient(0, first)

    def field(self, T: float, first: int = 0) -> Field:
        return self.constant_field(first).scaled(T**-self.p)


@dataclass(frozen=True)
class GrowingHorizon(Limit):
    """R ~ (c1 log T/T)^p [A log T + B], the schedule of Li et al."""

    p: int
    c0: float
    c1: float
    whole: Series
    """Sums of the weighted defects over the ladder, from log(1/s) = ``clean`` to s = 1 + ``noisy`` ..."""
    noisy: float
    clean: float
    noisy_rate: Series | None
    """... and those of its noisy end for each unit of s, where they do not die out ..."""
    clean_rate: Series | None
    """... and of its clean end for each unit of log(1/s), for atoms."""
    rest: float = 0.0
    """The share of a distance that the ladders' clean end may leave out."""
    in_noise: bool = False
    """Whether nothing moves by more than the noise of the last level, as about one atom or across a sphere: distances
    of transport then fall with that noise, sigma = T^{-c0/2}."""

    @property
    def log_power(self) -> int:  # type: ignore[override]
        return self.p + (self.noisy_rate is not None or self.clean_rate is not None)

    @property
    def ladders(self) -> int:
        found = (self.whole, self.noisy_rate, self.clean_rate)
        return min(len(one.steps) for one in found if one is not None)

    def constant_field(self, first: int = 0) -> Field:
        """A, or B where that is zero, times c1^p."""
        rates = [(self.c1 - self.c0, self.noisy_rate), (self.c0, self.clean_rate)]
        terms = [(w, series) for w, series in rates if series] or [(1.0, self.whole)]
        return self._total([(self.c1**self.p * w, series.coefficient(0, first)) for w, series in terms])

    def field(self, T: float, first: int = 0) -> Field:
        log_T, terms = math.log(T), [(1.0, self.whole)]
        if self.noisy_rate:
            terms.append(((self.c1 - self.c0) * log_T - self.noisy, self.noisy_rate))
        if self.clean_rate:
            terms.append((self.c0 * log_T - self.clean, self.clean_rate))
        eta = self.c1 * log_T / T
        return self._total([(eta**self.p * w, series.coefficient(0, first)) for w, series in terms])

    def constant(self, metric: str) -> Constant:
        found = super().constant(metric)
        rest = self.rest * found.constant
        low, high = found.interval
        if (unit := self._unit(metric)) is None:
            return replace(found, interval=(low - rest, high + rest))
        power = found.power + 0.5 * self.c0
        interval = ((low - rest) / unit, (high + rest) / unit)
        return Constant(power, found.log_power, found.constant / unit, interval)

    def at(self, T: float, metric: str) -> float:
        found, unit = super().at(T, metric), self._unit(metric)
        return found if unit is None else found * T ** (-0.5 * self.c0) / unit

    def _unit(self, metric: str) -> float | None:
        """The noise of the ladders' last level, for what falls with it."""
        if not self.in_noise or metric not in ("w1", "w2"):
            return None
        return self.level[1]

    @property
    def level(self) -> Level:
        """(a, sigma) of the ladders' last level."""
        s = math.exp(-self.clean)
        return math.exp(-0.5 * s), math.sqrt(-math.expm1(-s))

    def _total(self, terms: Sequence[tuple[float, Field]]) -> Field:
        """Their sum, at the end of the schedule, where the noise is gone: the ladders end before it at a < 1."""
        weights, fields = zip(*terms, strict=True)
        return weighted(fields, weights).at_data(self.level[0])


def settled(
    value: Callable[[int], float], ladders: int, corrected: Callable[[int], float] | None = None
) -> tuple[float, float]:
    """Of the values without the coarsest 0, 1, 2, ... ladders the one that settles best, and how far it may be off.

    corrected : values with what the rule behind the coarsest ladder has wrong added.
    Coarse ladders may have none, where finer ones do: their R grows in the tails like a power of the density.
    NotMeasured where fewer than two values are had.
    """
    values: list[float] = []
    for first in reversed(range(min(ladders, len(FINENESS)))):
        try:
            values.insert(0, value(first))
        except NotMeasured:
            if len(values) < 2:
                raise
            break
    errors = np.abs(np.diff(values))
    best = int(np.argmin(errors))
    error = float(errors[best]) + LEAST * abs(values[best])
    if corrected:
        error += abs(corrected(min(ladders, len(FINENESS)) - len(values)) - values[0])
    return values[best], error
