"""Low-rank mixtures against transport in the ambient space and against the bare core."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian, products, sampled
from sharpbound.errors import NotMeasured
from sharpbound.laws import distance, output_law, qmc
from sharpbound.laws.particles import marginal_sample
from sharpbound.samplers import ExactScore
from sharpbound.samplers.base import run

OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}


def target(dim: int) -> targets.LowRankMixture:
    spec = {
        "family": "low-rank-mixture",
        "weights": [0.4, 0.6],
        "means": [[-1.0], [1.2]],
        "std": 0.5,
        "dim": dim,
    }
    return targets.build(spec)


@pytest.mark.parametrize("name", ["pf-ode", "ddim"])
def test_against_transport_in_the_ambient_space(name: str) -> None:
    ladder, sampler = processes.build(OU, 8), samplers.SAMPLERS[name]
    law = output_law(target(3), ladder, sampler)
    sample = qmc.qmc_law(
        target(3), ladder, sampler, ExactScore(target(3), ladder), points=1024, replicates=16
    )
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        estimate = sampled.METRICS[metric](sample)
        assert abs(products.METRICS[metric](law).value - estimate.value) < 4 * estimate.floor, metric


def test_stochastic_sampler_by_monte_carlo_over_events() -> None:
    """P(event) under q and p differ by at most TV, and by what the product law says for the two parts."""
    ladder, sampler = processes.build(OU, 4), samplers.SAMPLERS["ddpm"]
    mixture, n = target(3), 200_000
    law = output_law(mixture, ladder, sampler)
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    y = run(sampler, ladder, ExactScore(mixture, ladder), start, generator).numpy()
    x = marginal_sample(mixture, ladder, 0, n, generator).numpy()
    core, rest = law.factors
    pair = rest.pair  # type: ignore[attr-defined]
    for i in (1, 2):
        exact = pair.cov[0] + pair.cov_error[0]
        assert abs(y[:, i].var() / exact - 1) < 4 * np.sqrt(2 / n)
    inside = np.abs(core.law.y) < 0.5  # type: ignore[attr-defined]
    mass = float((core.law.panels.weights * core.law.q * inside).sum())  # type: ignore[attr-defined]
    # a jump inside a panel: the plain rule is good to the mass of a node there
    assert abs((np.abs(y[:, 0]) < 0.5).mean() - mass) < 4 * np.sqrt(0.25 / n) + 5e-3
    ball = [(np.linalg.norm(z, axis=1) < 1.3).mean() for z in (y, x)]
    assert abs(ball[0] - ball[1]) <= products.tv(law).value + 4 * np.sqrt(0.5 / n)


def test_the_complement_adds_to_the_core() -> None:
    ladder, sampler = processes.build(OU, 16), samplers.SAMPLERS["pf-ode"]
    alone, wide = (output_law(target(d), ladder, sampler) for d in (1, 101))
    gaussian_part = wide.factors[1].divergence("kl").value
    assert products.kl(wide).value == pytest.approx(products.kl(alone).value + 100 * gaussian_part, rel=1e-12)
    assert products.tv(wide).value > products.tv(alone).value


def plane(dim: int, means: list[list[float]]) -> targets.LowRankMixture:
    spec = {"family": "low-rank-mixture", "weights": [0.4, 0.6], "means": means, "std": 0.5, "dim": dim}
    return targets.build(spec)


@pytest.mark.parametrize(("name", "dim"), [("pf-ode", 2), ("heun", 50)])
def test_a_line_drawn_in_a_plane(name: str, dim: int) -> None:
    """Means on a line of the plane: the sampled core against the exact law of rank one."""
    ladder, sampler = processes.build(OU, 12), samplers.SAMPLERS[name]
    turn = np.array([0.6, 0.8])
    sampled = output_law(plane(dim, [(-1.0 * turn).tolist(), (1.2 * turn).tolist()]), ladder, sampler)
    exact = output_law(target(dim), ladder, sampler)
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        estimate, value = distance(sampled, metric), distance(exact, metric).value
        # a bias of the Sobol points, tiny beside their scatter, shows where the scatter happens to be small
        assert abs(estimate.value - value) < 4 * estimate.floor + 1e-4 * value, metric


def test_sampled_core_against_transport_in_the_ambient_space() -> None:
    ladder, sampler = processes.build(OU, 6), samplers.SAMPLERS["pf-ode"]
    mixture = plane(4, [[-1.0, 0.5], [1.2, 0.0]])
    law = output_law(mixture, ladder, sampler)
    sample = qmc.qmc_law(mixture, ladder, sampler, ExactScore(mixture, ladder), points=1024, replicates=16)
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        reduced, ambient = distance(law, metric), sampled.METRICS[metric](sample)
        assert abs(reduced.value - ambient.value) < 4 * (ambient.floor + reduced.floor), metric
    with pytest.raises(NotMeasured, match="coupling"):
        distance(law, "w2")


def test_stochastic_sampler_in_a_plane_has_particles_for_its_core_alone() -> None:
    ladder, sampler = processes.build(OU, 6), samplers.SAMPLERS["ddpm"]
    law = output_law(plane(200, [[-1.0, 0.5], [1.2, 0.0]]), ladder, sampler)
    rest = gaussian.w2(law.rest).value  # type: ignore[union-attr]
    measured = distance(law, "w2")
    assert measured.value > np.sqrt(198) * rest
    assert measured.floor < 0.2  # in R^200 the floor of 2000 points would be about 10
    with pytest.raises(NotMeasured, match="particles only"):
        distance(law, "tv")
