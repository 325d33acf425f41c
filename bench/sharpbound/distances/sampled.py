"""Distances as averages of the log-ratio over weighted points of the output law."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import stdtrit

from sharpbound.distances.base import FloorKind, Law, Measured
from sharpbound.errors import NotMeasured
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import expm1_minus

_LEVEL = 0.99
"""Confidence of a floor, were the replicates normal."""
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


METRICS = {"tv": tv, "kl": kl, "kl-reverse": kl_reverse, "hellinger": hellinger}
"""Metric name of a case file -> distance of the sampled law.

Not chi^2: its estimate averages q/p over q, whose variance is infinite as soon as q is a little wider than p.
"""
