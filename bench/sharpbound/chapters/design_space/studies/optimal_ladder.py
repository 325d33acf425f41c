"""The noise levels of the optimal ladder, for a figure."""

from __future__ import annotations

import numpy as np

from sharpbound.chapters.base import Cell, Measurement
from sharpbound.chapters.design_space.schedules import optimal
from sharpbound.laws.path_kl_parts import variances
from sharpbound.marginals.fisher import tabulated
from sharpbound.records.document import Row

TOLERANCE = 1e-4
"""Of the Fisher information: a figure shows no more."""


class OptimalLadder(Measurement):
    """One row: sigma/a of ``steps`` steps between the ends."""

    def measure(self, cell: Cell) -> list[Row]:
        low, high = cell.params["ends"]
        info = tabulated(cell.params["target"], low**2, high**2, tolerance=TOLERANCE)
        return [{"levels": np.sqrt(variances(optimal(info, cell.params["steps"], low, high))).tolist()}]
