"""Theorems read in abstracts: formulas and cases against laws in closed form that share no code with the package."""

import math

import numpy as np
import pytest
import torch

from sharpbound import laws, processes, samplers, targets
from sharpbound.scores.base import ExactScore
from whole_suite import CASES, THEORY

BY_ID = {case.id: case for case in CASES}
HORIZON, DELTA = 1.0, 0.05


def times(T: int) -> np.ndarray:
    return DELTA + (HORIZON - DELTA) * np.arange(T + 1) / T


def ddpm_output(v0: float, T: int, variance: str) -> tuple[float, float]:
    """(true, output) variance of DDPM on N(0, v0), with one of its three noise variances."""
    t = times(T)
    marginal = np.exp(-2 * t) * v0 - np.expm1(-2 * t)
    noise = -np.expm1(-2 * t)
    q = marginal[-1]
    for k in range(T, 0, -1):
        beta = -math.expm1(-2 * (t[k] - t[k - 1]))
        alpha = 1 - beta
        fresh = {"beta": beta, "ddpm": beta / alpha, "posterior": beta * noise[k - 1] / noise[k]}[variance]
        q = (1 - beta / marginal[k]) ** 2 / alpha * q + fresh
    return marginal[0], q


@pytest.mark.parametrize("T", [4, 32, 256])
def test_only_the_variance_beta_is_exact_on_unit_covariance(T):
    true, output = ddpm_output(1.0, T, "beta")
    assert output == pytest.approx(true, rel=1e-13)
    for variance in ("ddpm", "posterior"):
        true, output = ddpm_output(1.0, T, variance)
        assert T * abs(output - true) > 0.1  # an error of order 1/T in each coordinate: sqrt(d)/T in all


@pytest.mark.parametrize("T", [4, 32, 256])
def test_only_the_posterior_variance_is_exact_on_a_point(T):
    """So that data on k of d coordinates have one distance whatever d is: what low-dimensional theory needs."""
    true, output = ddpm_output(0.0, T, "posterior")
    assert output == pytest.approx(true, rel=1e-12)
    for variance in ("ddpm", "beta"):
        true, output = ddpm_output(0.0, T, variance)
        assert T * abs(output / true - 1) > 0.5
    assert THEORY["liang2025lowdim.tv"].decay("d") == (0, 0)


def test_ddim_has_the_coefficient_of_theorem_1_of_liang_et_al():
    """Y = (x + eta s)/sqrt(alpha), eta = (1 - alpha)/(1 + sqrt((alpha - abar)/(1 - abar))); exact on a point."""
    ladder = processes.build({"schedule": "li2024"}, 20)
    target = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None]
    for t in (2, 9, 20):
        abar, alpha = float(ladder.a[t]) ** 2, 1 - float(ladder.beta[t])
        eta = (1 - alpha) / (1 + math.sqrt((alpha - abar) / (1 - abar)))
        s = target.score(x, float(ladder.a[t]), float(ladder.sigma[t]))
        step = samplers.Step(t, ladder, ExactScore(target, ladder))
        (stage,) = samplers.build({"name": "ddim"}).stages(step)
        torch.testing.assert_close(stage.mean(x), (x + eta * s) / math.sqrt(alpha), rtol=1e-12, atol=1e-12)


def test_two_points_have_one_distance_in_every_dimension():
    case = BY_ID["posterior-two-points-tv-dimension"]
    ladder, sampler = processes.build(case.forward, 16), samplers.build(case.sampler)
    line = targets.build({"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]})
    one = laws.output_law(line, ladder, sampler, init="exact").distance("tv")
    many = laws.output_law(targets.build(case.target | {"dim": 128}), ladder, sampler, init="exact").distance(
        "tv"
    )
    assert many.value == pytest.approx(one.value, abs=many.floor + one.floor + 1e-12)


@pytest.mark.parametrize(
    ("name", "variance"), [("ddpm-beta", "beta"), ("ddpm", "ddpm"), ("ddpm-posterior", "posterior")]
)
def test_the_samplers_have_these_variances(name, variance):
    ladder = processes.build({"schedule": "ou-uniform", "horizon": HORIZON, "delta": DELTA}, 16)
    law = laws.output_law(
        targets.build({"family": "gaussian", "mean": 0.0, "std": 0.4}),
        ladder,
        samplers.build({"name": name}),
        init="exact",
    )
    true, output = ddpm_output(0.16, 16, variance)
    assert law.distance("w2").value == pytest.approx(abs(math.sqrt(true) - math.sqrt(output)), rel=1e-10)


def test_a_mixture_of_unit_covariance_has_one_distance_in_every_dimension():
    """The other coordinates are N(0, 1) and sampled without error, so that the law on the line is all there is."""
    sweep = BY_ID["ddpm-beta-mixture-tv-dimension"]
    ladder = processes.build(sweep.forward, 32)
    sampler = samplers.build(sweep.sampler)
    line = targets.build(
        {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-2.0, 2.0], "stds": [1.0, 1.0]}
    )
    one = laws.output_law(line, ladder, sampler, init="exact").distance("tv").value
    many = laws.output_law(targets.build(sweep.target | {"dim": 64}), ladder, sampler, init="exact").distance(
        "tv"
    )
    assert many.value == pytest.approx(one, abs=many.floor + 1e-9)
    assert THEORY["li2025mixtures.ddpm"].decay("d") == (0, 0)


def product_of_cosines(T: int, angles: np.ndarray | None = None) -> float:
    low, high = math.atan(0.004), math.atan(160)
    steps = np.full(T, (high - low) / T) if angles is None else angles
    return float(np.prod(np.cos(steps)))


def test_the_tangent_law_has_the_constant_entered_and_no_levels_do_better():
    angle = math.atan(160) - math.atan(0.004)
    T = 4096
    r = product_of_cosines(T)
    kl = 0.5 * (1 / r**2 - 1) + math.log(r)
    assert T**2 * kl == pytest.approx(angle**4 / 4, rel=1e-3)  # the next term is O(1/T)
    case = BY_ID["tangent-gaussian-kl"]
    for steps in (8, 64):
        ladder = processes.build(case.forward, steps)
        law = laws.output_law(targets.build(case.target), ladder, samplers.build(case.sampler), init="exact")
        ratio = product_of_cosines(steps)
        assert law.distance("kl").value == pytest.approx(
            0.5 * (1 / ratio**2 - 1) + math.log(ratio), rel=1e-10
        )
    rng = np.random.default_rng(3)
    for steps in (2, 5, 18):
        for _ in range(50):
            split = rng.dirichlet(np.full(steps, 2.0)) * angle
            assert product_of_cosines(steps, split) <= product_of_cosines(steps)


def path_kl(v0: float, T: int) -> float:
    """KL of the reverse chain of N(0, v0) against that of DDPM with variance 1/alpha - 1; the means are equal, and the
    posterior variance is (beta/alpha)(1 + beta s'), which `ddpm-covariance` has.
    """
    t = times(T)
    v = np.exp(-2 * t) * v0 - np.expm1(-2 * t)
    total = 0.0
    for k in range(T, 0, -1):
        beta = -math.expm1(-2 * (t[k] - t[k - 1]))
        gain = math.sqrt(1 - beta) * v[k - 1] / v[k]
        assert gain == pytest.approx((1 - beta / v[k]) / math.sqrt(1 - beta), rel=1e-12)
        spread = v[k - 1] - gain**2 * v[k]
        assert spread == pytest.approx(beta / (1 - beta) * (1 - beta / v[k]), rel=1e-9)
        ratio = spread / (beta / (1 - beta))
        total += 0.5 * (ratio - 1 - math.log(ratio))
    return total


def test_path_kl_with_isotropic_and_with_posterior_covariance():
    values = [path_kl(0.16, T) for T in (512, 1024)]
    assert math.log2(values[0] / values[1]) == pytest.approx(
        THEORY["akhtar2026.isotropic"].decay("T")[0], abs=0.02
    )
    ladder = processes.build({"schedule": "ou-uniform", "horizon": HORIZON, "delta": DELTA}, 32)
    target = targets.build({"family": "gaussian", "mean": 0.0, "std": 0.4})
    isotropic, matched = (
        laws.path_kl(target, ladder, samplers.build({"name": name}), ExactScore(target, ladder), "exact")
        for name in ("ddpm", "ddpm-covariance")
    )
    assert isotropic.value == pytest.approx(path_kl(0.16, 32), rel=1e-9)
    assert abs(matched.value) <= matched.floor + 1e-14  # exact on Gaussians: the mixture is what shows 1/T^2
