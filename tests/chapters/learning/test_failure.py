import math

import numpy as np
import pytest
from scipy.stats import binom

from sharpbound.chapters.learning.failure import (
    ExactFailure,
    distance,
    first_below,
    hardest_share,
    lower_bound,
    samples_needed,
    simulate,
)
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.errors import InputError
from sharpbound.numerics.lattice import LatticeLaw

# -- the convolution engine ---------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 7, 60, 400])
def test_the_tail_of_a_two_point_sum_is_binomial(m):
    """X = -1 with probability q, else +1: P(S < 0) + P(S = 0)/2 from scipy's binomial, down to 1e-100."""
    q = 0.1
    law = LatticeLaw.of(np.array([-1.0, 1.0]), np.array([q, 1 - q]), 0.25)
    expected = binom.sf(m / 2, m, q) + (0.5 * binom.pmf(m // 2, m, q) if m % 2 == 0 else 0.0)
    assert law.left_tail(m) == pytest.approx(
        expected, rel=1e-10
    )  # m rounding errors and those of the transform


def test_the_tail_of_three_uneven_points_agrees_with_direct_convolution():
    values, weights = np.array([-2.0, 0.0, 5.0]), np.array([0.2, 0.3, 0.5])
    law = LatticeLaw.of(values, weights, 1.0)
    single = np.zeros(8)
    single[[0, 2, 7]] = weights
    total = np.ones(1)
    for _ in range(25):
        total = np.convolve(total, single)
    assert law.left_tail(25) == pytest.approx(total[:50].sum() + total[50] / 2, rel=1e-11)


def test_a_negative_mean_gives_a_large_tail():
    law = LatticeLaw.of(np.array([-1.0, 2.0]), np.array([0.9, 0.1]), 1.0)
    assert law.left_tail(30) == pytest.approx(binom.cdf(9, 30, 0.1) + binom.pmf(10, 30, 0.1) / 2, rel=1e-12)


@pytest.mark.parametrize(("m", "level"), [(1, 0.4), (30, 7.3), (3000, 600.0)])
def test_the_shortfall_of_a_two_point_sum_is_that_of_the_binomial(m, level):
    law = LatticeLaw.of(np.array([0.0, 1.0]), np.array([0.8, 0.2]), 1 / 8)
    k = np.arange(m + 1)
    expected = np.maximum(level - k, 0) @ binom.pmf(k, m, 0.2)
    assert law.shortfall(m, level) == pytest.approx(expected, rel=1e-9)


def test_values_between_lattice_points_keep_their_mean():
    values, weights = np.array([-0.3, 0.7123, 2.001]), np.array([0.2, 0.5, 0.3])
    assert LatticeLaw.of(values, weights, 0.25).mean == pytest.approx(values @ weights, rel=1e-14)


# -- three routes to one number -----------------------------------------------------------------


@pytest.mark.parametrize(("m", "reference"), [(50, 0.307), (100, 0.184), (200, 0.068), (400, 0.009)])
def test_the_reference_values(m, reference):
    # the reference was simulated and rounded: 0.307 is 0.3025 exactly, within two deviations of 2000 runs
    exact = ExactFailure(HardPair(0.01, 10.0))(m)
    assert exact == pytest.approx(0.99**m / 2, rel=1e-5)
    assert exact == pytest.approx(reference, abs=0.005)


def test_the_convolution_reaches_the_closed_form_down_to_1e_12():
    """At R/sigma = 20 the two differ by exp(-R^2/8) relatively, less than rounding."""
    failure = ExactFailure(HardPair(0.01, 20.0))
    for m in (1, 10, 100, 1000, 2700):
        assert failure(m) == pytest.approx(lower_bound(0.01, m), rel=1e-9)
    assert failure(2700) < 1e-12


@pytest.mark.parametrize("R", [1.0, 2.0, 3.0, 5.0])
def test_no_procedure_beats_the_lower_bound(R):
    failure = ExactFailure(HardPair(0.05, R))
    for m in (1, 20, 80, 200):
        assert failure(m) + failure.floor(m) >= lower_bound(0.05, m)


@pytest.mark.parametrize("R", [3.0, 5.0, 10.0])
def test_the_convolution_lies_in_the_simulated_interval(R):
    pair = HardPair(0.05, R)
    failure = ExactFailure(pair)
    for m in (1, 20, 60):
        # 9 intervals at 1 - 6e-5 (four deviations): one fails in 2000 seeds
        run = simulate(pair, m, 20_000, seed=3, confidence=1 - 6e-5)
        assert run.low <= failure(m) <= run.high
        assert run.low <= run.rate <= run.high


def test_ties_count_half_where_float64_cannot_tell_the_losses_apart():
    pair = HardPair(0.05, 40.0)
    run = simulate(pair, 20, 20_000, seed=0, confidence=1 - 6e-5)
    assert run.wrong == 0  # every failure is a tie
    assert run.ties > 0
    assert run.low <= lower_bound(0.05, 20) <= run.high


def test_the_floor_bounds_the_change_under_refinement():
    pair = HardPair(0.05, 3.0)
    for m in (1, 20, 80):
        coarse, fine = ExactFailure(pair, 256), ExactFailure(pair, 2048)
        assert abs(coarse(m) - fine(m)) <= coarse.floor(m)


def test_the_failure_probability_depends_on_r_over_sigma_alone():
    assert ExactFailure(HardPair(0.05, 3.0, 1.0))(30) == pytest.approx(
        ExactFailure(HardPair(0.05, 0.6, 0.2))(30), rel=1e-10
    )


def test_a_simulation_is_reproducible():
    assert simulate(HardPair(0.05, 3.0), 10, 500, seed=1) == simulate(HardPair(0.05, 3.0), 10, 500, seed=1)


# -- thresholds ---------------------------------------------------------------------------------


def test_the_two_metrics_judge_the_same_mistake_differently():
    pair = HardPair(0.01, 100.0)
    assert distance(pair, "l2") == pytest.approx(10.0, rel=1e-3)  # sqrt(eta) R
    assert distance(pair, "robust", delta=0.02) < 1e-6
    assert distance(pair, "robust", delta=0.005) == pytest.approx(100.0, rel=1e-3)


def test_the_hardest_share_is_where_the_distance_meets_the_threshold():
    for metric, delta in (("l2", None), ("robust", 0.02)):
        # R/sigma small: at larger ones D^delta jumps from 0 to R/sigma^2 within rounding of eta
        eta = hardest_share(2.0, 0.5, metric, 1.0, delta)
        assert distance(HardPair(eta, 2.0, 0.5), metric, delta) == pytest.approx(1.0, rel=1e-8)


def test_l2_gets_harder_with_r_and_the_robust_metric_does_not():
    shares = [
        (hardest_share(R, 1.0, "l2", 0.5), hardest_share(R, 1.0, "robust", 0.5, 0.01)) for R in (10, 20, 40)
    ]
    for R, (l2, robust) in zip((10, 20, 40), shares, strict=True):
        assert l2 == pytest.approx((0.5 / R) ** 2, rel=1e-3)  # limit R >> sigma
        assert robust == pytest.approx(0.01, rel=1e-3)


def test_the_samples_needed_are_the_first_that_suffice():
    failure = ExactFailure(HardPair(0.02, 8.0))
    m = samples_needed(failure, 0.01)
    assert failure(m) <= 0.01 < failure(m - 1)
    assert m == math.ceil(math.log(0.02) / math.log(0.98))


def test_first_below_finds_one():
    assert first_below(lambda m: 0.5**m, 0.5) == 1
    assert first_below(lambda m: 1 / m, 0.1) == 10
    with pytest.raises(InputError):
        first_below(lambda m: 1.0, 0.1)


def test_bad_metrics_are_refused():
    with pytest.raises(InputError, match="robust"):
        distance(HardPair(0.1, 3.0), "robust")
    with pytest.raises(InputError, match="lower it"):
        hardest_share(1.0, 1.0, "l2", 10.0)


@pytest.mark.parametrize("level", [0.4, 0.01, 1e-9])
@pytest.mark.parametrize("rate", [0.7, 0.03, 1e-4, 1e-11])
def test_the_first_below_is_the_first(rate, level):
    calls = []

    def probability(m):
        calls.append(m)
        return 0.5 * math.exp(-rate * m)

    m = first_below(probability, level)
    assert probability(m) <= level
    assert m == 1 or probability(m - 1) > level
    assert len(calls) < 35


def test_a_lattice_keeps_mean_and_square():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=200), rng.random(200)
    law = LatticeLaw.of(values, weights, 0.3)
    weights /= weights.sum()
    assert law.mass @ law.values == pytest.approx(weights @ values, rel=1e-12)
    assert law.mass @ law.values**2 == pytest.approx(weights @ values**2, rel=1e-12)
