"""What samplers make of trained networks and of the empirical score, against plain grids."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from sharpbound import processes, samplers
from sharpbound.chapters.learning.empirical import empirical_laws
from sharpbound.chapters.learning.empirical_samples import empirical_samples
from sharpbound.chapters.learning.learned_samples import _LadderScore, learned_samples
from sharpbound.chapters.learning.networks import Training, train
from sharpbound.targets import build

MIXTURE = {"family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [-0.8, 0.9], "stds": [0.4, 0.6]}
TARGET = build(MIXTURE)
LADDER = processes.build({"schedule": "log-snr-uniform", "lambda_min": -1.5, "lambda_max": 0.8}, 5)
SMALL = Training(width=6, depth=2, steps=150)
LEVELS = np.arange(1, 6)


@pytest.fixture(scope="module")
def networks():
    levels = np.repeat(LADDER.a[LEVELS], 2), np.repeat(LADDER.sigma[LEVELS], 2)
    return train(TARGET, *levels, 50, SMALL, 10, seed=7)


def test_networks_are_linear_between_their_kinks(networks):
    score = _LadderScore(networks, 1, 2, 1)
    kinks = score.kinks(3, -6.0, 6.0)
    assert len(kinks) > 3
    edges = np.concatenate([[-6.0], kinks, [6.0]])
    inside = edges[:-1, None] + np.diff(edges)[:, None] * np.array([0.01, 0.5, 0.99])
    left, middle, right = score(3, torch.from_numpy(inside.reshape(-1, 1))).detach().numpy().reshape(-1, 3).T
    assert middle == pytest.approx((left + right) / 2, abs=1e-10)
    # and they are kinks: the slope changes
    slopes = (right - left) / (0.98 * np.diff(edges))
    assert (np.abs(np.diff(slopes)) > 1e-9).all()


def test_the_law_of_the_samples_is_that_of_a_plain_grid(networks):
    """DDPM's stages by the trapezoidal rule; a kink costs it its step squared times the change of slope."""
    runs = learned_samples(TARGET, LADDER, samplers.build({"name": "ddpm"}), "exact", 50, 0.1, SMALL, 2, 7)
    x = torch.linspace(-15, 15, 2501, dtype=torch.float64).unsqueeze(-1)
    y, step = x[:, 0].numpy(), 30 / 2500

    def density(t):
        return TARGET.log_density(x, float(LADDER.a[t]), float(LADDER.sigma[t])).exp().numpy()

    for seed, found in enumerate(runs):
        q = density(5)
        for t in range(5, 0, -1):
            beta = float(LADDER.beta[t])
            score = _LadderScore(networks, 1, 2, seed)(t, x).detach().numpy()[:, 0]
            moved = (y + beta * score) / math.sqrt(1 - beta)
            q = norm.pdf(y[:, None], moved, math.sqrt(beta / (1 - beta))) @ q * step
        lost = abs(1 - q.sum() * step)
        assert lost < 1e-4
        assert found.tv == pytest.approx(np.abs(q - density(0)).sum() * step / 2, abs=1e-5 + lost)
        assert found.tv_floor < 1e-10


def test_one_data_point_is_returned_exactly():
    """On a point mass the exponential integrator is exact: the samples are N(a x_1, sigma^2)."""
    found = empirical_samples(TARGET, LADDER, samplers.build({"name": "ddim"}), "exact", 1, 4)
    (data,) = empirical_laws(TARGET, 1, 1, 4)
    a, sigma = float(LADDER.a[0]), float(LADDER.sigma[0])
    p = lambda x: sum(  # noqa: E731
        w * norm.pdf(x, a * m, math.hypot(a * s, sigma))
        for w, m, s in zip(MIXTURE["weights"], MIXTURE["means"], MIXTURE["stds"], strict=True)
    )
    gap = lambda x: abs(p(x) - norm.pdf(x, a * float(data.means[0]), sigma)) / 2  # noqa: E731
    tv = quad(gap, -9, 9, limit=500, epsabs=1e-11)[0]
    assert found.to_memorised.value < 1e-11
    assert found.to_truth == pytest.approx(tv, abs=1e-8)
    assert found.memorised_to_truth == pytest.approx(tv, abs=1e-8)


def test_more_steps_lead_to_the_data_and_not_to_the_truth():
    spec = {"schedule": "log-snr-uniform", "lambda_min": -3.0, "lambda_max": 2.0}
    coarse, fine = (
        empirical_samples(TARGET, processes.build(spec, T), samplers.build({"name": "ddim"}), "exact", 6, 1)
        for T in (20, 80)
    )
    assert fine.to_memorised.value < 0.3 * coarse.to_memorised.value
    for found in (coarse, fine):  # the triangle inequality, with room for the quadrature
        assert abs(found.to_truth - found.memorised_to_truth) <= found.to_memorised.value + 1e-9
    assert fine.to_truth > 0.1
