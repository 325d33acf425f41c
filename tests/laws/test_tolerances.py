"""Halving every tolerance of an engine moves no distance by more than its floors say."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sharpbound import laws, processes, samplers, scores, targets
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.density import DensityTolerances, density_law
from sharpbound.laws.grid import GridTolerances, grid_laws
from sharpbound.laws.path_kl import PathTolerances, line_path
from sharpbound.laws.radial_density import RadialTolerances, radial_density_law
from sharpbound.laws.transport import TransportTolerances, transport_law
from sharpbound.samplers import ExactScore
from sharpbound.scores.perturbed import PerturbedScore

MODES = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
TARGETS = {
    "mixture": MODES,
    "atoms": {"family": "atoms", "points": [-1.0, 0.5, 2.0], "weights": [0.2, 0.5, 0.3]},
    "uniform": {"family": "uniform", "low": -1.0, "high": 2.0},
    "laplace": {"family": "laplace", "loc": 0.2, "scale": 0.7},
}
OU = {"schedule": "benton", "horizon": 2.0, "delta": 0.05}


def check(law_of: Callable[[Any], laws.Law], tolerances: Any) -> None:
    """The distances of the law with half of every tolerance are those of the law as it is, to the sum of the floors."""
    assert all(getattr(tolerances, name) != value for name, value in vars(tolerances.halved()).items())
    coarse, fine = (
        laws.distances(law_of(one), laws.LAW_METRICS) for one in (tolerances, tolerances.halved())
    )
    measured = 0
    for metric, was in coarse.items():
        now = fine[metric]
        assert isinstance(now, NotMeasured) == isinstance(was, NotMeasured)
        if isinstance(was, NotMeasured) or not math.isfinite(was.floor):
            continue
        if math.isinf(was.value):  # chi2 of a uniform law
            assert now.value == was.value
            continue
        assert abs(was.value - now.value) <= was.floor + now.floor, metric
        measured += 1
    assert measured >= 4


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("law_of", "tolerances", "sampler"),
    [
        (transport_law, TransportTolerances(), "pf-ode"),
        (transport_law, TransportTolerances(), "heun"),
        (density_law, DensityTolerances(), "ddpm"),
        (density_law, DensityTolerances(), "euler-maruyama"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "__name__", ""),
)
def test_half_of_every_tolerance_stays_within_the_floors(law_of, tolerances, sampler, target) -> None:
    spec, ladder = targets.build(TARGETS[target]), processes.build(OU, 12)
    problem = (spec, ladder, samplers.build({"name": sampler}), ExactScore(spec, ladder), "normal")
    check(lambda one: law_of(*problem, tolerances=one), tolerances)


@pytest.mark.parametrize("target", ["mixture", "laplace"])
@pytest.mark.parametrize("field", ["fourier", "tail"])
def test_grid(field, target) -> None:
    """With a wave and with a step in the score."""
    own = {"fourier": {"omega": 6.0}, "tail": {"delta": 0.1}}[field]
    spec, ladder = targets.build(TARGETS[target]), processes.build(OU, 12)
    (part,) = scores.build({"field": field, "eps": 0.3, **own}, spec, ladder).parts
    score = PerturbedScore(ExactScore(spec, ladder), part.error)
    sampler = samplers.build({"name": "ddpm"})
    check(
        lambda one: grid_laws(spec, ladder, sampler, [score], part.error, "normal", one)[0], GridTolerances()
    )


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("sampler", ["ddpm", "euler-maruyama"])
def test_radial_density(sampler, dim) -> None:
    sphere, ladder = targets.build({"family": "sphere", "dim": dim, "radius": 1.0}), processes.build(OU, 12)
    problem = sphere, ladder, samplers.build({"name": sampler}), "normal"
    check(lambda one: radial_density_law(*problem, one), RadialTolerances())


@pytest.mark.parametrize("init", ["normal", "exact"])
@pytest.mark.parametrize("target", [*TARGETS, "student-t"])
def test_path_kl(target, init) -> None:
    known = TARGETS | {"student-t": {"family": "student-t", "nu": 3.0}}
    spec, ladder = targets.build(known[target]), processes.build(OU, 12)
    problem = spec, ladder, samplers.build({"name": "euler-maruyama"}), ExactScore(spec, ladder), init
    was, now = line_path(*problem), line_path(*problem, PathTolerances().halved())
    assert abs(was.value - now.value) <= was.floor + now.floor
    assert 0 < was.floor < 1e-6 * was.value


@pytest.mark.parametrize(
    ("nu", "schedule", "T"),
    [(3.0, {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}, 48), (5.0, {"schedule": "li2024"}, 32)],
)
def test_what_is_light_in_mass_may_weigh_in_a_distance(nu: float, schedule: dict[str, Any], T: int) -> None:
    """Heavy tails under a sampler whose own tails are Gaussian: nearly all of W2 lies where q has next to no mass."""
    target = targets.build({"family": "student-t", "nu": nu})
    ladder, sampler = processes.build(schedule, T), samplers.build({"name": "ddpm"})
    coarse, fine = (
        density_law(target, ladder, sampler, ExactScore(target, ladder), tolerances=one)
        for one in (DensityTolerances(), replace(DensityTolerances(), resolved=1e-13))
    )
    for metric in ("tv", "hellinger", "w1", "w2"):
        was, now = coarse.distance(metric), fine.distance(metric)
        assert abs(was.value - now.value) <= was.floor + now.floor, metric
    assert coarse.distance("w2").floor < 1e-8 * coarse.distance("w2").value
    assert _plain_w2(coarse, target, ladder) == pytest.approx(coarse.distance("w2").value, rel=1e-9)


def _plain_w2(law: Ratio1D, target: Any, ladder: Any) -> float:
    """W2 from log q and the quantiles of p alone, by a rule of many panels."""
    panels, log_q = law.panels, law.log_p + law.log_ratio
    for _ in range(3):
        halves = panels.halved(np.abs(panels.nodes).max(1) < 400)
        log_q, panels = halves.merged(log_q, panels.interpolate(log_q, halves.new_nodes)), halves.panels
    q, level = np.exp(log_q), ladder.level(ladder.stop)
    above, below = panels.cumulative_from_right(q)[0], panels.cumulative(q)[0]
    cost = np.zeros_like(q)
    for upper, tail in ((True, above), (False, below)):
        part = (tail <= 0.5) & (tail > 1e-60)
        partner = target.quantile_from_log(torch.as_tensor(np.log(tail[part])), *level, upper=upper).numpy()
        cost[part] = q[part] * (panels.nodes[part] - partner) ** 2
    return math.sqrt(float(panels.masses(cost).sum()))


def test_a_tail_that_holds_half_of_a_divergence_is_not_chased() -> None:
    """Student's t with 2.2 degrees of freedom: KL lies far out, where q has long underflowed."""
    target, ladder = targets.build({"family": "student-t", "nu": 2.2, "scale": 2.0}), processes.build(OU, 16)
    sampler, score = samplers.build({"name": "accelerated-ddpm"}), ExactScore(target, ladder)
    law = density_law(target, ladder, sampler, score)
    fine = density_law(target, ladder, sampler, score, tolerances=DensityTolerances().halved())
    assert len(law.panels) < 400
    was, now = law.distance("kl"), fine.distance("kl")
    assert abs(was.value - now.value) <= was.floor + now.floor
