"""Limits of sequences that expand in powers of the step."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def limit(h: ArrayLike, values: ArrayLike) -> tuple[float, float]:
    """Limit h -> 0 of values(h) = c0 + c1 h + c2 h^2 + ... (Neville's algorithm), and its uncertainty.

    h : distinct, in any order. The uncertainty is the larger of the last two orders' changes; the order
    with the least is taken, which is where rounding, amplified by the extrapolation, takes over.
    """
    step = np.asarray(h, dtype=float)
    order = np.argsort(-step)
    step, column = step[order], np.asarray(values, dtype=float)[order]
    best, doubt, last_change = float(column[-1]), np.inf, np.inf
    for k in range(1, len(step)):
        coarse, fine = step[:-k], step[k:]
        previous, column = column[-1], (coarse * column[1:] - fine * column[:-1]) / (coarse - fine)
        change = abs(float(column[-1] - previous))
        if max(change, last_change) < doubt:
            best, doubt = float(column[-1]), max(change, last_change)
        last_change = change
    return best, doubt
