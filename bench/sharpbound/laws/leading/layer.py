"""The leading term of a law with edges, as the noise of its last level goes to zero.

About an edge of the density, inside a layer of the width of the noise sigma, R is a function of the distance over
sigma; what the layer adds to a distance falls like sigma. It is had from two levels and taken off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sharpbound.laws.leading.response import LineResponse
from sharpbound.marginals.panels import tensor
from sharpbound.targets.base import Target1D

LAYER = 1.0
"""lambda between the last level and that before from which what lies in layers about edges is had."""


FINE, SEEN = 1e-4, 1e-6
"""The noise, in radii, with which the ends of a bounded law are looked at, and the density there, in inverse radii,
from which on they are edges: what less of it adds is below what R is known to."""


def edged(target: Target1D) -> bool:
    """Whether the density of X0 ends at edges: not where it has fallen to nothing before."""
    facts = target.facts()
    if facts.low_dimensional or facts.radius is None or not math.isfinite(facts.radius):
        return False
    ends = tensor(np.array([-facts.radius, facts.radius]))
    log_p = target.derivative(ends, 1.0, FINE * facts.radius, 0)
    return facts.radius * float(log_p.max().exp()) > SEEN


def without_layer(last: float, before: float, ratio: float) -> float:
    """D of D + c sigma, from the last level and one before whose sigma is ``ratio`` times that."""
    return last - (before - last) / (ratio - 1)


@dataclass(frozen=True)
class Layered:
    """R at the last level, and at one before whose noise is ``ratio`` times that."""

    last: LineResponse
    before: LineResponse
    ratio: float

    def distance(self, metric: str) -> float:
        """Without what the layer adds; NotMeasured where it has no leading term."""
        return without_layer(self.last.distance(metric), self.before.distance(metric), self.ratio)

    def power(self, metric: str) -> float:
        """In which power of the field that distance begins."""
        return self.last.power(metric)

    def at_data(self, a: float) -> Layered:
        """Of the law whose noise is gone."""
        return replace(self, last=self.last.at_data(a), before=self.before.at_data(a))

    def scaled(self, factor: float) -> Layered:
        """factor R."""
        return replace(self, last=self.last.scaled(factor), before=self.before.scaled(factor))

    def combined(self, others: Sequence[Layered], weights: Sequence[float]) -> Layered:
        """sum_k weights_k R_k of this (the first weight) and others."""
        return replace(
            self,
            last=self.last.combined([one.last for one in others], weights),
            before=self.before.combined([one.before for one in others], weights),
        )

    def doubting(self, doubt: Layered) -> Layered:
        """The same, of which ``doubt`` may be wrong."""
        return replace(self, last=self.last.doubting(doubt.last), before=self.before.doubting(doubt.before))

    def corrected(self) -> Layered:
        """With what may be wrong of it added."""
        return replace(self, last=self.last.corrected(), before=self.before.corrected())
