"""Judging a claim whose constant is stated: one value beyond its bound contradicts it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["holds", "violated", "inconclusive"]


@dataclass(frozen=True)
class ExplicitVerdict:
    """What the values of a sweep say of a bound with its constant."""

    outcome: Outcome
    """holds: at every point, floor included; violated: beyond the floor at some point; else inconclusive."""
    at: int | None
    """Index of the worst of the points that contradict the bound, or that leave it open."""
    ratios: tuple[float, ...]
    """value/bound at each point: the sharpness itself; 1 is attained. nan where both are 0."""


def explicit_verdict(
    values: Sequence[float],
    floors: Sequence[float],
    bounds: Sequence[float],
    kind: Literal["upper-bound", "lower-bound", "equality"] = "upper-bound",
) -> ExplicitVerdict:
    """Judge ``values``, each known to +- its floor (inf or nan: not known), against ``bounds``.

    With [v - f, v + f] the values that are possible: an upper bound B is violated where v - f > B and holds
    where v + f <= B; a lower bound the other way round; an equality is violated where B lies outside and is
    otherwise as good as the floors. Pure: no fit, no rate. Raises ValueError for lists that do not match.
    """
    if not len(values) == len(floors) == len(bounds) or not values:
        raise ValueError("values, floors and bounds must be equally long and not empty")
    ratios = tuple(_ratio(value, bound) for value, bound in zip(values, bounds, strict=True))
    worst: dict[Outcome, tuple[float, int]] = {}
    for i, (value, floor, bound) in enumerate(zip(values, floors, bounds, strict=True)):
        found, excess = _judge(value, floor, bound, kind)
        if found not in worst or excess > worst[found][0]:
            worst[found] = excess, i
    for outcome in ("violated", "inconclusive"):
        if outcome in worst:
            return ExplicitVerdict(outcome, worst[outcome][1], ratios)
    return ExplicitVerdict("holds", None, ratios)


def _judge(value: float, floor: float, bound: float, kind: str) -> tuple[Outcome, float]:
    """The outcome at one point, and by how much it is wrong in units of the bound."""
    if not all(math.isfinite(number) for number in (value, floor, bound)):
        return "inconclusive", math.inf
    above, below = value - bound, bound - value
    excess = {"upper-bound": above, "lower-bound": below, "equality": abs(above)}[kind]
    scale = abs(bound) or 1.0
    if excess > floor:
        return "violated", excess / scale
    if kind == "equality" or excess <= -floor:
        return "holds", 0.0
    return "inconclusive", (excess + floor) / scale


def _ratio(value: float, bound: float) -> float:
    if bound == 0:
        return math.nan if value == 0 else math.inf
    return value / bound
