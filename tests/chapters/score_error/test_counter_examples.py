"""The last-step counter-examples: published numbers, brute force, limits."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from sharpbound import processes, samplers, targets
from sharpbound.chapters.score_error.counter_examples import CounterExample, counter_example
from sharpbound.errors import InputError

BETA = 0.01


def brute_ddpm(example, points):
    """q_wrong - q_exact of DDPM's last step at ``points`` by a fine midpoint rule in y."""
    alpha = 1 - BETA
    g = (1 - BETA / 2) / math.sqrt(alpha)
    cell = example.step / g / 400  # the jumps fall on edges of the rule's cells
    y = (np.arange(-int(9 / cell), int(9 / cell)) + 0.5) * cell
    if example.field == "sine":
        error = example.slope / example.omega * np.sin(example.omega * y)
    else:
        error = 2 * math.sqrt(alpha) / BETA * (example.step * np.floor(g * y / example.step) - g * y)
    weight = stats.norm.pdf(y) * (y[1] - y[0])
    means = [(y + BETA * (e - y)) / math.sqrt(alpha) for e in (error, 0.0)]
    std = math.sqrt(BETA / alpha)
    return np.array(
        [weight @ (stats.norm.pdf(x, means[0], std) - stats.norm.pdf(x, means[1], std)) for x in points]
    )


@pytest.mark.parametrize(
    ("omega", "l2", "ddpm"), [(50, 1.4, 4.9e-5), (200, 0.35, None), (800, 0.088, None), (3200, 0.022, 1.2e-8)]
)
def test_published_numbers_of_the_sine(omega, l2, ddpm):
    """All digits quoted: the L2 error falls, the ODE stays at 1/(2 pi), DDPM forgives."""
    example = CounterExample("sine", float(omega), BETA)
    assert example.l2 == pytest.approx(l2, rel=0.02)
    assert example.tv("pf-ode").value == pytest.approx(
        1 / (2 * math.pi), rel=0.006
    )  # beta/sqrt(1 - beta), sampling
    if ddpm:
        assert example.tv_added("ddpm").value == pytest.approx(ddpm, rel=0.01)


@pytest.mark.parametrize(("field", "omega"), [("sine", 50.0), ("sine", 200.0), ("staircase", 60.0)])
def test_ddpm_density_against_brute_force(field, omega):
    example = CounterExample(field, omega, BETA)
    kappa, noise = math.sqrt(1 - BETA), BETA / (1 - BETA)
    points = np.array([-2.1, -0.7, 0.0, 0.33, 1.9])
    density = example._ddpm_sine if field == "sine" else example._ddpm_staircase
    exact = density(points[None], kappa, noise)[0]
    tolerance = 1e-9 if field == "sine" else 1e-6  # midpoint rule: spectral, or the square of its cell
    np.testing.assert_allclose(exact, brute_ddpm(example, points), atol=tolerance)


def test_ode_sine_against_adaptive_quadrature():
    example = CounterExample("sine", 7.0, BETA, slope=80.0)
    g, b = example.ode_gain, 0.5 * BETA / math.sqrt(1 - BETA) * 80 / 7

    def off(y):
        m, slope = g * y + b * math.sin(7 * y), g + b * 7 * math.cos(7 * y)
        return abs(stats.norm.pdf(y) - stats.norm.pdf(m) * slope)

    brute = 0.5 * sum(quad(off, a, a + 0.1, epsabs=1e-12)[0] for a in np.arange(-9, 9, 0.1))
    assert example.tv("pf-ode").value == pytest.approx(brute, rel=1e-7)  # quad is not told of the kinks


def test_sizes_against_adaptive_quadrature():
    for field in ("sine", "staircase"):
        example = CounterExample(field, 9.0, BETA)
        y = np.linspace(-9, 9, 2_000_001)
        g = example.ode_gain
        if field == "sine":
            e, slope = 100 / 9 * np.sin(9 * y), 100 * np.cos(9 * y)
            assert example.mean_slope == pytest.approx(
                np.trapezoid(stats.norm.pdf(y) * np.abs(slope), y), rel=1e-6
            )
        else:
            e = 2 * math.sqrt(1 - BETA) / BETA * (example.step * np.floor(g * y / example.step) - g * y)
            assert example.l2 <= 2 * math.sqrt(1 - BETA) * example.step / BETA
        assert example.l2 == pytest.approx(math.sqrt(np.trapezoid(stats.norm.pdf(y) * e**2, y)), rel=1e-5)


def test_the_staircase_is_discrete_for_the_ode_alone():
    for omega in (50.0, 400.0):
        example = CounterExample("staircase", omega, BETA)
        assert example.tv("pf-ode").value == 1.0
        # floor() lowers the mean by half a step, and DDPM's mean moves twice as far
        shift = example.step / math.sqrt(1 + BETA**2)
        assert example.tv_added("ddpm").value == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, rel=0.01)


@pytest.mark.parametrize(
    ("change", "target", "name", "key"),
    [
        ({"slope": 1000.0}, {}, "pf-ode", "score_error.slope"),
        ({"omega": -1.0}, {}, "ddpm", "score_error.omega"),
        ({"eps": 1.0}, {}, "ddpm", "score_error.eps"),
        ({}, {"std": 2.0}, "ddpm", "score_error.field"),
        ({}, {}, "heun", "sampler.name"),
    ],
)
def test_bad_input(change, target, name, key):
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 0.0600503, "delta": 0.05}, 2)
    law = targets.build({"family": "gaussian", "mean": 0.0, "std": 1.0} | target)
    with pytest.raises(InputError) as caught:
        counter_example(
            {"field": "sine", "omega": 50.0} | change, law, ladder, samplers.build({"name": name})
        )
    assert caught.value.key == key
