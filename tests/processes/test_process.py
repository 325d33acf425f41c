"""What ties a to sigma, on every schedule; noise variances and diffusions against the processes' own definitions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from sharpbound import processes
from sharpbound.processes import PROCESSES, SCHEDULES

ALL = sorted(SCHEDULES)
LAMBDAS = (-6.0, -1.0, 0.0, 0.7, 5.0)


@pytest.mark.parametrize("schedule", ALL)
def test_levels_lie_on_the_curve_of_their_process(schedule):
    ladder = processes.build({"schedule": schedule}, 40)
    for a, sigma in map(ladder.level, range(41)):
        assert ladder.process.scale(sigma / a) == pytest.approx(a, rel=1e-12)
        if sigma > 0:
            assert ladder.process.level_at(math.log(a / sigma)) == pytest.approx((a, sigma), rel=1e-12)


@pytest.mark.parametrize("lam", LAMBDAS)
@pytest.mark.parametrize(
    ("kind", "sigma_of"),
    [("vp", lambda a: math.sqrt(1 - a * a)), ("sub-vp", lambda a: 1 - a * a)],
)
def test_level_at(kind, sigma_of, lam):
    a, sigma = PROCESSES[kind].level_at(lam)
    assert sigma == pytest.approx(sigma_of(a), rel=1e-9)
    assert math.log(a / sigma) == pytest.approx(lam, abs=1e-13)


def test_level_at_of_the_variance_exploding_process():
    assert PROCESSES["ve"].level_at(-2.0) == (1.0, math.exp(2.0))


@pytest.mark.parametrize("kind", sorted(PROCESSES))
def test_clock_is_minus_log_a_or_sigma(kind):
    n = np.exp([-lam for lam in LAMBDAS])
    expected = n if kind == "ve" else [-math.log(PROCESSES[kind].scale(x)) for x in n]
    np.testing.assert_allclose(PROCESSES[kind].clock(n), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("schedule", "g_squared"),
    [
        ("vp-linear", lambda beta, integral, t: beta(t)),
        ("sub-vp", lambda beta, integral, t: beta(t) * -math.expm1(-2 * integral(t))),
    ],
)
def test_diffusion_is_the_integral_of_g_squared(schedule, g_squared):
    """Song et al. (2011.13456): f = -beta/2, beta linear in t; the ladder's times are uniform on [delta, 1]."""
    T, low, high, delta = 12, 0.1, 20.0, 1e-3
    ladder = processes.build({"schedule": schedule}, T)

    def beta(t):
        return low + t * (high - low)

    def integral(t):
        return low * t + 0.5 * (high - low) * t * t

    for k, (start, end) in enumerate(pairwise(np.linspace(delta, 1, T + 1)), start=1):
        expected, _ = quad(lambda t: g_squared(beta, integral, t), start, end, epsabs=0, epsrel=1e-12)
        assert ladder.diffusion(k) == pytest.approx(expected, rel=1e-10)
        # variance of X_k given X_{k-1}: int g^2(t) exp(-int_t^end beta) dt
        last = integral(end)
        variance, _ = quad(
            lambda t, last=last: g_squared(beta, integral, t) * math.exp(integral(t) - last),
            start, end, epsabs=0, epsrel=1e-12,
        )  # fmt: skip
        assert ladder.noise_variance(k) == pytest.approx(variance, rel=1e-10)


def test_variance_exploding_steps_add_their_variances():
    ladder = processes.build({"schedule": "edm"}, 9)
    for t in range(1, 10):
        added = float(ladder.sigma[t]) ** 2 - float(ladder.sigma[t - 1]) ** 2
        assert ladder.diffusion(t) == pytest.approx(added, rel=1e-14)
        assert ladder.noise_variance(t) == pytest.approx(added, rel=1e-14)
    assert ladder.prior_std == 80.0


@pytest.mark.parametrize("schedule", ALL)
def test_the_axis_of_errors_is_the_step_of_the_schedule(schedule):
    """1/h is proportional to T, or to T over the power of log T that the axis names."""
    coarse, fine = (processes.build({"schedule": schedule}, T) for T in (1000, 4000))
    logs = math.log(4000) / math.log(1000)
    assert coarse.step_size / fine.step_size == pytest.approx(4 / logs**coarse.axis_logs, rel=1e-12)
    assert coarse.axis == ("T/log T" if coarse.axis_logs else "T")


def test_the_horizon_of_li2024_grows_like_log_T():
    """sum_t beta_t ~ (c1 - c0) log T, which is twice the horizon -log a_T."""
    ladders = [processes.build({"schedule": "li2024", "c0": 2.0, "c1": 5.0}, T) for T in (4_000, 400_000)]
    assert all(ladder.slow_log for ladder in ladders)
    grown = math.log(ladders[0].a[-1] / ladders[1].a[-1])
    assert 2 * grown == pytest.approx((5 - 2) * math.log(100), rel=0.01)  # what is left of log log T
    assert not any(processes.build({"schedule": name}, 40).slow_log for name in ALL if name != "li2024")
