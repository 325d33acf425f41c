"""ELBO terms against closed forms, published numbers and direct minimisation."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from sharpbound import targets
from sharpbound.chapters.diffusion_time.elbo import (
    gap,
    kl_bound,
    kl_leading,
    kl_to_noise,
    level,
    noise_std,
    optimal_time,
)
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import Normal, divergence, relative_information

PUBLISHED = [(0.2, 2.444), (0.5, 1.7625), (1.0, 1.0612), (2.0, 0.38981), (4.0, 0.052749), (6.0, 0.0071388)]


@pytest.mark.parametrize(("time", "kl"), PUBLISHED)
def test_published_divergences(toy, time, kl):
    assert kl_to_noise(toy, "vp", time) == pytest.approx(kl, rel=1e-4)  # all digits quoted


@pytest.mark.parametrize("process", ["vp", "ve"])
@pytest.mark.parametrize("time", [0.1, 1.0, 7.0])
def test_divergence_against_the_trapezoidal_rule(toy, process, time):
    a, sigma = level(process, time)
    x = torch.arange(-15 - 12 * sigma, 15 + 12 * sigma, 0.002, dtype=torch.float64)
    log_p = toy.derivative(x, a, sigma, 0)
    log_q = Normal(0.0, noise_std(process, time)).log_density(x)
    direct = float((log_p.exp() * (log_p - log_q)).sum()) * 0.002
    assert kl_to_noise(toy, process, time) == pytest.approx(direct, rel=1e-11)


def test_tiny_divergences_of_gaussians_keep_their_digits():
    # N(0, 1 + d) against N(0, 1): d^2/4 - d^3/6, far below rounding of log densities of size one
    for excess in (1e-3, 1e-6, 1e-9):
        target = targets.build({"family": "gaussian", "mean": 0.0, "std": math.sqrt(excess)})
        exact = 0.5 * (excess - math.log1p(excess)) if excess == 1e-3 else excess**2 / 4 - excess**3 / 6
        # rounding of r = log q - log p is 1e-16 against 1e-9
        assert divergence(target, 1.0, 1.0, Normal(0.0, 1.0)) == pytest.approx(exact, rel=1e-6)


def test_divergence_from_a_displaced_narrow_model(toy):
    # most of the model's mass lies where p has none: the closed form of two Gaussians still comes out
    target = targets.build({"family": "gaussian", "mean": 5.0, "std": 1.0})
    exact = 0.5 * (4 + 25 * 4 - 1 - math.log(4))
    assert divergence(target, 1.0, 0.0, Normal(0.0, 0.5)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_bounds_hold_and_the_leading_order_is_reached(toy, process):
    second_moment = toy.moments().second_moment
    mean_square = float(toy.moments().mean[0]) ** 2
    for time in (0.05, 0.5, 2.0, 10.0, 30.0):
        assert kl_to_noise(toy, process, time) <= kl_bound(second_moment, 1, process, time) * (1 + 1e-12)
    late = 14.0 if process == "vp" else 1e6
    # the next order is smaller by e^-T or 1/T
    assert kl_to_noise(toy, process, late) == pytest.approx(kl_leading(mean_square, process, late), rel=1e-5)


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_centred_data_decay_twice_as_fast(process):
    times = np.array([10.0, 11.0]) if process == "vp" else np.array([1e4, 1e5])
    clock = times if process == "vp" else np.log(times)
    for mean, order in ((1.0, 1.0), (0.0, 2.0)):
        target = targets.build({"family": "gaussian", "mean": mean, "std": 0.3})
        kl = [kl_to_noise(target, process, t) for t in times]
        slope = -math.log(kl[1] / kl[0]) / (clock[1] - clock[0])
        assert slope == pytest.approx(order, abs=1e-3)  # next order: e^-10, 1e-4


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_divergence_falls_at_half_the_relative_information(toy, process):
    time, h = 1.3, 1e-3
    f = [kl_to_noise(toy, process, time + k * h) for k in (-2, -1, 1, 2)]
    slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
    info = relative_information(toy, *level(process, time), noise_std(process, time))
    assert slope == pytest.approx(-0.5 * info, rel=1e-9)  # fourth-order difference: h^4 and 1e-15/h


@pytest.mark.parametrize(("e2", "leading"), [(1.0, 1.751), (0.1, 4.054), (0.01, 6.356), (0.001, 8.659)])
def test_optimal_time_and_its_leading_order(toy, e2, leading):
    best = optimal_time(toy, "vp", e2)
    assert best.leading == pytest.approx(leading, abs=6e-4)
    # the next term of the expansion is of relative order e^-T
    assert best.time == pytest.approx(best.leading, abs=5 * math.exp(-best.time) ** 2 + 1e-9)
    assert best.loss == pytest.approx(kl_to_noise(toy, "vp", best.time) + gap(e2, best.time), rel=1e-14)


@pytest.mark.parametrize(("process", "bracket"), [("vp", (1.0, 8.0)), ("ve", (1.0, 40.0))])
def test_optimal_time_is_the_minimiser(toy, process, bracket):
    def loss(time):
        return kl_to_noise(toy, process, time) + gap(0.1, time)

    found = minimize_scalar(loss, bounds=bracket, method="bounded", options={"xatol": 1e-9})
    # a minimum is flat: its place is known to the square root of rounding
    assert optimal_time(toy, process, 0.1).time == pytest.approx(found.x, rel=1e-6)


@pytest.mark.parametrize("nu", [1, 3])
def test_heavy_tails_are_refused_rather_than_cut(nu):
    heavy = targets.build({"family": "student-t", "nu": nu})
    with pytest.raises(InputError, match="too heavy"):
        kl_to_noise(heavy, "vp", 0.5)


def test_centred_data_have_no_leading_order():
    target = targets.build({"family": "gaussian", "mean": 0.0, "std": 2.0})
    best = optimal_time(target, "vp", 0.01)
    assert best.leading is None
    # N(0, V), V = 1 + 3 e^-T: E (score + x)^2 = (V - 1)^2/V
    v = 1 + 3 * math.exp(-best.time)
    assert (v - 1) ** 2 / v == pytest.approx(0.01, rel=1e-10)


def test_impossible_requests_are_refused(toy):
    with pytest.raises(InputError, match="no optimal diffusion time"):
        optimal_time(toy, "vp", 1e6)
    with pytest.raises(InputError, match="positive"):
        kl_to_noise(toy, "vp", 0.0)
    with pytest.raises(InputError, match="vp or ve"):
        kl_to_noise(toy, "ddpm", 1.0)


def test_digits_of_a_divergence_that_is_next_to_nothing():
    """By Hermite's polynomials, sum_k c_k^2/2 k! - c_2^3/3! ... with c_k = E He_k(X0) e^{-k T/2}: what lies in the
    tails beyond exp(-40) is no part of it, for both laws have it.
    """
    weights, means, stds = np.array([0.3, 0.7]), np.array([-1.4, 0.6]), np.array([0.1, 0.5])
    target = targets.build(
        {
            "family": "gaussian-mixture",
            "weights": weights.tolist(),
            "means": means.tolist(),
            "stds": stds.tolist(),
        }
    )
    second = weights @ (means**2 + stds**2) - 1
    third = weights @ (means**3 + 3 * means * stds**2)
    time = 10.0
    by_hand = second**2 / 4 * math.exp(-2 * time) + third**2 / 12 * math.exp(-3 * time)
    assert kl_to_noise(target, "vp", time) == pytest.approx(
        by_hand, rel=5e-7
    )  # the next terms are of order e^{-4 T}
