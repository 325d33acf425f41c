"""The leading term of a law in R^d that falls into independent coordinates: R = sum_i R_i."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.asymptotics import Constant, Limit, settled
from sharpbound.laws.leading.layer import Layered, without_layer
from sharpbound.laws.leading.response import Field, LineResponse, power, sum_distance


class PartsLimit:
    """The leading term of several coordinates, each of them ``count`` times over."""

    def __init__(self, parts: Sequence[tuple[Limit, int]]) -> None:
        self.parts = list(parts)
        self.p = min(one.p for one, _ in parts)
        """Coordinates of higher order do not count as T -> oo."""
        slow = [(one, count) for one, count in parts if one.p == self.p]
        self.log_power = max(one.log_power for one, _ in slow)
        self.leading = [(one, count) for one, count in slow if one.log_power == self.log_power]

    def constant(self, metric: str) -> Constant:
        """The law of one distance; NotMeasured where it has no leading term."""
        k = power(metric)
        if any(one.constant_field().power(metric) != k for one, _ in self.leading):
            raise NotMeasured(
                f"{metric} of coordinates with gaps, across which mass moves, has no leading term here"
            )

        @cache
        def of(first: int) -> float:
            return _distance(metric, [(one.constant_field(first), count) for one, count in self.leading])

        def corrected(first: int) -> float:
            fields = [(one.constant_field(first), count) for one, count in self.leading]
            if (
                metric == "tv"
            ):  # the mean of a size costs most, and its change is no more than that of the change
                moved = [(one.corrected().combined([one], [1.0, -1.0]), count) for one, count in fields]
                return of(first) + 0.5 * math.sqrt(abs(_distance("chi2", moved)))
            return _distance(metric, [(one.corrected(), count) for one, count in fields])

        value, error = settled(of, min(one.ladders for one, _ in self.leading), corrected)
        return Constant(k * self.p, k * self.log_power, value, (value - error, value + error))

    def at(self, T: float, metric: str) -> float:
        """The leading term of one distance at T, of all coordinates."""

        def of(first: int) -> float:
            return _distance(metric, [(one.field(T, first), count) for one, count in self.parts])

        return settled(of, min(one.ladders for one, _ in self.parts))[0]


def _distance(metric: str, parts: Sequence[tuple[Field, int]]) -> float:
    """That of R = sum_i R_i, without what layers about edges add to it."""
    ratios = [field.ratio for field, _ in parts if isinstance(field, Layered)]
    last = sum_distance(metric, [(_line(field, "last"), count) for field, count in parts])
    if not ratios:
        return last
    before = sum_distance(metric, [(_line(field, "before"), count) for field, count in parts])
    return without_layer(last, before, ratios[0])


def _line(field: Field, level: str) -> LineResponse:
    found = getattr(field, level) if isinstance(field, Layered) else field
    assert isinstance(found, LineResponse)
    return found
