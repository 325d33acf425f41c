"""The exact output law of (target, ladder, sampler, score), and every distance of it to the truth.

`engines.ENGINES` says which engine takes which problem, in order (``sharpbound list engines``); `chains` does the
same for the KL divergence of whole chains. Here is the front: `output_law`, `path_kl` and the distances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sharpbound.distances import LAW_METRICS, METRICS
from sharpbound.distances.base import Law, Measured
from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.chains import path_kl
from sharpbound.laws.engines import solve
from sharpbound.laws.transport import StartLaw
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets import Target


def output_law(
    target: Target,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField | None = None,
    init: str | StartLaw = "normal",
) -> Law:
    """The law of Y_stop against X_stop; ``score`` defaults to the exact one.

    Raises NotMeasured where no engine has this law, InputError where the sampler and the ladder do not fit.
    """
    return solve(Problem(target, ladder, sampler, score or ExactScore(target, ladder), init))


def distance(law: Law, metric: str) -> Measured:
    """One distance of a law; NotMeasured where its engine does not give it."""
    return law.distance(metric)


def distances(law: Law, metrics: Sequence[str]) -> dict[str, Measured | NotMeasured]:
    """Every distance asked for; one that cannot be had is the reason why."""
    found: dict[str, Measured | NotMeasured] = {}
    for metric in metrics:
        try:
            found[metric] = distance(law, metric)
        except NotMeasured as reason:
            found[metric] = reason
    return found


def finite_or_note(measured: Measured | NotMeasured) -> tuple[float | None, float | None, str | None]:
    """(value, floor, note) for a row: what is infinite or not measured is null with the reason."""
    if isinstance(measured, NotMeasured):
        return None, None, str(measured)
    if not math.isfinite(measured.value):
        return None, None, "infinite"
    return measured.value, measured.floor if math.isfinite(measured.floor) else None, None


def floor_kind(measured: Measured | NotMeasured) -> str | None:
    """What the floor is made of, for a row; null where nothing was measured."""
    return measured.kind if isinstance(measured, Measured) and math.isfinite(measured.value) else None


__all__ = [
    "LAW_METRICS",
    "METRICS",
    "Law",
    "NotMeasured",
    "Problem",
    "distance",
    "distances",
    "finite_or_note",
    "floor_kind",
    "output_law",
    "path_kl",
    "solve",
]
