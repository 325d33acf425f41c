"""The accelerated samplers of 2306.09251 against their definition by the moments of W given X_t, and their orders."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sharpbound import laws, processes, samplers, targets
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.samplers import SAMPLERS, ExactScore

Array = NDArray[np.float64]
ODE, DDPM = SAMPLERS["accelerated-ode-li2024"], SAMPLERS["accelerated-ddpm-li2024"]
WEIGHTS, MEANS, STDS = (0.4, 0.6), (-1.0, 1.2), (0.35, 0.5)
MIXTURE = {"family": "gaussian-mixture", "weights": WEIGHTS, "means": MEANS, "stds": STDS}
GAUSSIAN = {"family": "gaussian", "mean": 0.7, "std": 0.4}
CENTRES = np.array([[-1.0, 0.2, 0.5], [0.8, -0.6, 0.0], [0.3, 1.1, -0.7]])
SHARES = np.array([0.5, 0.2, 0.3])
COVARIANCES = np.array(
    [
        [[0.5, 0.2, 0.0], [0.2, 0.4, -0.1], [0.0, -0.1, 0.3]],
        [[0.2, 0.0, 0.1], [0.0, 0.6, 0.2], [0.1, 0.2, 0.7]],
        [[0.9, -0.3, 0.1], [-0.3, 0.5, 0.0], [0.1, 0.0, 0.4]],
    ]
)
LADDER = processes.build({"schedule": "li2024", "c0": 2.0, "c1": 5.0}, 40)
STEPS = (2, 9, 20, 40)
Moments = tuple[Array, Array, Array]
"""E W, E W W^T and E |W|^2 W given X_t."""


def moments_on_the_line(x: float, a: float, sigma: float) -> Moments:
    """By quadrature over x0: 400 panels of 16 nodes on [-12, 12], beyond which there is nothing."""
    edges = np.linspace(-12, 12, 401)
    nodes, w = (
        np.concatenate(v) for v in zip(*itertools.starmap(_panel, itertools.pairwise(edges)), strict=True)
    )
    prior = sum(
        p * np.exp(-0.5 * ((nodes - m) / s) ** 2) / s for p, m, s in zip(WEIGHTS, MEANS, STDS, strict=True)
    )
    noise = (x - a * nodes) / sigma
    posterior = w * prior * np.exp(-0.5 * noise**2)
    first, second, third = (np.array([posterior @ noise**k / posterior.sum()]) for k in (1, 2, 3))
    return first, second[:, None], third


def _panel(lo: float, hi: float) -> tuple[Array, Array]:
    return gauss_legendre(16, lo, hi)


def moments_in_space(x: Array, a: float, sigma: float) -> Moments:
    """W given the component is N(sigma V^-1 (x - a m), I - sigma^2 V^-1), V = a^2 C + sigma^2 I."""
    logs, parts = [], []
    for share, m, cov in zip(SHARES, CENTRES, COVARIANCES, strict=True):
        inverse = np.linalg.inv(a**2 * cov + sigma**2 * np.eye(3))
        mean, var = sigma * inverse @ (x - a * m), np.eye(3) - sigma**2 * inverse
        logs.append(
            math.log(share) - 0.5 * (x - a * m) @ inverse @ (x - a * m) + 0.5 * np.linalg.slogdet(inverse)[1]
        )
        parts.append(
            (mean, var + np.outer(mean, mean), (np.trace(var) + mean @ mean) * mean + 2 * var @ mean)
        )
    r = np.exp(np.array(logs) - max(logs))
    r /= r.sum()
    first, second, third = (np.einsum("k,k...->...", r, np.array(part)) for part in zip(*parts, strict=True))
    return first, second, third


def eq_27b(x: Array, moments: Moments, alpha: float, abar: float) -> Array:
    """Phi_t(x), with w_t = E[|W|^2 (W/sqrt(1 - abar) + s) + W W^T s] and s = -E W/sqrt(1 - abar)."""
    first, second, third = moments
    s = -first / math.sqrt(1 - abar)
    w = third / math.sqrt(1 - abar) + np.trace(second) * s + second @ s
    gain = (1 - alpha) ** 2 / 8
    drift = ((1 - alpha) / 2 + gain / (1 - abar) - gain * s @ s) * s + gain / (1 - abar) * w
    return (x + drift) / math.sqrt(alpha)


def eq_33b(x: Array, z: Array, moments: Moments, alpha: float, abar: float) -> Array:
    """Psi_t(x, z), with v_t = E[W W^T] z."""
    first, second, _ = moments
    s = -first / math.sqrt(1 - abar)
    inner = z + (1 - abar) * s * (s @ z) - second @ z
    noise = z - (1 - alpha) / (2 * (1 - abar)) * inner
    return (x + (1 - alpha) * s) / math.sqrt(alpha) + math.sqrt(1 / alpha - 1) * noise


def check_definition(target: Any, x: Array, z: Array, moments: Any, t: int) -> None:
    a, sigma = LADDER.level(t)
    step = samplers.Step(t, LADDER, ExactScore(target, LADDER))
    y = torch.from_numpy(x[None])
    found = moments(x, a, sigma)
    (stage,) = ODE.stages(step)
    np.testing.assert_allclose(
        stage.mean(y)[0].numpy(), eq_27b(x, found, LADDER.alpha(t), a**2), rtol=0, atol=1e-12
    )
    (stage,) = DDPM.stages(step)
    moved = stage.mean(y)[0].numpy() + stage.std(y)[0].numpy() @ z
    np.testing.assert_allclose(moved, eq_33b(x, z, found, LADDER.alpha(t), a**2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("t", STEPS)
@pytest.mark.parametrize("x", [-2.0, -0.3, 0.1, 1.5])
def test_definition_on_the_line(t: int, x: float) -> None:
    check_definition(
        targets.build(MIXTURE),
        np.array([x]),
        np.array([0.8]),
        lambda at, a, sigma: moments_on_the_line(float(at[0]), a, sigma),
        t,
    )


@pytest.mark.parametrize("t", STEPS)
def test_definition_in_space(t: int) -> None:
    target = targets.build(
        {
            "family": "gaussian-mixture",
            "weights": SHARES.tolist(),
            "means": CENTRES.tolist(),
            "covs": COVARIANCES.tolist(),
        }
    )
    rng = np.random.default_rng(t)
    for _ in range(5):
        x, z = rng.standard_normal((2, 3))
        check_definition(target, x, z, moments_in_space, t)


def halved_steps(name: str, other: str) -> tuple[list[Any], list[Any]]:
    """The stages of one and another sampler from one level, with steps h, h/2 and h/4."""
    found: tuple[list[Any], list[Any]] = ([], [])
    for T in (64, 128, 256):
        ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, T)
        step = samplers.Step(T // 2, ladder, ExactScore(targets.build(MIXTURE), ladder))
        for program, sampler in zip(found, (name, other), strict=True):
            program.append((step, *SAMPLERS[sampler].stages(step)))
    return found


def test_ode_is_the_taylor_step_up_to_third_order() -> None:
    y = torch.tensor([[-0.4]], dtype=torch.float64)
    ours, taylor = halved_steps("accelerated-ode-li2024", "taylor-ode")
    gaps = [abs(float(a.mean(y) - b.mean(y))) for (_, a), (_, b) in zip(ours, taylor, strict=True)]
    coarse, fine = (math.log2(a / b) for a, b in itertools.pairwise(gaps))
    assert 2 * fine - coarse == pytest.approx(3, abs=0.01)


def test_ddpm_has_the_mean_of_ddpm_covariance_and_its_root_to_first_order() -> None:
    """S S^T - (b/alpha)(I + b J) = (b/alpha) (b^2/4) J^2, J the score's Jacobian."""
    y = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    for (step, ours), (_, other) in zip(
        *halved_steps("accelerated-ddpm-li2024", "ddpm-covariance"), strict=True
    ):
        assert torch.equal(ours.mean(y), other.mean(y))
        gap = ours.std(y) ** 2 - other.std(y) ** 2
        jacobian = step.score.jacobian(step.t, y)
        # a difference of numbers of size b/alpha, which is below 1
        torch.testing.assert_close(gap, step.beta**3 / (4 * step.alpha) * jacobian**2, rtol=0, atol=1e-15)


@pytest.mark.parametrize("target", [GAUSSIAN, MIXTURE], ids=["gaussian", "mixture"])
@pytest.mark.parametrize("name", ["accelerated-ode-li2024", "accelerated-ddpm-li2024"])
def test_order_two_on_a_fixed_horizon(name: str, target: dict[str, Any]) -> None:
    """Local slopes of TV and W2, extrapolated twice from four step sizes."""
    law = targets.build(target)
    outputs = [
        laws.output_law(
            law,
            processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, T),
            SAMPLERS[name],
            init="exact",
        )
        for T in (32, 64, 128, 256)
    ]
    for metric in ("tv", "w2"):
        errors = [laws.distance(output, metric).value for output in outputs]
        one, two, three = (math.log2(a / b) for a, b in itertools.pairwise(errors))
        assert (4 * (2 * three - two) - (2 * two - one)) / 3 == pytest.approx(2, abs=0.02), metric


def test_gaps_between_atoms_keep_their_noise():
    """Where there is no mass panels do not resolve the noise, and a polynomial of it may fall below zero.

    Its leading term on this schedule, 1.5131 log^2 T/T^2, comes from single steps (`sharpbound.laws.leading`).
    """
    atoms = targets.build({"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]})
    left = []
    for T in (64, 128):
        ladder = processes.build({"schedule": "li2024", "c0": 2.0, "c1": 5.0}, T)
        law = laws.output_law(atoms, ladder, samplers.build({"name": "accelerated-ddpm-li2024"}))
        left.append(law.distance("tv").value / (1.5131 * (math.log(T) / T) ** 2) - 1)
    assert left[0] == pytest.approx(0.062, abs=0.005)
    assert 1.7 < left[0] / left[1] < 2.3  # like log T/T and its square
