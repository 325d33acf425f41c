"""On which ladders the order of a sampler is measured: a high and a low range of noise, even and uneven steps.

An order is a statement on every fixed range of levels and on every family of grids that is refined. A last step of
low order shows where the range ends while the model still changes (sigma/a = 0.32), a first one where it begins
there (2), and coefficients that are right for equal steps alone show on unequal ones.

*Uneven* is self-similar: steps 1 : 2 : 1 : 3, repeated, so that halving all of them halves each and local slopes are
as clean as on even steps. (Steps jittered at random have none.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sharpbound import processes
from sharpbound.errors import InputError
from sharpbound.processes import Ladder

PATTERN = (1, 2, 1, 3)
HIGH, LOW = (0.32, 20.0), (0.02, 2.0)
"""Ranges of sigma/a."""
MOVED = 2e-6
"""Relative size by which `moved` shifts levels: thirty units of rounding of float32."""
LADDERS = ("even", "uneven")


@dataclass(frozen=True, eq=False)
class View:
    """A schedule, with its own steps or with uneven ones taken from it; told apart by identity."""

    schedule: dict[str, Any]
    uneven: bool = False

    def ladder(self, T: int) -> Ladder:
        """Of ``T`` steps."""
        if not self.uneven:
            return processes.build(self.schedule, T)
        steps = np.resize(PATTERN, T)
        fine = processes.build(self.schedule, int(steps.sum()))
        kept = np.concatenate([[0], np.cumsum(steps[::-1])])  # the pattern begins at the noisiest level
        log_alpha = np.concatenate([[0.0], np.cumsum(np.log1p(-fine.beta[1:]))])
        beta = np.concatenate([[0.0], -np.expm1(np.diff(log_alpha[kept]))])
        return replace(fine, a=fine.a[kept], sigma=fine.sigma[kept], beta=beta, step_size=1 / T)

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest sigma/a."""
        ladder = processes.build(self.schedule, 4)
        (a0, s0), (a1, s1) = ladder.level(ladder.stop), ladder.level(ladder.T)
        return s0 / a0, s1 / a1

    @property
    def steps(self) -> str:
        return "uneven" if self.uneven else "even"

    def __str__(self) -> str:
        low, high = self.range
        return f"sigma/a from {high:.3g} to {low:.3g}, {self.steps} steps"


def default_views(preserving: bool, ladder: str | None = None) -> list[View]:
    """Steps uniform in log(a/sigma), of a process with a^2 + sigma^2 = 1 (``preserving``) or with a = 1.

    ladder : "even" or "uneven" leaves out the other.
    """

    def spec(low: float, high: float) -> dict[str, Any]:
        if preserving:
            return {
                "schedule": "log-snr-uniform",
                "lambda_min": -math.log(high),
                "lambda_max": -math.log(low),
            }
        return {"schedule": "ve-exponential", "sigma_min": low, "sigma_max": high}

    views = [View(spec(*HIGH)), View(spec(*LOW)), View(spec(*HIGH), uneven=True)]
    return _chosen(views, ladder)


def given_views(schedule: dict[str, Any], ladder: str | None = None) -> list[View]:
    """Of the user's schedule; uneven steps unless it ends at sigma = 0, whose last step is none of a family.

    Raises InputError for a schedule that cannot be built, or whose ends move with the number of steps: an order is
    a statement on a fixed range of noise levels.
    """
    try:
        coarse, fine = (processes.build(schedule, T) for T in (16, 512))
    except InputError as mistake:
        raise InputError(mistake.message, key="--schedule") from None
    for index in (coarse.stop, -1):
        ends = zip(coarse.level(index), fine.level(index), strict=True)
        if not all(math.isclose(first, second, rel_tol=1e-9) for first, second in ends):
            raise InputError(
                f"the noise levels where {coarse.name} begins and ends depend on the number of steps, so its "
                "errors do not show an order; choose benton, edm, log-snr-uniform, ...",
                key="--schedule",
            )
    if coarse.level(coarse.stop)[1] == 0:
        if ladder == "uneven":
            raise InputError(f"{coarse.name} ends at sigma = 0: it has no uneven steps", key="--ladder")
        return [View(schedule)]
    return _chosen([View(schedule), View(schedule, uneven=True)], ladder)


def _chosen(views: list[View], ladder: str | None) -> list[View]:
    if ladder not in (None, *LADDERS):
        raise InputError(f"choose {' or '.join(LADDERS)}, not {ladder!r}", key="--ladder")
    return [view for view in views if ladder in (None, view.steps)]


def moved(ladder: Ladder) -> Ladder:
    """``ladder`` with every level shifted by up to a few 1e-6 of its sigma/a, evenly from one end to the other.

    What a sampler rounds to float32 inside is rounded anew; what it computes in float64 hardly changes, as the ratios
    of the steps are kept.
    """
    n = ladder.sigma / ladder.a
    n = n * (1 + MOVED * np.linspace(0.7, -0.4, len(n)))
    a = np.array([ladder.process.scale(float(value)) for value in n])
    beta = np.concatenate([[0.0], 1 - (a[1:] / a[:-1]) ** 2])
    return replace(ladder, a=a, sigma=n * a, beta=beta)
