"""Constants of the divergence on path space against closed forms and integrals by hand.

A step of DDPM has the right mean, and the variance nu/alpha in place of (nu/alpha)(1 + nu s'): its divergence begins
with nu^2 E[s'^2]/4.
"""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pytest
import torch

from sharpbound import laws, processes, samplers, targets
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import leading
from sharpbound.scores.base import ExactScore

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.7, "std": 0.4}
ATOMS = {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]}
FIXED = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}


def limit(target, forward, **sampler):
    return _limit(json.dumps([target, forward, sampler]))


@cache
def _limit(problem):
    target, forward, sampler = json.loads(problem)
    return leading.limit(
        targets.build(target),
        lambda T: processes.build(forward, T),
        samplers.build(sampler),
        metric="path-kl",
    )


def by_hand(target):
    """(horizon - delta) int E[(log p_t)''(X_t)^2] dt: nu = 2 (horizon - delta)/T at each of T equal steps."""
    law, (x, w) = targets.build(target), np.polynomial.legendre.leggauss(60)
    y = np.linspace(-9.0, 9.0, 20_001)
    total = 0.0
    for node, weight in zip(0.525 + 0.475 * x, 0.475 * w, strict=True):
        a, sigma = math.exp(-node), math.sqrt(-math.expm1(-2 * node))
        log_p, second = law.derivatives(torch.from_numpy(y), a, sigma, (0, 2))
        total += weight * float(torch.trapezoid(log_p.exp() * second**2, dx=18 / 20_000))
    return 0.95 * total


@pytest.mark.parametrize("target", [GAUSSIAN, MIXTURE, ATOMS], ids=lambda target: target["family"])
def test_ddpm_on_a_fixed_horizon_is_the_integral_of_the_squared_curvature(target):
    found = limit(target, FIXED, name="ddpm").constant("path-kl")
    assert (found.power, found.log_power) == (1, 0)
    assert found.constant == pytest.approx(by_hand(target), rel=1e-6)
    low, high = found.interval
    assert high - low < 1e-5 * found.constant


@pytest.mark.parametrize(("c0", "c1"), [(2.0, 5.0), (1.5, 4.0)])
def test_every_law_with_a_density_has_one_constant_on_the_schedule_of_li(c0, c1):
    """c1 (c1 - c0)/4 log^2 T/T of DDPM, from its noisy end; c1 c0/4 with the posterior variance, from its clean end."""
    forward = {"schedule": "li2024", "c0": c0, "c1": c1}
    for name, constant in (("ddpm", c1 * (c1 - c0) / 4), ("ddpm-posterior", c1 * c0 / 4)):
        found = limit(GAUSSIAN, forward, name=name).constant("path-kl")
        assert (found.power, found.log_power) == (1, 2)
        assert found.constant == pytest.approx(constant, rel=2e-6)


def test_the_posterior_variance_adapts_to_the_dimension_of_the_law():
    """Gaussian in R^3, all but flat in one direction: c1 c0/4 for each direction in which it is not."""
    flat = {"family": "gaussian", "mean": [0.0, 0.0, 0.0], "cov": [[1, 0.3, 0], [0.3, 0.5, 0], [0, 0, 1e-16]]}
    forward = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
    posterior = limit(flat, forward, name="ddpm-posterior").constant("path-kl")
    ddpm = limit(flat, forward, name="ddpm").constant("path-kl")
    assert posterior.constant == pytest.approx(2 * 5 * 2 / 4, rel=2e-6)
    assert ddpm.constant == pytest.approx(3 * 5 * 3 / 4 + 5 * 2 / 4, rel=2e-6)


@pytest.mark.parametrize("name", ["ddpm", "ddpm-posterior", "ddpm-covariance"])
def test_chains_go_to_the_leading_term_like_the_step(name):
    target, sampler = targets.build(MIXTURE), samplers.build({"name": name})
    found = limit(MIXTURE, FIXED, name=name)
    left = []
    for T in (128, 256):
        ladder = processes.build(FIXED, T)
        exact = laws.path_kl(target, ladder, sampler, ExactScore(target, ladder), "exact").value
        left.append(exact / found.at(T, "path-kl") - 1)
    assert abs(left[1]) < 0.05
    assert abs(2 * left[1] - left[0]) < 4 * left[1] ** 2  # what is not linear in h falls like h^2


def test_divergences_of_independent_coordinates_add():
    product = {"family": "product", "factors": [GAUSSIAN, GAUSSIAN, MIXTURE]}
    each = [limit(one, FIXED, name="ddpm").constant("path-kl").constant for one in (GAUSSIAN, MIXTURE)]
    found = limit(product, FIXED, name="ddpm").constant("path-kl").constant
    assert found == pytest.approx(2 * each[0] + each[1], rel=1e-6)


def test_what_has_no_leading_term_says_why():
    with pytest.raises(NotMeasured, match="exact"):
        limit(GAUSSIAN, FIXED, name="ddpm-covariance")
    with pytest.raises(InputError, match="deterministic"):
        limit(GAUSSIAN, FIXED, name="pf-ode")
