"""Which of several views of a sampler decides: one rule for samplers of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

WORST = ("failed", "not reached", "undecided", "reached", "exceeded", "exact")
"""The verdicts of an audit, the worst first."""
APART = 0.2
"""Orders are whole numbers, so those within a fifth of each other, or of one, are the same."""


class View(Protocol):
    """What one view says."""

    @property
    def verdict(self) -> str: ...

    @property
    def exponent(self) -> float | None: ...


V = TypeVar("V", bound=View)


def worst(views: Sequence[V]) -> V:
    """The view that decides: of the worst verdict the lowest order, and of orders that are one the first."""
    verdict = min((view.verdict for view in views), key=WORST.index)
    same = [view for view in views if view.verdict == verdict]
    orders = [view.exponent for view in same if view.exponent is not None]
    if not orders:
        return same[0]
    return next(view for view in same if view.exponent is not None and view.exponent <= min(orders) + APART)
