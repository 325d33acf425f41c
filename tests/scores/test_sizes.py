"""Fields have exactly the size asked for: against adaptive quadrature and closed forms."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import chi2, norm

from sharpbound import processes, scores, targets
from sharpbound.errors import InputError
from sharpbound.scores.sizes import Exceedance, level_rms, level_slopes

FIELDS = [
    {"field": "constant"},
    {"field": "linear"},
    {"field": "hermite", "mode": 3},
    {"field": "fourier", "omega": 5.0},
    {"field": "tail", "delta": 0.1},
    {"field": "formula", "formula": "sin(2*x)*exp(-t)/(1 + z**2)"},
]


def under(target, frame, f, cuts=()):
    """E f under a marginal by adaptive quadrature, cut where the field has kinks."""
    points = sorted({-12.0, 12.0, 0.0, *cuts})

    def weighted(x):
        at = torch.tensor([x], dtype=torch.float64)
        return float(target.derivative(at, frame.a, frame.sigma, 0).exp()) * f(x)

    return sum(quad(weighted, a, b, epsabs=1e-13, epsrel=1e-12, limit=800)[0] for a, b in pairwise(points))


@pytest.mark.parametrize("spec", FIELDS, ids=[spec["field"] for spec in FIELDS])
def test_norms_are_exact(mixture, ladder, spec):
    injection = scores.build({**spec, "eps": 0.3}, mixture, ladder)
    error = injection.parts[0].error
    t = 7
    frame = error.frames[t]

    def e(x, order=0):
        return float(error.derivative(t, torch.tensor([x], dtype=torch.float64), order)[0])

    cuts = error.shape.cuts(frame)
    # 1e-9: what quad delivers on |e'|, whose kinks it is not told of
    assert math.sqrt(under(mixture, frame, lambda x: e(x) ** 2, cuts)) == pytest.approx(0.3, rel=1e-9)
    assert level_slopes(error)[t] == pytest.approx(
        under(mixture, frame, lambda x: abs(e(x, 1)), cuts), rel=1e-7
    )
    assert injection.eps_score == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("profile", ["equal", "sigma", "free"])
def test_profiles_aggregate_to_the_same_size(mixture, ladder, profile):
    spec = {"field": "fourier", "omega": 2.0, "eps": 0.2, "profile": profile, "window": [0.2, 0.8]}
    injection = scores.build(spec, mixture, ladder)
    norms = level_rms(injection.parts[0].error)
    assert math.sqrt(np.mean(norms[1:] ** 2)) == pytest.approx(0.2, rel=1e-12)
    active = np.flatnonzero(norms)
    assert active.min() / ladder.T > 0.2
    assert active.max() / ladder.T <= 0.8
    if profile == "sigma":
        assert np.ptp(norms[active] * ladder.sigma[active]) < 1e-12
    if profile == "free":
        amplitude = np.array(injection.parts[0].error.amplitude)[active]
        assert np.ptp(amplitude) < 1e-12 * amplitude[0]


def test_hermite_and_fourier_on_gaussians_are_known(normal, ladder):
    """On N(m, s^2) He_k/sqrt(k!) has norm 1 and slope sqrt(k) E|He_{k-1}|/sqrt((k-1)!); a wave's norm is elementary."""
    error = scores.build({"field": "hermite", "mode": 2, "eps": 1.0}, normal, ladder).parts[0].error
    spread = error.frames[5].spread
    assert error.amplitude[5] == pytest.approx(1.0, rel=1e-12)
    assert level_slopes(error)[5] == pytest.approx(math.sqrt(2) * math.sqrt(2 / math.pi) / spread, rel=1e-12)
    error = scores.build({"field": "fourier", "omega": 0.7, "eps": 1.0}, normal, ladder).parts[0].error
    square = 1 + math.exp(-2 * 0.7**2) * math.cos(2 * error.shape.phase)
    assert error.amplitude[5] == pytest.approx(square**-0.5, rel=1e-12)


def test_derivatives_of_every_field(mixture, ladder):
    for spec in FIELDS:
        error = scores.build({**spec, "eps": 0.3}, mixture, ladder).parts[0].error
        x = torch.tensor([-1.3, 0.2, 1.71, 1.8, 2.4], dtype=torch.float64)
        h = 1e-5
        for order in range(3):
            numeric = (error.derivative(4, x + h, order) - error.derivative(4, x - h, order)) / (2 * h)
            exact = error.derivative(4, x, order + 1)
            # central differences: h^2 times the third derivative, and rounding/h
            torch.testing.assert_close(numeric, exact, rtol=1e-5, atol=1e-5 * (1 + float(exact.abs().max())))


def test_robust_error_is_a_quantile(normal, ladder):
    """D^delta of c z is c times the two-sided normal quantile; of a fast wave sqrt(2) c cos(pi delta/2)."""
    for delta in (0.01, 0.3):
        linear = scores.build({"field": "linear", "eps": 0.2}, normal, ladder)
        assert linear.d_delta(delta) == pytest.approx(0.2 * norm.isf(delta / 2), rel=1e-10)
        wave = scores.build({"field": "fourier", "omega": 12.0, "eps": 0.2}, normal, ladder)
        # the wave meets the density exp(-2 omega^2)-closely to uniform phases
        assert wave.d_delta(delta) == pytest.approx(
            0.2 * math.sqrt(2) * math.cos(math.pi * delta / 2), rel=1e-8
        )
    assert scores.build({"field": "constant", "eps": 0.2}, normal, ladder).d_delta(0.4) == pytest.approx(0.2)


def test_tail_field_has_no_robust_error_but_any_l2(mixture, ladder):
    injection = scores.build({"field": "tail", "delta": 0.02, "eps": 1e4}, mixture, ladder)
    assert injection.eps_score == pytest.approx(1e4)
    assert injection.d_delta(0.02) == 0.0
    assert injection.d_delta(0.01) > 0
    l2, delta = 1e4, 0.005
    assert injection.d_delta(delta) <= l2 / math.sqrt(delta)


def test_sizes_in_many_dimensions(ladder):
    """Squares add over coordinates; the Jacobian of a diagonal linear field has its largest slope as norm."""
    cov = [[0.5, 0.2], [0.2, 0.5]]
    target = targets.build({"family": "gaussian", "mean": [1.0, -1.0], "cov": cov})
    injection = scores.build({"field": "linear", "eps": 0.3}, target, ladder)
    assert injection.eps_score == pytest.approx(0.3, rel=1e-12)
    assert [part.count for part in injection.parts] == [1, 1]
    slopes = [level_slopes(part.error) for part in injection.parts]
    assert injection.eps_jacobi == pytest.approx(np.mean(np.max(slopes, axis=0)[1:]), rel=1e-12)
    product = targets.build(
        {"family": "product", "dim": 50, "factor": {"family": "gaussian", "mean": 0.0, "std": 0.5}}
    )
    injection = scores.build({"field": "hermite", "mode": 2, "eps": 0.3}, product, ladder)
    assert injection.eps_score == pytest.approx(0.3, rel=1e-12)
    # e' = c sqrt(2) z per coordinate: E max |z_i| over 50
    largest = quad(lambda u: 1 - (2 * norm.cdf(u) - 1) ** 50, 0, 12)[0]
    spreads = [frame.spread for frame in injection.parts[0].error.frames[1:]]
    expected = 0.3 / math.sqrt(50) * math.sqrt(2) * largest * np.mean([1 / s for s in spreads])
    assert injection.eps_jacobi == pytest.approx(expected, rel=1e-8)
    one = scores.build({"field": "linear", "eps": 0.3, "coordinates": "one"}, product, ladder)
    assert one.eps_score == pytest.approx(0.3, rel=1e-12)
    assert [part.error is None for part in one.parts] == [False, True]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"eps": -0.1}, "score_error.eps"),
        ({"eps": "big"}, "score_error.eps"),
        ({"field": "nosuch"}, "score_error.field"),
        ({"field": "tail"}, "score_error.delta"),
        ({"field": "tail", "delta": 1.0}, "score_error.delta"),
        ({"delta": 0.0}, "score_error.delta"),
        ({"field": "fourier"}, "score_error.omega"),
        ({"field": "fourier", "omega": 0.0}, "score_error.omega"),
        ({"field": "hermite", "mode": -1}, "score_error.mode"),
        ({"window": [0.5, 0.2]}, "score_error.window"),
        ({"window": [0.0, 0.01]}, "score_error.window"),
        ({"profile": "even"}, "score_error.profile"),
        ({"coordinates": "some"}, "score_error.coordinates"),
        ({"omega": 3.0}, "score_error.omega"),
        ({"field": "formula", "formula": "x +"}, "score_error.formula"),
        ({"field": "formula", "formula": "__import__('os')"}, "score_error.formula"),
        ({"field": "formula", "formula": "y"}, "score_error.formula"),
        ({"field": "formula", "formula": "x - x"}, "score_error.formula"),
        ({"field": "formula", "formula": "2*x - x - x"}, "score_error.field"),
        ({"field": "formula", "formula": "1/0"}, "score_error.formula"),
        ({"field": "formula", "formula": "x**sqrt(-1)"}, "score_error.formula"),
        ({"field": "formula", "formula": "exp(exp(exp(20)))*x"}, "score_error.formula"),
        ({"field": "formula", "formula": "x**sin(exp(1e80))"}, "score_error.formula"),
        ({"field": "formula", "formula": "~" * 500 + "x"}, "score_error.formula"),
        ({"field": "formula", "formula": "min(x, 1)"}, "score_error.formula"),
        ({"field": "formula", "formula": "x/0"}, "score_error.formula"),
        ({"field": "formula", "formula": "2**x"}, "score_error.formula"),
        ({"field": "formula", "formula": "log(x)"}, "score_error.field"),
    ],
)
def test_bad_input_is_refused_with_its_key(normal, ladder, change, key):
    with pytest.raises(InputError) as caught:
        scores.build({"field": "linear", "eps": 0.1} | change, normal, ladder)
    assert caught.value.key == key


def test_a_wave_without_end_is_refused():
    """Under a heavy tail it cannot be resolved to the last swing that matters: refused, not approximated."""
    target = targets.build({"family": "student-t", "nu": 1.0, "scale": 1.0})
    with pytest.raises(InputError, match="swings too often"):
        scores.build(
            {"field": "fourier", "omega": 3.0, "eps": 0.1},
            target,
            processes.build({"schedule": "ou-uniform"}, 2),
        )


@pytest.mark.parametrize(
    ("nu", "spec", "fits"),
    [
        (2.0, {"field": "linear"}, False),
        (2.5, {"field": "linear"}, True),
        (1.0, {"field": "tail", "delta": 0.1}, True),
        (3.0, {"field": "hermite", "mode": 2}, False),
        (5.0, {"field": "hermite", "mode": 2}, True),
        (3.0, {"field": "formula", "formula": "z/sqrt(1 + z**2)"}, True),
        (1.5, {"field": "formula", "formula": "x/sqrt(1 + z**2)*z"}, False),
    ],
)
def test_fields_not_in_l2_are_refused(ladder, nu, spec, fits):
    """E |x|^(2k) is finite for Student's t exactly when nu > 2 k."""
    target = targets.build({"family": "student-t", "nu": nu, "scale": 1.0})
    if fits:
        scores.build({**spec, "eps": 0.1}, target, processes.build({"schedule": "ou-uniform"}, 2))
    else:
        with pytest.raises(InputError, match="not in L2"):
            scores.build({**spec, "eps": 0.1}, target, ladder)


def test_operator_norm_of_unlike_coordinates(ladder):
    """E max(|e_1'|, |e_2'|) of two independent coordinates by a sum over 2000 x 2000 points."""
    target = targets.build({"family": "gaussian", "mean": [0.0, 0.5], "cov": [[0.1, 0.0], [0.0, 0.6]]})
    injection = scores.build({"field": "fourier", "omega": 2.0, "eps": 0.3}, target, ladder)
    t, slopes, masses = 4, [], []
    for part in injection.parts:
        frame = part.error.frames[t]
        z = np.linspace(-8, 8, 2000)
        x = torch.from_numpy(frame.centre + frame.spread * z)
        slopes.append(part.error.derivative(t, x, 1).abs().numpy())
        masses.append(norm.pdf(z) * (z[1] - z[0]))
    largest = np.maximum(slopes[0][:, None], slopes[1])
    # 1e-5: kinks of the maximum, of which the sum sees the square of the spacing
    assert injection.level_slopes[t] == pytest.approx(masses[0] @ largest @ masses[1], rel=1e-5)


def test_robust_error_in_many_coordinates_in_closed_form(ladder):
    """A linear field on N(m, s^2)^d: ||e||^2 is eps^2 chi^2_d/d; a constant one has ||e|| = eps."""
    factor = {"family": "gaussian", "mean": 0.3, "std": 0.5}
    for d in (2, 300):
        product = targets.build({"family": "product", "dim": d, "factor": factor})
        linear = scores.build({"field": "linear", "eps": 0.3}, product, ladder)
        for delta in (0.2, 1e-5):
            expected = 0.3 * math.sqrt(chi2.isf(delta, d) / d)
            assert linear.d_delta(delta) == pytest.approx(expected, rel=1e-6)
        constant = scores.build({"field": "constant", "eps": 0.3}, product, ladder)
        assert constant.d_delta(0.1) == pytest.approx(0.3, rel=1e-12)
        tail = scores.build({"field": "tail", "delta": 0.01 / d, "eps": 50.0}, product, ladder)
        assert tail.d_delta(0.01) == 0.0  # 1 - (1 - delta/d)^d is below delta


def test_robust_error_of_unlike_coordinates(ladder):
    """P(||e|| >= D^delta) = delta: a sum over the first coordinate, the exact tail of the second."""
    target = targets.build({"family": "gaussian", "mean": [0.0, 0.5], "cov": [[0.1, 0.0], [0.0, 0.6]]})
    injection = scores.build({"field": "fourier", "omega": 2.0, "eps": 0.3}, target, ladder)
    delta, (first, second) = 0.1, (part.error for part in injection.parts)
    robust = injection.level_robust(delta)[12]
    z = np.linspace(-8, 8, 40001)
    x = torch.from_numpy(first.frames[12].centre + first.frames[12].spread * z)
    rest = robust**2 - first.derivative(12, x, 0).numpy() ** 2
    tail = np.where(rest > 0, Exceedance(second, 12).at(np.sqrt(rest.clip(0))), 1.0)
    # 2e-6: the tail has a corner where rest = 0, and D^delta is right to 1e-6
    assert norm.pdf(z) @ tail * (z[1] - z[0]) == pytest.approx(delta, rel=2e-6)
