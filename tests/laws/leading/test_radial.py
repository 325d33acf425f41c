"""Leading terms on spheres, against noncentral chi^2 laws, by-hand formulas and exact laws of the radius."""

from __future__ import annotations

import math
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
import torch
from numpy.polynomial.legendre import leggauss
from scipy import special, stats

from sharpbound import laws, processes, samplers
from sharpbound.errors import NotMeasured
from sharpbound.laws import leading
from sharpbound.laws.leading.radial import RadialLine
from sharpbound.laws.leading.radial_kernels import carried, pushed
from sharpbound.numerics.quadrature import Panels
from sharpbound.samplers.base import Stage
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Sphere

HORIZON, DELTA = 1.0, 0.05
FIXED = {"schedule": "ou-uniform", "horizon": HORIZON, "delta": DELTA}
LI = {"schedule": "li2024"}
C0, C1 = 2.0, 5.0


def limit(dim, forward, name):
    return leading.limit(
        Sphere(1.0, dim), lambda T: processes.build(forward, T), samplers.build({"name": name})
    )


# -- the law of the radius ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "a", "sigma"), [(2, 0.9, 0.3), (2, 0.05, 1.0), (3, 0.99, 0.01), (50, 0.9, 0.4), (1000, 0.3, 0.95)]
)
def test_log_tails_are_those_of_a_noncentral_chi_square_law(dim, a, sigma):
    law, known = RadialLine(Sphere(1.0, dim)), stats.ncx2(dim, (a / sigma) ** 2)
    centre = law.centre(a, sigma)
    r = np.linspace(max(centre - 6 * sigma, 1e-3 * sigma), centre + 6 * sigma, 9)
    below, above = (tail(torch.tensor(r), a, sigma) for tail in (law.log_cdf, law.log_sf))
    # scipy's own logs are worse where they come out as 1 - (all but 1)
    scale = 1e-11 * (1 + np.abs(known.logpdf((r / sigma) ** 2)))
    lower = r < centre
    assert (np.abs(below.numpy() - known.logcdf((r / sigma) ** 2))[lower] < scale[lower]).all()
    assert (np.abs(above.numpy() - known.logsf((r / sigma) ** 2))[~lower] < scale[~lower]).all()
    for tail, upper in ((below, False), (above, True)):
        near = tail < math.log(0.5)
        np.testing.assert_allclose(
            law.quantile_from_log(tail[near], a, sigma, upper=upper), r[near.numpy()], rtol=1e-12
        )


@pytest.mark.parametrize(("r", "upper"), [(0.02, False), (4.0, True)])
def test_far_tails_are_right_in_relative_terms(r, upper):
    """By quadrature of the density in 30 digits, where the mass is 1e-20 (near the origin) and 1e-24."""
    dim, a, sigma = 12, 0.8, 0.3
    with mpmath.workdps(30):

        def density(x):
            order, scale = mpmath.mpf(dim) / 2, mpmath.mpf(a) / mpmath.mpf(sigma) ** 2
            shape = x * (x / mpmath.mpf(a)) ** (order - 1) * mpmath.besseli(order - 1, x * scale)
            return shape / sigma**2 * mpmath.exp(-(x * x + mpmath.mpf(a) ** 2) / (2 * mpmath.mpf(sigma) ** 2))

        ends = [mpmath.mpf(r) + step for step in (0, 0.05, 0.2, 1)] if upper else [0, mpmath.mpf(r)]
        expected = float(mpmath.log(mpmath.quad(density, ends)))
    law = RadialLine(Sphere(1.0, dim))
    found = (law.log_sf if upper else law.log_cdf)(torch.tensor([r], dtype=torch.float64), a, sigma)
    assert float(found) == pytest.approx(expected, abs=1e-12)
    assert expected < -45


def test_third_and_fourth_derivatives_along_a_ray():
    """Those of log p and of the divergence of its score, which the accelerated ODEs differentiate."""
    dim, a, sigma = 3, 0.8, 0.7
    scale = mpmath.mpf(a) / mpmath.mpf(sigma) ** 2
    radii = [0.01, 0.3, 2.0, 20.0]  # kappa is .016 at the first: the power series

    def cosine(r):
        return mpmath.coth(r * scale) - 1 / (r * scale)

    with mpmath.workdps(30):
        divergence = [
            [
                mpmath.diff(lambda x: scale * (mpmath.diff(cosine, x) + (dim - 1) * cosine(x) / x), r, n)
                for n in (1, 2)
            ]
            for r in radii
        ]
        third = [scale * mpmath.diff(cosine, r, 2) for r in radii]
    r = torch.tensor(radii, dtype=torch.float64)
    target = Sphere(1.0, dim)
    found = torch.stack(target.radial_grad_divergence_jet(r, a, sigma), 1)
    np.testing.assert_allclose(found, np.array(divergence, dtype=float), rtol=1e-9)
    np.testing.assert_allclose(
        target.radial_score_derivative_jet(r, a, sigma)[1], np.array(third, dtype=float), rtol=1e-9
    )


# -- kernels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [2, 3, 40])
def test_moments_of_a_noisy_radius(dim):
    """E |m e + s Z|^2 = m^2 + d s^2, and that of its square."""
    s, m = 0.4, np.array([1e-6, 0.1, 0.5, 1.0, 2.5])
    panels = Panels.between(np.linspace(0.0, 9.0, 10))
    f = np.stack([panels.nodes**2, panels.nodes**4])
    mean = m**2 + dim * s**2
    expected = [mean, mean**2 + 4 * m**2 * s**2 + 2 * dim * s**4]
    np.testing.assert_allclose(carried(panels, f, m, s, dim), expected, rtol=1e-11)


def _scaled(gain, std=0.0):
    return Stage(lambda y: gain * y, std)


@pytest.mark.parametrize(
    "stages",
    [
        [_scaled(1.05, 0.1)],
        [_scaled(1.0, 0.06), _scaled(1.05), _scaled(1.0, 0.05)],
        [_scaled(1.02, 0.08), _scaled(0.99)],
    ],
    ids=["one", "noise-map-noise", "map-last"],
)
@pytest.mark.parametrize("dim", [2, 30])
def test_linear_stages_take_one_law_to_another(dim, stages):
    """Y = g X + noise of X = a X0 + sigma W is g a X0 + (g^2 sigma^2 + s^2)^{1/2} W."""
    a, sigma = 0.7, 0.5
    ladder = SimpleNamespace(level=lambda t: (a, sigma), noise_variance=lambda t: 0.0)
    gain, variance = 1.0, sigma**2
    for stage in stages:
        slope = float(stage.mean(torch.ones(1, dtype=torch.float64)))
        gain, variance = gain * slope, slope**2 * variance + stage.std**2
    law, after = RadialLine(Sphere(1.0, dim)), (gain * a, math.sqrt(variance))
    r = np.linspace(0.02, 3.0, 12) + law.centre(*after) * (dim > 10)
    found = pushed(law, SimpleNamespace(ladder=ladder, t=1, stages=stages), r)
    np.testing.assert_allclose(found, law.log_f(torch.tensor(r), *after), atol=1e-11)


# -- by hand --------------------------------------------------------------------------------------------


def test_pf_ode_on_a_circle_by_hand():
    """delta = b^2/8 grad(|s|^2/2 + div s), b = 2 h, with Bessel functions and the quantiles of ncx2."""
    dim, nodes, weights = 2, *leggauss(16)
    half = 0.5 * math.log(HORIZON / DELTA)
    times = DELTA * np.exp(half * (1 + nodes))
    weights = half * weights * times

    def chi_square(t):
        var = -math.expm1(-2 * t)
        return stats.ncx2(dim, math.exp(-2 * t) / var), var

    last, var = chi_square(DELTA)
    r = np.linspace(0.003, 3.4, 1500)
    below, above = last.cdf(r * r / var), last.sf(r * r / var)
    shift = np.zeros_like(r)
    for t, weight in zip(times, weights, strict=True):
        law, var = chi_square(t)
        x = np.sqrt(var * np.where(below < 0.5, law.ppf(below), law.isf(above)))
        scale = math.exp(-t) / var
        k = x * scale
        first = special.ive(1, k) / special.ive(0, k)
        second = 1 - first**2 - (dim - 1) * first / k
        third = -2 * first * second - (dim - 1) * (second / k - first / k**2)
        score, slope = scale * first - x / var, scale**2 * second - 1 / var
        grad_divergence = scale**3 * (third + (dim - 1) * (second / k - first / k**2))
        shift += weight * law.pdf(x * x / var) * 2 * x / var * (score * slope + grad_divergence) / 8
    shift *= 4 * (HORIZON - DELTA)
    found, variation = limit(dim, FIXED, "pf-ode"), np.abs(np.diff(shift, prepend=0.0, append=0.0)).sum()
    assert found.constant("tv").constant == pytest.approx(0.5 * variation, rel=1e-5)
    assert found.constant("w1").constant == pytest.approx(np.trapezoid(np.abs(shift), r), rel=1e-5)


def test_pf_ode_on_the_schedule_of_li_by_hand():
    """R = (c1/8) [(c1 - c0) (rho^2 - d) + c0 (z^2 - 1)] log^2 T/T, rho and z quantiles of chi_d and of N(0, 1)."""
    dim = 20
    law = stats.chi(dim)
    edges = np.linspace(law.ppf(1e-25), law.isf(1e-25), 401)
    nodes, weights = leggauss(8)
    half = 0.5 * np.diff(edges)[:, None]
    rho, weights = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes, half * weights
    below, above = law.cdf(rho), law.sf(rho)
    z = np.where(below < 0.5, stats.norm.ppf(below), stats.norm.isf(above))
    R, p = C1 / 8 * ((C1 - C0) * (rho**2 - dim) + C0 * (z**2 - 1)), law.pdf(rho) * weights
    found = limit(dim, LI, "pf-ode")
    tv, kl = found.constant("tv"), found.constant("kl")
    assert (tv.power, tv.log_power, kl.log_power) == (1, 2, 4)
    assert tv.constant == pytest.approx(0.5 * (p * np.abs(R)).sum(), rel=1e-5)
    assert kl.constant == pytest.approx(0.5 * (p * R**2).sum(), rel=3e-6)


def test_ddpm_on_the_schedule_of_li_is_that_of_one_atom_across_the_sphere():
    """A relative error (c1/2) log T/T of the variance across it, whatever the dimension; transport in its noise."""
    found = limit(20, LI, "ddpm")
    tv, w2 = found.constant("tv"), found.constant("w2")
    assert tv.constant == pytest.approx(C1 * stats.norm.pdf(1), rel=2e-6)
    assert tv.interval[0] < C1 * stats.norm.pdf(1) < tv.interval[1]
    assert found.constant("kl").constant == pytest.approx((C1 / 2) ** 2, rel=3e-6)
    assert (tv.power, tv.log_power, w2.power, w2.log_power) == (1, 1, 1 + C0 / 2, 1)
    assert w2.constant == pytest.approx(C1 / 2, rel=2e-6)


# -- exact laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dim", "forward", "name", "metric"),
    [
        (3, FIXED, "accelerated-ode-li2024", "tv"),
        (50, FIXED, "dpm-solver++-2m", "w2"),
        (2, FIXED, "ddpm-posterior", "w1"),
        (20, FIXED, "ddpm", "kl"),
        (3, LI, "ddpm", "tv"),
    ],
    ids=lambda value: value["schedule"] if isinstance(value, dict) else str(value),
)
def test_exact_laws_go_to_the_leading_term_like_the_step(dim, forward, name, metric):
    target, sampler, found = Sphere(1.0, dim), samplers.build({"name": name}), limit(dim, forward, name)
    left = []
    for T in (32, 64):
        ladder = processes.build(forward, T)
        law = laws.output_law(target, ladder, sampler, ExactScore(target, ladder), "exact")
        left.append(law.distance(metric).value / found.at(T, metric) - 1)
    assert abs(left[1]) < 0.3
    assert abs(left[1]) < 0.65 * abs(left[0])


@pytest.mark.parametrize(
    ("forward", "name", "reason"),
    [
        (FIXED, "ddpm-covariance", "isotropic"),
        (FIXED, "randomized-midpoint", "isotropic"),
        (FIXED, "sa-solver", "depends on others"),
        (LI, "ddpm-posterior", "exact across a sphere"),
        ({**LI, "c0": 1.0}, "accelerated-ddpm", "what its curvature leaves"),
    ],
)
def test_reasons(forward, name, reason):
    with pytest.raises(NotMeasured, match=reason):
        limit(3, forward, name)
