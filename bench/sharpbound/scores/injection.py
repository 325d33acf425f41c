"""A target with an error in its score, as independent problems on the line.

A field that acts on each coordinate by itself leaves the coordinates of a product independent, so its
output law is made of laws on the line, whatever the dimension:

====================  ===================================================================
target                parts
====================  ===================================================================
on the line           itself
product               its factors
Gaussian in R^d       the eigenvectors of its covariance, along which the field acts
low-rank mixture      the core, and N(0, std^2) d - 1 times
====================  ===================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.scores.norm_quantile import norm_quantile
from sharpbound.scores.perturbed import LineError
from sharpbound.scores.sizes import largest_slope, level_rms, level_slopes, robust_error
from sharpbound.targets import Target, Target1D

D_LEVELS = 9
"""Levels, equally spaced in t, at which D^delta is inverted; its aggregate is the largest of them."""


@dataclass(frozen=True)
class Part:
    """``count`` equal coordinates, each with the error ``error`` (None: exact)."""

    target: Target1D
    count: int
    error: LineError | None


@dataclass(frozen=True)
class Injection:
    """A fixed field e_t added to the score of ``target``, and its sizes."""

    target: Target
    ladder: Ladder
    parts: Sequence[Part]

    @cached_property
    def level_norms(self) -> Array:
        """sqrt(E ||e_t||^2) at t = 0..T: squares add over the coordinates."""
        squares = [count * level_rms(error) ** 2 for error, count in self._perturbed]
        return np.sqrt(np.sum(squares, axis=0))

    @property
    def eps_score(self) -> float:
        """((1/T) sum_{t=1}^T E ||e_t||^2)^{1/2}."""
        return math.sqrt(float(np.mean(self.level_norms[1:] ** 2)))

    @cached_property
    def level_slopes(self) -> Array:
        """E ||grad e_t|| at t = 0..T, in operator norm: the largest |e_t'| among the coordinates."""
        errors = self._perturbed
        if all(error.shape.affine for error, _ in errors):  # one slope everywhere
            return np.max([level_slopes(error) for error, _ in errors], axis=0)
        if sum(count for _, count in errors) == 1:
            return level_slopes(errors[0][0])
        return np.array([largest_slope(errors, t) for t in range(self.ladder.T + 1)])

    @property
    def eps_jacobi(self) -> float:
        """(1/T) sum_t E ||grad e_t||."""
        return float(np.mean(self.level_slopes[1:]))

    def level_robust(self, delta: float) -> dict[int, float]:
        """D^delta(s_t, s_t + e_t) at a few levels t."""
        if not 0 < delta < 1:
            raise InputError(f"must lie strictly between 0 and 1, got {delta:g}", key="score_error.delta")
        levels = [int(t) for t in np.unique(np.linspace(1, self.ladder.T, D_LEVELS).round())]
        errors = self._perturbed
        if sum(count for _, count in errors) == 1:
            return {t: robust_error(errors[0][0], t, delta) for t in levels}
        return {t: norm_quantile([one for one in errors if one[0].amplitude[t]], t, delta) for t in levels}

    def d_delta(self, delta: float) -> float:
        """The largest of `level_robust`."""
        return max(self.level_robust(delta).values())

    @property
    def _perturbed(self) -> list[tuple[LineError, int]]:
        return [(part.error, part.count) for part in self.parts if part.error]
