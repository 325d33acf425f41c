"""Path KL: the exact decomposition, against kernels, entropies and closed forms."""

import math

import numpy as np
import pytest
import torch

from sharpbound import processes
from sharpbound.chapters.design_space import schedules
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import PathKL, discretisation_error, score_error, variances
from sharpbound.marginals.expectation import law_nodes
from sharpbound.marginals.fisher import GaussianInformation

SIGMAS = (0.002, 80.0)


def entropy(target, v):
    x, weight = law_nodes(target, 1.0, math.sqrt(v))
    return -float(weight @ target.derivative(x, 1.0, math.sqrt(v), 0))


@pytest.mark.parametrize("steps", [1, 4, 37])
@pytest.mark.parametrize("name", ["exponential", "polynomial-3", "tangent-0.5"])
def test_discretisation_is_the_entropy_form(mixture, name, steps):
    # integrating the kernels' log ratio gives E_D = h(v_0) - h(v_N) - 1/2 sum dv I(v_k): no derivative J
    target, info = mixture
    v = variances(schedules.named(name, steps, 0.1, 10.0))
    direct = entropy(target, v[0]) - entropy(target, v[-1]) + 0.5 * float(np.diff(v) @ info.value(v[:-1]))
    # 1e-11: the entropy form cancels two entropies of size 3 and the Chebyshev tolerance 1e-12
    assert discretisation_error(info, v) == pytest.approx(direct, abs=1e-11)


def test_discretisation_is_the_kernel_divergence(mixture):
    """One step by brute force: E KL(p(x'|x) | N(x + dv s(x), dv)) on a grid, the definition itself."""
    target, info = mixture
    high, low = 1.5, 0.4
    x = torch.arange(-8.0, 13.0, 0.02, dtype=torch.float64)

    def log_p(v):
        return target.derivative(x, 1.0, math.sqrt(v), 0)

    drift = x + (high - low) * target.derivative(x, 1.0, math.sqrt(high), 1)
    gaussian = -0.5 * math.log(2 * math.pi * (high - low))
    # forward kernel, x' (row) -> x (column)
    step = -0.5 * (x[None, :] - x[:, None]) ** 2 / (high - low) + gaussian
    log_true = log_p(low)[:, None] + step - log_p(high)[None, :]
    log_used = -0.5 * (x[:, None] - drift[None, :]) ** 2 / (high - low) + gaussian
    joint = (log_p(high)[None, :] + log_true).exp()
    brute = float((joint * (log_true - log_used)).sum()) * 0.02**2
    # 1e-11: the trapezoidal rule is exponentially accurate, the sum has 1e6 terms
    assert discretisation_error(info, np.array([high, low])) == pytest.approx(brute, abs=1e-11)


@pytest.mark.parametrize("variance", [0.0, 1e-4, 0.01, 0.25])
@pytest.mark.parametrize("name", ["exponential", "polynomial-1", "edm", "cosine"])
def test_gaussian_closed_form(variance, name):
    v = variances(schedules.named(name, 50, *SIGMAS))
    r = np.log((variance + v[:-1]) / (variance + v[1:]))
    exact = 0.5 * float((r + np.expm1(-r)).sum())
    info = GaussianInformation([variance])
    assert discretisation_error(info, v) == pytest.approx(exact, rel=1e-12)
    wide = GaussianInformation(np.full(64, variance))
    assert discretisation_error(wide, v) == pytest.approx(64 * exact, rel=1e-12)  # linear in the dimension


@pytest.mark.parametrize(
    ("variance", "exponential", "karras"),
    [(0.0, 1.9594, 2.2435), (1e-4, 1.5754, 1.5775), (0.01, 1.1497, 0.9790), (0.25, 0.8521, 0.6484)],
)
def test_published_comparison_of_schedules(variance, exponential, karras):
    info = GaussianInformation([variance])
    for name, value in (("exponential", exponential), ("edm", karras)):
        v = variances(schedules.named(name, 50, *SIGMAS))
        assert discretisation_error(info, v) == pytest.approx(value, abs=5e-5)  # all digits quoted


def test_fine_ladders_lose_no_digits():
    # 1e5 steps: each adds 1e-8, as a difference of integrals of size 20 nothing would be left
    v = np.geomspace(6400.0, 4e-6, 10**5 + 1)
    r = math.log(6400 / 4e-6) / 10**5
    exact = 0.5e5 * r**2 * (1 / 2 - r / 6 + r**2 / 24)
    # relative rounding of each ratio v_k/v_{k+1} is 1e-16/r, and averages out
    assert discretisation_error(GaussianInformation([0.0]), v) == pytest.approx(exact, rel=1e-9)


def test_ddpm_is_the_frozen_score_sampler():
    """Variance preserving DDPM: per-step KL of its Gaussian kernels is E_D on v = sigma^2/a^2."""
    ladder = processes.build({"schedule": "li2024", "c0": 2.0, "c1": 5.0}, 100)
    variance = 0.3
    total = 0.0
    for t in range(ladder.T, ladder.stop, -1):
        alpha, beta = ladder.alpha(t), float(ladder.beta[t])
        here = ladder.a[t] ** 2 * variance + ladder.sigma[t] ** 2
        below = ladder.a[t - 1] ** 2 * variance + ladder.sigma[t - 1] ** 2
        true_variance = below * beta / here  # X_{t-1} given X_t; the means agree for Gaussian data
        true_slope = math.sqrt(alpha) * below / here
        assert (1 - beta / here) / math.sqrt(alpha) == pytest.approx(true_slope, rel=1e-9)
        ratio = true_variance / (beta / alpha)
        total += 0.5 * (ratio - 1 - math.log(ratio))
    measured = discretisation_error(GaussianInformation([variance]), variances(ladder))
    assert measured == pytest.approx(total, rel=1e-9)  # the kernel form cancels to 1e-6 of its terms


def test_point_mass_with_a_score_error_flips_at_e_equal_d():
    """With v_k E|s_k - score|^2 = e, E_D + E_S = 1/2 [d R + (e - d) S], R = log(v_0/v_N) and
    S = sum (1 - v_{k+1}/v_k): the ladder enters through S alone, and its best shape flips where e = d.
    """
    song, karras = (variances(schedules.named(name, 50, *SIGMAS)) for name in ("exponential", "edm"))
    for dim, e in ((1, 0.3), (1, 2.0), (5, 2.0), (5, 8.0)):
        info = GaussianInformation(np.zeros(dim))
        totals = []
        for v in (song, karras):
            totals.append(discretisation_error(info, v) + score_error(v, e / v[:-1]))
            r, s = np.log(v[0] / v[-1]), (1 - v[1:] / v[:-1]).sum()
            assert totals[-1] == pytest.approx(0.5 * (dim * r + (e - dim) * s), rel=1e-12)
        assert (totals[1] < totals[0]) == (e > dim)


def test_parts_add_and_a_noiseless_end_is_refused():
    assert PathKL(0.1, 0.2, 0.3).total == pytest.approx(0.6)
    bare = schedules.from_sigmas("bare", np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="positive noise level"):
        variances(bare)
