"""Rates as a case document carries them."""

from __future__ import annotations

import numpy as np
import pytest

from sharpbound.rates import estimate
from sharpbound.rates.details import placed_slopes, rate_details

T = 2.0 ** np.arange(4, 11)


@pytest.mark.parametrize("step", [1 / T, 5 * np.log(T) / T], ids=["1/T", "log T/T"])
def test_slopes_of_neighbours_stand_at_their_geometric_mean(step) -> None:
    found = estimate(step, step**2.0)
    np.testing.assert_allclose([s["x"] for s in placed_slopes(found, T, step)], np.sqrt(T[1:] * T[:-1]))


def test_a_row_that_is_left_out_takes_no_other_slope_with_it() -> None:
    found = estimate(1 / T, T**-2.0, np.where(T == 64, 1.0, 0.0))
    details = rate_details(found, T, "T", 2, "", h=1 / T)
    kept = T[T != 64]
    np.testing.assert_allclose([s["x"] for s in details["local_slopes"]], np.sqrt(kept[1:] * kept[:-1]))
    assert any(row["x"] == 64 and "floor" in row["reason"] for row in details["excluded"])
