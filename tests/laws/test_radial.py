"""Radial laws against transport in R^d, moments by Monte Carlo, and their own conservation laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.distances import one_dimensional, sampled
from sharpbound.errors import NotMeasured
from sharpbound.laws import qmc
from sharpbound.laws.particles import marginal_sample
from sharpbound.laws.radial import RadialScore, radial_law
from sharpbound.samplers import ExactScore

OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}


def sphere(dim: int) -> targets.Sphere:
    return targets.build({"family": "sphere", "radius": 1.5, "dim": dim})


def test_against_transport_in_space() -> None:
    target, ladder, sampler = sphere(3), processes.build(OU, 6), samplers.SAMPLERS["heun"]
    law = radial_law(target, ladder, sampler)
    sample = qmc.qmc_law(
        target, ladder, sampler, ExactScore(target, ladder), points=512, replicates=16, seed=50
    )
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        estimate = sampled.METRICS[metric](sample)
        assert abs(one_dimensional.METRICS[metric](law).value - estimate.value) < 4 * estimate.floor, metric


def test_ray_score_is_the_score_in_space() -> None:
    target, ladder = sphere(4), processes.build(OU, 8)
    ray, space = RadialScore(target, ladder), ExactScore(target, ladder)
    r = torch.tensor([[0.3], [1.4], [3.0]], dtype=torch.float64)
    x = torch.cat([r, torch.zeros(3, 3, dtype=torch.float64)], -1)
    torch.testing.assert_close(ray(3, r), space(3, x)[:, :1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ray.jacobian(3, r), space.jacobian(3, x)[:, :1, :1], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        ray.grad_divergence(3, r), space.grad_divergence(3, x)[:, :1], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("dim", [2, 16, 64])
def test_both_radial_densities_have_mass_one_and_p_the_right_moment(dim: int) -> None:
    ladder = processes.build(OU, 64)
    law = radial_law(sphere(dim), ladder, samplers.SAMPLERS["heun"])
    assert law.mass_defect < 1e-9
    assert law.panels.integrate(law.q) == pytest.approx(1, abs=1e-12)
    second = ladder.a[0] ** 2 * 1.5**2 + dim * ladder.sigma[0] ** 2
    assert law.panels.integrate(law.p * law.y**2) == pytest.approx(second, rel=1e-9)
    # the partner carries q to p: its second moment under q is p's
    assert law.panels.integrate(law.q * law.partner**2) == pytest.approx(second, rel=1e-9)


def test_radii_of_true_draws() -> None:
    target, ladder = sphere(3), processes.build(OU, 16)
    law = radial_law(target, ladder, samplers.SAMPLERS["heun"])
    r = np.linalg.norm(
        marginal_sample(target, ladder, 0, 200_000, torch.Generator().manual_seed(0)).numpy(), axis=1
    )
    mean = law.panels.integrate(law.p * law.y)
    assert abs(r.mean() - mean) < 4 * r.std() / np.sqrt(len(r))


def test_exact_start_is_closer_and_second_order() -> None:
    target, schedule = sphere(3), {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.1}
    heun = samplers.SAMPLERS["heun"]
    tv = [
        one_dimensional.tv(radial_law(target, processes.build(schedule, T), heun, "exact")).value
        for T in (24, 48)
    ]
    assert tv[0] / tv[1] == pytest.approx(4.0, rel=0.1)  # the next order is 1/T
    normal = one_dimensional.tv(radial_law(target, processes.build(schedule, 48), heun)).value
    assert tv[1] < normal


def test_starts_that_leave_the_centre_fast_are_resolved() -> None:
    """dpm-solver-3 from p_T in the plane: e^7 and more of stretching at the origin, where log q/p is 12."""
    target, ladder = (
        targets.build({"family": "sphere", "radius": 0.29, "dim": 2}),
        processes.build({"schedule": "li2024"}, 32),
    )
    law = radial_law(target, ladder, samplers.SAMPLERS["dpm-solver-3"], "exact")
    assert law.log_ratio.max() > 5
    assert law.mass_defect < 1e-12
    kl, reverse, chi2 = (one_dimensional.METRICS[m](law) for m in ("kl", "kl-reverse", "chi2"))
    assert kl.floor < 1e-12
    # the three agree to leading order for laws this close
    assert reverse.value == pytest.approx(kl.value, rel=0.2)
    assert kl.value < reverse.value <= np.log1p(chi2.value)


def test_stochastic_samplers_are_not_measured() -> None:
    with pytest.raises(NotMeasured, match="deterministic"):
        radial_law(sphere(3), processes.build(OU, 8), samplers.SAMPLERS["ddpm"])
