"""Whether a mistake shows: order and constant of the mutant's error against those of the sampler as it is.

Laws are exact, so two runs of the same formula agree to rounding and there is no noise to allow for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sharpbound import processes, targets
from sharpbound.chapters.detection.making import Mutant
from sharpbound.distances.base import FloorKind, worst
from sharpbound.laws import NotMeasured, distance, output_law
from sharpbound.laws.engines import line_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Target

METRIC = "w2"
ORDER_CHANGED = 0.1
"""Change of the slope between the two finest rows beyond which the order counts as changed."""
CONSTANT_CHANGED = 1e-6
"""Relative change of the error at the finest row beyond which the constant counts as changed: four digits
above the floors of the laws."""


@dataclass(frozen=True)
class Problem:
    """A target, a schedule, and the numbers of steps to measure at, each twice the one before."""

    target: dict[str, Any]
    forward: dict[str, Any]
    T: tuple[int, ...]


UNEVEN = {"schedule": "benton", "horizon": 2.0, "delta": 0.05}
"""Steps that change from level to level, in time and in lambda: on even ones many mistakes cannot be seen."""


def gaussian_problem(T: Sequence[int]) -> Problem:
    """N(0.7, 0.4^2) on the uneven steps, with each number of them."""
    return Problem({"family": "gaussian", "mean": 0.7, "std": 0.4}, UNEVEN, tuple(T))


def mixture_problem(T: Sequence[int]) -> Problem:
    """A mixture of two Gaussians on the uneven steps, with each number of them."""
    modes = {"weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
    return Problem({"family": "gaussian-mixture", **modes}, UNEVEN, tuple(T))


def random_problem(rng: np.random.Generator, T: Sequence[int]) -> Problem:
    """A Gaussian target and a schedule drawn at random."""
    target = {
        "family": "gaussian",
        "mean": float(rng.uniform(-1.5, 1.5)),
        "std": float(rng.uniform(0.2, 1.5)),
    }
    uneven = {
        "schedule": "benton",
        "horizon": float(rng.uniform(1, 3)),
        "delta": float(rng.uniform(0.03, 0.1)),
    }
    even = {
        "schedule": "log-snr-uniform",
        "lambda_min": float(rng.uniform(-3, -1.5)),
        "lambda_max": float(rng.uniform(1, 2)),
    }
    return Problem(target, uneven if rng.random() < 0.5 else even, tuple(T))


class Error(NamedTuple):
    """W2 of one law, with its floor, the floor's kind, and the engine that found the law."""

    value: float
    floor: float
    kind: FloorKind
    engine: str


@dataclass(frozen=True)
class Finding:
    """One comparison; ``by`` is "order", "constant", "breakdown" (no law any more) or "" (not noticed)."""

    by: str
    slope: float
    slope_original: float
    ratio: float
    """Error of the mutant over that of the original, at the largest T."""
    kind: FloorKind
    """Of the floors by which the two were compared."""
    engine: str
    """What found the laws: both engines where they differ."""


def measure_errors(problem: Problem, sampler: Sampler, *, line: bool = False) -> list[Error]:
    """W2 at each T, from the exact start; ``line`` uses the engines of the line for any target."""
    target = targets.build(problem.target)
    return [_error(target, processes.build(problem.forward, T), sampler, line) for T in problem.T]


def _error(target: Target, ladder: Ladder, sampler: Sampler, line: bool) -> Error:
    if line:
        assert isinstance(target, targets.Target1D)
        law: Any = line_law(target, ladder, sampler, ExactScore(target, ladder), "exact")
    else:
        law = output_law(target, ladder, sampler, init="exact")
    measured = distance(law, METRIC)
    return Error(*measured, law.engine)


def compare(original: Sequence[Error], other: Sequence[Error]) -> Finding:
    """Order and constant of two series of errors at the same T."""
    slope, slope_original = (_last_slope([error.value for error in series]) for series in (other, original))
    (value, floor, *_), (value_original, floor_original, *_) = other[-1], original[-1]
    ratio = value / value_original if value_original else math.inf
    by = ""
    if abs(value - value_original) > CONSTANT_CHANGED * value_original + floor + floor_original:
        by = "constant"
    if by and not abs(slope - slope_original) <= ORDER_CHANGED:
        by = "order"
    return Finding(by, slope, slope_original, ratio, *_provenance([*original, *other]))


def _provenance(errors: Sequence[Error]) -> tuple[FloorKind, str]:
    return worst(error.kind for error in errors), " and ".join(
        dict.fromkeys(error.engine for error in errors)
    )


def _last_slope(values: Sequence[float]) -> float:
    coarse, fine = values[-2:]
    return math.log2(coarse / fine) if coarse > 0 and fine > 0 else math.nan


def agree(problem: Problem, sampler: Sampler) -> Finding:
    """The sampler as it is against itself: the engine of Gaussian laws against those of the line."""
    return compare(measure_errors(problem, sampler), measure_errors(problem, sampler, line=True))


def detect(mutant: Mutant, problem: Problem) -> Finding:
    """The mutant against the sampler it was made from."""
    original = measure_errors(problem, mutant.original)
    try:
        return compare(original, measure_errors(problem, mutant.sampler))
    except NotMeasured:
        slope = _last_slope([error.value for error in original])
        return Finding("breakdown", math.nan, slope, math.inf, *_provenance(original))
