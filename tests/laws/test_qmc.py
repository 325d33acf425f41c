"""Transport of quasi-Monte Carlo points against exact laws, and the claim that its error is relative."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import stdtrit

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian, sampled
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import qmc
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import Sampler, Stage, Step

OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
CORRELATED = {
    "family": "gaussian",
    "mean": [0.5, 0.0, -1.0],
    "cov": [[1.0, 0.4, 0.1], [0.4, 0.5, 0.0], [0.1, 0.0, 2.0]],
}
PLANE = {
    "family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [[0.0, 1.0], [1.0, -0.5]],
    "covs": [[[0.3, 0.1], [0.1, 0.2]], [[0.5, 0.0], [0.0, 0.25]]],
}  # fmt: skip


def sample(spec: dict, T: int, name: str, init: str = "normal", **options: int) -> sampled.RatioSample:
    target, ladder = targets.build(spec), processes.build(OU, T)
    return qmc.qmc_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), init, **options)


@pytest.mark.parametrize(
    ("name", "T", "init"), [("pf-ode", 10, "normal"), ("pf-ode", 10, "exact"), ("heun", 40, "exact")]
)
def test_correlated_gaussian_against_moments(name: str, T: int, init: str) -> None:
    target, ladder = targets.build(CORRELATED), processes.build(OU, T)
    exact = gaussian_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), init)
    estimates = sample(CORRELATED, T, name, init, points=512, replicates=16, seed=7)
    for metric in sampled.METRICS:
        estimate, value = sampled.METRICS[metric](estimates), gaussian.METRICS[metric](exact).value
        assert abs(estimate.value - value) < 2 * estimate.floor, metric
        assert estimate.floor < 0.2 * value, metric  # relative, although tv goes down to 1e-3


def test_an_average_carried_by_one_point_is_not_measured() -> None:
    log_ratio = np.zeros((8, 1000))
    log_ratio[3, 17] = -8.0  # p/q = e^8 there
    with pytest.raises(NotMeasured, match="carry this expectation"):
        sampled.kl(sampled.RatioSample(log_ratio))


def test_small_distances_have_the_same_relative_error() -> None:
    coarse, fine = (sampled.tv(sample(PLANE, T, "heun", "exact", points=512)) for T in (8, 32))
    assert fine.value < coarse.value / 10
    assert fine.floor / fine.value < 3 * coarse.floor / coarse.value


def test_mixture_against_a_grid_density() -> None:
    """The output density at the image of a grid, integrated as a change of variables: no sampling at all."""
    target, ladder, sampler = targets.build(PLANE), processes.build(OU, 6), samplers.SAMPLERS["pf-ode"]
    axis = torch.linspace(-6, 6, 241, dtype=torch.float64)
    x = torch.cartesian_prod(axis, axis)
    log_r = -0.5 * (x**2).sum(1) - np.log(2 * np.pi)
    log_ratio = qmc._log_ratio(target, ladder, sampler, ExactScore(target, ladder), x, log_r)
    weight = np.exp(log_r.numpy()) * float(axis[1] - axis[0]) ** 2
    assert weight @ np.exp(-log_ratio) == pytest.approx(1, abs=1e-7)  # E_q p/q = 1: the Jacobians are right
    estimates = sample(PLANE, 6, "pf-ode", points=2048)
    for metric, f in {"tv": lambda r: 0.5 * np.abs(np.expm1(-r)), "kl-reverse": lambda r: r}.items():
        estimate = sampled.METRICS[metric](estimates)
        assert abs(weight @ f(log_ratio) - estimate.value) < 2 * estimate.floor, metric


def test_weighted_starts_have_the_mass_and_the_law_of_the_true_marginal() -> None:
    """p_T far from a Gaussian, seen by weighted Gaussian points: E_q p/q = 1, and distances as from draws."""
    target, sampler = targets.build(PLANE), samplers.SAMPLERS["heun"]
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 0.3, "delta": 0.05}, 4)
    weighted = qmc.qmc_law(target, ladder, sampler, ExactScore(target, ladder), "exact", points=1024)
    assert np.mean(weighted.weights) == pytest.approx(1.0, abs=1e-3)  # 8192 Sobol points
    assert np.mean(weighted.weights * np.exp(-weighted.log_ratio)) == pytest.approx(1.0, abs=1e-3)
    x = float(ladder.a[-1]) * target.sample(8192, torch.Generator().manual_seed(1))
    x += float(ladder.sigma[-1]) * torch.randn(
        x.shape, generator=torch.Generator().manual_seed(2), dtype=x.dtype
    )
    log_r = target.log_density(x, *ladder.level(ladder.T))
    drawn = 0.5 * np.abs(
        np.expm1(-qmc._log_ratio(target, ladder, sampler, ExactScore(target, ladder), x, log_r))
    )
    tv = sampled.tv(weighted)
    error = tv.floor / stdtrit(7, 0.995)  # the standard error over eight replicates
    assert abs(tv.value - drawn.mean()) < 4 * (drawn.std() / np.sqrt(len(drawn)) + error)
    assert error < 0.3 * drawn.std() / np.sqrt(4 * len(drawn))  # four times the points, better spread


def test_normalisation_and_seeds() -> None:
    a, b, c = (sample(PLANE, 6, "ddim", points=256, replicates=2, seed=s) for s in (0, 0, 1))
    assert (a.log_ratio == b.log_ratio).all()
    assert not np.isin(c.log_ratio[1], a.log_ratio).any()
    assert np.exp(-a.log_ratio).mean() == pytest.approx(1.0, abs=0.05)  # 512 points


def test_stochastic_samplers_are_refused() -> None:
    with pytest.raises(InputError, match="ddpm is stochastic"):
        sample(PLANE, 6, "ddpm")


class Reflection(Sampler):
    """y -> -y, once: of determinant one in the plane, yet no step of a flow."""

    name, deterministic, nfe, order = "reflection", True, 0, 0

    def stages(self, step: Step) -> list[Stage]:
        return [Stage(lambda y: -y)]


def test_maps_that_may_fold_are_not_measured() -> None:
    target, ladder = targets.build(PLANE), processes.build(OU, 1)
    with pytest.raises(NotMeasured, match="may fold"):
        qmc.qmc_law(target, ladder, Reflection(), ExactScore(target, ladder), points=256, replicates=2)
