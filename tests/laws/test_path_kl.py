"""Path-space KL: published numbers, an exact decomposition, and direct integration over paths."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.special import log_ndtr, ndtr
from scipy.stats import t as student_t

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian, one_dimensional
from sharpbound.distances.gaussian import EPS
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import path_kl
from sharpbound.laws.engines import line_law
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.path_kl import PathTolerances, Steps, line_path
from sharpbound.samplers import ExactScore, ScoreField
from sharpbound.scores.shifted import PushedScore

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
EXPONENTIAL = {"schedule": "ve-exponential", "sigma_min": 0.002, "sigma_max": 80.0}
EDM = {"schedule": "edm", "rho": 7.0}


def measure(spec: dict, schedule: dict, T: int, name: str, init: str = "normal", engine=path_kl):
    target, ladder = targets.build(spec), processes.build(schedule, T)
    return engine(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), init)


@pytest.mark.parametrize("name", ["ddpm", "ddpm-covariance"])
def test_some_steps_tell_the_sum_of_all(name: str) -> None:
    """The terms are smooth in t: the sums from some of them are those of all, to rounding."""
    target, ladder = targets.build(MIXTURE), processes.build({"schedule": "li2024"}, 400)
    problem = target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), PathTolerances()
    some, every = (Steps(*problem).sums(smooth=smooth) for smooth in (True, False))
    assert some[0] == pytest.approx(every[0], abs=32 * EPS * every[1])
    assert some[1] == pytest.approx(every[1], rel=1e-2)
    assert every[2] <= some[2] <= every[2] + 1e-13 * every[1]


@pytest.mark.parametrize(
    "schedule", [{"schedule": "li2024"}, {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}]
)
def test_some_steps_tell_the_closed_form_of_all(monkeypatch: pytest.MonkeyPatch, schedule: dict) -> None:
    module = sys.modules["sharpbound.laws.path_kl"]
    taken = []
    step = module.affine_stages
    monkeypatch.setattr(module, "affine_stages", lambda *args: taken.append(args[2]) or step(*args))
    some = measure(normal(0.7, 0.4), schedule, 1500, "ddpm")
    assert len(taken) < 500
    monkeypatch.setattr(module, "registered", lambda sampler: False)
    every = measure(normal(0.7, 0.4), schedule, 1500, "ddpm")
    assert len(taken) > 1500
    assert abs(some.value - every.value) < every.floor


def test_every_step_is_taken_of_a_sampler_that_is_not_known() -> None:
    """One step of it has another mean, which few steps would miss and its noise does not tell."""

    class Slips(samplers.Sampler):
        name = "slips"

        def stages(self, step):
            shift = 0.5 * step.beta if step.t == 123 else 0.0
            stage = samplers.SAMPLERS["ddpm"].stages(step)[0]
            return [samplers.Stage(lambda y: stage.mean(y) + shift, stage.std)]

    target, ladder = targets.build(normal(0.7, 0.4)), processes.build({"schedule": "li2024"}, 300)
    problem = Slips(), ExactScore(target, ladder), "exact"
    slipped, closed = (f(target, ladder, *problem).value for f in (line_path, path_kl))
    assert slipped == pytest.approx(closed, rel=1e-9)


def test_few_steps_are_taken() -> None:
    target, ladder = targets.build(MIXTURE), processes.build({"schedule": "li2024"}, 2048)
    steps = Steps(target, ladder, samplers.SAMPLERS["ddpm"], ExactScore(target, ladder), PathTolerances())
    taken = []
    law = steps.law
    steps.law = lambda t: taken.append(t) or law(t)
    steps.sums(smooth=True)
    assert len(taken) < 700


def normal(std: float, mean: float = 0.0) -> dict:
    return {"family": "gaussian", "mean": mean, "std": std}


@pytest.mark.parametrize(
    ("std", "exponential", "edm"),
    [(0.0, 1.9594, 2.2435), (0.01, 1.5754, 1.5775), (0.1, 1.1497, 0.9790), (0.5, 0.8521, 0.6484)],
)
def test_published_variance_exploding_numbers(std: float, exponential: float, edm: float) -> None:
    for schedule, value in ((EXPONENTIAL, exponential), (EDM, edm)):
        kl = measure(normal(std), schedule, 50, "exponential-integrator", "exact").value
        assert kl == pytest.approx(value, abs=5.1e-5)  # as printed, four digits


@pytest.mark.parametrize("std", [0.0, 0.3])
def test_discretisation_part_in_closed_form(std: float) -> None:
    """E_D = 1/2 sum (r - 1 + e^-r), r = log of the ratio of successive marginal variances."""
    v = std**2 + processes.build(EDM, 50).sigma ** 2
    r = np.log(v[1:] / v[:-1])
    exact = 0.5 * float((r - 1 + np.exp(-r)).sum())
    assert measure(normal(std), EDM, 50, "exponential-integrator", "exact").value == pytest.approx(
        exact, rel=1e-12
    )


@pytest.mark.parametrize("spec", [normal(0.3, mean=0.2), MIXTURE], ids=["gaussian", "mixture"])
def test_path_kl_is_start_plus_discretisation_plus_score(spec: dict) -> None:
    """VE, frozen score: KL = E_I + E_D + E_S with equality; E_S = 1/2 sum dv_k E|s_hat - s|^2."""
    target, ladder = (
        targets.build(spec),
        processes.build({"schedule": "ve-exponential", "sigma_max": 20.0}, 24),
    )
    sampler, shift = samplers.SAMPLERS["exponential-integrator"], 0.25
    push = torch.full((ladder.T + 1, 1), shift, dtype=torch.float64)
    offset = PushedScore(ExactScore(target, ladder), push)
    whole = path_kl(target, ladder, sampler, offset, "normal").value
    discretisation = path_kl(target, ladder, sampler, ExactScore(target, ladder), "exact").value
    start = path_kl(target, ladder, sampler, ExactScore(target, ladder), "normal").value - discretisation
    score = 0.5 * (ladder.sigma[-1] ** 2 - ladder.sigma[0] ** 2) * shift**2
    assert whole == pytest.approx(start + discretisation + score, rel=1e-9)
    # E_D = 1/2 [int I dv - sum (v_k - v_{k+1}) I(v_k)] by an independent quadrature of the Fisher information
    v = ladder.sigma**2
    x, w = np.polynomial.legendre.leggauss(8)
    parts = []
    for lo, hi in pairwise(v):
        inner = np.exp(0.5 * (np.log(hi) + np.log(lo)) + 0.5 * (np.log(hi) - np.log(lo)) * x)
        integral = (
            0.5 * np.log(hi / lo) * sum(wi * vi * fisher(target, vi) for wi, vi in zip(w, inner, strict=True))
        )
        parts.append(integral - (hi - lo) * fisher(target, hi))
    assert discretisation == pytest.approx(0.5 * sum(parts), rel=1e-7)  # 8 nodes per step of log v


def fisher(target: targets.Target1D, v: float) -> float:
    """E s^2 by the trapezoidal rule, which is spectral for a smooth law on the line."""
    sigma = math.sqrt(v)
    x = torch.linspace(-4 - 10 * sigma, 4 + 10 * sigma, 1501, dtype=torch.float64)
    density = target.derivative(x, 1.0, sigma, 0).exp()
    return float((density * target.derivative(x, 1.0, sigma, 1) ** 2).sum() * (x[1] - x[0]))


@pytest.mark.parametrize("name", ["ddpm", "ddpm-posterior", "ddpm-covariance", "euler-maruyama"])
def test_closed_form_and_quadrature_agree(name: str) -> None:
    closed, quadrature = (
        measure(normal(0.4, 0.7), {"schedule": "li2024"}, 64, name, "normal", f) for f in (path_kl, line_path)
    )
    assert abs(closed.value - quadrature.value) <= closed.floor + quadrature.floor


def test_one_step_by_direct_integration_over_pairs() -> None:
    """For two levels the path KL is a double integral of the joint densities."""
    target = targets.build(MIXTURE)
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 0.6, "delta": 0.2}, 1)
    kl = path_kl(target, ladder, samplers.SAMPLERS["ddpm"], ExactScore(target, ladder)).value
    grid = torch.linspace(-12, 12, 2401, dtype=torch.float64)
    h = float(grid[1] - grid[0])
    (a0, a1), (s0, s1), alpha, beta = ladder.a, ladder.sigma, ladder.alpha(1), float(ladder.beta[1])
    x, y = grid[:, None], grid[None, :]
    log_p = target.derivative(grid, a0, s0, 0)[:, None] + gauss(y - math.sqrt(alpha) * x, beta)
    mean = (grid + beta * target.derivative(grid, a1, s1, 1)) / math.sqrt(alpha)
    log_q = gauss(grid, 1.0)[None, :] + gauss(x - mean[None, :], beta / alpha)
    brute = float((log_p.exp() * (log_p - log_q)).sum()) * h * h
    assert kl == pytest.approx(brute, rel=1e-10)  # trapezoidal rule, smooth and decayed at +-12


def gauss(z: torch.Tensor, variance: float) -> torch.Tensor:
    return -0.5 * z**2 / variance - 0.5 * math.log(2 * math.pi * variance)


@pytest.mark.parametrize(
    "schedule", [{"schedule": "li2024"}, EDM, {"schedule": "sub-vp"}], ids=lambda s: s["schedule"]
)
def test_output_kl_is_at_most_path_kl(schedule: dict) -> None:
    target, ladder = targets.build(MIXTURE), processes.build(schedule, 24)
    sampler = samplers.SAMPLERS["euler-maruyama"]
    score = ExactScore(target, ladder)
    output = one_dimensional.kl(line_law(target, ladder, sampler, score, "exact"))
    assert 0 < output.value <= path_kl(target, ladder, sampler, score, "exact").value


def test_dense_gaussian_by_rotation_and_products_by_sum() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    cov = rotation @ np.diag([1.0, 0.2, 3.0]) @ rotation.T
    turned = {"family": "gaussian", "mean": [0.0, 0.0, 0.0], "cov": (0.5 * (cov + cov.T)).tolist()}
    straight = {"family": "gaussian", "mean": [0.0, 0.0, 0.0], "std": np.sqrt([1.0, 0.2, 3.0]).tolist()}
    lines = [measure(normal(math.sqrt(v)), {"schedule": "li2024"}, 64, "ddpm").value for v in (1.0, 0.2, 3.0)]
    for spec in (turned, straight):
        assert measure(spec, {"schedule": "li2024"}, 64, "ddpm").value == pytest.approx(sum(lines), rel=1e-11)
    repeated = {"family": "gaussian", "mean": 0.0, "std": 0.5, "dim": 1000}
    one = measure(normal(0.5), {"schedule": "li2024"}, 64, "ddpm").value
    assert measure(repeated, {"schedule": "li2024"}, 64, "ddpm").value == pytest.approx(1000 * one, rel=1e-12)
    product = {"family": "product", "factor": MIXTURE, "dim": 5}
    factor = measure(MIXTURE, {"schedule": "li2024"}, 32, "ddpm").value
    assert measure(product, {"schedule": "li2024"}, 32, "ddpm").value == pytest.approx(5 * factor, rel=1e-12)


def test_low_rank_is_core_plus_gaussian_coordinates() -> None:
    low_rank = {
        "family": "low-rank-mixture",
        "weights": [0.4, 0.6],
        "means": [[-1.0], [1.2]],
        "std": 0.5,
        "dim": 7,
    }
    core = {**MIXTURE, "stds": [0.5, 0.5]}
    parts = [measure(spec, {"schedule": "li2024"}, 32, "ddpm").value for spec in (core, normal(0.5))]
    assert measure(low_rank, {"schedule": "li2024"}, 32, "ddpm").value == pytest.approx(
        parts[0] + 6 * parts[1], rel=1e-12
    )


def test_halves_when_the_number_of_steps_doubles() -> None:
    """From the exact start, on a fixed horizon, path KL goes like 1/T (Chen et al.: at least d/T)."""
    schedule = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
    values = [measure(MIXTURE, schedule, T, "ddpm", "exact").value for T in (100, 200)]
    assert values[0] / values[1] == pytest.approx(2.0, rel=0.05)  # the next order is 1/T


def laplace_density(y: np.ndarray, a: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """p and p' of a X0 + sigma W, X0 Laplace of scale 1/2."""
    b = 0.5 * a
    right, left = (
        np.exp(0.5 * (sigma / b) ** 2 - side * y / b + log_ndtr(side * y / sigma - sigma / b)) / (2 * b)
        for side in (1, -1)
    )
    return right + left, (left - right) / b


def uniform_density(y: np.ndarray, a: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """p and p' of a X0 + sigma W, X0 uniform on [-1, 2]."""
    u, v = (y + a) / sigma, (y - 2 * a) / sigma
    p = np.where(y > 0.5 * a, ndtr(-v) - ndtr(-u), ndtr(u) - ndtr(v)) / (3 * a)
    return p, (np.exp(-0.5 * u**2) - np.exp(-0.5 * v**2)) / (3 * a * sigma * math.sqrt(2 * math.pi))


def student_density(y: np.ndarray, a: float, sigma: float, nu: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """p and p' of a X0 + sigma W, X0 Student of nu degrees, by the trapezoidal rule over the noise."""
    # the density is analytic up to a sqrt(nu)/sigma from the line, which sets the step
    step = min(0.15, 0.18 * a * math.sqrt(nu) / sigma)
    z = np.arange(-9, 9, step)
    x = (y[:, None] - sigma * z) / a
    density = student_t.pdf(x, nu) / a
    weight = step * np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    return density @ weight, (density * -(nu + 1) * x / (a * (nu + x**2))) @ weight


@pytest.mark.parametrize(
    ("spec", "density", "second", "accuracy"),
    [
        ({"family": "laplace", "scale": 0.5}, laplace_density, 0.5, 1e-11),
        ({"family": "uniform", "low": -1.0, "high": 2.0}, uniform_density, 1.0, 1e-12),
        # the oracle's grid in the tail
        ({"family": "student-t", "nu": 3.0}, student_density, 3.0, 1e-9),
    ],
    ids=["laplace", "uniform", "student-t"],
)
def test_ddpm_by_the_joint_law_of_neighbours(spec: dict, density, second: float, accuracy: float) -> None:
    """The chain rule over pairs: the forward kernel N(sqrt(alpha) x, beta) against N(m(y), beta/alpha), with
    E (X_{t-1} - m(X_t))^2 = (beta/alpha)(1 - beta I_t), I_t the Fisher information of X_t.
    """
    schedule, T = {"schedule": "ou-uniform", "horizon": 1.5, "delta": 0.1}, 6
    times = 0.1 + 1.4 * np.arange(T + 1) / T
    a, sigma = np.exp(-times), np.sqrt(1 - np.exp(-2 * times))
    # sinh of a uniform grid: the trapezoidal rule is spectral on it, and it reaches far out in a tail
    u = np.linspace(-14, 14, 1401)
    y, weight = np.sinh(u), np.cosh(u) * (u[1] - u[0])

    def expectation(t: int, f) -> float:
        near = np.abs(y) < 1e6 if second == 3.0 else np.abs(y) < 40
        p, slope = density(y[near], a[t], sigma[t])
        held = p > 1e-280
        return float(weight[near][held] @ f(p[held], slope[held]))

    kl = expectation(0, lambda p, _: p * np.log(p)) + 0.5 * math.log(2 * math.pi)
    kl += 0.5 * (a[-1] ** 2 * second + sigma[-1] ** 2)
    for t in range(1, T + 1):
        alpha = (a[t] / a[t - 1]) ** 2
        beta = 1 - alpha
        kl += -0.5 * math.log(alpha) - 0.5 * beta * expectation(t, lambda p, slope: slope**2 / p)
    assert measure(spec, schedule, T, "ddpm").value == pytest.approx(kl, rel=accuracy)


@pytest.mark.parametrize(
    "schedule",
    [{"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}, {"schedule": "li2024"}],
    ids=["ou-uniform", "li2024"],
)
def test_forty_steps_keep_to_the_floor(schedule: dict) -> None:
    """The same sum over a mixture's Fisher informations, each of an equal grid, on which it is right to rounding: many
    steps, and the floor does not grow with them. (In thirty digits the values differ by 1e-15.)
    """
    ladder = processes.build(schedule, 40)
    spent = 1e-290

    def expectation(t: int, f) -> float:
        a, sigma = ladder.level(t)
        variance = (a * np.array(MIXTURE["stds"])) ** 2 + sigma**2
        reach = 1.2 * a + 37 * math.sqrt(variance.max())
        y = np.linspace(-reach, reach, 4001)
        z = y[:, None] - a * np.array(MIXTURE["means"])
        parts = MIXTURE["weights"] * np.exp(-0.5 * z**2 / variance) / np.sqrt(2 * np.pi * variance)
        p, slope = parts.sum(1), -(parts * z / variance).sum(1)
        held = p > spent
        return float(f(p[held], slope[held]).sum()) * reach / 2000  # y[1] - y[0] has lost three digits

    stop, moments = ladder.stop, np.square(MIXTURE["means"]) + np.square(MIXTURE["stds"])
    second = float(np.dot(MIXTURE["weights"], moments))
    kl = expectation(stop, lambda p, _: p * np.log(p)) + math.log(ladder.a[stop] / ladder.a[-1])
    kl += 0.5 * math.log(2 * math.pi) + 0.5 * (ladder.a[-1] ** 2 * second + ladder.sigma[-1] ** 2)
    for t in range(stop + 1, ladder.T + 1):
        kl -= 0.5 * ladder.noise_variance(t) * expectation(t, lambda p, slope: slope**2 / p)
    measured = measure(MIXTURE, schedule, 40, "ddpm")
    assert abs(measured.value - kl) < measured.floor < 2e-13


def test_what_has_no_path_kl_is_refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="infinite for the deterministic"):
        measure(MIXTURE, {"schedule": "li2024"}, 32, "pf-ode")
    with pytest.raises(InputError, match="not Gaussian"):
        measure(MIXTURE, {"schedule": "li2024"}, 32, "accelerated-ddpm")
    plane = {
        "family": "gaussian-mixture",
        "weights": [0.5, 0.5],
        "means": [[0.0, 1.0], [1.0, 0.0]],
        "stds": [0.5, 0.5],
    }
    with pytest.raises(NotMeasured, match="path-parts: the coordinates are not known to be independent"):
        measure(plane, {"schedule": "li2024"}, 32, "ddpm")


def test_gaussian_output_kl_is_far_below_path_kl() -> None:
    """N(0, .25), N = 200 exponential steps: output 7.0e-4 against .23 on path space."""
    target, ladder = targets.build(normal(0.5)), processes.build(EXPONENTIAL, 200)
    sampler, score = samplers.SAMPLERS["exponential-integrator"], ExactScore(target, ladder)
    assert gaussian.kl(gaussian_law(target, ladder, sampler, score, "exact")).value == pytest.approx(
        7.0e-4, rel=0.02
    )
    assert path_kl(target, ladder, sampler, score, "exact").value == pytest.approx(0.23, rel=0.02)


@pytest.mark.parametrize("init", ["normal", "exact"])
@pytest.mark.parametrize("name", ["ddpm", "ddpm-posterior", "euler-maruyama"])
def test_a_sphere_of_no_radius_is_a_gaussian_point(name: str, init: str) -> None:
    schedule = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
    point = {**normal(0.0), "dim": 5}
    closed = measure(point, schedule, 12, name, init)
    sphere = measure({"family": "sphere", "radius": 1e-9, "dim": 5}, schedule, 12, name, init)
    assert abs(sphere.value - closed.value) <= sphere.floor + closed.floor + 1e-12 * closed.value
    assert sphere.floor < 1e-9


def test_sphere_in_space_by_its_fisher_information() -> None:
    """Frozen score on a variance-exploding ladder: 1/2 [int I dv - sum dv I(v)], with s = (coth x - 1/x - r)/v."""
    T = 6
    ladder = processes.build({"schedule": "ve-exponential", "sigma_min": 0.2, "sigma_max": 6.0}, T)

    def information(v: float) -> float:
        s = math.sqrt(v)
        r = np.linspace(0, 1 + 12 * s, 4001)[1:]
        f = (
            r
            / (s * math.sqrt(2 * math.pi))
            * (np.exp(-((r - 1) ** 2) / (2 * v)) - np.exp(-((r + 1) ** 2) / (2 * v)))
        )
        return float((f * ((1 / np.tanh(r / v) - v / r - r) / v) ** 2).sum() * (r[1] - r[0]))

    v = ladder.sigma**2
    x, w = np.polynomial.legendre.leggauss(12)
    exact = 0.0
    for lo, hi in pairwise(np.log(v)):
        inner = np.exp(0.5 * (lo + hi) + 0.5 * (hi - lo) * x)
        exact += 0.25 * (hi - lo) * sum(wi * vi * information(vi) for wi, vi in zip(w, inner, strict=True))
    exact -= 0.5 * sum((v[t] - v[t - 1]) * information(v[t]) for t in range(1, T + 1))
    spec, schedule = {"family": "sphere", "radius": 1.0, "dim": 3}, {"schedule": "ve-exponential"}
    schedule |= {"sigma_min": 0.2, "sigma_max": 6.0}  # type: ignore[dict-item]
    measured = measure(spec, schedule, T, "exponential-integrator", "exact")
    assert measured.value == pytest.approx(exact, rel=1e-7)  # twelve nodes per step in log v


class Level(ScoreField):
    """The same number everywhere."""

    number = 0.0

    def __init__(self, target, ladder) -> None:
        self.target, self.ladder = target, ladder

    def __call__(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return torch.full_like(y, self.number)

    def jacobian(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*y.shape, y.shape[-1], dtype=y.dtype)

    def grad_divergence(self, t: int, y: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(y)


def student_path_kl(nu: float, schedule: dict, T: int, name: str) -> float:
    """From the exact start. The mean A y + B s(y) of a stage is off by c y + d s, and E (c y + d s)^2 =
    c^2 E y^2 - 2 c d + d^2 I with E y^2 known: only entropies and Fisher informations are integrated.
    """
    target, ladder = targets.build({"family": "student-t", "nu": nu}), processes.build(schedule, T)
    u = np.linspace(-26, 26, 3001)
    y, weight = np.sinh(u), np.cosh(u) * (u[1] - u[0])

    def entropy_and_information(t: int) -> tuple[float, float]:
        p, slope = student_density(y, ladder.a[t], ladder.sigma[t], nu)
        held = p > 1e-290
        p, slope, w = p[held], slope[held], weight[held]
        return -float(w @ (p * np.log(p))), float(w @ (slope**2 / p))

    none, one = Level(target, ladder), Level(target, ladder)
    one.number = 1.0
    stages = [{t: s for t, (s,) in samplers.SAMPLERS[name].path(ladder, score)} for score in (none, one)]
    total = entropy_and_information(T)[0] - entropy_and_information(ladder.stop)[0]
    total += math.log(ladder.a[ladder.stop] / ladder.a[-1])
    zero, unit = torch.zeros(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    for t in range(T, ladder.stop, -1):
        (a, sigma), alpha, noise = ladder.level(t), ladder.alpha(t), ladder.noise_variance(t)
        information = entropy_and_information(t)[1]
        c = float(stages[0][t].mean(unit)) - 1 / math.sqrt(alpha)
        d = float(stages[1][t].mean(zero)) - noise / math.sqrt(alpha)
        ratio = alpha * stages[0][t].std ** 2 / noise
        miss = c**2 * (a**2 * nu / (nu - 2) + sigma**2) - 2 * c * d + d**2 * information
        excess = (1 - noise * information) / ratio - 1
        total += 0.5 * (excess + miss / stages[0][t].std ** 2 + math.log(ratio))
    return total


@pytest.mark.parametrize("nu", [2.1, 2.5, 3.0, 5.0])
@pytest.mark.parametrize("name", ["euler-maruyama", "ddpm", "ddpm-posterior"])
def test_heavy_tails_are_within_the_floor(nu: float, name: str) -> None:
    """A linear mean leaves a second moment in the tail: at nu = 2.1 a sixth of it lies beyond the last panel."""
    schedule = {"schedule": "ou-uniform", "horizon": 1.5, "delta": 0.1}
    measured = measure({"family": "student-t", "nu": nu}, schedule, 8, name, "exact")
    assert abs(measured.value - student_path_kl(nu, schedule, 8, name)) <= measured.floor
    assert measured.floor < 1e-10


def test_a_mean_that_is_off_in_a_tail_without_second_moment_is_infinitely_far() -> None:
    schedule = {"schedule": "ou-uniform", "horizon": 1.5, "delta": 0.1}
    spec = {"family": "student-t", "nu": 1.5}
    assert measure(spec, schedule, 8, "euler-maruyama", "exact").value == math.inf
    assert math.isfinite(measure(spec, schedule, 8, "ddpm", "exact").value)
