"""Panels joined, equal parts kept and ends of tails found: each against what it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpbound import laws, processes, samplers, targets
from sharpbound.laws.base import Problem
from sharpbound.laws.kept_parts import content
from sharpbound.marginals.joined import joined
from sharpbound.marginals.panels import log_density, marginal_panels
from sharpbound.samplers import ExactScore
from sharpbound.targets.quantile import invert_log_tail

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
LINE = (
    MIXTURE,
    {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]},
    {"family": "laplace", "scale": 0.5},
    {"family": "student-t", "nu": 5, "scale": 0.5},
)
LEVELS = ((1e-4, 1.0), (0.8, 0.6), (1.0, 0.01))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("table", LINE, ids=lambda table: table["family"])
def test_joined_panels_are_fewer_and_hold_the_same_law(
    table: dict[str, object], level: tuple[float, float]
) -> None:
    target = targets.build(table)
    panels = marginal_panels(target, *level)
    fewer = joined(target, level, panels)
    heavy = table["family"] == "student-t"  # its panels are few where mass is, and stay as they are far out
    assert len(fewer) <= len(panels) if heavy else len(fewer) < len(panels)
    assert set(panels.lo[np.abs(panels.mid) > 100]) <= set(fewer.lo)
    assert fewer.lo[0] == panels.lo[0] and fewer.hi[-1] == panels.hi[-1]
    assert (fewer.lo[1:] == fewer.hi[:-1]).all()
    log_p = log_density(target, panels.nodes, *level)
    off = np.abs(fewer.interpolate(log_density(target, fewer.nodes, *level), panels.nodes) - log_p)
    assert panels.integrate(np.exp(log_p) * off) < 1e-12  # what polynomials of p's own panels leave, in all
    assert off.max() < 1e-8


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("table", LINE, ids=lambda table: table["family"])
def test_the_end_of_a_tail_is_that_of_the_bracket(
    table: dict[str, object], level: tuple[float, float]
) -> None:
    target = targets.build(table)
    for upper in (False, True):
        end = target.tail_end(-100.0, *level, upper=upper)
        tail = target.log_sf if upper else target.log_cdf
        assert float(tail(torch.tensor([end], dtype=torch.float64), *level)) == pytest.approx(-100, abs=2e-4)
        wanted = torch.tensor(-100.0, dtype=torch.float64)
        exact = float(invert_log_tail(target, wanted, *level, upper=upper))
        assert end == pytest.approx(exact, rel=1e-4)


def test_equal_parts_are_solved_once_and_others_are_not() -> None:
    def part(dim: int, T: int = 6, std: float = 0.35) -> Problem:
        factor = MIXTURE | {"stds": [std, 0.5]}
        target = targets.build({"family": "product", "factor": factor, "dim": dim})
        ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, T)
        sampler = samplers.build({"name": "ddpm"})
        parts = Problem(target, ladder, sampler, ExactScore(target, ladder), "exact").parts()
        assert parts is not None
        return parts[0][0]

    assert content(part(3)) == content(part(10))
    assert len({content(one) for one in (part(3), part(3, T=7), part(3, std=0.35 + 1e-15))}) == 3


def test_a_law_met_again_has_the_distances_of_the_first() -> None:
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 6)
    sampler = samplers.build({"name": "ddpm"})
    kl = [
        laws.distance(
            laws.output_law(
                targets.build({"family": "product", "factor": MIXTURE, "dim": dim}),
                ladder,
                sampler,
                init="exact",
            ),
            "kl",
        ).value
        for dim in (2, 6)
    ]
    assert kl[1] == pytest.approx(3 * kl[0], rel=1e-12)
