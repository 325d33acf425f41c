"""The limit T -> oo of the leading term: error ~ C (log T)^a / T^p, without a step of such a T.

The defects of a sampler of order p add up to R_T = sum_t (step)^{p+1} f, so with the schedule's density of steps
(`clock`) the limit is one field on the line, had from passes on a few ladders that are uniform in
lambda = log(a/sigma), by Richardson's extrapolation in their step.

* Fixed ends: R_T -> c/T^p with c = int W^p f dlambda.
* Li et al. (2306.09251, eq. (22)): with s = -log abar and eta = c1 log T/T a step is eta min(s, 1) in s, from
  s = T^{-c0} to 1 + (c1 - c0) log T. The defects of a sampler that does not contract tend to a limit in s at the noisy
  end, and for atoms to one in log s at the clean end, so that

      R_T -> eta^p [A log T + B],    A = (c1 - c0) A_noisy + c0 A_clean.

Every distance of `response` then is that of this field.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.leading.clock import StepDensity, fixed_density
from sharpbound.laws.leading.gaussian import gaussian_response
from sharpbound.laws.leading.line import pulled_back, transported
from sharpbound.laws.leading.response import LineResponse, power
from sharpbound.marginals.expectation import density_panels
from sharpbound.numerics.quadrature import Panels
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.processes.process import VP
from sharpbound.samplers.base import Sampler, log_snr
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Density1D, Gaussian1D, TruncatedGaussianMixture
from sharpbound.targets.base import Target1D

FINENESS, FINER = (2, 3, 4, 6), (8, 12, 16, 24, 32)
"""Ladders that are extrapolated from (`clock.StepDensity.ladder`), and more for where that does not settle."""
COSTLY = (TruncatedGaussianMixture,)
"""Targets whose tails cost a hundred times those of others: some digits have to do ..."""
FEW, FEW_RATES = (2, 3, 4), (4, 8, 12)
"""... from these ladders."""
COARSE, RESOLVED, ROUNDS = 2, 1e-9, 12
"""Ladder of the pass that panels are cut for, the share of a field that one may leave unresolved, and the most cuts."""
SETTLED, MOST_STEPS = 1e-6, 900
"""Relative accuracy that is asked for, and the number of steps of a pass beyond which it is given up ..."""
SETTLED_PUSHED, MOST_PUSHED = 1e-5, 300
"""... and those for stochastic samplers of other laws than Gaussian ones, whose densities are pushed on."""
SETTLED_REST = 1e-3
"""The accuracy asked of B where A log T is not zero and decides the constant."""
ROUNDING = 1e-15
"""Rounding of what one step adds to R."""
LEAST = 1e-10
"""Relative accuracy of what the ladders of Li's schedule can tell at best, for their ends are not at infinity."""
ORDERS = range(1, 8)
"""Powers of the step that are looked for."""
NONE = 1e-3
"""A coefficient whose term at the finest ladder is this small against the whole is none."""
NOISY, CLEAN = 14.0, 14.0
"""-lambda and lambda of the ends of the ladders that stand for Li's schedule: what is beyond them is e^{-14} ..."""
NOISY_REST, CLEAN_REST = 9.0, 9.0
"""... or e^{-9}, where A log T is not zero and decides the constant ..."""
NOISY_CONTRACTING, CLEAN_CONTRACTING = 7.0, 8.0
"""... and e^{-14} again where a stochastic sampler forgets what happened at the noisy end."""
CLEAN_ATOMS = 6.0
"""lambda of the clean end for atoms, from two units before which on each is alone and every step like the last."""
RATE_STRETCH, RATE_FINENESS = 2.0, (4, 8, 12, 16, 20)
"""A stretch of lambda at an end, and the ladders there, from which the rates of A are had."""


@dataclass(frozen=True)
class Series:
    """Fields R_h for several h, decreasing, which expand in powers of h."""

    steps: tuple[float, ...]
    counts: tuple[int, ...]
    """Numbers of steps that each field is the sum of, for its rounding."""
    fields: tuple[LineResponse, ...]

    def coefficient(self, p: int, first: int = 0) -> LineResponse:
        """c_p of R_h = c_p h^p + c_{p+1} h^{p+1} + ..., from the fields of index ``first`` on."""
        return self.fields[first].combined(self.fields[first + 1 :], self._weights(p, first))

    def _weights(self, p: int, first: int) -> list[float]:
        h = np.array(self.steps[first:])
        vandermonde = (h[:, None] / h[-1]) ** (p + np.arange(len(h)))
        return list(np.linalg.inv(vandermonde)[0] / h[-1] ** p)

    def value(self, p: int, f: Callable[[LineResponse], float]) -> tuple[float, float]:
        """f(c_p) from the run of ladders on which it settles best, and how far it may be off."""
        firsts = range(max(1, len(self.steps) - 3))
        values = [f(self.coefficient(p, first)) for first in range(firsts[-1] + 2)]
        errors = [abs(values[i] - values[i + 1]) + self._rounding(p, i, values[i]) for i in firsts]
        best = int(np.argmin(errors))
        return values[best], errors[best]

    def _rounding(self, p: int, first: int, value: float) -> float:
        weights = self._weights(p, first)
        noise = ROUNDING * math.fsum(abs(w) * n for w, n in zip(weights, self.counts[first:], strict=True))
        size = _size(self.coefficient(p, first))
        return 2 * value * noise / size if size > 0 else 0.0

    def order(self) -> int:
        """The first p whose coefficient is not zero; NotMeasured where none is found."""
        whole = _size(self.fields[-1])
        for p in ORDERS:
            found, error = self.value(p, _size)
            if found * self.steps[-1] ** p > NONE * whole and found > 10 * error:
                return p
        raise NotMeasured("the defects do not settle on a power of the step")


def _size(field: LineResponse) -> float:
    return field.distance("hellinger")


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
    def constant_field(self, first: int = 0) -> LineResponse:
        """c of R_T ~ c (log T)^log_power / T^p, from the ladders of index ``first`` on."""

    @abstractmethod
    def field(self, T: float, first: int = 0) -> LineResponse:
        """R_T."""

    def constant(self, metric: str) -> Constant:
        """The law of one distance; NotMeasured where it has no leading term."""
        k = power(metric)
        value, error = settled(lambda first: self.constant_field(first).distance(metric), self.ladders)
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

    def constant_field(self, first: int = 0) -> LineResponse:
        return self.series.coefficient(0, first)

    def field(self, T: float, first: int = 0) -> LineResponse:
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

    @property
    def log_power(self) -> int:  # type: ignore[override]
        return self.p + (self.noisy_rate is not None or self.clean_rate is not None)

    @property
    def ladders(self) -> int:
        found = (self.whole, self.noisy_rate, self.clean_rate)
        return min(len(one.steps) for one in found if one is not None)

    def constant_field(self, first: int = 0) -> LineResponse:
        """A, or B where that is zero, times c1^p."""
        rates = [(self.c1 - self.c0, self.noisy_rate), (self.c0, self.clean_rate)]
        terms = [(w, series) for w, series in rates if series] or [(1.0, self.whole)]
        return _sum([(self.c1**self.p * w, series.coefficient(0, first)) for w, series in terms])

    def field(self, T: float, first: int = 0) -> LineResponse:
        log_T, terms = math.log(T), [(1.0, self.whole)]
        if self.noisy_rate:
            terms.append(((self.c1 - self.c0) * log_T - self.noisy, self.noisy_rate))
        if self.clean_rate:
            terms.append((self.c0 * log_T - self.clean, self.clean_rate))
        eta = self.c1 * log_T / T
        return _sum([(eta**self.p * w, series.coefficient(0, first)) for w, series in terms])


def settled(value: Callable[[int], float], ladders: int) -> tuple[float, float]:
    """Of the values without the coarsest 0, 1, 2, ... ladders the one that settles best, and how far it may be off."""
    values = [value(first) for first in range(min(ladders, len(FINENESS)))]
    errors = np.abs(np.diff(values))
    best = int(np.argmin(errors))
    return values[best], float(errors[best]) + LEAST * abs(values[best])


def _sum(terms: Sequence[tuple[float, LineResponse]]) -> LineResponse:
    weights, fields = zip(*terms, strict=True)
    return fields[0].combined(fields[1:], weights)


def line_limit(
    target: Target1D, make: Callable[[int], Ladder], sampler: Sampler, accuracy: float | None = None
) -> Limit:
    """The leading term for T -> oo of a sampler from the exact start, with the exact score.

    make : the schedule's ladder of T steps.
    accuracy : relative; by default as far as it goes in seconds.
    Raises NotMeasured with the reason where there is none.
    """
    if isinstance(target, Density1D):
        raise NotMeasured("the tails of a law that is given by its density alone cost too much")
    ladder = make(64)
    if ladder.name == "li2024":
        return _growing(target, ladder.params["c0"], ladder.params["c1"], sampler, accuracy)
    if ladder.slow_log:
        raise NotMeasured(f"how the horizon of {ladder.name} grows with T is not known")
    passes = _line_passes(target, sampler, fixed_density(make))
    p = passes.order()
    return FixedEnds(p, passes.settled(p, accuracy or passes.accuracy))


def _growing(
    target: Target1D, c0: float, c1: float, sampler: Sampler, accuracy: float | None
) -> GrowingHorizon:
    kink = -0.5 * math.log(math.expm1(1.0))
    low_dimensional = bool(target.facts().low_dimensional)

    def density(lam: float) -> float:
        s = _minus_log_abar(lam)
        return min(s, 1.0) / (2 * -math.expm1(-s))

    def passes(noisy: float, clean: float) -> _Passes:
        return _line_passes(target, sampler, StepDensity(VP, (-noisy, kink, clean), density))

    def limit(whole: Series, noisy: float, clean: float, *rates: Series | None) -> GrowingHorizon:
        horizon, log_clean = _minus_log_abar(-noisy) - 1.0, -math.log(_minus_log_abar(clean))
        return GrowingHorizon(p, c0, c1, whole, horizon, log_clean, *rates)

    if not sampler.deterministic:
        found = passes(NOISY_CONTRACTING, CLEAN_CONTRACTING)
        p = found.order()
        whole = found.settled(p, accuracy or found.accuracy)
        return limit(whole, NOISY_CONTRACTING, CLEAN_CONTRACTING, None, None)
    clean = CLEAN_ATOMS if low_dimensional else CLEAN_REST
    found = passes(NOISY_REST, clean)
    p = found.order()
    whole = found.settled(p, SETTLED_REST)
    noisy_rate = _rate(found, p, -NOISY)
    clean_rate = _rate(found, p, clean) if low_dimensional else None
    if _size(noisy_rate.coefficient(0)) > NONE * _size(whole.coefficient(0)) / NOISY_REST:
        return limit(whole, NOISY_REST, clean, noisy_rate, clean_rate)
    clean = clean if low_dimensional else CLEAN
    found = passes(NOISY, clean)
    return limit(found.settled(p, accuracy or found.accuracy), NOISY, clean, None, clean_rate)


def _rate(whole: _Passes, p: int, lam: float) -> Series:
    """What the defects near one end add up to for each unit of s (the noisy end) or of log(1/s) (the clean one).

    Of a stretch of lambda, the second half alone: a multistep sampler starts in the first.
    """
    stretch = (lam - RATE_STRETCH, lam) if lam > 0 else (lam, lam + RATE_STRETCH)
    passes = replace(whole, density=replace(whole.density, breaks=stretch))
    fields = []
    ladders = FEW_RATES if isinstance(whole.target, COSTLY) else RATE_FINENESS
    for fineness in ladders:
        ladder, factor = passes.density.ladder(fineness)
        half = ladder.T // 2
        s = [_minus_log_abar(log_snr(ladder, t)) for t in (half, 0)]
        length = s[0] - s[1] if lam < 0 else math.log(s[0] / s[1])
        weights = [factor(t) ** p / length if t <= half else 0.0 for t in range(ladder.T, 0, -1)]
        fields.append(_weighted(passes.defects(fineness), weights))
    return passes.as_series(ladders, fields)


def _minus_log_abar(lam: float) -> float:
    """s = -log abar where log(a/sigma) = lam, of a process that preserves variance."""
    return math.log1p(math.exp(-2 * lam)) if lam > -300 else -2 * lam


@dataclass(frozen=True)
class _Passes:
    """Passes of a sampler on ladders that are uniform in lambda, finer and finer."""

    target: Target1D
    sampler: Sampler
    density: StepDensity
    level: Level
    panels: Panels
    """The fields are given at the nodes of these, which carry the law at this level."""
    kept: dict[tuple[int, int], LineResponse] = field(default_factory=dict, init=False)
    steps: dict[int, list[LineResponse]] = field(default_factory=dict, init=False)

    @property
    def pushed(self) -> bool:
        """Whether a pass pushes densities on, which takes ten times as long."""
        return not self.sampler.deterministic and not isinstance(self.target, Gaussian1D)

    @property
    def accuracy(self) -> float:
        """Relative accuracy that is asked of a limit."""
        return SETTLED_PUSHED if self.pushed else SETTLED

    def order(self) -> int:
        """The order of the sampler, from as few ladders as tell it."""
        ladders = self._first
        while True:
            try:
                return self._series(ladders, 0).order()
            except NotMeasured:
                if not (ladders := self._finer(ladders)):
                    raise

    def settled(self, p: int, accuracy: float) -> Series:
        """The sums of the defects times the p-th power of the density of steps, from as many ladders as it takes."""
        ladders = self._first
        while True:
            found = self._series(ladders, p)
            value, error = found.value(0, _size)
            if error <= accuracy * value or not (finer := self._finer(ladders)):
                return found
            ladders = finer

    @property
    def _first(self) -> tuple[int, ...]:
        return FEW if isinstance(self.target, COSTLY) else FINENESS

    def _finer(self, ladders: tuple[int, ...]) -> tuple[int, ...]:
        """With one more ladder; empty where it would have too many steps, or each is costly."""
        if isinstance(self.target, COSTLY):
            return ()
        most = MOST_PUSHED if self.pushed else MOST_STEPS
        more = FINER[len(ladders) - len(FINENESS) :][:1]
        return (*ladders, *more) if more and most >= self.density.ladder(more[0])[0].T else ()

    def _series(self, ladders: Sequence[int], p: int) -> Series:
        return self.as_series(ladders, [self._summed(fineness, p) for fineness in ladders])

    def as_series(self, ladders: Sequence[int], fields: Sequence[LineResponse]) -> Series:
        """Fields of several ladders as a series in 1/fineness."""
        counts = tuple(self.density.ladder(fineness)[0].T for fineness in ladders)
        return Series(tuple(1.0 / fineness for fineness in ladders), counts, tuple(fields))

    def _summed(self, fineness: int, p: int) -> LineResponse:
        if (fineness, p) not in self.kept:
            ladder, factor = self.density.ladder(fineness)
            if self.sampler.deterministic:
                weights = [factor(t) ** p for t in range(ladder.T, 0, -1)]
                field = _weighted(self.defects(fineness), weights)
            else:
                carry = gaussian_response if isinstance(self.target, Gaussian1D) else pulled_back
                field = carry(self._problem(ladder), self.panels, lambda t: factor(t) ** p)
            self.kept[fineness, p] = field
        return self.kept[fineness, p]

    def defects(self, fineness: int) -> list[LineResponse]:
        """What each step of a deterministic sampler adds, from the noisy end on."""
        if fineness not in self.steps:
            problem = self._problem(self.density.ladder(fineness)[0])
            self.steps[fineness] = list(transported(problem, self.panels, self.level))
        return self.steps[fineness]

    def _problem(self, ladder: Ladder) -> Problem:
        return Problem(self.target, ladder, self.sampler, ExactScore(self.target, ladder), "exact")


def _line_passes(target: Target1D, sampler: Sampler, density: StepDensity) -> _Passes:
    """With panels of p, cut where they do not resolve what a coarse pass of a deterministic sampler gives."""
    level = density.process.level_at(density.breaks[-1])
    passes = _Passes(target, sampler, density, level, density_panels(target, *level, RESOLVED))
    for _ in range(ROUNDS if sampler.deterministic else 0):
        found = _sum([(1.0, one) for one in passes.defects(COARSE)])
        flagged = np.zeros(len(passes.panels), dtype=bool)
        for f in (found.density * found.relative, found.density * found.relative**2):
            flagged |= passes.panels.half * passes.panels.tails(f) > RESOLVED * passes.panels.integrate(
                np.abs(f)
            )
        if not flagged.any():
            break
        passes = replace(passes, panels=passes.panels.halved(flagged).panels)
    return passes


def _weighted(defects: Sequence[LineResponse], weights: Sequence[float]) -> LineResponse:
    return defects[0].combined(defects[1:], weights)
