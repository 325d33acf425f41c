"""The laws on the line against brute force that shares no code with them (`line_oracle`): values, and their floors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import line_oracle as oracle
from sharpbound import laws, processes, samplers, targets
from sharpbound.distances.base import Measured
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import Sampler, Stage, Step

TARGETS: dict[str, tuple[dict[str, Any], oracle.Marginal]] = {
    "mixture": (
        {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]},
        oracle.Mixture([0.4, 0.6], [-1.0, 1.2], [0.35, 0.5]),
    ),
    "far apart": (
        {"family": "gaussian-mixture", "weights": [0.2, 0.8], "means": [-5.0, 5.0], "stds": [0.3, 0.3]},
        oracle.Mixture([0.2, 0.8], [-5.0, 5.0], [0.3, 0.3]),
    ),
    "narrow": (
        {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [-1.0, 1.0], "stds": [0.01, 0.01]},
        oracle.Mixture([0.5, 0.5], [-1.0, 1.0], [0.01, 0.01]),
    ),
    "rare": (
        {"family": "gaussian-mixture", "weights": [0.001, 0.999], "means": [-2.0, 0.4], "stds": [0.1, 0.6]},
        oracle.Mixture([0.001, 0.999], [-2.0, 0.4], [0.1, 0.6]),
    ),
    "atoms": (
        {"family": "atoms", "weights": [0.3, 0.7], "points": [-1.0, 1.0]},
        oracle.Mixture([0.3, 0.7], [-1.0, 1.0], [0.0, 0.0]),
    ),
    "cantor": ({"family": "cantor", "level": 3, "low": -1.0, "high": 1.0}, oracle.cantor(3, -1.0, 1.0)),
    "uniform": ({"family": "uniform", "low": -1.0, "high": 1.5}, oracle.Uniform(-1.0, 1.5)),
    "laplace": ({"family": "laplace", "loc": 0.3, "scale": 0.8}, oracle.Laplace(0.3, 0.8)),
    "cauchy": (
        {"family": "student-t", "nu": 1, "loc": 0.2, "scale": 0.5}, oracle.Student(1, 0.2, 0.5),
    ),
    "student": ({"family": "student-t", "nu": 3.0, "loc": 0.2, "scale": 0.5}, oracle.Student(3.0, 0.2, 0.5)),
}  # fmt: skip
KINDS = {"sub-vp": "sub-vp", "ve-exponential": "ve", "edm": "ve", "tangent": "ve"}
SHARP, SIX = {"sigma_min": 0.15, "sigma_max": 3.0}, ("tv", "kl", "kl-reverse", "hellinger", "w1", "w2")


def both(
    target: str, schedule: dict[str, Any], T: int, sampler: str, init: str, **grid: Any
) -> tuple[dict[str, Any], dict[str, float]]:
    """All distances by the package and by brute force."""
    spec, marginal = TARGETS[target]
    built, ladder = targets.build(spec), processes.build(schedule, T)
    parameters = {key: value for key, value in schedule.items() if key != "schedule"}
    levels = oracle.levels(schedule["schedule"], T, **parameters)
    made = samplers.build({"name": sampler})
    found = laws.distances(laws.output_law(built, ladder, made, init=init), laws.LAW_METRICS)
    engine = oracle.transported if made.deterministic else oracle.diffused
    return found, engine(marginal, levels, KINDS.get(schedule["schedule"], "vp"), sampler, init, **grid)


def agree(found: dict[str, Any], expected: dict[str, float], metrics: tuple[str, ...], size: float) -> None:
    """Within the floor, and ``size`` relative for the brute force itself; floors below 1e-8 of the value."""
    for metric in metrics:
        measured = found[metric]
        assert isinstance(measured, Measured)
        assert abs(measured.value - expected[metric]) <= measured.floor + size * expected[metric], metric
        assert measured.floor < 1e-8 * measured.value, metric


OU = {"schedule": "ou-uniform", "delta": 0.1}


# 1e-9: eighth-order differences of the map, and the cancellation in beta from a and sigma
@pytest.mark.parametrize(
    ("target", "schedule", "T", "sampler", "init"),
    [
        ("mixture", {"schedule": "li2024"}, 32, "pf-ode", "normal"),
        ("mixture", OU, 1, "pf-ode", "normal"),
        ("mixture", {"schedule": "benton", "delta": 0.05}, 16, "heun", "normal"),
        ("mixture", {"schedule": "vp-linear", "delta": 0.05}, 24, "taylor-ode", "normal"),
        ("rare", OU, 16, "accelerated-ode", "exact"),
        ("narrow", OU, 16, "accelerated-ode", "exact"),
        ("atoms", OU, 16, "taylor-ode", "exact"),
        ("uniform", {"schedule": "log-snr-uniform", "lambda_max": 1.5}, 12, "ddim", "exact"),
        ("mixture", {"schedule": "sub-vp", "delta": 0.2}, 16, "heun", "normal"),
        ("mixture", {"schedule": "edm", "sigma_min": 0.1, "sigma_max": 5.0}, 16, "heun", "normal"),
        ("uniform", {"schedule": "tangent", "sigma_min": 0.1, "sigma_max": 5.0}, 16, "ddim", "exact"),
        ("laplace", {"schedule": "ve-exponential", "sigma_min": 0.1, "sigma_max": 5.0}, 16, "heun", "exact"),
    ],
)  # fmt: skip
def test_deterministic_samplers(target: str, schedule: dict, T: int, sampler: str, init: str) -> None:
    found, expected = both(target, schedule, T, sampler, init, points=12001, reach=6.0)
    agree(found, expected, SIX, 1e-9)


# 1e-9: running integrals by quintic splines
@pytest.mark.parametrize(
    ("target", "schedule", "T", "sampler", "init"),
    [
        ("mixture", OU, 1, "ddpm", "normal"),
        ("mixture", OU, 4, "ddpm-covariance", "exact"),
        ("rare", {"schedule": "vp-linear", "delta": 0.2}, 16, "accelerated-ddpm", "normal"),
        ("narrow", OU, 16, "ddpm", "normal"),
        ("cantor", OU, 16, "ddpm-posterior", "normal"),
        ("uniform", {"schedule": "log-snr-uniform", "lambda_max": 1.5}, 12, "exponential-integrator", "exact"),
        ("laplace", {"schedule": "sub-vp", "delta": 0.3}, 12, "euler-maruyama", "normal"),
        ("mixture", {"schedule": "edm", **SHARP}, 12, "ancestral-euler", "normal"),
        ("mixture", {"schedule": "tangent", **SHARP}, 12, "euler-maruyama", "exact"),
        ("uniform", {"schedule": "ve-exponential", **SHARP}, 12, "exponential-integrator", "normal"),
    ],
)  # fmt: skip
def test_stochastic_samplers(target: str, schedule: dict, T: int, sampler: str, init: str) -> None:
    # ten standard deviations of the widest law, which one step makes wide too
    reach = 30.0 if T == 1 or KINDS.get(schedule["schedule"]) == "ve" else 15.0
    found, expected = both(target, schedule, T, sampler, init, reach=reach, spacing=0.015)
    agree(found, expected, SIX, 1e-9)


@pytest.mark.parametrize(("T", "sampler", "init"), [(16, "ddpm", "normal"), (8, "accelerated-ddpm", "exact")])
def test_modes_that_are_far_apart(T: int, sampler: str, init: str) -> None:
    """The coupling jumps from one mode of p to the other inside a mode of q."""
    found, expected = both("far apart", OU, T, sampler, init, spacing=0.005)
    agree(found, expected, ("tv", "kl", "kl-reverse", "hellinger", "w1"), 1e-9)
    # the trapezoid rule sees the jump of ten to a node: of W2^2 that is 0.005 * 100 * q = 0.2 of 11 and of 0.035
    assert found["w2"].value == pytest.approx(expected["w2"], rel=2e-2)


def test_heavy_tails() -> None:
    """What brute force leaves out beyond e^20 of a cubic tail, and 400 of it, is below the tolerances."""
    found, expected = both("student", OU, 2, "accelerated-ode", "exact", points=4001, reach=20.0)
    agree(found, expected, SIX, 1e-9)
    found, expected = both("student", OU, 1, "ddpm", "exact", spacing=0.06, reach=300.0)
    agree(found, expected, ("tv", "kl", "kl-reverse", "hellinger"), 1e-9)
    assert found["w1"].value == pytest.approx(expected["w1"], rel=1e-8)


def test_a_cauchy_target() -> None:
    """E|X| is infinite, and so are the distances to a law with Gaussian tails that weigh it; the others are not."""
    found, expected = both("cauchy", {"schedule": "li2024"}, 20, "pf-ode", "normal", points=4001, reach=20.0)
    agree(found, expected, ("tv", "kl-reverse", "hellinger"), 1e-7)  # 4001 nodes for a tail of e^20
    assert found["chi2"].value == pytest.approx(expected["chi2"], rel=1e-6)
    assert [found[metric].value for metric in ("kl", "w1", "w2")] == [math.inf] * 3


def test_chi2_is_infinite_where_q_is_too_wide() -> None:
    """q has more than twice the variance of p in the tail."""
    found, _ = both("uniform", {"schedule": "li2024"}, 32, "pf-ode", "normal", points=4001)
    assert found["chi2"].value == math.inf


class Rough(Sampler):
    """A sampler of a user's own: DDPM with an error in its score that no panel of the marginal resolves."""

    name, title, source = "rough", "rough", "test"
    deterministic, nfe, order = False, 1, 1

    def __init__(self, error: Any) -> None:
        self.error = error

    def stages(self, step: Step) -> list[Stage]:
        beta, alpha, score, t = step.beta, step.alpha, step.score, step.t
        return [
            Stage(
                lambda y: (y + beta * (score(t, y) + self.error(y))) / math.sqrt(alpha),
                math.sqrt(beta / alpha),
            )
        ]


@pytest.mark.parametrize(
    ("error", "exact"),
    [
        (lambda y: 0.02 * torch.sin(60 * y), lambda y: 0.02 * np.sin(60 * y)),
        (lambda y: 0.5 * torch.tanh(40 * (y - 0.3)), lambda y: 0.5 * np.tanh(40 * (y - 0.3))),
    ],
)
def test_a_mean_that_is_rougher_than_the_marginal(error: Any, exact: Any) -> None:
    spec, marginal = TARGETS["mixture"]
    ladder, target, T = processes.build(OU, 8), targets.build(spec), 8
    law = laws.output_law(target, ladder, Rough(error), ExactScore(target, ladder))
    a, s, stop = oracle.levels("ou-uniform", T, delta=0.1)
    chain = []
    for t in range(T, 0, -1):
        alpha = (a[t] / a[t - 1]) ** 2

        def mean(y: Any, t: int = t, alpha: float = alpha) -> Any:
            return (y + (1 - alpha) * (marginal.score(y, a[t], s[t]) + exact(y))) / math.sqrt(alpha)

        def noise(y: Any, alpha: float = alpha) -> Any:
            return np.full_like(y, math.sqrt(1 / alpha - 1))

        chain.append([(mean, noise)])
    expected = oracle.diffused(marginal, (a, s, stop), "vp", chain, spacing=0.003, reach=9.0)
    agree(laws.distances(law, laws.LAW_METRICS), expected, SIX, 1e-9)
