"""A measured number with the floor below which it means nothing, and what every law can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

from sharpbound.errors import InputError, NotMeasured
from sharpbound.numerics.quadrature import Array

FloorKind = Literal["closed-form", "quadrature", "statistical"]
"""What a floor is made of, from the best to the worst:

closed-form: rounding, carried through a formula.
quadrature: rounding, the mass that is missing, and what the last coefficients of the panels say is unresolved.
statistical: the spread of independent samples.

All three are estimates. For TV the missing mass bounds what it does; a divergence weighs errors with q/p, so that
a TV of 1e-10 misplaced in a tail may move chi^2 by .25, which no floor here can see.
"""
FLOOR_KINDS: tuple[FloorKind, ...] = ("closed-form", "quadrature", "statistical")


def worst(kinds: Iterable[FloorKind]) -> FloorKind:
    """The kind of a floor that several together make."""
    return max(kinds, key=FLOOR_KINDS.index)


class Measured(NamedTuple):
    """``value`` with an estimate ``floor`` of its numerical error, which is of some ``kind``."""

    value: float
    floor: float
    kind: FloorKind = "quadrature"


class Law(ABC):
    """The law q of a sampler's output beside the true marginal p."""

    engine: str
    """The engine that found it (`sharpbound.laws.engines`); empty for a pair put together by hand."""
    held_by: ClassVar[FloorKind] = "quadrature"
    """The least that any floor of this law is: a sample gives no better than statistical ones."""

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        """The distances that this kind of law has, by the names of `sharpbound.distances.METRICS`."""

    def distance(self, metric: str) -> Measured:
        """One distance between q and p; NotMeasured where this kind of law does not have it."""
        if metric not in self.metrics:
            raise NotMeasured(f"{metric} is not available for this kind of law ({type(self).__name__})")
        try:
            value, floor, kind = self.metrics[metric](self)
        except InputError as error:
            raise NotMeasured(error.message) from None
        return Measured(float(value), float(floor), worst((kind, self.held_by)))

    def density(self, x: Array) -> Array:
        """q(x), elementwise, of a law on the line; NotMeasured for others."""
        raise self._not_on_the_line("density")

    def cdf(self, x: Array) -> Array:
        """Mass of q up to x, elementwise, of a law on the line; NotMeasured for others."""
        raise self._not_on_the_line("distribution function")

    def quantile(self, u: Array) -> Array:
        """The x with cdf(x) = u, elementwise, 0 < u < 1, of a law on the line; NotMeasured for others."""
        raise self._not_on_the_line("quantile function")

    def _not_on_the_line(self, what: str) -> NotMeasured:
        return NotMeasured(f"a {what} is given for laws on the line, not for a {type(self).__name__}")
