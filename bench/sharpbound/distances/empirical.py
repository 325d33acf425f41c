"""Wasserstein distances between two samples of equal size, each point of mass 1/n.

On the line the optimal coupling is the sorted one. In R^d it is an assignment problem, solved exactly
(POT's network simplex), so n should stay at a few thousand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from sharpbound.distances.base import FloorKind, Law, Measured
from sharpbound.errors import InputError
from sharpbound.libraries import loading
from sharpbound.numerics.quadrature import Array

_MAX_ITERATIONS = 10_000_000


def sample_w1(x: Array, y: Array) -> float:
    """W_1 = min over couplings of E |X - Y|; x, y of shape (n,) or (n, d)."""
    return _cost(x, y, 1)


def sample_w2(x: Array, y: Array) -> float:
    """W_2 = (min over couplings of E |X - Y|^2)^(1/2); x, y of shape (n,) or (n, d)."""
    return float(np.sqrt(_cost(x, y, 2)))


def _cost(x: Array, y: Array, power: int) -> float:
    """min E |X - Y|^power."""
    x, y = np.atleast_2d(x.T).T, np.atleast_2d(y.T).T
    if x.shape != y.shape:
        raise InputError(f"samples of equal size and dimension are compared, got {x.shape} and {y.shape}")
    if x.shape[1] == 1:
        gap = np.abs(np.sort(x[:, 0]) - np.sort(y[:, 0]))
        return float((gap**power).mean())
    metric = "euclidean" if power == 1 else "sqeuclidean"
    with loading():
        import ot  # slow to import

    return float(ot.emd2([], [], ot.dist(x, y, metric=metric), numItermax=_MAX_ITERATIONS))


_ASSIGNED = 2000
"""Points that an exact assignment in R^d, d > 1, uses: the first of each set."""


@dataclass(frozen=True)
class Particles(Law):
    """``output`` of the sampler and two independent sets of true draws, (n, d) each."""

    output: Array
    truth: Array
    twin: Array
    engine: str = ""

    held_by: ClassVar[FloorKind] = "statistical"

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS


def _transport(law: Particles, distance: Callable[[Array, Array], float]) -> Measured:
    used = slice(None) if law.output.shape[1] == 1 else slice(_ASSIGNED)
    return Measured(
        distance(law.output[used], law.truth[used]), distance(law.twin[used], law.truth[used])
    )  # fmt: skip


def w1(law: Particles) -> Measured:
    """W1 of the samples; in R^d, d > 1, of the first 2000 points."""
    return _transport(law, sample_w1)


def w2(law: Particles) -> Measured:
    """W2 of the samples; in R^d, d > 1, of the first 2000 points."""
    return _transport(law, sample_w2)


def mean_error(law: Particles) -> Measured:
    """Euclidean distance of the means; floor from the two true sets."""
    return Measured(
        _norm(law.output.mean(0) - law.truth.mean(0)), _norm(law.twin.mean(0) - law.truth.mean(0))
    )


def cov_error(law: Particles) -> Measured:
    """Frobenius distance of the covariances; floor from the two true sets."""
    output, truth, twin = (
        torch.atleast_2d(torch.cov(torch.from_numpy(x).T)).numpy() for x in (law.output, law.truth, law.twin)
    )
    return Measured(_norm(output - truth), _norm(twin - truth))


def _norm(x: Array) -> float:
    return math.sqrt(float((x**2).sum()))


METRICS = {"w1": w1, "w2": w2}
"""Metric name of a case file -> distance of the sampled law."""
