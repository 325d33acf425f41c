"""A rotation in the score: closed forms of one complex number per plane, with no code of the package."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.chapters.score_error import rotation
from sharpbound.errors import InputError

SPEC = {"field": "rotation"}
HORIZON, DELTA = 1.0, 0.05


def ladder(T: int):
    return processes.build({"schedule": "ou-uniform", "horizon": HORIZON, "delta": DELTA}, T)


def target(std: float = 0.4, dim: int = 2):
    return targets.build({"family": "gaussian", "mean": 0.7, "std": std, "dim": dim})


def measured(sampler: str, T: int, eps: float, metrics=("kl", "tv"), std: float = 0.4, dim: int = 2):
    return rotation.row(
        {"eps": eps} | SPEC, target(std, dim), ladder(T), samplers.build({"name": sampler}), "exact", metrics
    )


def variances(T: int, std: float) -> tuple[np.ndarray, np.ndarray]:
    t = DELTA + (HORIZON - DELTA) * np.arange(T + 1) / T
    return np.exp(-2 * t) * std**2 - np.expm1(-2 * t), t


def output(sampler: str, T: int, eps: float, std: float = 0.4) -> tuple[float, float]:
    """(true, output) variance per coordinate: a step multiplies x + iy by a complex number."""
    v, t = variances(T, std)
    q = v[-1]
    for k in range(T, 0, -1):
        beta = -math.expm1(-2 * (t[k] - t[k - 1]))
        rate = eps / math.sqrt(2 * v[k])  # E|e|^2 = rate^2 * 2 v = eps^2
        share = 0.5 if sampler == "pf-ode" else 1.0
        gain = (1 + share * beta * complex(-1 / v[k], rate)) / cmath.sqrt(1 - beta)
        q = abs(gain) ** 2 * q + (0.0 if sampler == "pf-ode" else beta / (1 - beta))
    return v[0], q


@pytest.mark.parametrize("sampler", ["pf-ode", "ddpm"])
@pytest.mark.parametrize("eps", [0.0, 1.0, 20.0])
def test_the_output_is_that_of_complex_multiplication(sampler, eps):
    true, wrong = output(sampler, 48, eps)
    ratio = true / wrong
    found = measured(sampler, 48, eps)
    assert found["kl"] == pytest.approx(ratio - 1 - math.log(ratio), rel=1e-9)  # two coordinates
    crossing = 2 * math.log(wrong / true) / (1 - true / wrong)  # |x|^2/true at which the densities meet
    assert found["tv"] == pytest.approx(
        abs(math.exp(-crossing / 2) - math.exp(-crossing * ratio / 2)), rel=1e-7
    )
    assert found["eps_score"] == eps


def test_what_is_added_is_quadratic_in_the_size_and_vanishes_with_the_steps():
    def added(T: int, eps: float) -> float:
        return output("pf-ode", T, eps)[1] - output("pf-ode", T, 0.0)[1]

    assert added(64, 2.0) / added(64, 1.0) == pytest.approx(4.0, rel=0.05)
    assert added(256, 1.0) / added(512, 1.0) == pytest.approx(2.0, rel=0.01)


def test_the_chain_pays_half_the_squared_error_over_time():
    """On N(m, I) `ddpm-beta` is exact, so that the path KL is sum beta eps^2/2 over steps: the error alone."""
    found = measured("ddpm-beta", 64, 1.5, ("path-kl",), std=1.0)
    beta = -math.expm1(-2 * (HORIZON - DELTA) / 64)
    shift = beta**2 * 1.5**2 / (1 - beta) / (2 * beta)  # |mean - mean|^2 over twice the variance beta
    assert found["path-kl"] == pytest.approx(64 * shift, rel=1e-10)


def test_sizes_in_more_dimensions():
    found = measured("ddpm", 16, 1.0, dim=6)
    v, _ = variances(16, 0.4)
    assert found["eps_jacobi"] == pytest.approx(np.mean(1 / np.sqrt(6 * v[1:])), rel=1e-12)
    score = rotation.rotated({"eps": 1.0} | SPEC, target(dim=6), ladder(16))
    y = (
        np.random.default_rng(2).standard_normal((200_000, 6)) * math.sqrt(v[9])
        + math.exp(-(DELTA + 0.95 * 9 / 16)) * 0.7
    )
    y = torch.from_numpy(y)
    error = score(9, y) - score.exact(9, y)
    assert float((error**2).sum(1).mean()) == pytest.approx(1.0, abs=0.01)  # 4 standard errors
    slope = score.jacobian(9, y[:1])[0] - score.exact.jacobian(9, y[:1])[0]
    assert torch.linalg.matrix_norm(slope, 2).item() == pytest.approx(score.rate[9], rel=1e-12)
    moved = error[0] - error[1]
    assert torch.allclose(slope @ (y[0] - y[1]), moved, rtol=1e-10)


@pytest.mark.parametrize(
    ("spec", "law", "message"),
    [
        ({"eps": 1.0, "omega": 2.0}, target(), "score_error.omega: a rotation field has no such key"),
        ({}, target(), "score_error.eps: is missing"),
        ({"eps": -1.0}, target(), "score_error.eps: must be >= 0"),
        ({"eps": 1.0}, target(dim=3), "an even dim"),
        ({"eps": 1.0}, targets.build({"family": "gaussian", "mean": 0.0, "std": [1.0, 2.0]}), "one std"),
        ({"eps": 1.0}, targets.build({"family": "laplace", "scale": 1.0}), "isotropic Gaussian"),
    ],
)
def test_mistakes_are_told(spec, law, message):
    with pytest.raises(InputError, match=message):
        rotation.rotated(spec, law, ladder(4))
