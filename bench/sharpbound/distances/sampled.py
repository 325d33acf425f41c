"""Distances as averages of the log-ratio over weighted points of the output law."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from sharpbound.distances.base import FloorKind, Law, Measured
from sharpbound.errors import NotMeasured
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import expm1_minus

_LEVEL = 0.99
"""Confidence of a floor, were the replicates normal."""
SAFETY = 4.0
"""Times the difference of two rules bounds the error of the finer one, kinks of |1 - p/q| included."""
KINK = 3e-6
"""Relative error of an integral over a kink, read off at 1000 nodes per axis."""
EDGE = 1e-4
"""Share of an integral that may lie beyond the edge of a rule."""
ROUNDING = 1e-13
"""Relative rounding of log-ratios carried through the steps."""
_LARGEST_SHARE = 0.05
"""Share of one point in an average beyond which its standard error is not believed."""


@dataclass(frozen=True)
class RatioSample(Law):
    """l = log q - log p at weighted points of law q: shapes (replicates, points), replicates independent."""

    log_ratio: Array
    weights: Array | float = 1.0
    """Density of the start's law over that of the points it was sampled by."""
    engine: str = ""

    held_by: ClassVar[FloorKind] = "statistical"

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS

    def average(self, f: Callable[[Array], Array]) -> Measured:
        """E_q f(l) for f >= 0, and half the width of its 99 % interval by Student's t over the replicates.

        Raises NotMeasured where a single point carries so much of the sum that the variance may not
        exist (p with much the wider tails): the standard error would then lie.
        """
        values = self.weights * f(self.log_ratio)
        if values.max() > _LARGEST_SHARE * values.sum():
            raise NotMeasured("a few points in the tail carry this expectation, so its error is unknown")
        means = values.mean(1)
        quantile = stdtrit(len(means) - 1, 0.5 * (1 + _LEVEL))
        return Measured(float(means.mean()), float(quantile * means.std(ddof=1) / math.sqrt(len(means))))

    def root(self, f: Callable[[Array], Array]) -> Measured:
        """sqrt(E_q f(l)), the error carried through."""
        squared = self.average(f)
        value = math.sqrt(squared.value)
        return Measured(value, squared.floor / (2 * value) if value else math.sqrt(squared.floor))


@dataclass(frozen=True)
class RatioQuadrature(RatioSample):
    """l = log q - log p at the nodes of a rule for expectations under q: shapes (1, nodes), ``weights`` summing to 1.

    coarse : the same with fewer nodes: the two rules' difference is what the floor is made of.
    spent : which nodes lie at the edge of the rule, beyond which nothing is seen.
    """

    coarse: RatioQuadrature | None = None
    spent: NDArray[np.bool_] | None = None
    edge: float = 1.0
    """Width that a node at the edge stands for, in standard deviations."""
    between: tuple[Array, Array] | None = None
    """l and weights at many more nodes, read off the polynomials between these: for a kink of f."""

    held_by: ClassVar[FloorKind] = "quadrature"

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS | {"tv": kinked_tv, "chi2": chi2}

    def average(self, f: Callable[[Array], Array]) -> Measured:
        """E_q f(l) for f >= 0; its floor is `SAFETY` times the difference of the two rules, and of both masses to 1.

        Raises NotMeasured where the edge of the rule holds a share of the integral that is seen: it may diverge.
        """
        assert self.coarse is not None and self.spent is not None
        values = self.weights * f(self.log_ratio)
        value, before = float(values.sum()), float((self.coarse.weights * f(self.coarse.log_ratio)).sum())
        beyond = (
            float(values[self.spent].sum()) / self.edge
        )  # what one more standard deviation would hold at most
        if beyond > EDGE * value:
            raise NotMeasured("the tails that no rule reaches carry this expectation: it may be infinite")
        floor = (
            SAFETY * abs(value - before)
            + beyond
            + self.lost * value
            + ROUNDING * (value + float(values.max()))
        )
        return Measured(value, floor)

    @property
    def lost(self) -> float:
        """E_q 1 = 1, and E_q p/q = 1 where q covers p: what is missing of either is missing of every integral."""
        return abs(self._sum(np.ones_like) - 1) + abs(self._sum(lambda r: np.exp(-r)) - 1)

    def _sum(self, f: Callable[[Array], Array]) -> float:
        return float((self.weights * f(self.log_ratio)).sum())


def tv(sample: RatioSample) -> Measured:
    """1/2 E_q |1 - p/q|."""
    return sample.average(lambda r: 0.5 * np.abs(np.expm1(-r)))


def kl(sample: RatioSample) -> Measured:
    """KL(p || q) = E_q[e^{-l}(e^l - 1 - l)]."""
    return sample.average(lambda r: np.exp(-r) * expm1_minus(r))


def kl_reverse(sample: RatioSample) -> Measured:
    """KL(q || p) = E_q[e^{-l} - 1 + l]."""
    return sample.average(lambda r: expm1_minus(-r))


def hellinger(sample: RatioSample) -> Measured:
    """H with H^2 = 1/2 E_q (1 - sqrt(p/q))^2."""
    return sample.root(lambda r: 0.5 * np.expm1(-0.5 * r) ** 2)


def kinked_tv(law: RatioQuadrature) -> Measured:
    """1/2 E_q |1 - p/q|, whose integrand has a kink where the laws cross."""
    assert law.coarse is not None and law.between is not None and law.coarse.between is not None
    (value, before) = (
        float((weights * 0.5 * np.abs(np.expm1(-log_ratio))).sum())
        for log_ratio, weights in (law.between, law.coarse.between)
    )
    floor = tv(law).floor if value == 0 else SAFETY * abs(value - before) + KINK * value + law.lost
    return Measured(value, floor)


def chi2(sample: RatioSample) -> Measured:
    """chi^2(q || p) = E_q[e^{-l} (e^l - 1)^2], by a rule: samples of q have no variance for it."""
    return sample.average(lambda r: np.exp(-r) * np.expm1(r) ** 2)


METRICS = {"tv": tv, "kl": kl, "kl-reverse": kl_reverse, "hellinger": hellinger}
"""Metric name of a case file -> distance of the sampled law.

Not chi^2: its estimate averages q/p over q, whose variance is infinite as soon as q is a little wider than p.
"""
