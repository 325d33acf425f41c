"""Sums from some of their terms, against all of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from sharpbound.numerics.sums import BLOCKS, NODES, smooth_sum


def summed(f: Callable[[int], float], count: int, signals: np.ndarray) -> tuple[float, float, int]:
    """The sum by blocks, that of all terms, and how many terms the blocks took."""
    asked = []

    def term(t: int) -> tuple[float, float]:
        asked.append(t)
        return f(t), abs(f(t))

    value, _ = smooth_sum(term, 1, count, signals, lambda size: 1e-15 * size)
    assert len(set(asked)) == len(asked)
    return value, math.fsum(f(t) for t in range(1, count + 1)), len(asked)


@pytest.mark.parametrize("count", [1000, 4095])
@pytest.mark.parametrize(
    "f", [lambda t: math.exp(-t / 90), lambda t: 1 / t, lambda t: 1 / (1 + (t / 99 - 3) ** 2)]
)
def test_few_terms_are_enough_where_they_are_smooth(f: Callable[[int], float], count: int) -> None:
    value, every, asked = summed(f, count, np.log(np.arange(1.0, count + 1))[None])
    assert value == pytest.approx(every, rel=4e-15)
    assert asked < 0.75 * count


def test_a_jump_is_seen_by_its_terms() -> None:
    value, every, _ = summed(lambda t: 1.0 + 1e-6 * (t > 1234), 4000, np.zeros((1, 4000)))
    assert value == pytest.approx(every, rel=4e-15)


@pytest.mark.parametrize("where", [700, 1234, 3999])
def test_a_term_of_its_own_kind_is_seen_by_its_signal(where: int) -> None:
    """One that no node meets: without the signal the blocks would be summed as if it were like its neighbours."""
    f = lambda t: math.exp(-t / 900) + 1e-3 * (t == where)  # noqa: E731
    signals = np.zeros((1, 4000))
    blind, every, asked = summed(f, 4000, signals)
    assert asked <= 2 * BLOCKS * NODES
    assert abs(blind - every) > 1e-6
    signals[0, where - 1] = 1e-3
    seen, every, asked = summed(f, 4000, signals)
    assert seen == pytest.approx(every, rel=4e-15)
    assert asked < 1000
