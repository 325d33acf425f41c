"""Schedules as densities of steps in lambda = log(a/sigma), and ladders that are uniform in it.

The steps of a schedule with T steps have lengths W(lambda)/T in lambda as T -> oo. What a sampler's defects add up
to depends on the schedule through W alone, so a limit can be had on ladders that are uniform in lambda, on which
everything expands in the smallest powers, each defect of order p + 1 weighted with the p-th power of W.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline

from sharpbound.errors import NotMeasured
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import VE, Process
from sharpbound.samplers.base import log_snr

FINE = 4096
"""Steps of the ladder that a schedule's density is read off."""
ENDS = 1e-9
"""Relative motion of a schedule's ends from which on they move with T."""
UNIT = 0.5
"""Step in lambda of the coarsest ladder."""
EVEN = 1e-6
"""Relative variation of a density that is none."""
KINK = 200.0
"""A change of curvature, against the usual one along the ladder, that is a kink."""


@dataclass(frozen=True)
class StepDensity:
    """W(lambda), smooth between ``breaks``, which are increasing and include both ends."""

    process: Process
    breaks: tuple[float, ...]
    at: Callable[[float], float]
    _ladders: dict[int, tuple[Ladder, Callable[[int], float]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def uniform(self) -> bool:
        """Whether the schedule's own steps are equal in lambda."""
        lam = np.linspace(self.breaks[0], self.breaks[-1], 9)
        return bool(np.ptp([self.at(x) for x in lam]) <= EVEN * self.at(lam[4]))

    def ladder(self, fineness: int) -> tuple[Ladder, Callable[[int], float]]:
        """A ladder of steps of about UNIT/fineness in lambda, equal between breaks, and W/h of the step t -> t-1.

        The numbers of steps between breaks are multiples of ``fineness``: sums over them expand in its powers.
        """
        if fineness not in self._ladders:
            self._ladders[fineness] = self._ladder(fineness)
        return self._ladders[fineness]

    def _ladder(self, fineness: int) -> tuple[Ladder, Callable[[int], float]]:
        stretches = list(itertools.pairwise(self.breaks))
        counts = [fineness * max(1, round((hi - lo) / UNIT)) for lo, hi in stretches]
        pieces = [np.linspace(lo, hi, n + 1)[1:] for (lo, hi), n in zip(stretches, counts, strict=True)]
        lam = np.concatenate([[self.breaks[0]], *pieces])[::-1]
        density = np.array([self.at(x) for x in 0.5 * (lam[1:] + lam[:-1])])
        factor = density / -np.diff(lam)
        return at_log_snr(self.process, lam), lambda t: float(factor[t - 1])


def at_log_snr(process: Process, lam: Array) -> Ladder:
    """The ladder of a process with lambda_t = lam[t], decreasing; it ends at level 0."""
    levels = np.array([process.level_at(x) for x in lam])
    beta = np.zeros(len(lam))
    if process is not VE:
        beta[1:] = -np.expm1(-2 * np.diff(process.clock(np.exp(-lam))))
    return Ladder("log-snr", process, levels[:, 0], levels[:, 1], beta, stop=0, step_size=1 / (len(lam) - 1))


def fixed_density(make: Callable[[int], Ladder]) -> StepDensity:
    """W of a schedule whose ends do not depend on T, T being the number of its steps.

    Raises NotMeasured where they do, or where the last level has no noise.
    """
    coarse, fine = make(FINE // 2), make(FINE)
    first, last = ([log_snr(ladder, t) for t in (ladder.stop, ladder.T)] for ladder in (coarse, fine))
    if not all(map(math.isfinite, first + last)):
        raise NotMeasured("the last step ends without noise, and does not shrink with T")
    if not np.allclose(first, last, rtol=ENDS, atol=ENDS):
        raise NotMeasured(f"the ends of {fine.name} move with T")
    lam = np.array([log_snr(fine, t) for t in range(fine.stop, fine.T + 1)])
    x = np.linspace(0.0, 1.0, len(lam)) * (fine.T - fine.stop) / fine.T
    curvature = np.diff(lam, 2)
    change = np.abs(np.diff(curvature))
    kinks = 1 + np.flatnonzero(change > KINK * (np.median(change) + 1e-14 * np.abs(lam).max()))
    cuts = [0, *(kinks[np.diff(kinks, prepend=-10) > 1] + 1), len(lam) - 1]
    cuts = [c for i, c in enumerate(cuts) if i in (0, len(cuts) - 1) or 8 < c < len(lam) - 9]
    slopes = [
        CubicSpline(lam[lo : hi + 1][::-1], -x[lo : hi + 1][::-1]).derivative()
        for lo, hi in itertools.pairwise(cuts)
    ]
    breaks = tuple(float(lam[c]) for c in reversed(cuts))

    def at(value: float) -> float:
        i = min(max(int(np.searchsorted(breaks, value)) - 1, 0), len(slopes) - 1)
        return float(1.0 / slopes[len(slopes) - 1 - i](value))

    return StepDensity(fine.process, breaks, at)
