"""Sums over many integers of functions that are smooth in them, from few of their values.

A block of m integers is summed from the values at n of them, those nearest to Gauss-Legendre points: the polynomial
through these is summed instead, which for polynomials of degree n - 1 is exact. Its last coefficients say whether the
function is resolved; a block where it is not is cut in two, and one of few integers is summed term by term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from sharpbound.numerics.gauss import gauss_legendre

Array = NDArray[np.float64]

NODES = 24
"""Values per block; blocks of less than twice as many integers are summed term by term."""
BLOCKS = 8
"""At first."""
REGULAR = 1e-11
"""Greatest distance of a signal from the polynomial through its values at the nodes."""


@lru_cache(maxsize=64)
def _rule(count: int) -> tuple[NDArray[np.intp], Any, Any, Any]:
    """Of ``count`` integers 0..count - 1: the nodes, their weights, node values -> Legendre coefficients, and -> all
    values.
    """
    x, _ = gauss_legendre(NODES)
    left = np.rint((count * (1 + x[: NODES // 2]) - 1) / 2).astype(np.intp)
    steps = np.arange(len(left))
    left = (
        np.maximum.accumulate(left - steps) + steps
    )  # which are dense near the ends, where there are few integers
    nodes = np.concatenate([left, count - 1 - left[::-1]])
    basis = legendre.legvander((2 * np.arange(count) + 1) / count - 1, NODES - 1)
    to_coefficients = np.linalg.inv(basis[nodes])
    return nodes, basis.sum(0) @ to_coefficients, to_coefficients, basis @ to_coefficients


def smooth_sum(
    f: Callable[[int], Sequence[float]],
    first: int,
    last: int,
    signals: Array,
    tolerance: Callable[[float], float],
) -> Array:
    """Sums of the components (K,) of f(t) over t = first..last, to the ``tolerance`` of the sum of the second one.

    The first component is the summand; the second one bounds its size and, like the rest, is summed along.
    ``signals`` (S, last - first + 1) are known for all t, and what f depends on: it is taken for smooth where they
    are, so that no t of its own kind hides between nodes.
    """
    known: dict[int, Sequence[float]] = {}

    def values(where: Sequence[int]) -> Array:
        known.update({t: f(t) for t in where if t not in known})
        return np.array([known[t] for t in where])

    cuts = np.linspace(first, last + 1, BLOCKS + 1).astype(int)
    waiting = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))[::-1]
    most = tolerance(float(sum(_block_sum(values, *block)[1] for block in waiting)))
    total: Any = 0.0
    while waiting:
        start, stop = waiting.pop()
        whole = stop - start <= 2 * NODES
        if whole or _resolved(values, start, stop, signals[:, start - first : stop - first], most):
            total = total + _block_sum(values, start, stop)
        else:
            middle = (start + stop) // 2
            waiting += [(middle, stop), (start, middle)]
    return np.asarray(total, dtype=np.float64)


def _block_sum(values: Callable[[Sequence[int]], Array], start: int, stop: int) -> Array:
    if stop - start <= 2 * NODES:
        every: Array = values(range(start, stop)).sum(0)
        return every
    nodes, weights, *_ = _rule(stop - start)
    some: Array = weights @ values((start + nodes).tolist())
    return some


def _resolved(
    values: Callable[[Sequence[int]], Array], start: int, stop: int, signals: Array, most: float
) -> bool:
    """Whether a block's sum is right to ``most``."""
    nodes, _, to_coefficients, to_all = _rule(stop - start)
    if not (np.abs(signals[:, nodes] @ to_all.T - signals) <= REGULAR).all():
        return False
    last = to_coefficients[-2:] @ values((start + nodes).tolist())[:, 0]
    return not (np.abs(last).max() * (stop - start) > most)
