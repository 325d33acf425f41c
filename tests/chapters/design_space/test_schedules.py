"""Schedules: asymptotic constants, and optimality of the optimal ladder."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from sharpbound.chapters.design_space import schedules
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import discretisation_error, variances
from sharpbound.marginals.fisher import GaussianInformation

SIGMAS = (0.002, 80.0)
LENGTH = math.log(80 / 0.002)
POINT = GaussianInformation([0.0])


def richardson(name, steps):
    """N E_D extrapolated to N = infinity: its error is a series in 1/N."""
    ladders = [(n, variances(schedules.named(name, n, *SIGMAS))) for n in (steps, 2 * steps, 4 * steps)]
    coarse, middle, fine = (n * discretisation_error(POINT, v) for n, v in ladders)
    return (4 * (2 * fine - middle) - (2 * middle - coarse)) / 3


@pytest.mark.parametrize("power", [2, 3, 7])
def test_polynomial_constant(power):
    # third order in 1/N remains: (4a e^{L/2a}/N)^3 relative, large for small powers
    assert richardson(f"polynomial-{power}", 20000) == pytest.approx(
        schedules.polynomial_constant(power, *SIGMAS), rel=1e-4
    )


def test_exponential_constant():
    assert richardson("exponential", 2000) == pytest.approx(LENGTH**2, rel=1e-7)
    assert schedules.exponential_constant(*SIGMAS) == pytest.approx(LENGTH**2, rel=1e-14)
    assert schedules.polynomial_constant(1e4, *SIGMAS) == pytest.approx(LENGTH**2, rel=1e-6)


@pytest.mark.parametrize(
    ("power", "ratio"), [(1, 356.2), (2, 7.05), (3, 2.583), (5, 1.435), (7, 1.2062), (10, 1.097)]
)
def test_published_ratios_to_the_exponential(power, ratio):
    measured = schedules.polynomial_constant(power, *SIGMAS) / LENGTH**2
    assert measured == pytest.approx(ratio, rel=5e-4)  # all digits quoted


@pytest.mark.parametrize("variance", [0.0, 1e-4, 0.01, 0.25])
def test_optimal_ladder_of_a_gaussian_is_geometric_in_the_total_variance(variance):
    v = variances(schedules.optimal(GaussianInformation([variance]), 40, *SIGMAS))
    ratio = (variance + v[:-1]) / (variance + v[1:])
    # 1e-6: one number is shot over forty steps of a recursion with cancelling differences
    np.testing.assert_allclose(ratio, np.full(40, math.exp(np.log(ratio).mean())), rtol=1e-6)


@pytest.mark.parametrize("steps", [3, 6])
def test_optimal_ladder_is_what_a_direct_minimiser_finds(mixture, steps):
    _, info = mixture

    def ladder(logits):  # log v falls from end to end by softmax shares
        shares = np.exp(logits - logits.max())
        fallen = np.append(np.cumsum(shares[:-1]) / shares.sum(), 1.0)
        return np.maximum(6400 * np.exp(-2 * LENGTH * np.append(0.0, fallen)), 4e-6)

    def loss(logits):
        return discretisation_error(info, ladder(logits))

    ours = variances(schedules.optimal(info, steps, *SIGMAS))
    starts = [np.zeros(steps), np.log(np.log(ours[:-1] / ours[1:])) + 0.3 * np.cos(np.arange(steps))]
    found = [minimize(loss, start, method="BFGS", options={"gtol": 1e-6}) for start in starts]
    best = min(found, key=lambda result: result.fun)
    # a minimum is flat: BFGS with finite differences of 1e-8 finds its value to 1e-12, its place to 1e-6
    assert discretisation_error(info, ours) == pytest.approx(best.fun, rel=1e-9)
    np.testing.assert_allclose(np.log(ours), np.log(ladder(best.x)), atol=1e-4)


@pytest.mark.parametrize("steps", [10, 60])
def test_optimal_ladder_is_best_of_all_names(mixture, steps):
    _, info = mixture
    ours = variances(schedules.optimal(info, steps, *SIGMAS))
    assert len(ours) == steps + 1
    assert (np.diff(ours) < 0).all()
    assert ours[[0, -1]] == pytest.approx([6400, 4e-6])
    best = discretisation_error(info, ours)
    for name in ("exponential", "polynomial-3", "edm", "polynomial-15", "cosine", "tangent-0.5"):
        assert best < discretisation_error(info, variances(schedules.named(name, steps, *SIGMAS)))
    # the density sqrt(J) is optimal to leading order; the next order is negative, of relative size O(1/N)
    leading = schedules.optimal_constant(info, 4e-6, 6400) / steps
    assert leading * (1 - 5 / steps) < best < leading


def test_names():
    cosine, tangent = (schedules.named(name, 12, *SIGMAS) for name in ("cosine", "tangent-1"))
    np.testing.assert_array_equal(cosine.sigma, tangent.sigma)
    for bad in ("linear", "polynomial-x", "polynomial", "tangent-"):
        with pytest.raises(InputError):
            schedules.named(bad, 10, *SIGMAS)
