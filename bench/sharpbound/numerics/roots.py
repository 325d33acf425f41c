"""All roots of a function between given points, found together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sharpbound.numerics.quadrature import Array

_BISECTIONS = 52


def roots(f: Callable[[Array], Array], x: Array) -> Array:
    """The roots of f between neighbouring points at which it changes sign."""
    values = f(x)
    crossed = np.flatnonzero(values[:-1] * values[1:] < 0)
    return bisect(f, x[crossed], x[crossed + 1])


def bisect(f: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """One root in each bracket, all brackets at once."""
    low, high = low.copy(), high.copy()
    if len(low):
        sign = np.sign(f(low))
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            left = np.sign(f(middle)) == sign
            low, high = np.where(left, middle, low), np.where(left, high, middle)
    return 0.5 * (low + high)
