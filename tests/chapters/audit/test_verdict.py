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


@pytest.mark.parametrize(
    ("slopes", "nominal", "verdict"),
    [
        ((2.85, 3.00, 2.98, 2.98, 2.98), 3, "sharp"),
        ((1.003, 1.001, 0.999), 1, "sharp"),
        ((1.64, 1.90, 2.00, 2.02, 2.01), 2, "sharp"),
        ((4.48, 4.33, 4.20, 4.10, 4.03), 4, "sharp"),
        ((2.06, 1.70, 1.40, 1.25, 1.16), 1, "sharp"),
        ((3.10, 3.40, 3.30, 3.35, 3.30), 2, "loose"),
        ((1.00, 1.20, 1.05, 1.15, 1.10), 2, "violated"),
        ((1.70, 1.40, 1.90, 2.84), 2, "inconclusive"),  # a sign change, not a power
        ((1.30, 1.50, 1.40, 1.60), 2, "inconclusive"),
    ],
)
def test_local_slopes_decide_where_no_interval_does(
    slopes: tuple[float, ...], nominal: float, verdict: str
) -> None:
    """At, above and below the nominal order alike."""
    steps = 12 * 2.0 ** np.arange(len(slopes) + 1)
    errors = 2.0 ** -np.concatenate([[0.0], np.cumsum(slopes)])
    assert judge_order(estimate(1 / steps, errors), nominal)[0] == verdict
