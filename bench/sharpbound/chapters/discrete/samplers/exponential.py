"""Rates frozen over a step, and jumps at the time of the first of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharpbound.chapters.discrete.process import normalised
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.base import Factorised, held
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class FrozenExponential(Factorised):
    """Coordinate i jumps with probability 1 - exp(-h L), L = sum_v rate_i(x, v), and then to v with rate/L.

    At most one jump of a coordinate in a step: never a probability above 1, however long the step.
    """

    name = "exponential-ctmc"
    title = "frozen-rate exponential"
    source = "the first jump at frozen rates"

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        found = []
        for i, rate in enumerate(reverse.rates(t)):
            jumps = -np.expm1(-(t - s) * rate.sum(1, keepdims=True))
            found.append(held(jumps * normalised(rate, 1, 0.0), reverse, i))
        return found
