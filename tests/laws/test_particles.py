"""Particle laws against exact Gaussian laws, their floors, and common random numbers."""

from __future__ import annotations

import numpy as np
import pytest

from sharpbound import processes, samplers, targets
from sharpbound.distances import empirical, gaussian
from sharpbound.distances.empirical import Particles
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.particles import particle_law
from sharpbound.samplers import ExactScore

OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
LINE = {"family": "gaussian", "mean": 0.7, "std": 0.4}


def law(spec: dict, T: int, name: str, init: str = "normal", **options: int) -> Particles:
    target, ladder = targets.build(spec), processes.build(OU, T)
    return particle_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), init, **options)


@pytest.mark.parametrize("name", ["ddpm", "pf-ode"])
def test_wasserstein_on_the_line_against_moments(name: str) -> None:
    target, ladder = targets.build(LINE), processes.build(OU, 4)
    pair = gaussian_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder))
    measured = law(LINE, 4, name, n=200_000)
    for metric in ("w1", "w2"):
        estimate = empirical.METRICS[metric](measured)
        exact = gaussian.METRICS[metric](pair).value
        # the floor is one draw of the sampling error: four of them, or 4 sigma of the mean
        assert abs(estimate.value - exact) < 4 * max(estimate.floor, np.sqrt(2 / 200_000))
        assert estimate.value > 5 * estimate.floor


def test_floor_is_what_an_exact_sampler_shows() -> None:
    """ddpm-covariance from the exact start is exact on a Gaussian: its distance is a floor, not an error."""
    estimate = empirical.w2(law(LINE, 10, "ddpm-covariance", "exact", n=50_000))
    assert 0.1 < estimate.value / estimate.floor < 10


def test_mean_and_covariance_errors() -> None:
    spec = {"family": "gaussian", "mean": [0.7, 0.0], "std": [0.4, 1.5]}
    target, ladder = targets.build(spec), processes.build(OU, 4)
    pair = gaussian_law(target, ladder, samplers.SAMPLERS["ddpm"], ExactScore(target, ladder))
    measured = law(spec, 4, "ddpm", n=200_000)
    mean, cov = empirical.mean_error(measured), empirical.cov_error(measured)
    std = np.sqrt(pair.cov.sum() * 2 / 200_000)  # of a difference of two sample means
    assert abs(mean.value - np.linalg.norm(pair.mean_error)) < 4 * std
    assert abs(cov.value - np.linalg.norm(pair.cov_error)) < 4 * 2 * pair.cov.sum() * np.sqrt(2 / 200_000)


def test_plane_uses_an_exact_assignment_of_a_subsample() -> None:
    spec = {"family": "gaussian", "mean": [0.0, 0.0], "std": [1.0, 1.0]}
    estimate = empirical.w2(law(spec, 3, "ddpm", n=3000))
    assert 0 < estimate.floor < 0.3  # n^{-1/2} log n in the plane: two samples of 2000


def test_common_random_numbers_and_seeds() -> None:
    coarse, again, other = (law(LINE, 20, "ddpm", n=2000, seed=s) for s in (0, 0, 5))
    assert (coarse.output == again.output).all()
    assert not (coarse.output == other.output).any()
    fine = law(LINE, 20, "ddpm-posterior", n=2000)
    assert np.corrcoef(coarse.output[:, 0], fine.output[:, 0])[0, 1] > 0.95
    assert (coarse.truth == fine.truth).all()
    assert not (coarse.truth == coarse.twin).any()
