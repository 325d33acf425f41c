"""The noise-free probes, against maps and chains whose output law is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from sharpbound import targets
from sharpbound.errors import NotMeasured
from sharpbound.laws.probe import (
    Impulses,
    Quantiles,
    measure_deterministic,
    measure_stochastic,
    probe_deterministic,
)

GAUSSIAN = targets.build({"family": "gaussian", "mean": 0.5, "std": 0.5})
MIXTURE = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)
START, END = (0.6, 0.8), (0.98, 0.2)


def moments(level: tuple[float, float]) -> tuple[float, float]:
    a, sigma = level
    return 0.5 * a, math.hypot(0.5 * a, sigma)


def test_an_affine_map_of_a_gaussian_has_the_known_w2() -> None:
    m0, s0 = moments(START)
    m1, s1 = moments(END)
    found = measure_deterministic(Quantiles(GAUSSIAN), lambda x: 0.3 + 1.7 * x, START, END, 0.0, 1)
    # the trapezoidal rule misses the tails beyond 6 standard deviations: 1e-8 of a second moment
    assert found.value == pytest.approx(math.hypot(0.3 + 1.7 * m0 - m1, 1.7 * s0 - s1), rel=1e-7)
    assert found.floor < 1e-8  # the two rules differ by the cut tails alone


def test_the_optimal_map_has_no_error() -> None:
    m0, s0 = moments(START)
    m1, s1 = moments(END)
    found = measure_deterministic(
        Quantiles(GAUSSIAN), lambda x: m1 + s1 * (x - m0) / s0, START, END, 2.0**-53, 10
    )
    assert found.value < 1e-12


def test_w2_on_a_mixture_agrees_with_adaptive_quadrature() -> None:
    """In the coordinate x of the start, where no quantile has to be found: u = F_start(x)."""

    def cost(x: float) -> float:
        at = torch.tensor([x], dtype=torch.float64)
        u = MIXTURE.cdf(at, *START)
        truth = float(MIXTURE.quantile(u, *END)[0])
        density = float(MIXTURE.log_density(at[:, None], *START).exp()[0])
        return (math.sin(x) + 2 * x - truth) ** 2 * density

    exact = integrate.quad(cost, -5, 5, limit=50, epsabs=1e-8)[0]
    found = measure_deterministic(Quantiles(MIXTURE), lambda x: torch.sin(x) + 2 * x, START, END, 0.0, 1)
    # quad's own error, and the mass beyond |x| = 5, five standard deviations out
    assert found.value == pytest.approx(math.sqrt(exact), rel=1e-5)
    assert found.floor < 1e-5 * found.value


def test_a_folded_map_is_coupled_optimally() -> None:
    """|x - m| of a Gaussian is half-normal; W2 to the Gaussian itself by its quantiles."""
    m0, s0 = moments(START)
    u = (np.arange(200_000) + 0.5) / 200_000
    truth = stats.norm.ppf(u, *moments(START))
    exact = math.sqrt(((s0 * stats.halfnorm.ppf(u) - truth) ** 2).mean())
    found = measure_deterministic(Quantiles(GAUSSIAN), lambda x: (x - m0).abs(), START, START, 0.0, 1)
    assert found.value == pytest.approx(
        exact, rel=2e-2
    )  # a fold leaves the quadrature first order in 241 nodes


def test_an_impulse_response_gives_the_law_of_a_linear_chain() -> None:
    m, s = moments(START)
    for _ in range(5):  # y -> 0.9 y + 0.1 + 0.3 xi
        m, s = 0.9 * m + 0.1, math.hypot(0.9 * s, 0.3)

    def run(x: torch.Tensor, noise: Impulses) -> torch.Tensor:
        for _ in range(5):
            x = 0.9 * x + 0.1 + 0.3 * noise(x)
        return x

    m1, s1 = moments(END)
    found = measure_stochastic(Quantiles(GAUSSIAN), run, START, END, 0.0, 5)
    assert found.value == pytest.approx(math.hypot(m - m1, s - s1), rel=1e-12)


def test_noise_that_is_used_twice_is_counted_as_one() -> None:
    def run(x: torch.Tensor, noise: Impulses) -> torch.Tensor:
        xi = noise(x)
        return 0.0 * x + 0.5 + 0.1 * xi + 0.2 * xi

    m1, s1 = moments(END)
    found = measure_stochastic(Quantiles(GAUSSIAN), run, START, END, 0.0, 5)
    assert found.value == pytest.approx(math.hypot(0.5 - m1, 0.3 - s1), rel=1e-12)


def test_what_cannot_be_measured_is_told() -> None:
    with pytest.raises(NotMeasured, match="not affine"):
        measure_stochastic(Quantiles(GAUSSIAN), lambda x, noise: x.clamp(-0.5, 0.5), START, END, 0.0, 5)
    with pytest.raises(NotMeasured, match="Gaussian target"):
        measure_stochastic(Quantiles(MIXTURE), lambda x, noise: x, START, END, 0.0, 5)
    with pytest.raises(NotMeasured, match="not finite"):
        measure_deterministic(Quantiles(GAUSSIAN), lambda x: x / 0, START, END, 0.0, 5)


def test_any_number_of_draws_is_heard() -> None:
    m1, s1 = moments(END)
    found = measure_stochastic(
        Quantiles(GAUSSIAN),
        lambda x, noise: 0.0 * x + sum(0.1 * noise(x) for _ in range(100)),
        START,
        END,
        0.0,
        1,
    )
    assert found.value == pytest.approx(math.hypot(m1, 1.0 - s1), rel=1e-12)


def test_draws_over_intervals_are_increments_of_one_path() -> None:
    """xi over (4, 1), eta over (4, 2), zeta over (2, 1): xi = (sqrt 2 eta + zeta)/sqrt 3, so that
    Var(xi + 2 eta - zeta) = (sqrt(2/3) + 2)^2 + (sqrt(1/3) - 1)^2.
    """

    def run(x: torch.Tensor, noise: Impulses) -> torch.Tensor:
        return 0.0 * x + noise(x, (4.0, 1.0)) + 2 * noise(x, (4.0, 2.0 + 1e-13)) - noise(x, (2.0, 1.0))

    m1, s1 = moments(END)
    found = measure_stochastic(Quantiles(GAUSSIAN), run, START, END, 0.0, 1)
    std = math.hypot(math.sqrt(2 / 3) + 2, math.sqrt(1 / 3) - 1)
    assert found.value == pytest.approx(math.hypot(m1, std - s1), rel=1e-12)


def test_the_error_whose_norm_is_w2() -> None:
    found = probe_deterministic(Quantiles(MIXTURE, 601), lambda x: torch.sin(x) + 2 * x, START, END)
    assert found.norm(found.errors) == pytest.approx(found.w2, rel=1e-12)
