"""Stochastic samplers on the schedule of Li et al., on laws whose densities end in edges or atoms as noise vanishes."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from sharpbound import samplers, targets
from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.asymptotics import settled
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.density import DensityIntegrals
from sharpbound.laws.leading.ladders import DensityPasses
from sharpbound.laws.leading.layer import Layered
from sharpbound.laws.leading.series import Series
from sharpbound.numerics.quadrature import Panels
from sharpbound.processes.process import VP

T, C1 = 1024, 5.0
EXACT = {
    "uniform": {"tv": 0.0026145015295754616, "kl": 2.55423413721695e-05, "w2": 0.0018910932173663362},
    "atoms": {"tv": 0.008608622074326461, "kl": 0.00030811870642825695, "w2": 0.1135312623617637},
}
"""The published laws of DDPM after T steps, from N(0, I)."""
TARGETS = {
    "uniform": {"family": "uniform", "low": -1.0, "high": 1.0},
    "atoms": {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]},
}

ROUTES = {
    "uniform": (DensityIntegrals, (24, 32, 48)),
    "uniform by ladders": (DensityPasses, (2, 3, 4)),
    "atoms": (DensityIntegrals, (24, 32, 48)),
}
"""Target and route, and the steps that are extrapolated from."""


def _density(lam):
    """That of the steps eta min(s, 1) in s = log(1 + e^{-2 lam}), for each unit of eta."""
    s = math.log1p(math.exp(-2 * lam))
    return min(s, 1.0) / (2 * -math.expm1(-s))


@cache
def field(route):
    """lim R/eta of DDPM, from a few steps."""
    ends = StepDensity(VP, (-7.0, -0.5 * math.log(math.expm1(1.0)), 7.0, 8.0), _density)
    kind, ladders = ROUTES[route]
    target = targets.build(TARGETS[route.partition(" ")[0]])
    passes = kind.of(target, samplers.build({"name": "ddpm"}), ends).at_vanishing_noise()
    series = passes.as_series(ladders, [passes.summed(fineness, 1) for fineness in ladders])
    return series.coefficient(0).at_data(1.0)


@pytest.mark.parametrize("route", ROUTES)
def test_against_exact_laws(route):
    """What is next to the leading term is some log T/T = .007 of it, and few ladders leave a percent."""
    one = field(route).scaled(C1 * math.log(T) / T)
    for metric, value in EXACT[route.partition(" ")[0]].items():
        assert value / one.distance(metric) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    ("route", "lost"), [("uniform", 1e-6), ("uniform by ladders", 1e-6), ("atoms", 1e-4)]
)
def test_mass_is_kept(route, lost):
    """Panels that resolve p alone are as wide as the uniform law, on which R is as narrow as every level before.

    What crosses the gap between atoms is heard where p is not yet spent there, to 1e-5 of R.
    """
    found = field(route)
    for one in (found.last, found.before) if isinstance(found, Layered) else (found,):
        assert abs(one.panels.integrate(one.density * one.relative)) < lost


@pytest.mark.parametrize("metric", ["tv", "kl", "w2"])
def test_both_routes_lead_to_the_same_constant(metric):
    """Of KL these few ladders leave .25 %, of the others 1e-5; from as many as it takes all agree to 1e-5."""
    assert field("uniform").distance(metric) == pytest.approx(
        field("uniform by ladders").distance(metric), rel=4e-3 if metric == "kl" else 1e-4
    )


def test_layers_about_edges_fall_like_the_noise():
    """KL of the last level has .4 % of itself in them, TV next to nothing."""
    found = field("uniform")
    without = found.distance("kl")
    last, before = (one.distance("kl") - without for one in (found.last, found.before))
    assert before == pytest.approx(found.ratio * last)
    assert 1e-3 < last / without < 1e-2
    assert found.distance("tv") == pytest.approx(found.last.distance("tv"), rel=1e-5)


def test_atoms_lose_mass_across_the_gap():
    """W1 = D m and W2 = D sqrt(m) with D = 2: what crosses the gap is all of both."""
    found = field("atoms")
    assert found.power("w2") == 0.5
    assert found.distance("w2") == pytest.approx(math.sqrt(2 * found.distance("w1")), rel=1e-6)


class Size(float):
    """A field that is a number."""

    def distance(self, metric):
        return abs(self)

    def combined(self, others, weights):
        return Size(weights[0] * self + sum(w * one for w, one in zip(weights[1:], others, strict=True)))


def test_an_order_is_told_when_it_is_clear():
    """Defects of order 2 in four coarse ladders, where a coefficient of h settles by chance as well as that of h^2."""
    found = {2: 5.369638697e-3, 3: 1.844896221e-3, 4: 9.03521475e-4, 6: 3.51243777e-4, 8: 1.858334135e-4}

    def series(*ladders):
        fields = tuple(Size(found[fineness]) for fineness in ladders)
        return Series(tuple(1 / fineness for fineness in ladders), (10,) * len(ladders), fields)

    with pytest.raises(NotMeasured, match="do not settle"):
        series(2, 3, 4, 6).order()
    assert series(2, 3, 4, 6, 8).order() == 2


def test_graded_panels_are_no_wider_than_twice_their_neighbours():
    edges = np.array([0.0, 1e-3, 1.0, 1.01])
    graded = Panels.between(edges).graded()
    assert set(edges) <= {*graded.lo, *graded.hi}
    assert np.abs(np.diff(np.log2(graded.half))).max() < 1.1
    assert len(graded) < 40


def test_ladders_too_coarse_for_a_distance_are_left_out():
    values = [None, None, 2.0, 2.1]

    def value(first):
        if values[first] is None:
            raise NotMeasured("spent")
        return values[first]

    assert settled(value, 4) == pytest.approx((2.0, 0.1))
    values[2] = None
    with pytest.raises(NotMeasured, match="spent"):
        settled(value, 4)
