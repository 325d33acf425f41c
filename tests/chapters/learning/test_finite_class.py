import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom, binomtest, norm

from sharpbound.chapters.learning.failure import ExactFailure
from sharpbound.chapters.learning.finite_class import OutlierClass, ShiftClass, SphereClass
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.errors import InputError

SHIFTS = ShiftClass(dim=10, eps=0.5, mass=0.1, R=3.0, sigma=1.0)
SPHERE = SphereClass(dim=4, eps=0.5, mass=0.1, R=1.0, sigma=1.0)
OUTLIERS = OutlierClass(clusters=3, eta=0.02, R=12.0, sigma=1.0)


@pytest.mark.parametrize(
    ("hypotheses", "m"), [(SHIFTS, 250), (SHIFTS, 800), (SPHERE, 300), (OUTLIERS, 20), (OUTLIERS, 80)]
)
def test_the_exact_law_is_that_of_erm_on_drawn_data(hypotheses, m):
    rng = np.random.default_rng(5)
    failures = sum(hypotheses.fails(m, rng) for _ in range(1500))
    interval = binomtest(failures, 1500).proportion_ci(1 - 6e-5)  # four deviations
    assert interval.low <= hypotheses.failure(m) <= interval.high


def test_two_hypotheses_reduce_to_a_gaussian_test():
    one = ShiftClass(dim=1, eps=0.7, mass=0.3, R=2.0, sigma=1.0)
    n = np.arange(51)
    v = 4 / 5
    expected = (binom.pmf(n, 50, 0.3) * norm.sf(np.sqrt(n / v) * 0.35)).sum()
    assert one.failure(50) == pytest.approx(expected, rel=1e-12)


def test_one_direction_of_the_sphere_is_both_signs_of_one_shift():
    barrier = np.array([0.3, 1.0, 4.0])
    sphere = SphereClass(dim=1, eps=1.0, mass=0.5, R=1.0, sigma=1.0)
    np.testing.assert_allclose(sphere._exceeds(barrier), 2 * norm.sf(barrier), rtol=1e-12)


def test_a_net_of_directions_is_bracketed_by_the_sphere():
    """Random directions in R^3 fail less often than all directions do, and more often than one."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((200, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    largest = (rng.standard_normal((20_000, 3)) @ directions.T).max(1)
    sphere = SphereClass(dim=3, eps=1.0, mass=0.5, R=1.0, sigma=1.0)
    for barrier in (1.5, 2.5):
        exceeds = np.mean(largest > barrier)
        slack = 4 * math.sqrt(exceeds / 20_000)
        assert norm.sf(barrier) < exceeds < float(sphere._exceeds(np.array([barrier]))[0]) + slack


@pytest.mark.parametrize(("clusters", "m"), [(1, 1), (1, 40), (3, 2), (3, 100), (8, 60), (20, 300)])
def test_the_outliers_occupancy_law_agrees_with_exact_fractions(clusters, m):
    eta = Fraction(1, 50)
    success = sum(
        math.comb(clusters, i) * Fraction(-1, 2) ** i * (1 - i * eta) ** m for i in range(clusters + 1)
    )
    law = OutlierClass(clusters=clusters, eta=0.02, R=10.0, sigma=1.0)
    assert law.failure(m) == pytest.approx(float(1 - success), rel=1e-10)  # log-gamma loses m*eps


def test_one_cluster_is_the_hard_pair():
    pair = HardPair(0.03, 15.0)
    one = OutlierClass(clusters=1, eta=0.03, R=15.0, sigma=1.0)
    for m in (1, 10, 300):
        assert one.failure(m) == pytest.approx(
            ExactFailure(pair)(m), rel=1e-6
        )  # R/sigma is finite for the pair
    assert one.l2 == pytest.approx(pair.l2, rel=1e-6)
    assert one.robust(0.02) == pytest.approx(pair.robust(0.02), rel=1e-6)
    assert one.robust(0.04) == 0.0


def test_the_residual_variance_is_that_of_the_denoising_target():
    """Var(z/sigma^2 + s*(y)) = v/sigma^2 and its covariance with y is zero, by the bilinear rules."""
    R, sigma = 3.0, 0.7
    shrink = 1 / (R**2 + sigma**2)
    variance = sigma**2 / sigma**4 - 2 * shrink * sigma**2 / sigma**2 + shrink**2 * (R**2 + sigma**2)
    klass = ShiftClass(dim=1, eps=1.0, mass=0.5, R=R, sigma=sigma)
    assert klass.residual / sigma**2 == pytest.approx(variance, rel=1e-12)


def test_distances_follow_from_the_gap_function():
    assert SHIFTS.l2 == pytest.approx(math.sqrt(0.1) * 0.5)
    assert SHIFTS.robust(0.09) == 0.5
    assert SHIFTS.robust(0.1) == 0.0
    for delta in (0.01, 0.05, 0.5):
        for klass in (SHIFTS, SPHERE, OUTLIERS):
            assert klass.robust(delta) <= klass.l2 / math.sqrt(delta)


@pytest.mark.parametrize("size", [2, 1000, 100_000])
def test_the_samples_needed_are_the_first_that_suffice(size):
    klass = ShiftClass(dim=size - 1, eps=0.3, mass=0.05, R=10.0, sigma=0.1)
    m = klass.samples_needed(0.05)
    assert klass.failure(m) <= 0.05 < klass.failure(m - 1)


def test_the_robust_metric_needs_log_size_over_eps_squared_delta():
    def needed(size=1000, eps=0.01, mass=0.01, R=10.0, sigma=0.1):
        return ShiftClass(dim=size - 1, eps=eps, mass=mass, R=R, sigma=sigma).samples_needed(0.01)

    base = needed()
    # exact laws, so only lower-order terms: n/mass fluctuates by eps^2 relatively, rounding of m by 1e-6
    assert needed(eps=0.005) / base == pytest.approx(4, rel=1e-3)
    assert needed(mass=0.005) / base == pytest.approx(2, rel=1e-3)
    assert needed(R=1000.0) / base == pytest.approx(1, rel=2e-4)  # v = 1 - (sigma/R)^2
    assert needed(sigma=0.001) / base == pytest.approx(1, rel=2e-4)
    # Phi^{-1} gives z^2 = 2 log(|H|/delta_train) - O(log log): the ratio to the bound creeps up to one
    ratios = [needed(size=s) * 1e-6 / (8 * math.log(s / 0.01)) for s in (10, 1000, 100_000)]
    assert ratios == sorted(ratios)
    assert ratios[0] > 0.6
    assert ratios[-1] < 1


def test_the_l2_metric_needs_r_squared_over_eps_squared_sigma_squared():
    def needed(clusters=9, eps=0.1, R=100.0, sigma=1.0):
        return OutlierClass.hardest(clusters=clusters, eps=eps, R=R, sigma=sigma).samples_needed(0.01)

    base = needed()
    for changed in (needed(eps=0.05), needed(R=200.0), needed(sigma=0.5)):
        assert changed / base == pytest.approx(4, rel=1e-4)
    assert OutlierClass.hardest(clusters=9, eps=0.1, R=100.0, sigma=1.0).l2 == pytest.approx(0.1)


def test_the_sphere_needs_its_dimension_linearly():
    needed = [
        SphereClass(dim=d, eps=0.05, mass=0.02, R=10.0, sigma=0.1).samples_needed(0.01) for d in (256, 1024)
    ]
    # chi^2_d quantile is d (1 + O(d^{-1/2})), so the exponent is a little below one
    assert 0.9 < math.log(needed[1] / needed[0], 4) < 1


def test_too_many_clusters_are_refused():
    with pytest.raises(InputError, match="exceed probability one"):
        OutlierClass(clusters=100, eta=0.02, R=10.0, sigma=1.0)
    with pytest.raises(InputError, match="mass"):
        ShiftClass(dim=1, eps=1.0, mass=0.0, R=1.0, sigma=1.0)


def test_the_shift_law_agrees_with_quadrature_over_the_gaussian_maximum():
    """1 - Phi^K as the integral of its density, without log_ndtr."""
    k, barrier = 50, 2.0
    expected = quad(lambda x: k * norm.pdf(x) * norm.cdf(x) ** (k - 1), barrier, 12)[0]
    klass = ShiftClass(dim=k, eps=1.0, mass=0.5, R=1.0, sigma=1.0)
    assert float(klass._exceeds(np.array([barrier]))[0]) == pytest.approx(expected, rel=1e-9)
