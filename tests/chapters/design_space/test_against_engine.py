"""E_I + E_D + E_S against the path-KL engine, which knows kernels and nothing of Fisher information."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from conclude_case import measured_case
from sharpbound import chapters, processes, samplers, targets
from sharpbound.laws import path_kl
from sharpbound.laws.path_kl_parts import decompose, variances
from sharpbound.marginals.fisher import information
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import PushedScore
from sharpbound.suite import load_case

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


SLOW = {
    ("uniform", "li2024"),
    ("atoms", "li2024"),
    ("mixture", "exponential"),
    ("uniform", "edm"),
    ("atoms", "exponential"),
}  # tested by their like


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


MODES = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}


def _written_out(steps: int, error: float, points: int = 4001) -> float:
    """KL(p || q) after ``steps`` EDM steps x + D (s(x) + sqrt(error/v)) + sqrt(D) Z, by the trapezoidal rule."""
    low, high = 0.002 ** (1 / 7), 80.0 ** (1 / 7)
    v = (high + np.arange(steps + 1) / steps * (low - high)) ** 14
    weights, means, stds = (np.array(MODES[key]) for key in ("weights", "means", "stds"))

    def terms(x, noise):
        var = stds**2 + noise
        return weights * np.exp(-0.5 * (x[:, None] - means) ** 2 / var) / np.sqrt(2 * np.pi * var), var

    def grid(noise):
        return np.linspace(-30, 30, points) * math.sqrt(1.4 + noise)

    x = grid(v[0])
    q = terms(x, v[0])[0].sum(1)
    for here, below in pairwise(v):
        drop, (parts, var) = here - below, terms(x, here)
        score = (parts * (means - x[:, None]) / var).sum(1) / np.maximum(parts.sum(1), 1e-300)
        moved, mass = x + drop * (score + math.sqrt(error / here)), q * (x[1] - x[0])
        x = grid(below)
        q = np.exp(-0.5 * (x[:, None] - moved) ** 2 / drop) @ mass / math.sqrt(2 * math.pi * drop)
    p = terms(x, v[-1])[0].sum(1)
    inside = p > 1e-200
    return float((p[inside] * np.log(p[inside] / q[inside])).sum() * (x[1] - x[0]))


def test_copies_carry_the_error_of_the_score(tmp_path):
    """A product of one factor is its factor, and the error of d copies is shared among them."""

    def measured(error, sweep=""):
        target = "\n".join(f"{key} = {value!r}" for key, value in MODES.items()).replace("'", '"')
        text = f"""
[case]
id = "a"
title = "A case"
kind = "design-space"
claim = "wang2024.discretisation"
[target]
{target}
[design]
schedule = "edm"
score_error = {error}
[measure]
metric = ["kl"]
[sweep]
T = [8]
{sweep}
"""
        path = tmp_path / "case.toml"
        path.write_text(text)
        case = load_case(path)
        return measured_case(chapters.get(case.kind), case)[0]

    alone, factor = measured(0.5), measured(0.5, "d = [1]")
    assert [row["kl"] for row in factor] == [row["kl"] for row in alone]
    assert (alone[0]["engine"], factor[0]["engine"]) == ("density", "product of density")
    assert alone[0]["kl"] == pytest.approx(_written_out(8, 0.5), rel=1e-9)
    assert alone[0]["kl"] > 4 * measured(0.0)[0]["kl"]  # the error is most of it
    assert measured(1.0, "d = [2]")[0]["kl"] == pytest.approx(2 * alone[0]["kl"], rel=1e-12)
