"""Where on the line a score error lives: the level, and the marginal's own centre and spread."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch

from sharpbound.processes.ladder import Ladder
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class Frame:
    """One marginal a X0 + sigma W, in which a field is written with z = (x - centre)/spread."""

    target: Target1D
    a: float
    sigma: float
    time: float
    """t/T of the level."""
    _quantiles: dict[float, float] = field(default_factory=dict, repr=False, compare=False)
    _reaches: dict[float, tuple[float, float]] = field(default_factory=dict, repr=False, compare=False)
    _near: dict[tuple[float, float], Frame] = field(default_factory=dict, repr=False, compare=False)

    @property
    def has_variance(self) -> bool:
        """Whether the marginal has a mean and a variance."""
        return math.isfinite(self.target.moments().second_moment)

    @cached_property
    def _centre_and_spread(self) -> tuple[float, float]:
        """Mean and standard deviation; median and interquartile range/1.349 where there is no variance."""
        if self.has_variance:
            moments = self.target.moments()
            return self.a * float(moments.mean[0]), math.hypot(
                self.a * math.sqrt(float(moments.cov[0, 0])), self.sigma
            )
        low, middle, high = (self.quantile(p) for p in (0.25, 0.5, 0.75))
        return middle, (high - low) / 1.3489795003921634

    @property
    def centre(self) -> float:
        return self._centre_and_spread[0]

    @property
    def spread(self) -> float:
        return self._centre_and_spread[1]

    def at(self, a: float, sigma: float) -> Frame:
        """The frame of a state between levels, at this level's time; remembered, as every seed asks again."""
        if (a, sigma) == (self.a, self.sigma):
            return self
        if (a, sigma) not in self._near:
            self._near[a, sigma] = Frame(self.target, a, sigma, self.time)
        return self._near[a, sigma]

    def quantile(self, p: float) -> float:
        """The x with P(a X0 + sigma W <= x) = p."""
        return float(self.target.quantile(torch.tensor([p], dtype=torch.float64), self.a, self.sigma)[0])

    def reach(self, log_tail: float) -> tuple[float, float]:
        """The points beyond which each tail holds exp(log_tail) of the mass: `Target1D.tail_end`."""
        if log_tail not in self._reaches:
            low, high = (
                self.target.tail_end(log_tail, self.a, self.sigma, upper=upper) for upper in (False, True)
            )
            self._reaches[log_tail] = low, high
        return self._reaches[log_tail]

    def upper_quantile(self, p: float) -> float:
        """The x with P(a X0 + sigma W > x) = p, accurate for small p."""
        if p not in self._quantiles:
            at = torch.tensor([math.log(p)], dtype=torch.float64)
            x = self.target.quantile_from_log(at, self.a, self.sigma, upper=True)
            self._quantiles[p] = float(x[0])
        return self._quantiles[p]


def frames(target: Target1D, ladder: Ladder) -> list[Frame]:
    """The frames of the levels 0..T; level 0 carries no error and is only there to be counted from."""
    return [
        Frame(target, float(a), float(sigma), t / ladder.T)
        for t, (a, sigma) in enumerate(zip(ladder.a, ladder.sigma, strict=True))
    ]
