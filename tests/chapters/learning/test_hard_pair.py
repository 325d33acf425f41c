import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.learned_score import pair_targets
from sharpbound.errors import InputError
from sharpbound.marginals.panels import log_density, tensor


@pytest.mark.parametrize(("eta", "R", "ratio"), [(0.1, 5, 0.985), (0.01, 5, 0.956), (0.01, 10, 1.0000)])
def test_the_l2_gap_tends_to_eta_r_squared(eta, R, ratio):
    # the reference values have three decimals (four for the last)
    assert HardPair(eta, R).l2 ** 2 / (eta * R**2) == pytest.approx(ratio, abs=5e-4 if ratio < 1 else 5e-5)


def test_the_l2_gap_agrees_with_high_precision_quadrature():
    eta, R = mpmath.mpf("0.03"), mpmath.mpf(4)

    def phi(x):
        return mpmath.exp(-(x**2) / 2) / mpmath.sqrt(2 * mpmath.pi)

    def integrand(x):
        bulk, left, right = (1 - eta) * phi(x), eta * phi(x + R), eta * phi(x - R)
        p1, p2 = bulk + left, bulk + right
        s1 = -(x * bulk + (x + R) * left) / p1
        s2 = -(x * bulk + (x - R) * right) / p2
        return p1 * (s1 - s2) ** 2

    expected = mpmath.quad(integrand, [-14, -8, -6, -4, -3, -2, 0, 2, 3, 4, 6, 10])
    assert HardPair(0.03, 4.0).l2 ** 2 == pytest.approx(float(expected), rel=1e-10)


def test_tv_agrees_with_quadrature():
    pair = HardPair(0.2, 1.5, 0.7)
    gap = quad(
        lambda y: abs(np.exp(pair.log_density(y, 1)) - np.exp(pair.log_density(y, 2))), -12, 12, points=[0]
    )
    assert pair.tv == pytest.approx(gap[0] / 2, rel=1e-9)


@pytest.mark.parametrize("R", [10.0, 30.0, 1000.0])
def test_the_robust_distance_sees_outliers_only_below_their_mass(R):
    pair = HardPair(0.01, R)
    assert pair.robust(0.005) == pytest.approx(R, rel=1e-12)
    assert pair.robust(0.02) < 1e-8


@given(st.floats(1e-4, 0.5), st.floats(0.1, 50), st.floats(0.2, 5), st.floats(1e-6, 0.999))
@settings(max_examples=60, deadline=None)
def test_the_robust_distance_is_below_l2_over_root_delta(eta, R, sigma, delta):
    pair = HardPair(eta, R, sigma)
    assert pair.robust(delta) <= pair.l2 / math.sqrt(delta) * (1 + 1e-9)  # Markov; 1e-9: quadrature of l2


def test_the_robust_distance_is_the_quantile_of_the_gap_under_p1():
    pair, delta = HardPair(0.05, 3.0, 1.3), 0.11
    rng = np.random.default_rng(1)
    x, z = pair.sample(400_000, rng)
    share = np.mean(pair.gap(x + z) >= pair.robust(delta))
    assert abs(share - delta) < 4 * math.sqrt(delta * (1 - delta) / 400_000)  # four standard deviations


def test_densities_and_scores_are_those_of_the_mixture_targets():
    pair = HardPair(0.07, 6.0, 0.8)
    y = np.linspace(-12, 12, 101)
    for which, target in enumerate(pair_targets(pair), start=1):
        # the same closed forms in another order of operations
        np.testing.assert_allclose(
            pair.log_density(y, which), log_density(target, y, 1.0, 0.0), rtol=1e-12, atol=1e-12
        )
        score = target.derivative(tensor(y), 1.0, 0.0, 1).numpy()
        np.testing.assert_allclose(pair.score(y, which), score, rtol=1e-10, atol=1e-10)


def test_the_forward_process_turns_a_pair_into_a_pair():
    pair, (a, sigma) = HardPair(0.07, 6.0, 0.8), (0.6, 0.5)
    y = np.linspace(-6, 6, 41)
    target = pair_targets(pair)[1]
    np.testing.assert_allclose(
        pair.at(a, sigma).log_density(y, 2), log_density(target, y, a, sigma), rtol=1e-12
    )


def test_the_loss_difference_is_the_difference_of_the_losses():
    pair = HardPair(0.1, 3.0, 0.9)
    x, z = pair.sample(2000, np.random.default_rng(0))
    direct = pair.loss(x, z, 2) - pair.loss(x, z, 1)
    np.testing.assert_allclose(
        pair.loss_difference(x, z), direct, rtol=1e-9, atol=1e-11
    )  # rounding of `direct`


def test_the_mean_loss_difference_is_the_squared_l2_distance():
    """Denoising and explicit score matching differ by a constant: E loss(s2) - E loss(s1) = ||s1 - s2||^2."""
    pair = HardPair(0.1, 4.0)

    def mean_given(x):
        return quad(
            lambda z: pair.loss_difference(x, z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi),
            -12,
            12,
            limit=400,
        )[0]

    mean = 0.9 * mean_given(0.0) + 0.1 * mean_given(-4.0)
    assert mean == pytest.approx(pair.l2**2, rel=1e-8)


@pytest.mark.parametrize(
    ("arguments", "key"),
    [((0.0, 1.0), "eta"), ((0.6, 1.0), "eta"), ((0.1, -1.0), "R"), ((0.1, 1.0, 0.0), "sigma")],
)
def test_bad_pairs_are_refused(arguments, key):
    with pytest.raises(InputError) as caught:
        HardPair(*arguments)
    assert caught.value.key == key
