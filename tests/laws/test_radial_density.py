"""Radial laws of stochastic samplers: closed forms in R^3, Gaussian limits, Monte Carlo, conservation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import ive
from scipy.stats import ncx2

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian, one_dimensional
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws import distance, output_law
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.radial_density import log_bessel_factor, radial_density_law
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import run

OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
LI = {"schedule": "li2024"}


def law(
    dim: int, T: int, name: str, schedule: dict = OU, init: str = "normal", radius: float = 1.5
) -> Ratio1D:
    target = targets.build({"family": "sphere", "radius": radius, "dim": dim})
    return radial_density_law(target, processes.build(schedule, T), samplers.SAMPLERS[name], init)


@pytest.mark.parametrize("dim", [2, 3, 16])
def test_bessel_factor(dim: int) -> None:
    x = np.array([1e-20, 1e-3, 0.3, 2.0, 50.0, 1e4, 1e8])
    exact = np.log(np.sqrt(2 * np.pi * x)) + np.log(ive(dim / 2 - 1, x))
    np.testing.assert_allclose(log_bessel_factor(np.log(x), dim), exact, atol=1e-12, rtol=1e-13)


def test_three_steps_in_space_by_the_closed_form_of_the_kernel() -> None:
    """In R^3, k(r|m) = r/(m s sqrt(2 pi)) [e^{-(r-m)^2/2s^2} - e^{-(r+m)^2/2s^2}] and E cos = coth x - 1/x."""
    radius, T = 1.5, 3
    ladder = processes.build(OU, T)
    grid = np.linspace(0, 14, 4001)[1:]
    f = math.sqrt(2 / math.pi) * grid**2 * np.exp(-0.5 * grid**2)

    def truth(t: int) -> np.ndarray:
        return kernel(grid, ladder.a[t] * radius, ladder.sigma[t])

    def kernel(r: np.ndarray, m: np.ndarray, s: float) -> np.ndarray:
        near, far = np.exp(-0.5 * ((r - m) / s) ** 2), np.exp(-0.5 * ((r + m) / s) ** 2)
        return r / (m * s * math.sqrt(2 * math.pi)) * (near - far)

    for t in range(T, 0, -1):
        alpha, beta = ladder.alpha(t), float(ladder.beta[t])
        rho, variance = ladder.a[t] * radius, ladder.sigma[t] ** 2
        x = grid * rho / variance
        score = (rho * (1 / np.tanh(x) - 1 / x) - grid) / variance
        m = np.abs((grid + beta * score) / math.sqrt(alpha))
        f = kernel(grid[:, None], m[None], math.sqrt(beta / alpha)) @ f * (grid[1] - grid[0])
    h, p = grid[1] - grid[0], truth(0)
    measured = law(3, T, "ddpm")
    far = p < 1e-200  # where f may be zero
    kl = float((p * np.log(np.where(far, 1.0, p / np.maximum(f, 1e-300)))).sum() * h)
    # the trapezoidal rule of even functions that vanish at both ends is spectral; |p - q| has kinks
    assert one_dimensional.kl(measured).value == pytest.approx(kl, rel=1e-9)
    assert one_dimensional.hellinger(measured).value ** 2 == pytest.approx(
        1 - np.sqrt(p * f).sum() * h, rel=1e-9
    )
    assert one_dimensional.tv(measured).value == pytest.approx(0.5 * np.abs(p - f).sum() * h, rel=1e-5)
    quantiles = [
        np.interp((np.arange(20_000) + 0.5) / 20_000, np.cumsum(g) * h, grid + 0.5 * h) for g in (p, f)
    ]
    # the midpoint rule in probability leaves the tails' share
    assert one_dimensional.w1(measured).value == pytest.approx(
        np.abs(quantiles[0] - quantiles[1]).mean(), rel=1e-4
    )


@pytest.mark.parametrize(
    ("name", "init"),
    [
        ("ddpm", "normal"),
        ("accelerated-ddpm", "exact"),
        ("ancestral-euler", "normal"),
        ("predictor-corrector", "exact"),
        ("edm-heun", "normal"),
    ],
)
def test_a_sphere_of_no_radius_is_a_gaussian_point(name: str, init: str) -> None:
    dim, T = 4, 16
    point = targets.build({"family": "gaussian", "mean": 0.0, "std": 0.0, "dim": dim})
    ladder = processes.build(OU, T)
    pair = gaussian_law(point, ladder, samplers.SAMPLERS[name], ExactScore(point, ladder), init)
    measured = law(dim, T, name, init=init, radius=1e-9)
    for metric in ("tv", "kl", "kl-reverse", "chi2", "hellinger", "w2"):
        exact, radial = gaussian.METRICS[metric](pair), one_dimensional.METRICS[metric](measured)
        # twice the variance and more: no chi^2
        assert math.isinf(radial.value) == math.isinf(exact.value) == (metric == "chi2" and name == "ddpm"), (
            metric
        )
        if math.isinf(exact.value):
            continue
        # equal laws: w2 then shows the rounding of the coupled radii
        assert abs(radial.value - exact.value) <= 1e-9 * exact.value + radial.floor + 1e-12, metric


@pytest.mark.parametrize(("dim", "T", "schedule"), [(2, 6, OU), (3, 32, LI), (64, 16, OU), (1000, 8, OU)])
def test_mass_is_conserved(dim: int, T: int, schedule: dict) -> None:
    measured = law(dim, T, "ddpm", schedule)
    assert measured.mass_defect < 1e-9
    assert one_dimensional.tv(measured).floor < 1e-9
    # the coupling carries q to p: under it the second moment is a^2 radius^2 + d sigma^2
    ladder = processes.build(schedule, T)
    second = ladder.a[ladder.stop] ** 2 * 1.5**2 + dim * ladder.sigma[ladder.stop] ** 2
    assert measured.panels.integrate(measured.q * measured.partner**2) == pytest.approx(second, rel=1e-9)


@pytest.mark.parametrize("name", ["accelerated-ddpm", "edm-heun"])
def test_against_particles(name: str) -> None:
    target, ladder = targets.build({"family": "sphere", "radius": 1.5, "dim": 2}), processes.build(OU, 12)
    n, generator = 20_000, torch.Generator().manual_seed(3)
    start = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    y = run(samplers.SAMPLERS[name], ladder, ExactScore(target, ladder), start, generator)
    r = y.norm(dim=1).numpy()
    measured = law(2, 12, name)
    for power in (1, 2, 4):
        exact, square = (measured.panels.integrate(measured.q * measured.y**k) for k in (power, 2 * power))
        assert abs((r**power).mean() - exact) < 4 * math.sqrt((square - exact**2) / n), power


def test_true_radius_is_non_central_chi() -> None:
    measured, ladder = law(5, 8, "ddpm"), processes.build(OU, 8)
    sigma = float(ladder.sigma[0])
    y = measured.y[measured.p > 1e-8]
    density = ncx2.pdf((y / sigma) ** 2, 5, (ladder.a[0] * 1.5 / sigma) ** 2) * 2 * y / sigma**2
    np.testing.assert_allclose(measured.p[measured.p > 1e-8], density, rtol=1e-9)  # scipy's own accuracy


def test_every_distance_comes_with_the_dispatch() -> None:
    target, ladder = targets.build({"family": "sphere", "radius": 1.0, "dim": 8}), processes.build(LI, 32)
    output = output_law(target, ladder, samplers.SAMPLERS["ddpm"])
    tv, h, kl = (distance(output, metric) for metric in ("tv", "hellinger", "kl"))
    assert h.value**2 <= tv.value <= h.value * math.sqrt(2 - h.value**2)
    assert tv.value <= math.sqrt(kl.value / 2)
    assert max(tv.floor, h.floor, kl.floor) < 1e-11


@pytest.mark.parametrize("name", ["ddpm-covariance", "randomized-midpoint", "sde-dpm-solver++-2m"])
def test_what_is_not_an_isotropic_markov_step_is_not_measured(name: str) -> None:
    with pytest.raises(NotMeasured, match=r"radial law|Markov"):
        law(3, 8, name)
