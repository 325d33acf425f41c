"""Laws on finitely many points; they have a density once sigma > 0, as mixtures of equal normals."""

from __future__ import annotations

from typing import Any

import torch

from sharpbound.targets import parameters
from sharpbound.targets.gaussian_mixture import GaussianMixtureND
from sharpbound.targets.gaussian_mixture_line import GaussianMixture1D
from sharpbound.targets.parameters import Numbers


class Atoms1D(GaussianMixture1D):
    """sum_k w_k delta(x - m_k) on the line."""

    family = "atoms"

    def __init__(self, weights: Numbers, points: Numbers) -> None:
        super().__init__(weights, points, 0.0 * parameters.array(points, "points", None))


class AtomsND(GaussianMixtureND):
    """sum_k w_k delta(x - m_k) in R^d."""

    family = "atoms"

    def __init__(self, weights: Numbers, points: Numbers) -> None:
        super().__init__(weights, points, 0.0 * parameters.array(points, "points", None, None))


class Cantor(Atoms1D):
    """2^level equal atoms at the centres of the level-th generation of Cantor's set on [low, high].

    Moments of the atoms (not of the limit set): they are what is sampled and smoothed.
    """

    family = "cantor"

    def __init__(self, level: Any, low: Any, high: Any) -> None:
        self.level = parameters.integer(level, "level", least=1, most=16)  # 65536 atoms
        self.low = parameters.number(low, "low")
        self.high = parameters.number(high, "high")
        if not self.low < self.high:
            raise parameters.mistake("high", f"must be greater than low = {self.low:g}, got {self.high:g}")
        # Ternary digits 0 and 2, then half of the last interval.
        unit = torch.zeros(1, dtype=torch.float64)
        for digit in range(1, self.level + 1):
            unit = torch.cat([unit, unit + 2.0 / 3.0**digit])
        unit = unit.sort().values + 0.5 / 3.0**self.level
        count = len(unit)
        super().__init__(
            torch.full((count,), 1 / count, dtype=torch.float64), self.low + (self.high - self.low) * unit
        )


def atoms(points: Any, weights: Any = None) -> Atoms1D | AtomsND:
    """Atoms at ``points`` (numbers: on the line; lists: in R^d) with ``weights`` (equal if left out)."""
    entries = parameters.sequence(points, "points")
    count = len(entries)
    w = torch.full((count,), 1 / count, dtype=torch.float64)
    if weights is not None:
        w = parameters.weights(weights, length=count)
    if isinstance(entries[0], (list, tuple)):
        return AtomsND(w, parameters.vectors(entries, "points"))
    return Atoms1D(w, parameters.vector(entries, "points"))
