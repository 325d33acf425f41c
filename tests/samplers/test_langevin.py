"""Langevin dynamics: its law by another discretisation, and what a small error does to it and not to diffusion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sharpbound import laws, processes, samplers, targets
from sharpbound.chapters.score_error.problem import Problem
from sharpbound.errors import InputError

LADDER = processes.build({"schedule": "benton", "horizon": 4.0, "delta": 0.05}, 12)
MEANS, STD = np.array([-5.0, 5.0]), 0.5
TARGET = targets.build(
    {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": MEANS.tolist(), "stds": [STD, STD]}
)


def test_its_law_is_that_of_a_chain_on_a_grid():
    """The trapezoidal rule on an even grid, from N(0, 1); total variation from the law at the ladder's end."""
    level, end = 1, 0
    x, dx = np.linspace(-9, 9, 3001, retstep=True)

    def density(a, sigma):
        std = math.sqrt(a**2 * STD**2 + sigma**2)
        parts = np.exp(-0.5 * ((x[:, None] - a * MEANS) / std) ** 2) / (2 * std * math.sqrt(2 * math.pi))
        return parts.sum(1), -(parts * (x[:, None] - a * MEANS)).sum(1) / std**2 / parts.sum(1)

    _, slope = density(LADDER.a[level], LADDER.sigma[level])
    e = 0.3 * LADDER.sigma[level] ** 2
    kernel = np.exp(-((x[:, None] - x - e * slope) ** 2) / (4 * e)) / math.sqrt(4 * math.pi * e)
    q = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    for _ in range(LADDER.T):
        q = kernel @ q * dx
    p, _ = density(LADDER.a[end], LADDER.sigma[end])
    law = laws.output_law(TARGET, LADDER, samplers.build({"name": "langevin", "strength": 0.3}))
    # |q - p| has kinks where the two cross, each of which costs dx^2 times its slope
    assert law.distance("tv").value == pytest.approx(0.5 * np.abs(q - p).sum() * dx, abs=2e-5)


def test_an_error_where_nothing_lies_turns_langevin_and_not_diffusion():
    """The modes are ten standard deviations from 0, where the error lies and half of the start."""
    error = {"field": "formula", "formula": "exp(-x**2)", "eps": 1e-4}
    added = {}
    for spec in ({"name": "langevin", "strength": 0.4}, {"name": "ddpm"}):
        problem = Problem(TARGET, LADDER, samplers.build(spec), "normal", error, ["tv-added"], False)
        row = problem.row()
        assert row["eps_score"] == pytest.approx(1e-4, rel=1e-9)
        added[spec["name"]] = row["tv-added"]
    assert added["ddpm"] < 3e-4
    assert added["langevin"] > 10 * added["ddpm"]


def test_its_step_is_positive():
    with pytest.raises(InputError, match=r"sampler.strength: must be a positive number"):
        samplers.build({"name": "langevin", "strength": 0.0})
