"""E_I + E_D + E_S against the path-KL engine, which knows kernels and nothing of Fisher information."""

import pytest
import torch

from sharpbound import processes, samplers, targets
from sharpbound.laws import path_kl
from sharpbound.laws.path_kl_parts import decompose, variances
from sharpbound.marginals.fisher import information
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import PushedScore

TARGETS = {
    "mixture": {"family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [1.0, 3.0], "stds": [0.1, 0.5]},
    "atoms": {"family": "atoms", "points": [-1.0, 0.5, 2.0], "weights": [0.2, 0.5, 0.3]},
    "uniform": {"family": "uniform", "low": -1.0, "high": 2.0},
    "gaussian": {"family": "gaussian", "mean": 0.7, "std": 0.4},
    "plane": {"family": "gaussian", "mean": [0.7, 0.0], "cov": [[0.5, 0.2], [0.2, 0.3]]},
}
LADDERS = {
    "edm": ({"schedule": "edm", "sigma_min": 0.1, "sigma_max": 10.0}, 15, "euler-maruyama"),
    "exponential": (
        {"schedule": "ve-exponential", "sigma_min": 0.1, "sigma_max": 10.0},
        25,
        "euler-maruyama",
    ),
    "li2024": ({"schedule": "li2024", "c0": 1.0, "c1": 2.5}, 30, "ddpm"),
}


SLOW = {("uniform", "li2024"), ("atoms", "li2024"), ("mixture", "exponential")}  # tested by their like


def shifted(target, ladder):
    """The exact score plus the constant error 0.3/sigma in every coordinate."""
    push = 0.3 / torch.from_numpy(ladder.sigma)[:, None].expand(-1, target.dim)
    return PushedScore(ExactScore(target, ladder), push)


@pytest.mark.parametrize(
    ("target", "ladder"),
    [(t, ladder) for t in TARGETS for ladder in LADDERS if (t, ladder) not in SLOW],
)
def test_path_kl_is_the_sum_of_its_parts(target, ladder):
    spec, steps, sampler = LADDERS[ladder]
    law, levels = targets.build(TARGETS[target]), processes.build(spec, steps)
    v = variances(levels)
    info = information(law, v[-1], v[0])
    # s_t = score/a in the coordinate x/a, so the error 0.3/sigma becomes 0.3/sqrt(v)
    for init, field, errors in (
        ("exact", ExactScore, None),
        ("normal", shifted, law.dim * 0.09 / v[:-1]),
    ):
        ours = decompose(law, levels, errors, exact_start=init == "exact", info=info)
        engine = path_kl(law, levels, samplers.build({"name": sampler}), field(law, levels), init)
        assert ours.total == pytest.approx(engine.value, abs=1e-9)  # what is promised of the equality


def test_products_add():
    wide = {"family": "gaussian", "mean": -1.0, "std": 1.5}
    pair = targets.build({"family": "product", "factors": [TARGETS["gaussian"], wide]})
    levels = processes.build(LADDERS["edm"][0], 8)
    both = decompose(pair, levels)
    parts = [decompose(targets.build(spec), levels) for spec in (TARGETS["gaussian"], wide)]
    assert both.initial == pytest.approx(sum(part.initial for part in parts), rel=1e-13)
    assert both.discretisation == pytest.approx(sum(part.discretisation for part in parts), rel=1e-13)
    assert both.score == 0.0
