"""Ladders that fooled the estimator once. None of them may tell more than it knows."""

import numpy as np
import pytest

from sharpbound.rates import estimate, judge_bound

HALVINGS = 2.0 ** np.arange(8)


@pytest.mark.parametrize("power", [-1.0, -2.0])
def test_telling_a_logarithm_does_not_hide_a_drift(power):
    """h^p log^-1, told of A log + B with A > 0: narrow fits of other exponents must answer for their drift."""
    h = 1 / (16 * HALVINGS[:6])
    for order in (1.0, 2.0):
        error = h**order * np.log(1 / h) ** power
        told = estimate(h, error, log=np.log(1 / h))
        for bound in (order, order + 0.1):
            assert judge_bound(told, bound).verdict == "inconclusive", told.reason
    error = [0.0225421, 0.00901684, 0.00375702, 0.00161015, 0.000704441, 0.000313085]
    assert judge_bound(estimate(h, error, log=np.log(1 / h)), 1.0).verdict == "inconclusive"


def test_a_factor_that_falls_is_not_taken_for_one_that_grows():
    """(log T/T) (16 - log T): the slopes 1.11 ... 1.15 change faster and faster, and a fit with A > 0 says 1.30."""
    T = 64 * HALVINGS
    found = estimate(np.log(T) / T, np.log(T) / T * (16 - np.log(T)), log=np.log(T))
    assert found.status == "inconclusive", found.reason


def test_over_a_short_span_of_log_a_factor_is_a_power():
    """The probability-flow ODE on a Gaussian, T = 50 ... 124: a fit with the factor says 1.2406 +- .0058."""
    T = np.array([50, 60, 72, 86, 103, 124.0])
    error = [0.0863012, 0.0755334, 0.0658979, 0.0575365, 0.0500139, 0.0432068]
    told, untold = (estimate(np.log(T) / T, error, log=log) for log in (np.log(T), None))
    assert told.interval[0] <= 1 <= told.interval[1]
    assert told.half_width > 10 * untold.half_width


def test_a_plateau_is_no_exponent_unless_floors_are_told_far_below_it():
    h = 1 / (486 * 3.0 ** np.arange(4))
    assert estimate(h, [4.4e-16] * 4).status == "inconclusive"
    h = 1 / (8 * HALVINGS)
    error = h**2 + 1e-3 * h[0] ** 2
    for floor in (None, 1e-4 * h[0] ** 2):
        found = estimate(h, error, floor)
        assert judge_bound(found, 2.0).verdict == "inconclusive", found.reason
    level = estimate(
        h, 0.1 + h**2, 1e-12
    )  # what a false score leaves, far above the floor of its measurement
    assert level.interval[0] <= 0 <= level.interval[1]


def test_where_slopes_turn_an_exponent_beyond_all_of_them_is_doubted():
    """Slopes 2.03, 1.95, 1.94, 2.02, 2.07 were read as 2.195 +- .021; turns of less than the resolution are nothing."""
    h = 1 / (40 * 2 ** (np.arange(6) / 2))
    error = [6.19803e-4, 3.06321e-4, 1.55852e-4, 7.95605e-5, 3.95563e-5, 1.9308e-5]
    found = estimate(h, error)
    assert judge_bound(found, 2.0).verdict == "inconclusive", found.reason
    assert found.interval[0] <= 1.94
    ripple = 1 + 1e-4 * np.cos(np.pi * np.arange(6))
    assert judge_bound(estimate(h, h**2 * ripple), 2.0).verdict == "sharp"


@pytest.mark.parametrize("rows", range(4, 9))
def test_slow_corrections_are_a_drift_however_small(rows):
    """h (1 + h^.1) changes its slope by .002 a row, towards 1 and from far: it was read as 1.03 +- .005."""
    h = 1 / (64 * HALVINGS[:rows])
    found = estimate(h, h * (1 + h**0.1))
    assert found.interval[0] <= 1 <= found.interval[1]
    assert judge_bound(found, 1.0).verdict == "inconclusive"
