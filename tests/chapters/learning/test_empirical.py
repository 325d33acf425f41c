import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.stats import norm

from sharpbound.chapters.learning.empirical import (
    empirical_laws,
    memorisation_tv,
    normal_memorisation_tv,
    simulated_memorisation_tv,
)
from sharpbound.chapters.learning.memorisation import exact_memorisation_tv
from sharpbound.marginals.panels import log_density, tensor
from sharpbound.targets import build

NORMAL = build({"family": "gaussian", "mean": 0.0, "std": 1.0})


def test_the_reverse_flow_with_the_empirical_score_ends_at_the_memorised_law():
    """The probability-flow ODE dx/dt = -x - s_t(x) keeps cdf values: quantiles of phat_2 flow to those of
    (1/n) sum N(e^-delta x_i, 1 - e^-2delta) at delta.
    """
    (data,) = empirical_laws(NORMAL, 5, 1, seed=4)
    horizon, delta = 2.0, 0.05

    def level(t):
        return math.exp(-t), math.sqrt(-math.expm1(-2 * t))

    probabilities = torch.tensor([0.05, 0.3, 0.5, 0.72, 0.9], dtype=torch.float64)

    def velocity(t, x):
        return -x - data.derivative(tensor(x), *level(t), 1).numpy()

    start = data.quantile(probabilities, *level(horizon)).numpy()
    end = solve_ivp(velocity, (horizon, delta), start, rtol=1e-10, atol=1e-12, method="LSODA").y[:, -1]
    points, (a, sigma) = data.means.numpy(), level(delta)
    cdf = norm.cdf((end[:, None] - a * points) / sigma).mean(1)
    np.testing.assert_allclose(cdf, probabilities, atol=1e-7)  # the integrator's tolerance, times the density


def test_the_tv_agrees_with_a_fine_grid():
    (data,) = empirical_laws(NORMAL, 20, 1, seed=0)
    x = np.linspace(-9, 9, 200_001)
    p, q = (np.exp(log_density(law, x, 0.9, 0.3)) for law in (NORMAL, data))
    assert memorisation_tv(NORMAL, data, 0.9, 0.3) == pytest.approx(np.trapezoid(abs(p - q), x) / 2, rel=1e-6)


def test_the_expected_tv_has_the_rate_of_a_kernel_estimate():
    # exact rates of the normal limit: n^{-1/2} always, t^{-1/4} as t -> 0 with corrections of order sqrt(t)
    value = [normal_memorisation_tv(NORMAL, n, 1.0, 1e-3) for n in (10**6, 4 * 10**6)]
    assert value[0] / value[1] == pytest.approx(2, rel=1e-12)
    slopes = [
        math.log(
            normal_memorisation_tv(NORMAL, 10**9, 1.0, s) / normal_memorisation_tv(NORMAL, 10**9, 1.0, 2 * s),
            4,
        )
        for s in (1e-3, 1e-4)
    ]
    assert abs(slopes[1] - 0.25) < abs(slopes[0] - 0.25) < 1e-3


@pytest.mark.parametrize("sigma", [0.5, 0.1])
def test_the_expected_tv_is_the_mean_over_samples(sigma):
    exact = exact_memorisation_tv(NORMAL, 100, 0.9, sigma)
    run = simulated_memorisation_tv(NORMAL, 100, 0.9, sigma, 40, seed=1)
    assert exact.floor < 1e-3 * exact.value  # CELLS^-2 = 6e-5, a few times over
    assert abs(run.value - exact.value) < 4 * run.error


def test_the_expected_tv_of_one_point_is_that_of_its_kernel():
    """n = 1: E TV = E int (p - K(x - a X))_+ dx, by direct quadrature."""
    a, sigma, x = 0.9, 0.6, np.linspace(-8, 8, 4001)
    p, data = norm.pdf(x, scale=math.hypot(a, sigma)), np.linspace(-7, 7, 1001)
    tv = [np.trapezoid(np.maximum(p - norm.pdf(x, a * u, sigma), 0), x) for u in data]
    expected = np.trapezoid(norm.pdf(data) * tv, data)
    assert exact_memorisation_tv(NORMAL, 1, a, sigma).value == pytest.approx(
        expected, rel=1e-3
    )  # the lattice's


def test_the_expected_tv_meets_the_normal_limit():
    gap = [
        exact_memorisation_tv(NORMAL, n, 0.9, 0.5).value / normal_memorisation_tv(NORMAL, n, 0.9, 0.5) - 1
        for n in (100, 400, 1600)
    ]
    assert abs(gap[2]) < 3e-3
    assert abs(gap[0]) > abs(gap[1]) > abs(gap[2])


def test_empirical_laws_are_reproducible_and_differ():
    first, again = ([law.means for law in empirical_laws(NORMAL, 4, 2, seed=7)] for _ in range(2))
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
