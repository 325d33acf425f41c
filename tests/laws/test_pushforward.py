"""One stage after another on panels that stay where they are: closed forms, and nothing that grows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sharpbound.laws.pushforward import push, push_with
from sharpbound.laws.stages import Density
from sharpbound.numerics.quadrature import Panels
from sharpbound.samplers.base import Stage

Array = NDArray[np.float64]
DIRECT, BY_MODES = 0.0, 100.0
"""Noise, in half widths of panels, up to which points are served by the mode: never, and always."""


def held(panels: Panels, log_q: Array) -> Density:
    return Density(panels, log_q, np.zeros(len(panels), dtype=bool), 0.0)


def pushed(density: Density, stage: Stage, smooth: float) -> Array:
    log_q, _ = push(density, stage, smooth)
    return log_q(density.panels.nodes, -np.inf)


@pytest.mark.parametrize("smooth", [DIRECT, 0.02, BY_MODES])
@pytest.mark.parametrize(("gain", "noise"), [(0.9, 0.1), (1.1, 0.03), (1.0, 2.0)])
def test_a_normal_law_stays_normal_to_its_tails(gain: float, noise: float, smooth: float) -> None:
    """Down to exp(-110), and up to the ends, where part of what reaches a point comes from beyond the panels."""
    panels = Panels.between(np.linspace(-13.0, 13.0, 40))
    density, std = held(panels, stats.norm.logpdf(panels.nodes)), math.hypot(gain, noise)
    log_q = pushed(density, Stage(lambda y: gain * y + 0.3, noise), smooth)
    exact = stats.norm.logpdf(panels.nodes, 0.3, std)
    # beyond the ends log q'' is that of the last panel, to rounding
    for depth, accuracy in ((-105, 1e-8), (-70, 2e-11), (-40, 2e-13)):
        seen = exact > depth
        np.testing.assert_allclose(log_q[seen], exact[seen], rtol=0, atol=accuracy)


@pytest.mark.parametrize("smooth", [DIRECT, BY_MODES])
def test_means_given_the_state_after_a_stage(smooth: float) -> None:
    """E[Y | X = x] = k x/(k^2 + s^2) and its variance, of N(0, 1) through y -> k y + s Z."""
    k, s = 0.9, 0.1
    panels = Panels.between(np.linspace(-13.0, 13.0, 40))
    x = np.linspace(-9.0, 9.0, 31)
    density = held(panels, stats.norm.logpdf(panels.nodes))
    _, (first, second) = push_with(
        density, Stage(lambda y: k * y, s), x, lambda y: np.stack([y, y**2]), smooth
    )
    np.testing.assert_allclose(first, k * x / (k**2 + s**2), atol=1e-12)
    np.testing.assert_allclose(second - first**2, s**2 / (k**2 + s**2), atol=1e-11)


@pytest.mark.parametrize("growth", [0.03, 0.04])
def test_a_heavy_tail_drifts_outwards_without_growing(growth: float) -> None:
    """Shifts of a fifth of a half width multiply what panels do not resolve by 1.14 each, if it is kept.

    After n stages y -> (1 + growth) y with little noise the density is c^-n q(c^-n x): a power of x in the tail.
    """
    edges = np.concatenate(
        [np.linspace(0.0, 2.0, 17), 2 * 1.25 ** np.arange(1, 20), 139 * 1.5 ** np.arange(1, 12)]
    )
    panels = Panels.between(np.concatenate([-edges[:0:-1], edges]))
    density, steps, c = held(panels, stats.t.logpdf(panels.nodes, 12)), 80, 1 + growth
    for _ in range(steps):
        density = held(panels, pushed(density, Stage(lambda y: c * y, 1e-5), 0.02))
    exact = stats.t.logpdf(panels.nodes / c**steps, 12) - steps * math.log(c)
    np.testing.assert_allclose(density.log_q, exact, rtol=0, atol=1e-6)
