"""Constants of leading terms against closed forms, by-hand quadrature and exact laws."""

from __future__ import annotations

import json
import math
from functools import cache

import numpy as np
import pytest
from scipy import integrate, interpolate, stats

from sharpbound import laws, processes, samplers, targets
from sharpbound.errors import NotMeasured
from sharpbound.laws import leading
from sharpbound.laws.leading.response import LineResponse
from sharpbound.numerics.quadrature import Panels
from sharpbound.scores.base import ExactScore

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.7, "std": 0.4}
FIXED = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}
LI = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
PHI_1 = math.exp(-0.5) / math.sqrt(2 * math.pi)


def limit(target, forward, **sampler):
    return _limit(json.dumps([target, forward, sampler]))


@cache
def _limit(problem):
    target, forward, sampler = json.loads(problem)
    return leading.limit(
        targets.build(target), lambda T: processes.build(forward, T), samplers.build(sampler)
    )


def exact(target, forward, T, metric, **sampler):
    return _law(json.dumps([target, forward, sampler]), T).distance(metric).value


@cache
def _law(problem, T):
    target, forward, sampler = json.loads(problem)
    law, ladder = targets.build(target), processes.build(forward, T)
    return laws.output_law(law, ladder, samplers.build(sampler), ExactScore(law, ladder), "exact")


# -- fixed ends ---------------------------------------------------------------------------------------


def _mixture_at(t):
    a, var = math.exp(-t), -math.expm1(-2 * t)
    return [
        (w, a * m, math.sqrt(a**2 * s**2 + var))
        for w, m, s in zip(MIXTURE["weights"], MIXTURE["means"], MIXTURE["stds"], strict=True)
    ]


def _defect(x, t):
    """p_t (s s' + s'')/8 by hand, from the derivatives of p."""
    p = d1 = d2 = d3 = 0.0
    for w, m, s in _mixture_at(t):
        z = (x - m) / s
        f = w * stats.norm.pdf(z) / s
        p, d1, d2 = p + f, d1 - f * z / s, d2 + f * (z**2 - 1) / s**2
        d3 = d3 - f * (z**3 - 3 * z) / s**3
    s1 = d1 / p
    s2 = d2 / p - s1**2
    s3 = d3 / p - 3 * d1 * d2 / p**2 + 2 * s1**3
    return p * (s1 * s2 + s3) / 8


def test_pf_ode_on_a_mixture_by_hand():
    """delta = b^2 (s s' + s'')/8, b = 2 h: C is 4 (horizon - delta) times half the variation of int p_t tau dt."""
    horizon, delta = 1.0, 0.05
    times, weights = np.polynomial.legendre.leggauss(24)
    times, weights = (horizon + delta) / 2 + times * (horizon - delta) / 2, weights * (horizon - delta) / 2

    def cdf(x, t):
        return sum(w * stats.norm.cdf((x - m) / s) for w, m, s in _mixture_at(t))

    x = np.linspace(-3.2, 4.2, 600)
    field = np.zeros_like(x)
    for t, weight in zip(times, weights, strict=True):
        y = np.linspace(-4.5, 4.8, 4001)
        there = interpolate.PchipInterpolator(cdf(y, t), y)(cdf(x, delta))
        field += weight * _defect(there, t)
    by_hand = 4 * (horizon - delta) * 0.5 * np.abs(np.diff(field)).sum()
    found = limit(MIXTURE, FIXED, name="pf-ode").constant("tv")
    assert found.constant == pytest.approx(
        by_hand, rel=2e-4
    )  # a polygon of 600 points sees extrema that well
    assert found.constant == pytest.approx(0.815547, abs=1e-6)
    assert (found.power, found.log_power) == (1, 0)
    assert 1024 * exact(MIXTURE, FIXED, 1024, "tv", name="pf-ode") == pytest.approx(0.815017, abs=1e-6)


@pytest.mark.parametrize("sampler", ["pf-ode", "heun", "accelerated-ode", "ddpm"])
@pytest.mark.parametrize("target", [MIXTURE, GAUSSIAN], ids=["mixture", "gaussian"])
def test_exact_laws_go_to_the_leading_term_like_the_step(sampler, target):
    found = limit(target, FIXED, name=sampler)
    for metric in ("tv", "kl", "w2"):
        left = [exact(target, FIXED, T, metric, name=sampler) / found.at(T, metric) - 1 for T in (128, 256)]
        assert abs(left[1]) < 0.11
        assert abs(2 * left[1] - left[0]) < 0.2 * abs(left[1]) + 1e-3  # what is not linear in h


@pytest.mark.parametrize(
    ("target", "forward", "sampler", "order"),
    [
        (MIXTURE, {"schedule": "edm", "sigma_min": 0.1, "sigma_max": 10.0}, {"name": "unipc", "p": 1}, 2),
        ({"family": "uniform", "low": -1.0, "high": 1.0}, FIXED, {"name": "accelerated-ddpm"}, 1),
    ],
    ids=["unipc", "accelerated-ddpm"],
)
def test_what_few_ladders_leave_is_no_error_that_stays(target, forward, sampler, order):
    """Their fields have a tenth left at h -> 0, known to a tenth of itself; the term of the order to a thousandth."""
    assert limit(target, forward, **sampler).p == order


def test_a_low_order_start_decides_in_the_end():
    """Adams-Bashforth of order 3 that starts with Euler's step is of order 2, with a small constant."""
    euler = limit(GAUSSIAN, FIXED, name="adams-bashforth", order=3)
    third = limit(GAUSSIAN, FIXED, name="adams-bashforth", order=3, start="third-order")
    assert (euler.p, third.p) == (2, 3)


def test_a_kink_of_the_schedule_is_seen():
    """Benton's steps are geometric below t = 1 and equal above."""
    forward = {"schedule": "benton", "horizon": 2.0, "delta": 0.05}
    found = limit(GAUSSIAN, forward, name="pf-ode").constant("w2")
    coarse, fine = (T * exact(GAUSSIAN, forward, T, "w2", name="pf-ode") for T in (2048, 4096))
    assert found.constant == pytest.approx(2 * fine - coarse, rel=1e-5)


# -- the schedule of Li et al. ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "c0", "c1"),
    [(MIXTURE, 2.0, 5.0), (GAUSSIAN, 2.0, 5.0), (GAUSSIAN, 1.5, 4.0)],
    ids=["mixture", "gaussian", "gaussian-other-ends"],
)
def test_flows_have_one_constant_for_every_target_with_a_density(target, c0, c1):
    forward = {"schedule": "li2024", "c0": c0, "c1": c1}
    ode = limit(target, forward, name="pf-ode")
    tv, kl = ode.constant("tv"), ode.constant("kl")
    assert tv.constant == pytest.approx(PHI_1 / 4 * c1 * (c1 - c0), rel=1e-7)
    assert kl.constant == pytest.approx((c1 * (c1 - c0) / 8) ** 2, rel=1e-7)
    assert (tv.power, tv.log_power, kl.power, kl.log_power) == (1, 2, 2, 4)
    accelerated = limit(target, forward, name="accelerated-ode-li2024").constant("tv")
    assert accelerated.constant == pytest.approx(PHI_1 / 8 * c1**2 * (c1 - c0), rel=1e-6)
    assert (accelerated.power, accelerated.log_power) == (2, 3)


def test_the_accelerated_flow_without_derivatives_has_the_same_constant():
    """Its defects have the other sign: -b^3 x/16 and +b^3 x/16."""
    found = limit(GAUSSIAN, LI, name="accelerated-ode").constant("tv")
    assert found.constant == pytest.approx(PHI_1 / 8 * 75, rel=1e-6)
    assert found.constant == pytest.approx(2.26848, abs=5e-6)


def test_w2_of_the_flow_on_a_gaussian():
    found = limit(GAUSSIAN, {"schedule": "li2024", "c0": 2.0, "c1": 5.0}, name="pf-ode").constant("w2")
    assert found.constant == pytest.approx(0.4 * 15 / 8, rel=1e-7)


def test_atoms_add_logarithms_at_the_clean_end():
    weights, c0, c1 = (0.7, 0.3), 2.0, 5.0
    atoms = {"family": "atoms", "points": [-1.0, 1.0], "weights": list(weights)}
    found = limit(atoms, {"schedule": "li2024", "c0": c0, "c1": c1}, name="pf-ode")

    def slope(u):
        """dG/du of G = (c1/8)[(c1 - c0) phi(Z) Z + c0 sum_k w_k phi(z_k) z_k]."""
        inside = u / weights[0] if u < weights[0] else (u - weights[0]) / weights[1]
        return c1 / 8 * sum(c * (1 - stats.norm.ppf(v) ** 2) for c, v in ((c1 - c0, u), (c0, inside)))

    pieces = [(0.0, weights[0]), (weights[0], 1.0)]
    by_hand = 0.5 * sum(
        integrate.quad(lambda u: abs(slope(u)), *ends, limit=400, epsabs=1e-9)[0] for ends in pieces
    )
    tv = found.constant("tv")
    assert tv.constant == pytest.approx(by_hand, rel=1e-7)  # s at the clean end is e^-18
    assert tv.constant == pytest.approx(1.2863, abs=5e-5)
    # the exact laws go there too: the slope of T TV/log T in log T grows towards it
    forward = {"schedule": "li2024", "c0": c0, "c1": c1}
    laws_tv = [T * exact(atoms, forward, T, "tv", name="pf-ode") / math.log(T) for T in (256, 1024)]
    assert (laws_tv[1] - laws_tv[0]) / math.log(4) == pytest.approx(1.190, abs=5e-4)
    # what crosses the gap: m = |G(w)|, of which W1 is m times the distance 2, and W2 the root of m times it
    z = stats.norm.ppf(weights[0])
    mass = c1 * (c1 - c0) / 8 * stats.norm.pdf(z) * abs(z)
    w1, w2 = found.constant("w1"), found.constant("w2")
    assert (w1.constant, w2.constant) == pytest.approx((2 * mass, 2 * math.sqrt(mass)), rel=1e-7)
    assert (w1.power, w1.log_power, w2.power, w2.log_power) == (1, 2, 0.5, 1)


def test_one_atom_has_the_same_logarithm_at_both_ends():
    """phi(1)/4 c1^2 log^2 T/T: there is no scale but the noise."""
    atom = {"family": "atoms", "points": [0.5], "weights": [1.0]}
    found = limit(atom, LI, name="pf-ode").constant("tv")
    assert found.constant == pytest.approx(PHI_1 / 4 * 25, rel=1e-7)


LAWS = {
    "pf-ode": (1, 2, 1.0490),
    "accelerated-ode": (2, 3, 1.7308),
    "ddpm": (1, 1, 0.7192),
    "accelerated-ddpm": (2, 2, 1.5404),
    "taylor-ode": (2, 2, 1.2665),
}
"""T^p TV/log^a T of exact laws on N(.7, .16) at T = 2^10, for p, a of the leading term."""


@pytest.mark.parametrize("sampler", LAWS)
def test_exact_laws_on_the_way_to_their_constants(sampler):
    p, a, expected = LAWS[sampler]
    tv = exact(GAUSSIAN, LI, 1024, "tv", name=sampler)
    assert 1024**p * tv / math.log(1024) ** a == pytest.approx(expected, abs=6e-5)


def test_logarithms_are_slow():
    """T TV/log^2 T of the leading term of the first-order flow, whose limit is .90739."""
    found = limit(MIXTURE, LI, name="pf-ode")
    for T, value in ((1e8, 0.90530), (1e12, 0.90587)):
        assert T * found.at(T, "tv") / math.log(T) ** 2 == pytest.approx(value, abs=1e-5)
    assert found.constant("tv").constant == pytest.approx(0.90739, abs=5e-6)


def test_w2_across_a_gap_of_a_fixed_horizon_has_none():
    """There the mass that crosses is less than what lies in the gap, for T large enough."""
    response = LineResponse(Panels.between(np.array([0.0, 1.0])), *np.ones((3, 1, 16)), gaps=((3, 9),))
    with pytest.raises(NotMeasured, match="gaps"):
        response.distance("w2")
    assert response.power("w2") == 1
    assert response.at_data(0.5).power("w2") == 0.5


def test_ddpm_on_a_narrow_law_in_closed_form():
    """On N(m, v0) a step errs by b^2/v in the variance v, and carries 1 + b - 2b/v of what there is:

    TV -> phi(1) c1/v0 int min(s, 1)/v(s) (v0/(e^s - 1 + v0))^2 e^s ds log T/T,  v(s) = 1 - (1 - v0) e^-s.
    Most of it is made at s near v0, so that ladders must go on to sigma^2 far below v0.
    """
    v0, c1 = 0.05**2, 5.0

    def made(s):
        return min(s, 1.0) / (1 - (1 - v0) * math.exp(-s)) * math.exp(s) * (v0 / (math.expm1(s) + v0)) ** 2

    by_hand = sum(integrate.quad(made, *ends, epsrel=1e-10)[0] for ends in [(0, v0), (v0, 1), (1, 40)])
    same = {"weights": [0.5, 0.5], "means": [0.3, 0.3], "stds": [0.05, 0.05]}
    # cut where nothing is left of it, a law has no edges
    for family in ({"family": "gaussian-mixture"}, {"family": "truncated-gaussian-mixture", "radius": 1.0}):
        found = limit(family | same, {"schedule": "li2024", "c0": 2.0, "c1": c1}, name="ddpm").constant("tv")
        assert found.constant == pytest.approx(
            PHI_1 * c1 / v0 * by_hand, rel=1.2e-6
        )  # sigma^2/v0 at e^-10 is 8e-7
        assert found.interval[0] < PHI_1 * c1 / v0 * by_hand < found.interval[1]


@pytest.mark.parametrize(
    ("sampler", "metric", "powers"),
    [("ddpm", "tv", (1, 1)), ("accelerated-ddpm", "kl", (4, 4)), ("taylor-ode", "w2", (2, 2))],
)
def test_contracting_samplers_have_no_further_logarithm(sampler, metric, powers):
    """Against exact laws, which are cheap on a Gaussian, at two large T."""
    forward = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
    found = limit(GAUSSIAN, forward, name=sampler)
    constant = found.constant(metric)
    assert (constant.power, constant.log_power) == powers
    left = []
    for T in (2**12, 2**13):
        left.append(exact(GAUSSIAN, forward, T, metric, name=sampler) / found.at(T, metric) - 1)
    assert abs(left[1]) < 5e-3
    assert abs(left[1]) < 0.7 * abs(left[0])


def test_accelerated_ddpm_is_of_order_one_off_gaussians():
    found = limit(MIXTURE, FIXED, name="accelerated-ddpm")
    assert found.p == 1
    assert limit(GAUSSIAN, FIXED, name="accelerated-ddpm").p == 2


# -- several dimensions --------------------------------------------------------------------------------


def test_a_product_adds_its_coordinates():
    one = limit(MIXTURE, FIXED, name="pf-ode")
    for dim in (3, 400):
        several = limit({"family": "product", "factor": MIXTURE, "dim": dim}, FIXED, name="pf-ode")
        for metric, factor in (("kl", dim), ("w2", math.sqrt(dim)), ("hellinger", math.sqrt(dim))):
            expected = factor * one.constant(metric).constant
            assert several.constant(metric).constant == pytest.approx(expected, rel=1e-9)
    normal = math.sqrt(400 * one.constant("chi2").constant / (2 * math.pi))  # E|S| of a normal S, to 1/d
    assert several.constant("tv").constant == pytest.approx(normal, rel=2e-3)


def test_total_variation_of_two_gaussian_coordinates():
    """On N(0, v)^2 R = l (z1^2 + z2^2 - 2)/2 with an exponential sum: E|R| = |l| 2/e."""
    forward = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
    plane = limit({"family": "gaussian", "mean": 0.0, "std": 0.4, "dim": 2}, forward, name="ddpm")
    line = limit({"family": "gaussian", "mean": 0.0, "std": 0.4}, forward, name="ddpm")
    spread = line.constant("tv").constant / (PHI_1)  # TV on the line is |l| phi(1)
    assert plane.constant("tv").constant == pytest.approx(spread / math.e, rel=1e-5)


def _moments_of_the_flow(mean, std, T):
    """T times the relative errors of mean and variance of the first-order ODE, by its recursion."""
    ladder = processes.build(FIXED, T)
    m, v = ladder.a[-1] * mean, (ladder.a[-1] * std) ** 2 + ladder.sigma[-1] ** 2
    for t in range(ladder.T, ladder.stop, -1):
        a, sigma = ladder.level(t)
        alpha = (ladder.a[t] / ladder.a[t - 1]) ** 2
        gain = 1 - (1 - alpha) / 2 / ((a * std) ** 2 + sigma**2)
        m, v = (a * mean + gain * (m - a * mean)) / math.sqrt(alpha), gain**2 * v / alpha
    a, sigma = ladder.level(0)
    true = (a * std) ** 2 + sigma**2
    return T * np.array([(m - a * mean) / math.sqrt(true), v / true - 1])


def test_total_variation_in_the_plane_by_hand():
    """1/2 E|sum_i b_i z_i + c_i (z_i^2 - 1)/2| by dense sums over both normals."""
    means, stds = (0.7, -0.4), (0.4, 0.8)
    z = np.linspace(-8.5, 8.5, 3001)
    weight = stats.norm.pdf(z) * (z[1] - z[0])
    terms = []
    for mean, std in zip(means, stds, strict=True):
        first, second, third = (_moments_of_the_flow(mean, std, T) for T in (1024, 2048, 4096))
        b, c = (8 * third - 6 * second + first) / 3
        terms.append(b * z + c * (z**2 - 1) / 2)
    by_hand = 0.5 * weight @ np.abs(terms[0][:, None] + terms[1]) @ weight
    found = limit(
        {"family": "gaussian", "mean": list(means), "std": list(stds)}, FIXED, name="pf-ode"
    ).constant("tv")
    assert found.constant == pytest.approx(by_hand, rel=3e-6)


def test_exact_laws_in_the_plane_go_to_the_leading_term():
    target = {"family": "gaussian", "mean": [0.3, -0.5], "std": [0.4, 0.9]}
    found = limit(target, FIXED, name="pf-ode")
    left = [exact(target, FIXED, T, "tv", name="pf-ode") / found.at(T, "tv") - 1 for T in (128, 256)]
    assert abs(left[1]) < 0.04
    assert abs(2 * left[1] - left[0]) < 0.1 * abs(left[1]) + 1e-4


# -- where there is none ------------------------------------------------------------------------------

PLANE = {
    "family": "gaussian-mixture",
    "weights": [0.4, 0.6],
    "means": [[0.0, 1.0], [1.0, 0.0]],
    "stds": [0.3, 0.5],
}


@pytest.mark.parametrize(
    ("target", "forward", "sampler", "reason"),
    [
        (GAUSSIAN, {"schedule": "cosine"}, {"name": "pf-ode"}, "ends of cosine move"),
        (GAUSSIAN, {"schedule": "edm-to-zero"}, {"name": "heun"}, "does not shrink"),
        (MIXTURE, FIXED, {"name": "sde-dpm-solver++-2m"}, "keeps predictions"),
        (PLANE, FIXED, {"name": "pf-ode"}, "independent coordinates"),
    ],
)
def test_reasons(target, forward, sampler, reason):
    with pytest.raises(NotMeasured, match=reason):
        limit(target, forward, **sampler)
