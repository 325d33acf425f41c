"""Integrals over single steps against sums over ladders, which for Gaussian laws are closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from sharpbound import processes, samplers, targets
from sharpbound.laws import leading
from sharpbound.laws.leading import kernels
from sharpbound.laws.leading.choice import line_passes, path_passes
from sharpbound.laws.leading.clock import fixed_density
from sharpbound.laws.leading.density import DensityIntegrals
from sharpbound.laws.leading.flow import FlowIntegrals
from sharpbound.laws.leading.kernels import Carrier, of_full_noise
from sharpbound.laws.leading.ladders import DensityPasses, FlowPasses, PathPasses
from sharpbound.laws.leading.path_integrals import PathIntegrals
from sharpbound.laws.leading.series import size
from sharpbound.laws.leading.single import SingleStep
from sharpbound.numerics.quadrature import Panels
from sharpbound.processes.process import VP

GAUSSIAN = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
MIXTURE = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)


def at_fixed_ends(T):
    return processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, T)


DENSITY = fixed_density(at_fixed_ends)


def coefficient(passes):
    p = passes.order()
    return p, passes.settled(p, 1e-6).value(0, size)[0]


def sampler(**spec):
    return samplers.build(spec)


@pytest.mark.parametrize(
    ("name", "order"),
    [("ddpm", 1), ("accelerated-ddpm", 2), ("ddpm-posterior", 1), ("accelerated-ddpm-li2024", 2)],
)
def test_stochastic_samplers_on_a_gaussian(name, order):
    """One stage and two, noise that depends on the state: against the recursion of mean and variance."""
    one = sampler(name=name)
    found, by_hand = (
        coefficient(kind.of(GAUSSIAN, one, DENSITY)) for kind in (DensityIntegrals, DensityPasses)
    )
    assert found[0] == by_hand[0] == order
    assert found[1] == pytest.approx(by_hand[1], rel=5e-6)


@pytest.mark.parametrize(("name", "order"), [("pf-ode", 1), ("heun", 2), ("accelerated-ode", 2)])
def test_flows(name, order):
    """The last has a first step of its own, of the same order as all others together."""
    one = sampler(name=name)
    found, by_hand = (coefficient(kind.of(GAUSSIAN, one, DENSITY)) for kind in (FlowIntegrals, FlowPasses))
    assert found[0] == by_hand[0] == order
    assert found[1] == pytest.approx(by_hand[1], rel=5e-6)


def test_chains():
    one = sampler(name="ddpm")
    found, by_hand = (coefficient(kind(GAUSSIAN, one, DENSITY)) for kind in (PathIntegrals, PathPasses))
    assert found == pytest.approx(by_hand, rel=2e-6)


def test_kernels_of_the_forward_process_keep_moments():
    """E f(s x + sd Z) of f = 1, y, y^2, with noise small beside the panels and large."""
    panels = Panels.between(np.linspace(-30.0, 30.0, 31))
    f, x = np.stack([panels.nodes**k for k in range(3)]), np.linspace(-4.0, 4.0, 9)
    for std in (0.01, 0.5, 2.0):
        carrier = Carrier(panels, std, (-3.2, 3.2))
        ones, mean, second = carrier.at(carrier.carried(f), 0.8 * x)
        assert ones == pytest.approx(1.0, abs=1e-12)
        assert mean == pytest.approx(0.8 * x, abs=1e-11)
        assert second == pytest.approx((0.8 * x) ** 2 + std**2, rel=1e-11)


def test_noise_spreads_a_narrow_feature_over_wide_panels():
    """A bump of width .05 beside panels of width 4: the convolution of two normals."""
    panels = Panels.between(
        np.concatenate([np.linspace(-16.0, -0.5, 5), np.linspace(-0.4, 0.5, 19), [4.0, 8.0, 12.0]])
    )
    x = np.linspace(-6.0, 6.0, 241)

    def bump(y, var):
        return np.exp(-0.5 * y**2 / var) / np.sqrt(var)

    for std in (0.02, 0.3, 1.5):
        carrier = Carrier(panels, std, (-6.0, 6.0))
        (found,) = carrier.at(carrier.carried(bump(panels.nodes, 0.0025)[None]), x)
        assert found == pytest.approx(bump(x, 0.0025 + std**2), abs=1e-8)


def test_a_gap_is_crossed_in_few_panels():
    """Beside a panel of width 1e-3 one of width 8, with noise of 1e-4: both are followed, and little between."""
    panels = Panels.between(np.array([-8.0, 0.0, 1e-3, 8.0]))
    carrier = Carrier(panels, 1e-4, (-7.0, 7.0))
    assert len(carrier.landing) < 100
    x = np.array([-6.0, -1e-3, 4e-4, 2e-3, 5.0])
    (found,) = carrier.at(carrier.carried(panels.nodes[None] ** 2), x)
    assert found == pytest.approx(x**2 + 1e-8, rel=1e-12)


def test_first_noise_alone_is_no_work(monkeypatch):
    """The first stage of accelerated DDPM adds noise alone: the marginal of another level, against quadrature."""
    step, x = (
        SingleStep.of(MIXTURE, sampler(name="accelerated-ddpm"), VP, 0.5, 0.01),
        np.linspace(-2.0, 2.0, 9),
    )
    known = kernels.pushed(MIXTURE, step, x)
    monkeypatch.setattr(kernels, "_linear", lambda stage, x: None)
    assert kernels.pushed(MIXTURE, step, x, 4) == pytest.approx(known, abs=1e-12)
    assert kernels.pushed(MIXTURE, step, x, 1 - kernels.NODES[2]) != pytest.approx(known, abs=1e-8)


def test_a_coarse_rule_is_noticed(monkeypatch):
    """Three Gauss-Hermite nodes move W2, which looks at the tails, and other distances less: extrapolation takes most
    of it off. What it leaves is in the interval.
    """

    def constants():
        found = leading.limit(MIXTURE, at_fixed_ends, sampler(name="ddpm"))
        return {metric: found.constant(metric) for metric in ("w2", "tv", "kl")}

    fine = constants()
    monkeypatch.setattr(kernels, "NODES", {1: 3, 2: 3})
    monkeypatch.setattr(kernels, "HEARD", 0.0)
    for metric, found in constants().items():
        off, (low, high) = abs(found.constant - fine[metric].constant), found.interval
        usual = 0.5 * np.ptp(fine[metric].interval)
        assert off < 0.5 * (high - low) + usual
        assert metric != "w2" or off > 5 * usual


@pytest.mark.parametrize(
    ("spec", "full"),
    [
        ({"name": "ddpm"}, True),
        ({"name": "accelerated-ddpm"}, True),
        ({"name": "churned", "churn": 0.5}, False),
        ({"name": "predictor-corrector", "strength": 0.5}, False),
        ({"name": "randomized-midpoint"}, False),
    ],
)
def test_who_has_the_noise_of_the_forward_process(spec, full):
    """Others carry errors on along another diffusion: they are followed along ladders."""
    assert of_full_noise(MIXTURE, sampler(**spec), DENSITY) is full
    assert isinstance(line_passes(MIXTURE, sampler(**spec), DENSITY), DensityIntegrals) is full


def test_who_is_followed_along_ladders():
    """Multistep samplers, those of high order, whose defects are soon rounding, and laws in R^d."""
    high, history = sampler(name="lagrange", order=4), sampler(name="dpm-solver++-2m")
    for one in (high, history):
        assert isinstance(line_passes(MIXTURE, one, DENSITY), FlowPasses)
    space = targets.build({"family": "gaussian", "mean": [0.0, 1.0], "std": [1.0, 0.5]})
    assert isinstance(path_passes(space, sampler(name="ddpm"), DENSITY), PathPasses)
