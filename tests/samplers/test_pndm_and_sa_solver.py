"""PNDM and SA-Solver against their recursions, written out a second time over a whole run."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sharpbound import laws, processes, samplers, targets
from sharpbound.errors import InputError
from sharpbound.samplers import ExactScore

Array = NDArray[np.float64]
TARGET = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)
LADDER = processes.build({"schedule": "benton", "horizon": 2.0, "delta": 0.05}, 9)
A, S = LADDER.a, LADDER.sigma
LAM = np.log(A / S)
Y = np.linspace(-2, 2, 7)


def score(t: int, y: Array) -> Array:
    return TARGET.score(torch.tensor(y)[:, None], float(A[t]), float(S[t])).numpy()[:, 0]


def data(t: int, y: Array) -> Array:
    return (y + S[t] ** 2 * score(t, y)) / A[t]


def noises(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def output(**spec: object) -> Array:
    sampler = samplers.build(spec)
    start = torch.tensor(Y)[:, None]
    return samplers.run(sampler, LADDER, ExactScore(TARGET, LADDER), start, noises(5)).numpy()[:, 0]


def test_pndm_is_plms() -> None:
    y, past = Y.copy(), []
    n = S / A
    for t in range(LADDER.T, 0, -1):
        e = -S[t] * score(t, y)
        past = [e, *past]
        if len(past) == 1:
            mean = e
        elif len(past) == 2:
            mean = (3 * past[0] - past[1]) / 2
        elif len(past) == 3:
            mean = (23 * past[0] - 16 * past[1] + 5 * past[2]) / 12
        else:
            mean = (55 * past[0] - 59 * past[1] + 37 * past[2] - 9 * past[3]) / 24
        y = A[t - 1] * (y / A[t] + (n[t - 1] - n[t]) * mean)
    np.testing.assert_allclose(output(name="pndm"), y, rtol=1e-12)


def coefficients(t: int, levels: list[int], tau: float) -> Array:
    """(1 + tau^2) a_{t-1} int e^{(1 + tau^2)(u - lambda_{t-1})} l_j du, from moments."""
    c, h, lam = 1 + tau**2, LAM[t - 1] - LAM[t], LAM[t - 1]
    zeroth = A[t - 1] * -math.expm1(-c * h)
    first = A[t - 1] * (h * math.exp(-c * h) + math.expm1(-c * h) / c)  # of u - lambda_{t-1}
    if len(levels) == 1:
        return np.array([zeroth])
    nodes = LAM[levels] - lam
    return np.linalg.solve(np.vstack([np.ones(2), nodes]), np.array([zeroth, first]))


@pytest.mark.parametrize("tau", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("corrector", [0, 1])
def test_sa_solver_is_its_recursion(tau: float, corrector: int) -> None:
    """Two values: predictor of two, corrector of the new and the newest one."""
    y, draws = Y.copy(), noises(5)
    past: list[tuple[int, Array]] = [(LADDER.T, data(LADDER.T, y))]
    for t in range(LADDER.T, 0, -1):
        if past[0][0] != t:
            past = [(t, data(t, y)), *past][:2]
        h = LAM[t - 1] - LAM[t]
        b = coefficients(t, [at for at, _ in past], tau)
        kept = S[t - 1] / S[t] * math.exp(-(tau**2) * h) * y
        if tau:
            z = torch.randn((len(Y), 1), generator=draws, dtype=torch.float64).numpy()[:, 0]
            kept = kept + S[t - 1] * math.sqrt(-math.expm1(-2 * tau**2 * h)) * z
        predicted = kept + sum(w * m for w, (_, m) in zip(b, past, strict=True))
        if corrector and t > 1:
            new = (t - 1, data(t - 1, predicted))
            b = coefficients(t, [t - 1, past[0][0]], tau)
            y, past = kept + b[0] * new[1] + b[1] * past[0][1], [new, *past][:2]
        else:
            y = predicted
    ours = output(name="sa-solver", predictor=2, corrector=corrector, tau=tau)
    np.testing.assert_allclose(ours, y, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("tau", "other"), [(0.0, "ddim"), (1.0, "sde-dpm-solver++-1")])
def test_one_step_of_sa_solver_is_a_known_sampler(tau: float, other: str) -> None:
    ours = output(name="sa-solver", predictor=1, tau=tau)
    np.testing.assert_allclose(ours, output(name=other), rtol=1e-11)


def test_orders_on_a_gaussian() -> None:
    """PNDM 2; SA-Solver without noise s, s + 1 with the corrector, and with noise no more than 2 in law."""
    target = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    for spec, order in (
        ({"name": "pndm"}, 2),
        ({"name": "sa-solver", "predictor": 2, "tau": 0.0}, 2),
        ({"name": "sa-solver", "predictor": 2, "corrector": 2, "tau": 0.0}, 3),
        ({"name": "sa-solver", "predictor": 1}, 1),
        ({"name": "sa-solver", "predictor": 2}, 2),
        ({"name": "sa-solver", "predictor": 3}, 2),
    ):
        errors = []
        for T in (256, 512):
            ladder = processes.build(
                {"schedule": "log-snr-uniform", "lambda_min": -3.0, "lambda_max": 2.0}, T
            )
            law = laws.output_law(target, ladder, samplers.build(spec), init="exact")
            errors.append(law.distance("w2").value)
        assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.12), spec


@pytest.mark.parametrize(
    ("spec", "fault"),
    [({"predictor": 4}, "predictor"), ({"corrector": -1}, "corrector"), ({"tau": -1.0}, "tau")],
)
def test_what_sa_solver_refuses(spec: dict[str, object], fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        samplers.build({"name": "sa-solver"} | spec)
