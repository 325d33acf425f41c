"""The truth and the law of a sampler's output, as the engines hold them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sharpbound.chapters.discrete import divergences, products
from sharpbound.chapters.discrete.divergences import ROUNDING
from sharpbound.distances import second_order
from sharpbound.distances.base import FloorKind, Measured
from sharpbound.numerics.quadrature import Array


class Pair(ABC):
    """The truth and the output law, as an engine holds them."""

    engine: str

    @property
    @abstractmethod
    def metrics(self) -> tuple[str, ...]:
        """What it can be asked."""

    @abstractmethod
    def value(self, metric: str) -> Measured:
        """One of `metrics`, with its floor; inf where it is infinite."""

    def facts(self) -> dict[str, float]:
        """Numbers of the target for its row, such as its total correlation."""
        return {}


@dataclass(frozen=True)
class Tables(Pair):
    """Two tables of one shape, found in ``steps`` steps."""

    engine: str
    p: Array
    q: Array
    steps: int
    others: Mapping[str, Callable[[], float]] = field(default_factory=dict)
    """Metrics that are not between these two laws."""
    known: Mapping[str, float] = field(default_factory=dict)
    accuracy: float = 0.0
    """Total variation by which q may be off beside rounding."""
    scale: float = 1.0
    """Of the sums whose difference the divergence of paths is in a step."""

    @property
    def metrics(self) -> tuple[str, ...]:
        return (*divergences.OF_LAWS, *self.others)

    def value(self, metric: str) -> Measured:
        found = (
            self.others[metric]() if metric in self.others else divergences.OF_LAWS[metric](self.p, self.q)
        )
        kind: FloorKind = "quadrature" if self.accuracy else "closed-form"
        if metric == "path-kl" and math.isfinite(found):
            return Measured(
                found, _floor(metric, found, self.steps) + self.steps * ROUNDING * (self.scale - 1), kind
            )
        return Measured(found, _floor(metric, found, self.steps, self.accuracy), kind)

    def facts(self) -> dict[str, float]:
        return dict(self.known)


def _floor(metric: str, value: float, steps: int, accuracy: float = 0.0) -> float:
    """Rounding, or ``accuracy`` where that is more: linear in q - p for TV and the like, in the root of a divergence,
    relative for a sum over steps.
    """
    rounding = max(ROUNDING * math.sqrt(steps + 1), accuracy)
    if not math.isfinite(value):
        return 0.0
    if second_order(metric):
        return 2 * rounding * math.sqrt(2 * max(value, 0.0)) + rounding**2
    if metric == "path-kl":
        return steps * ROUNDING + rounding * value
    return rounding * (1 + abs(value))


@dataclass(frozen=True)
class Averages(Pair):
    """What is known without a law of the output."""

    engine: str
    others: Mapping[str, Callable[[], float]]
    scale: float
    """Of the sums whose difference a value is."""
    known: Mapping[str, float]

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(self.others)

    def value(self, metric: str) -> Measured:
        found = self.others[metric]()
        return Measured(found, 4 * ROUNDING * (self.scale + abs(found)), "closed-form")

    def facts(self) -> dict[str, float]:
        return dict(self.known)


@dataclass(frozen=True)
class Products(Pair):
    """Independent coordinates, ``counts[k]`` of them as ``parts[k]``."""

    parts: tuple[Tables, ...]
    counts: tuple[int, ...]
    engine: str = "product"

    @property
    def metrics(self) -> tuple[str, ...]:
        return self.parts[0].metrics

    def value(self, metric: str) -> Measured:
        each = [(part.p, part.q) for part in self.parts]
        if metric in self.parts[0].others:  # path-kl and the number of steps add up
            found = [part.value(metric) for part in self.parts]
            return Measured(
                math.fsum(n * one.value for one, n in zip(found, self.counts, strict=True)),
                math.fsum(n * one.floor for one, n in zip(found, self.counts, strict=True)),
                "closed-form",
            )
        found_here = products.distance(metric, each, self.counts)
        carried = math.fsum(
            n * _floor(metric, 1.0, part.steps) for part, n in zip(self.parts, self.counts, strict=True)
        )
        extra = 0.0 if second_order(metric) else carried
        return Measured(found_here.value, found_here.floor + extra, found_here.kind)
