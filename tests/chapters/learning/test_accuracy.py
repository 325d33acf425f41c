import math

import numpy as np
import pytest
from scipy.stats import norm

from sharpbound.chapters.learning.accuracy import (
    l2_route,
    levels,
    robust_route,
    samples_to_tell,
    w2,
    wasserstein_limit,
)
from sharpbound.chapters.learning.failure import lower_bound
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.errors import InputError


@pytest.mark.parametrize(("eta", "R", "sigma"), [(0.1, 5.0, 1.0), (0.3, 2.0, 0.5)])
def test_w2_agrees_with_tabulated_quantiles(eta, R, sigma):
    x = np.linspace(-R - 12 * sigma, R + 12 * sigma, 400_001)
    u = (np.arange(400_000) + 0.5) / 400_000

    def quantiles(side):
        cdf = (1 - eta) * norm.cdf(x / sigma) + eta * norm.cdf((x - side * R) / sigma)
        return np.interp(u, cdf, x)

    expected = math.sqrt(np.mean((quantiles(-1) - quantiles(1)) ** 2))
    assert w2(HardPair(eta, R, sigma)) == pytest.approx(
        expected, rel=2e-4
    )  # the table leaves out 1e-6 of each tail


def test_w2_tends_to_root_two_eta_times_r():
    ratios = [w2(HardPair(1e-3, R)) / (math.sqrt(2e-3) * R) for R in (20.0, 100.0, 500.0)]
    assert ratios == sorted(ratios)
    assert ratios[-1] == pytest.approx(1, abs=0.01)


def test_samples_to_tell_inverts_the_lower_bound():
    m = samples_to_tell(0.01, 0.05)
    assert lower_bound(0.01, math.ceil(m)) <= 0.05 < lower_bound(0.01, math.floor(m))


def test_the_l2_route_is_quadratic_in_gamma():
    m = [l2_route(gamma, 0.3, 0.01) for gamma in (1e-2, 1e-3)]
    assert math.log10(m[1] / m[0]) == pytest.approx(2, abs=1e-5)  # log(1 - x) = -x (1 + x/2), x = 9e-6


def test_the_l2_route_is_the_pair_at_distance_eps_over_sigma():
    gamma, eps, R = 1e-2, 0.3, 7.0
    pair = HardPair((eps * gamma) ** 2, R, gamma * R)
    assert pair.l2 == pytest.approx(eps / pair.sigma, rel=1e-6)  # exact for R >> sigma, here R = 100 sigma


def test_the_robust_route_grows_slower_than_any_power():
    gammas = [10.0**-k for k in (1, 2, 4, 8, 16)]
    m = [robust_route(gamma, 0.3, 0.1, 0.01) for gamma in gammas]
    slopes = np.diff(np.log(m)) / -np.diff(np.log(gammas))
    assert (np.diff(slopes) < 0).all()
    assert slopes[-1] < 0.15
    # K log K with K ~ log^2(1/gamma): the power of log(1/gamma) lies a little above two
    power = math.log(m[-1] / m[-2]) / math.log(2)
    assert 2 < power < 2.3


def test_the_wasserstein_limit_binds_every_procedure():
    # eta solves w2 = 2 gamma R. The outliers travel from R to where the bulk ends, about sigma = gamma R times a
    # quantile of N(0,1) away from 0: w2 = sqrt(2 eta) R (1 - O(gamma)), so the ratio nears 1 from below, like gamma
    below = [1 - wasserstein_limit(gamma, 0.01) * 2 * gamma**2 / math.log(50) for gamma in (1e-2, 1e-3, 1e-4)]
    assert all(
        norm.isf(2 * g**2) * g < b < 3 * norm.isf(2 * g**2) * g
        for g, b in zip((1e-2, 1e-3, 1e-4), below, strict=True)
    )


def test_levels_and_bad_input():
    assert levels(math.exp(-3), 0.6, 0.8) == 9
    with pytest.raises(InputError) as caught:
        l2_route(1.5, 0.1, 0.01)
    assert caught.value.key == "gamma"
