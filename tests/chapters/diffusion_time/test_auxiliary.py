"""Auxiliary models: maximum likelihood on the population, and how far they let T shrink."""

import math

import pytest
import torch

from sharpbound import targets
from sharpbound.chapters.diffusion_time.auxiliary import (
    FITS,
    MonotoneFlow,
    NormalMixture,
    auxiliary_kl,
    equivalent_time,
    fit_flow,
    fit_gaussian,
    fit_mixture,
)
from sharpbound.chapters.diffusion_time.elbo import kl_to_noise, level, optimal_time
from sharpbound.errors import InputError
from sharpbound.marginals.divergence import Normal, divergence


def test_gaussian_fit_matches_moments_and_no_other_gaussian_is_nearer(toy):
    a, sigma = level("vp", 0.7)
    fit = fit_gaussian(toy, a, sigma)
    best = divergence(toy, a, sigma, fit)
    for mean, std in ((1.01, 1.0), (0.99, 1.0), (1.0, 1.01), (1.0, 0.99)):
        assert divergence(toy, a, sigma, Normal(fit.mean * mean, fit.std * std)) > best


@pytest.mark.parametrize("time", [0.2, 2.0])
def test_a_mixture_of_two_recovers_a_mixture_of_two(toy, time):
    # exact recovery, down to the optimiser's gradient tolerance 1e-10
    assert auxiliary_kl(toy, "vp", time, "mixture") < 1e-12


def test_em_reaches_the_parameters(toy):
    a, sigma = level("vp", 0.3)
    fit = fit_mixture(toy, a, sigma)
    order = torch.argsort(fit.means)
    # gradient 1e-10 over the flattest curvature of the likelihood
    assert fit.weights[order].tolist() == pytest.approx([0.3, 0.7], abs=1e-6)
    assert fit.means[order].tolist() == pytest.approx([a, 3 * a], abs=1e-6)


@pytest.mark.parametrize("time", [0.5, 2.0])
def test_models_are_nested(toy, time):
    # each family contains (the flow: comes close to) the one before it
    gaussian, flow = (auxiliary_kl(toy, "vp", time, name) for name in ("gaussian", "flow"))
    assert kl_to_noise(toy, "vp", time) > gaussian > 10 * flow > 0


@pytest.mark.parametrize("model", ["mixture", "flow"])
def test_densities_are_normalised(model):
    if model == "mixture":
        values = ([0.2, 0.8], [-1.0, 2.0], [0.3, 1.0])
        density = NormalMixture(*(torch.tensor(v, dtype=torch.float64) for v in values))
    else:
        density = MonotoneFlow(torch.tensor([0.3, -0.5, -1.0, 1.5, 0.7, 0.2, -0.3, 0.5], dtype=torch.float64))
    x = torch.arange(-40.0, 40.0, 0.005, dtype=torch.float64)
    inside = (x > -1.0) & (x < 0.5)
    mass = density.log_density(x).exp() * 0.005
    assert float(mass.sum()) == pytest.approx(1.0, abs=1e-10)
    # a sum over a sharp cut is only good to half a cell
    assert float(mass[~inside].sum()) == pytest.approx(density.mass_outside(-1.0, 0.5), abs=0.005)


def test_the_flow_fits_between_its_nodes(toy):
    # a panel rule of other nodes sees the same divergence: nothing is hidden between the fitted points
    a, sigma = level("vp", 0.5)
    flow = fit_flow(toy, a, sigma)
    x = torch.arange(-8.0, 10.0, 0.001, dtype=torch.float64)
    log_p = toy.derivative(x, a, sigma, 0)
    other = float((log_p.exp() * (log_p - flow.log_density(x))).sum()) * 0.001
    assert divergence(toy, a, sigma, flow) == pytest.approx(other, abs=1e-12)


def test_how_far_time_shrinks(toy):
    e2 = 0.1
    best = optimal_time(toy, "vp", e2)
    time = equivalent_time(toy, "vp", e2, "gaussian")
    assert 0.01 < time < 0.1 * best.time
    # at the returned time the two bounds tie
    assert 0.5 * e2 * time + auxiliary_kl(toy, "vp", time, "gaussian") == pytest.approx(best.loss, rel=1e-5)
    assert equivalent_time(toy, "vp", e2, "mixture") == 0.01  # fits exactly: nothing stops it


def test_refusals(toy):
    with pytest.raises(InputError, match="unknown auxiliary model"):
        auxiliary_kl(toy, "vp", 1.0, "gan")
    assert set(FITS) == {"gaussian", "mixture", "flow"}
    with pytest.raises(InputError, match="no variance"):
        fit_gaussian(targets.build({"family": "student-t", "nu": 1}), 1.0, math.sqrt(0.5))
