"""The leading term of a sampler's law, and what it says of T -> oo."""

from __future__ import annotations

from collections.abc import Callable

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.limits import Constant, Limit, line_limit
from sharpbound.laws.leading.response import METRICS
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target, Target1D


def limit(target: Target, make: Callable[[int], Ladder], sampler: Sampler) -> Limit:
    """The leading term for T -> oo of a sampler from the exact start, with the exact score.

    make : the schedule's ladder of T steps.
    Raises NotMeasured with the reason where there is none.
    """
    if not isinstance(target, Target1D):
        raise NotMeasured("a leading term is had for laws on the line")
    return line_limit(target, make, sampler)


__all__ = ["METRICS", "Constant", "Limit", "limit"]
