"""Samplers against the formulas of their papers, written out a second time, step by step."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.processes.process import VP
from sharpbound.samplers import ExactScore, Step
from sharpbound.samplers.base import log_snr
from sharpbound.samplers.exponential import phi
from sharpbound.samplers.multistep import NODES, lagrange

TARGET = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)
LADDER = processes.build({"schedule": "benton", "horizon": 2.0, "delta": 0.05}, 10)
SCORE = ExactScore(TARGET, LADDER)
Y = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]


def eps(level: tuple[float, float], y: torch.Tensor) -> torch.Tensor:
    return -level[1] * TARGET.score(y, *level)


def x0(level: tuple[float, float], y: torch.Tensor) -> torch.Tensor:
    return (y + level[1] ** 2 * TARGET.score(y, *level)) / level[0]


def levels(t: int) -> tuple[tuple[float, float], tuple[float, float], float, float]:
    now, after = ((float(LADDER.a[k]), float(LADDER.sigma[k])) for k in (t, t - 1))
    lam = math.log(now[0] / now[1])
    return now, after, lam, math.log(after[0] / after[1]) - lam


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("z", [-30.0, -1.0001, -0.9, -1e-6, 0.0, 1e-3, 1.0, 4.0])
def test_phi(k: int, z: float) -> None:
    """phi_k(z) = int_0^1 e^{(1-s) z} s^{k-1}/(k-1)! ds."""
    with mpmath.workdps(30):
        exact = mpmath.quad(
            lambda s: mpmath.exp((1 - s) * z) * s ** (k - 1) / mpmath.factorial(k - 1), [0, 1]
        )
    assert phi(k, z) == pytest.approx(float(exact), rel=1e-13)


def test_dpm_solver_3() -> None:
    """Algorithm 2 of 2206.00927 with r1 = 1/3, r2 = 2/3."""
    now, after, lam, h = levels(6)
    s1, s2 = VP.level_at(lam + h / 3), VP.level_at(lam + 2 * h / 3)
    e = eps(now, Y)
    u1 = s1[0] / now[0] * Y - s1[1] * math.expm1(h / 3) * e
    d1 = eps(s1, u1) - e
    u2 = s2[0] / now[0] * Y - s2[1] * math.expm1(2 * h / 3) * e
    u2 = u2 - s2[1] * 2 * (math.expm1(2 * h / 3) / (2 * h / 3) - 1) * d1
    d2 = eps(s2, u2) - e
    y = (
        after[0] / now[0] * Y
        - after[1] * math.expm1(h) * e
        - after[1] / (2 / 3) * (math.expm1(h) / h - 1) * d2
    )
    (stage,) = samplers.SAMPLERS["dpm-solver-3"].stages(Step(6, LADDER, SCORE))
    torch.testing.assert_close(stage.mean(Y), y, rtol=1e-12, atol=1e-13)


def test_dpm_solver_2_and_its_data_prediction() -> None:
    now, after, lam, h = levels(6)
    s = VP.level_at(lam + h / 2)
    u = s[0] / now[0] * Y - s[1] * math.expm1(h / 2) * eps(now, Y)
    noise = after[0] / now[0] * Y - after[1] * math.expm1(h) * eps(s, u)
    (stage,) = samplers.SAMPLERS["dpm-solver-2"].stages(Step(6, LADDER, SCORE))
    torch.testing.assert_close(stage.mean(Y), noise, rtol=1e-12, atol=1e-13)
    u = s[1] / now[1] * Y - s[0] * math.expm1(-h / 2) * x0(now, Y)
    data = after[1] / now[1] * Y - after[0] * math.expm1(-h) * x0(s, u)
    (stage,) = samplers.SAMPLERS["dpm-solver++-2s"].stages(Step(6, LADDER, SCORE))
    torch.testing.assert_close(stage.mean(Y), data, rtol=1e-12, atol=1e-13)


def test_multistep_data_prediction() -> None:
    """Three steps of DPM-Solver++(3M), exact quadratic: the integral of the interpolation, by quadrature."""
    y = Y
    past: list[tuple[float, torch.Tensor]] = []
    for t in (10, 9, 8):
        now, after, lam, h = levels(t)
        past = [(lam, x0(now, y)), *past]
        nodes = np.array([node for node, _ in past])
        at, w = gauss_legendre(NODES, lam, lam + h)
        weights = lagrange(nodes, at) @ (w * np.exp(at - lam - h))
        y_new = after[1] / now[1] * y + after[0] * sum(
            float(w) * m for w, (_, m) in zip(weights, past, strict=True)
        )
        if t == 9:  # the published two-value formula is another second-order one
            r = (lam - past[1][0]) / h
            d = past[0][1] + (past[0][1] - past[1][1]) / (2 * r)
            y_new = after[1] / now[1] * y - after[0] * math.expm1(-h) * d
        y = y_new
    sampler, out, kept = samplers.SAMPLERS["dpm-solver++-3m-exact"], Y, ()
    for t in (10, 9, 8):
        (stage,) = sampler.stages(Step(t, LADDER, SCORE))
        out, kept = stage.advance(out, kept)
    torch.testing.assert_close(out, y, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("p", [2, 3])
def test_unipc_conditions(p: int) -> None:
    """With all p coefficients solved for, UniC integrates x0 = (lambda/h)^k, k <= p, exactly for any B(h)."""
    unipc = samplers.build({"name": "unipc", "p": p})
    h, r = 0.3, np.array([-0.8, -1.7, 1.0][3 - p :])
    for variant, scale in (("B1", -h), ("B2", math.expm1(-h))):
        assert unipc.order == p + 1, variant
        rho = type(unipc)._coefficients(r, h, scale)
        at, w = gauss_legendre(NODES, 0.0, h)
        for degree in range(1, p + 1):
            exact = float(w @ (np.exp(at - h) * (at / h) ** degree))
            assert -scale * float(rho @ r ** (degree - 1)) == pytest.approx(exact, rel=1e-12)


def test_adams_bashforth_on_even_steps_has_the_textbook_weights() -> None:
    textbook = {2: [3 / 2, -1 / 2], 3: [23 / 12, -16 / 12, 5 / 12], 4: [55 / 24, -59 / 24, 37 / 24, -9 / 24]}
    for order, expected in textbook.items():
        at, w = gauss_legendre(NODES, 0.0, 1.0)
        np.testing.assert_allclose(lagrange(-np.arange(float(order)), at) @ w, expected, rtol=1e-12)


def test_sde_dpm_solver_keeps_the_marginal_variance_of_a_point() -> None:
    """With x0 constant the step maps N(a x0, sigma^2) to N(a' x0, sigma'^2) exactly."""
    now, after, _, h = levels(5)
    shrink = after[1] / now[1] * math.exp(-h)
    fresh = -math.expm1(-2 * h)
    assert (shrink * now[1]) ** 2 + fresh * after[1] ** 2 == pytest.approx(after[1] ** 2, rel=1e-13)
    assert shrink * now[0] + fresh * after[0] == pytest.approx(after[0], rel=1e-13)


def test_log_snr_uniform_ladder() -> None:
    ladder = processes.build({"schedule": "log-snr-uniform", "lambda_min": -4.0, "lambda_max": 3.0}, 14)
    np.testing.assert_allclose([log_snr(ladder, t) for t in range(15)], np.linspace(3, -4, 15), atol=1e-14)
    np.testing.assert_allclose(ladder.a**2 + ladder.sigma**2, 1, rtol=1e-15)
    np.testing.assert_allclose(ladder.beta[1:], 1 - (ladder.a[1:] / ladder.a[:-1]) ** 2, rtol=1e-10)
