"""The map of schedule against score error and data scale, and the Gaussian output law under it."""

import math

import numpy as np
import pytest
import torch

from sharpbound.chapters.design_space import schedules
from sharpbound.chapters.design_space.output import gaussian_output
from sharpbound.chapters.design_space.song_or_karras import crossover_scale, output_loss, path_loss
from sharpbound.laws.path_kl_parts import discretisation_error, variances
from sharpbound.marginals.fisher import GaussianInformation

SIGMAS = (0.002, 80.0)


@pytest.mark.parametrize(("steps", "scale"), [(18, 0.0080), (50, 0.0102), (200, 0.0112)])
def test_published_crossovers(steps, scale):
    assert crossover_scale(steps, *SIGMAS) == pytest.approx(scale, abs=5e-5)


def test_song_wins_only_for_good_scores_on_sharp_data():
    song, karras = (variances(schedules.named(name, 50, *SIGMAS)) for name in ("exponential", "edm"))
    wins = [[path_loss(song, s, e) < path_loss(karras, s, e) for s in (1e-4, 0.5)] for e in (0.0, 0.5, 2.0)]
    # rows: score error; columns: nearly a point mass, smooth data
    assert wins == [[True, False], [True, False], [False, False]]


def test_output_law_against_particles():
    v = variances(schedules.named("edm", 12, 0.1, 5.0))
    law = gaussian_output(0.25, v, error=0.3, churn=0.6)
    generator = torch.Generator().manual_seed(0)
    n = 400_000
    x = math.sqrt(0.25 + v[0]) * torch.randn(n, generator=generator, dtype=torch.float64)
    for here, step in zip(v[:-1], -np.diff(v), strict=True):
        score = -x / (0.25 + here) + math.sqrt(0.3 / here)
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        euler = math.sqrt(here) * (math.sqrt(here) - math.sqrt(here - step))
        x = x + (0.36 * step + 0.64 * euler) * score + 0.6 * math.sqrt(step) * noise
    spread = math.sqrt(law.variance / n)
    assert float(x.mean()) == pytest.approx(law.mean, abs=4 * spread)
    assert float(x.var()) == pytest.approx(law.variance, rel=4 * math.sqrt(2 / n))


def test_output_divergences_against_their_definitions():
    law = gaussian_output(0.25, variances(schedules.named("exponential", 30, 0.05, 10.0)), error=0.1)
    x = np.linspace(-12, 12, 20001)

    def log_normal(mean, variance):
        return -0.5 * (x - mean) ** 2 / variance - 0.5 * math.log(2 * math.pi * variance)

    p, q = log_normal(0, law.true_variance), log_normal(law.mean, law.variance)
    assert law.kl == pytest.approx(float((np.exp(p) * (p - q)).sum()) * (x[1] - x[0]), rel=1e-11)
    gap = math.sqrt(law.variance) - math.sqrt(law.true_variance)
    assert law.w2 == pytest.approx(math.sqrt(law.mean**2 + gap**2), rel=1e-14)


def test_the_output_is_far_better_than_the_path():
    # data processing; and on N(0, 1/4) with 200 steps the two differ by a factor of hundreds
    info = GaussianInformation([0.25])
    for name in ("exponential", "edm"):
        v = variances(schedules.named(name, 200, *SIGMAS))
        path = discretisation_error(info, v)
        output = gaussian_output(0.25, v).kl
        assert path == pytest.approx(path_loss(v, 0.5, 0.0), rel=1e-12)
        assert output == pytest.approx(output_loss(v, 0.5, 0.0), rel=1e-12)
        assert output < path / 100


def test_no_crossover_is_none():
    assert crossover_scale(50, *SIGMAS, error=5.0) is None
