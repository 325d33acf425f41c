"""Nominal against measured order on errors whose order is known."""

from __future__ import annotations

import numpy as np
import pytest

from sharpbound.chapters.audit.verdict import judge_order, order_details
from sharpbound.rates import estimate

T = 2.0 ** np.arange(4, 11)


@pytest.mark.parametrize(
    ("nominal", "verdict"), [(1, "loose"), (2, "sharp"), (2.3, "violated"), (3, "violated")]
)
def test_a_power_law(nominal: float, verdict: str) -> None:
    assert judge_order(estimate(1 / T, T**-2.0 * (1 + 1 / T)), nominal)[0] == verdict


@pytest.mark.parametrize("plateau", [1e-2, 1e-4])
def test_an_error_that_stalls_does_not_reach_its_order(plateau: float) -> None:
    assert judge_order(estimate(1 / T, T**-2.0 + plateau), 2)[0] == "violated"


def test_a_plateau_at_the_floor_decides_nothing() -> None:
    assert judge_order(estimate(1 / T, T**-2.0 + 1e-3, np.full(len(T), 1e-3)), 2)[0] == "inconclusive"


def test_local_slopes_stand_between_values_of_T() -> None:
    """At the geometric mean of their two T, also where a row between them is left out."""
    rows = [{"T": t, "w2": t**-2.0, "w2_floor": 1.0 if t == 64 else 0.0} for t in T]
    places = [slope["x"] for slope in order_details(rows, 2)[2]["local_slopes"]]
    kept = T[T != 64]
    np.testing.assert_allclose(places, np.sqrt(kept[1:] * kept[:-1]), rtol=1e-12)
