"""The leading term of a sampler's law, and what it says of T -> oo."""

from __future__ import annotations

from collections.abc import Callable

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.asymptotics import Constant, Limit
from sharpbound.laws.leading.limits import line_limit, path_limit
from sharpbound.laws.leading.parts import PartsLimit
from sharpbound.laws.leading.radial import RadialLine
from sharpbound.laws.leading.response import METRICS, PATH_METRIC
from sharpbound.laws.leading.series import NoError
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.targets import Sphere
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.parts import own_coordinates


def limit(
    target: Target,
    make: Callable[[int], Ladder],
    sampler: Sampler,
    accuracy: float | None = None,
    *,
    metric: str | None = None,
) -> Limit | PartsLimit:
    """The leading term for T -> oo of a sampler from the exact start, with the exact score.

    make : the schedule's ladder of T steps.
    accuracy : relative; by default as far as it goes in seconds.
    metric : "path-kl" for that of the chain; that of the output's law has all others.
    Raises NotMeasured with the reason where there is none, InputError where the chain has no divergence.
    """
    if metric == PATH_METRIC:
        return path_limit(target, make, sampler)
    if isinstance(target, Sphere):
        target = RadialLine(target)
    if isinstance(target, Target1D):
        return line_limit(target, make, sampler, accuracy)
    parts = own_coordinates(target)
    if parts is None:
        raise NotMeasured("a leading term is had on the line and of independent coordinates")
    return PartsLimit([(line_limit(law, make, sampler, accuracy), count) for law, count in parts])


__all__ = ["METRICS", "PATH_METRIC", "Constant", "Limit", "NoError", "PartsLimit", "limit", "path_limit"]
