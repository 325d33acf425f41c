"""Where a network of rectified linear units bends along a line: in between it is linear."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def bends(layers: Iterable[Callable[[Array], Array]], low: float, high: float) -> Array:
    """The points of [low, high] where the network is not smooth, ends included.

    ``layers``, from the first on: what goes into the units of a layer, shape (n, units), at points x (n,). Between
    the bends of the layers below it is linear in x, so every unit changes sign once at most.
    """
    points = np.array([low, high])
    for layer in layers:
        into = layer(points)
        before, after = into[:-1], into[1:]
        piece, unit = np.nonzero(before * after < 0)
        share = before[piece, unit] / (before[piece, unit] - after[piece, unit])
        points = np.unique(
            np.concatenate([points, points[piece] + share * (points[piece + 1] - points[piece])])
        )
    return points
