"""Gaussian laws against mpmath and dense recursions, closed forms, and particles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mpmath as mp
import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import Sampler, run
from sharpbound.scores.base import ScoreField
from sharpbound.scores.learned import LearnedScore
from sharpbound.targets.gaussian import GaussianND

LI = {"schedule": "li2024"}


def law(spec: dict, schedule: dict, T: int, name: str, init: str = "normal") -> gaussian.GaussianPair:
    target, ladder = targets.build({"family": "gaussian", **spec}), processes.build(schedule, T)
    return gaussian_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), init)


def mp_excess(T: int, variance: float, name: str) -> mp.mpf:
    """V_q/V_p - 1 on the Li schedule in exact arithmetic, from the formulas of the samplers."""
    step, beta_1 = 5 * mp.log(T) / T, mp.mpf(T) ** -2
    beta = [mp.mpf(0), beta_1, *(step * min(beta_1 * (1 + step) ** t, 1) for t in range(1, T))]
    abar = [mp.mpf(1)]
    for b in beta[1:]:
        abar.append(abar[-1] * (1 - b))
    v = mp.mpf(1)
    for t in range(T, 1, -1):
        b, alpha, true = beta[t], 1 - beta[t], abar[t] * variance + 1 - abar[t]
        if name == "pf-ode":
            v *= (1 - b / (2 * true)) ** 2 / alpha
        elif name == "ddpm":
            v = ((1 - b / true) ** 2 * v + b) / alpha
        else:  # accelerated-ddpm
            v = ((1 - b / true) ** 2 * (v + b / 2) + b / 2) / alpha
    return v / (abar[1] * variance + 1 - abar[1]) - 1


@pytest.mark.parametrize("name", ["pf-ode", "ddpm", "accelerated-ddpm"])
@pytest.mark.parametrize("T", [64, 1000])
def test_variance_against_exact_arithmetic(name: str, T: int) -> None:
    with mp.workdps(40):
        exact = float(mp_excess(T, 4.0, name))
    pair = law({"mean": 0.0, "std": 2.0}, LI, T, name)
    excess = pair.whitened[0][0]
    assert abs(excess - exact) <= pair.rounding * (1 + exact)
    assert excess == pytest.approx(exact, rel=1e-9)


def test_digits_are_kept_when_the_laws_are_1e_5_apart() -> None:
    with mp.workdps(40):
        exact = float(mp_excess(4000, 4.0, "accelerated-ddpm"))
    assert abs(exact) < 3e-5
    assert law({"mean": 0.0, "std": 2.0}, LI, 4000, "accelerated-ddpm").whitened[0][0] == pytest.approx(
        exact, rel=2e-9
    )


@pytest.mark.parametrize(
    ("name", "tv"),
    [("pf-ode", 1.5e-2), ("ddpm", 1.5e-3), ("accelerated-ode", 7.4e-5), ("accelerated-ddpm", 5.5e-6)],
)
def test_published_reference_in_one_dimension(name: str, tv: float) -> None:
    assert gaussian.tv(law({"mean": 0.0, "std": 2.0}, LI, 4000, name)).value == pytest.approx(
        tv, rel=0.04
    )  # 2 digits


@pytest.mark.parametrize(("dim", "tv"), [(4, 3.3e-3), (16, 6.7e-3), (64, 1.4e-2), (256, 2.7e-2)])
def test_published_reference_across_dimensions(dim: int, tv: float) -> None:
    pair = law({"mean": 0.0, "std": 2.0, "dim": dim}, LI, 4000, "ddpm")
    assert gaussian.tv(pair).value == pytest.approx(tv, rel=0.04)  # 2 digits


def test_tangent_ladder_closed_form() -> None:
    """On sigma = c tan(theta) the Euler step multiplies the std by cos of the angle, for N(0, c^2)."""
    target, ladder = (
        targets.build({"family": "gaussian", "mean": 0.0, "std": 0.5}),
        processes.build({"schedule": "tangent"}, 18),
    )
    pair = gaussian_law(target, ladder, samplers.SAMPLERS["ddim"], ExactScore(target, ladder), "exact")
    angles = np.arctan(ladder.sigma / 0.5)
    assert 1 + pair.whitened[0][0] == pytest.approx(np.prod(np.cos(np.diff(angles))) ** 2, rel=1e-13)


def test_a_mean_far_from_the_origin_costs_no_digits() -> None:
    near, far = (
        law({"mean": m, "std": 0.01}, {"schedule": "ou-uniform"}, 50, "ddpm", "exact") for m in (0.0, 1e4)
    )
    # from the exact start the mean stays exact for any sampler, so the laws differ in variance alone
    assert gaussian.kl(far).value == pytest.approx(gaussian.kl(near).value, rel=1e-9)
    assert abs(far.whitened[1][0]) < far.uncertainty


@dataclass(frozen=True)
class LinearError(ScoreField):
    """The exact score plus x -> matrix x + offset, which commutes with nothing."""

    exact: ExactScore
    matrix: torch.Tensor
    offset: torch.Tensor

    def __call__(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return self.exact(t, y) + y @ self.matrix.T + self.offset

    def between(self, level: tuple[float, float], y: torch.Tensor) -> torch.Tensor:
        return self.exact.between(level, y) + y @ self.matrix.T + self.offset

    def jacobian(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return self.exact.jacobian(t, y) + self.matrix

    def grad_divergence(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return self.exact.grad_divergence(t, y)


def coupled_problem(T: int, diagonal: bool) -> tuple[GaussianND, Ladder, LinearError]:
    rng = np.random.default_rng(3)
    b = rng.standard_normal((3, 3))
    cov = (
        torch.tensor([1.0, 0.2, 3.0], dtype=torch.float64)
        if diagonal
        else torch.from_numpy(b @ b.T + 0.2 * np.eye(3))
    )
    target = GaussianND(torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), cov)
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 2.0}, T)
    error = 0.1 * rng.standard_normal((3, 3))
    return (
        target,
        ladder,
        LinearError(ExactScore(target, ladder), torch.from_numpy(error), torch.ones(3, dtype=torch.float64)),
    )


@pytest.mark.parametrize("diagonal", [True, False])
def test_dense_recursion_with_a_score_error_that_does_not_commute(diagonal: bool) -> None:
    target, ladder, score = coupled_problem(40, diagonal)
    pair = gaussian_law(target, ladder, samplers.SAMPLERS["ddpm"], score)
    mean, cov, eye, c = np.zeros(3), np.eye(3), np.eye(3), target.cov.numpy()
    for t in range(40, 0, -1):
        alpha, beta, a = ladder.alpha(t), ladder.beta[t], ladder.a[t]
        precision = np.linalg.inv(a**2 * c + ladder.sigma[t] ** 2 * eye)
        gain = (eye + beta * (score.matrix.numpy() - precision)) / math.sqrt(alpha)
        offset = beta * (precision @ (a * target.mean.numpy()) + 1.0) / math.sqrt(alpha)
        mean, cov = gain @ mean + offset, gain @ cov @ gain.T + beta / alpha * eye
    np.testing.assert_allclose(pair.mean + pair.mean_error, mean, rtol=1e-11)  # cond of a 3 x 3 inverse
    np.testing.assert_allclose(pair.cov + pair.cov_error, cov, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(pair.cov, ladder.a[0] ** 2 * c + ladder.sigma[0] ** 2 * eye, rtol=1e-13)


@pytest.mark.parametrize("name", sorted(samplers.SAMPLERS.keys() - {"randomized-midpoint"}))  # a mixture
def test_against_particles(name: str) -> None:
    sampler: Sampler = samplers.SAMPLERS[name]
    target, ladder, score = coupled_problem(6, diagonal=False)
    if name == "taylor-ode":
        score = score.exact  # type: ignore[assignment]  # a Taylor step of the true flow, not of a wrong score
    pair = gaussian_law(target, ladder, sampler, score)
    n = 200_000
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    y = run(sampler, ladder, score, start, generator).numpy()
    mean, cov = pair.mean + pair.mean_error, pair.cov + pair.cov_error
    std = np.sqrt(np.diagonal(cov))
    assert (np.abs(y.mean(0) - mean) < 4.5 * std / math.sqrt(n)).all()
    # a sample covariance of Gaussians has standard error sqrt((V_ij^2 + V_ii V_jj)/n)
    assert (np.abs(np.cov(y.T) - cov) < 4.5 * np.sqrt((cov**2 + np.outer(std, std) ** 2) / n)).all()


@pytest.mark.parametrize("name", ["ddpm", "heun", "accelerated-ode", "ddpm-covariance"])
def test_coordinates_are_one_dimensional_problems(name: str) -> None:
    means, stds = [0.5, -1.0, 0.5, 0.5], [2.0, 0.3, 2.0, 1.0]
    pair = law({"mean": means, "std": stds}, LI, 64, name)
    for i, (m, s) in enumerate(zip(means, stds, strict=True)):
        line = law({"mean": m, "std": s}, LI, 64, name)
        assert pair.cov_error[i] == pytest.approx(line.cov_error[0], rel=1e-10)
        assert pair.mean_error[i] == pytest.approx(line.mean_error[0], rel=1e-10)


def test_rotated_target_is_the_same_problem() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    variances, mean = np.array([1.0, 0.2, 3.0]), np.array([0.3, 0.0, -1.0])
    straight = law({"mean": mean.tolist(), "std": np.sqrt(variances).tolist()}, LI, 64, "ddpm")
    cov = rotation @ np.diag(variances) @ rotation.T
    turned = law({"mean": (rotation @ mean).tolist(), "cov": (0.5 * (cov + cov.T)).tolist()}, LI, 64, "ddpm")
    for metric in ("tv", "kl", "hellinger", "w2"):
        assert gaussian.METRICS[metric](turned).value == pytest.approx(
            gaussian.METRICS[metric](straight).value, rel=1e-10
        )


def test_a_nonlinear_score_is_refused() -> None:
    target, ladder, _ = coupled_problem(8, diagonal=True)

    exact = ExactScore(target, ladder)
    wavy = LearnedScore(lambda t, y: exact(t, y) + 1e-6 * torch.sin(y))
    with pytest.raises(NotAffine, match="not affine"):
        gaussian_law(target, ladder, samplers.SAMPLERS["ddpm"], wavy)


def test_exact_start_with_an_exact_kernel_is_exact() -> None:
    """ddpm-covariance has the true reverse kernel of a Gaussian, so only rounding separates the laws."""
    pair = law({"mean": [1.0, 0.0], "cov": [[1.0, 0.4], [0.4, 0.5]]}, LI, 100, "ddpm-covariance", "exact")
    assert gaussian.tv(pair).value < gaussian.tv(pair).floor
