"""The tensor rule in the plane, against finer rules, closed forms and samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.distances.gaussian import METRICS as CLOSED
from sharpbound.errors import NotMeasured
from sharpbound.laws import Problem, solve
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.qmc import qmc_law
from sharpbound.laws.tensor import tensor_law
from sharpbound.samplers import ExactScore

PLANE = {
    "family": "gaussian-mixture",
    "weights": [0.35, 0.65],
    "means": [[-0.9, 0.3], [0.8, -0.2]],
    "covs": [[[0.35, 0.12], [0.12, 0.25]], [[0.3, -0.1], [-0.1, 0.4]]],
}
UNIFORM = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}


def problem(spec, T, name, init="exact"):
    target, ladder = targets.build(spec), processes.build(UNIFORM, T)
    return target, ladder, samplers.build({"name": name}), ExactScore(target, ladder), init


def test_a_gaussian_is_what_its_closed_form_says():
    d, rel = 2, 1e-8
    root = np.random.default_rng(1).normal(size=(d, d)) / 2
    spec = {"family": "gaussian", "mean": [0.3] * d, "cov": (root @ root.T + 0.3 * np.eye(d)).tolist()}
    asked = problem(spec, 6, "pf-ode", "normal")
    law, pair = tensor_law(*asked), gaussian_law(*asked)
    for metric in ("kl", "kl-reverse", "chi2", "hellinger"):
        measured, exact = law.distance(metric), CLOSED[metric](pair).value
        assert abs(measured.value - exact) <= measured.floor <= 1e-3 * exact, metric
        assert measured.value == pytest.approx(exact, rel=rel)
        assert measured.kind == "quadrature"
    tv, exact = law.distance("tv"), CLOSED["tv"](pair).value
    assert abs(tv.value - exact) <= tv.floor < 2e-2 * exact


def test_a_mixture_in_the_plane_is_within_the_interval_of_samples_and_its_engine_is_told():
    asked = problem(PLANE, 8, "ddim")
    law, sample = solve(Problem(*asked)), qmc_law(*asked, points=1024)
    assert law.engine == "tensor"
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        fine, rough = law.distance(metric), sample.distance(metric)
        assert (
            fine.floor < (1e-2 if metric == "tv" else 1e-5) * fine.value
        )  # a kink is resolved pointwise only
        assert abs(fine.value - rough.value) < rough.floor, metric


def test_the_value_that_samples_missed():
    """Nodes shifted and scaled otherwise: a trapezoidal rule over the same start, exact for such integrands."""
    target, ladder, sampler, score, init = problem(PLANE, 8, "ddim")
    law = tensor_law(target, ladder, sampler, score, init)
    from sharpbound.laws.qmc import log_ratio_at

    grid = np.linspace(-7.5, 7.5, 161)
    x = torch.from_numpy(np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2))
    log_r = target.log_density(x, *ladder.level(ladder.T))
    ratio = log_ratio_at(target, ladder, sampler, score, x, log_r)
    kl = float((log_r.exp().numpy() * (np.expm1(-ratio) + ratio)).sum()) * (grid[1] - grid[0]) ** 2
    assert law.distance("kl-reverse").value == pytest.approx(kl, rel=1e-8)


def test_heavy_tails_are_left_to_samples():
    target = targets.build({"family": "product", "factor": {"family": "student-t", "nu": 3.0}, "dim": 2})
    ladder = processes.build(UNIFORM, 4)
    with pytest.raises(NotMeasured, match="tails reach farther"):
        tensor_law(target, ladder, samplers.build({"name": "ddim"}), ExactScore(target, ladder), "exact")


def test_a_mode_between_the_nodes_is_left_to_samples():
    """A light, narrow mode far out: p has mass where no node goes, which the rule's own sums tell."""
    spec = {
        "family": "gaussian-mixture",
        "weights": [0.98, 0.02],
        "means": [[0.0, 0.0], [5.0, 4.0]],
        "covs": [[[0.4, 0.1], [0.1, 0.3]], [[0.01, 0.0], [0.0, 0.01]]],
    }
    assert solve(Problem(*problem(spec, 12, "ddim", "normal"))).engine == "qmc"
