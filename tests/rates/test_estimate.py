"""Exponents of known laws, and the traps that turn one exponent into another."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch

from sharpbound import processes, samplers
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.rates import estimate, estimate_exponential, judge_bound, raw_slope
from sharpbound.samplers import ExactScore
from sharpbound.targets.gaussian import GaussianND

T = np.array([64, 128, 256, 512, 1024])
H = 1 / T


def covers(found, p):
    return found.interval is not None and found.interval[0] <= p <= found.interval[1]


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, 4])
@pytest.mark.parametrize("c1", [-5.0, 0.0, 5.0])
def test_smooth_laws_get_an_interval_of_a_hundredth(p, c1):
    found = estimate(H, 3 * H**p * (1 + c1 * H + 10 * H**2))
    assert covers(found, p)
    assert found.half_width <= 0.01


def test_extrapolation_agrees_with_richardson_at_50_digits():
    """Local slopes of exp(c1 h + c2 h^2), extrapolated twice, are exact: an independent route in mpmath."""
    mpmath.mp.dps = 50
    h = [mpmath.mpf(1) / n for n in (8, 16, 32, 64, 128)]
    e = [x ** mpmath.mpf("1.5") * mpmath.exp(3 * x - 7 * x**2) for x in h]
    slopes = [mpmath.log(a / b) / mpmath.log(2) for a, b in pairwise(e)]
    once = [2 * b - a for a, b in pairwise(slopes)]
    twice = [(4 * b - a) / 3 for a, b in pairwise(once)]
    found = estimate([float(x) for x in h], [float(x) for x in e])
    assert found.exponent == pytest.approx(float(twice[-1]), abs=1e-10)  # both are 1.5 but for rounding


def test_local_slopes_are_true_slopes_on_a_factor_5_ladder():
    """The halving formula log2(e_i/e_{i+1}) reports log2(5) = 2.32 for order 1 here."""
    h = 0.1 / 5.0 ** np.arange(5)
    found = estimate(h, 2 * h)
    assert np.log2(h[0] / h[1]) == pytest.approx(2.32, abs=0.01)
    assert [s.slope for s in found.local_slopes] == pytest.approx([1.0] * 4)
    assert covers(found, 1.0)
    assert judge_bound(found, 1.0).verdict == "sharp"


def test_a_floor_in_the_fit_does_not_move_the_exponent():
    """Additive floor: least squares over all rows reads 1.44 for order 2."""
    n = 16 * 2 ** np.arange(9)
    h, floor = 1 / n, 2e-6
    error = h**2 + floor
    assert raw_slope(n, error) == pytest.approx(1.44, abs=0.02)
    found = estimate(h, error, floor=floor)
    assert covers(found, 2.0)
    assert any("times its floor" in reason for _, reason in found.excluded)
    assert judge_bound(found, 1.44).verdict == "loose"


def test_a_floor_untold_is_not_taken_for_a_rate():
    h = 1 / (16 * 2.0 ** np.arange(7))
    found = estimate(h, h**2 + 3 * h[-1] ** 2)
    assert found.status == "inconclusive"
    assert "do not settle" in found.reason or "usable rows" in found.reason


def test_a_sign_change_is_cut_or_inconclusive():
    """|h (1 - h/z)| of order 1 has the plausible least-squares slope 1.90 while its zero is in the ladder."""
    for zero in np.geomspace(H[-1], H[0], 41) * 1.01:
        error = np.abs(H * (1 - H / zero))
        found = estimate(H, error)
        for q in (1.5, 1.9, 2.0):
            assert judge_bound(found, q).verdict in ("inconclusive", "violated"), (zero, found)
        assert judge_bound(found, 1.0).verdict in ("inconclusive", "sharp"), (zero, found)
    slopes = [raw_slope(T, np.abs(H * (1 - H / z))) for z in np.geomspace(H[-1], H[0], 400) * 1.01]
    assert min(abs(s - 1.90) for s in slopes) < 0.02


def test_the_fine_side_of_a_dip_is_fitted_and_the_coarse_side_named():
    h = 1 / (16 * 2.0 ** np.arange(10))
    found = estimate(h, np.abs(h**2 * (1 - h / 0.0351)))
    assert covers(found, 2.0)
    assert any("sign change" in reason for _, reason in found.excluded)


def test_a_logarithm_is_not_taken_for_a_power():
    """T^-1 log T has local slopes 0.8 to 0.9 that never settle on a ladder: wide, or with log told, exact."""
    n = 64 * 2.0 ** np.arange(7)
    error = np.log(n) / n
    assert judge_bound(estimate(1 / n, error), 1.0).verdict == "inconclusive"
    told = estimate(1 / n, error, log=np.log(n))
    assert covers(told, 1.0)
    assert told.log_power == 1
    assert told.half_width <= 0.02


def gaussian_variance_gap(n: int, variance: float, c0: float = 2.0, c1: float = 5.0) -> float:
    """|log of the variance ratio|, probability-flow ODE on N(0, variance), schedule of arXiv 2306.09251."""
    k = c1 * np.log(n) / n
    beta = np.concatenate([[n**-c0], k * np.minimum(n**-c0 * (1 + k) ** np.arange(1, n), 1)])
    alpha = 1 - beta
    alpha_bar = np.cumprod(alpha)
    v = alpha_bar * variance + 1 - alpha_bar
    y = 1.0
    for t in range(n - 1, 0, -1):
        y *= (1 - beta[t] / (2 * v[t])) ** 2 / alpha[t]
    return abs(np.log(y / v[0]))


@pytest.mark.parametrize("variance", [0.16, 4.0])
def test_the_ode_on_a_schedule_whose_horizon_grows_is_first_order(variance):
    """Real curve: near N(0, 1) each step adds beta^2/4, over a horizon ~ log T: error ~ h (A log T + B)."""
    n = 64 * 2 ** np.arange(8)
    h = 5 * np.log(n) / n
    error = np.array([gaussian_variance_gap(int(m), variance) for m in n])
    plain, told = estimate(h, error), estimate(h, error, log=np.log(n))
    assert judge_bound(plain, 1.0, bound_log_power=4, axis_log_power=1).verdict == "inconclusive"
    assert covers(told, 1.0)
    verdict = judge_bound(told, 1.0, bound_log_power=4, axis_log_power=1)
    assert (verdict.verdict, verdict.log_gap) == ("sharp", 2)


def test_noise_widens_the_interval():
    rng = np.random.default_rng(3)
    h = 1 / (32 * 2.0 ** np.arange(8))
    width = []
    for relative in (1e-4, 1e-2):
        error = h * (1 + relative * rng.standard_normal(8))
        found = estimate(h, error, noise=relative * error)
        assert covers(found, 1.0)
        width.append(found.half_width)
    assert width[1] > 2 * width[0]


def test_too_few_rows_say_so():
    found = estimate(H, H**2, floor=[0, 0, 0, 1, 1])
    assert found.status == "inconclusive"
    assert "3 usable rows, 4 are needed" in found.reason
    assert [i for i, _ in found.excluded] == [3, 4]


def test_scaling_either_axis_changes_nothing():
    error = H**1.5 * (1 + 4 * H)
    assert estimate(7 * H, 1e-9 * error).exponent == pytest.approx(estimate(H, error).exponent, abs=1e-9)


@pytest.mark.parametrize(
    ("h", "error"), [([1, 2, 3], [1, 2, 3]), ([3, 2, 1], [1, 2]), ([3, 2, -1], [1, 1, 1]), ([[1]], [[1]])]
)
def test_bad_ladders_are_refused(h, error):
    with pytest.raises(ValueError, match="must be"):
        estimate(h, error)
    with pytest.raises(ValueError, match="floor must"):
        estimate([2, 1], [1, 1], floor=-1.0)
    with pytest.raises(ValueError, match="log must"):
        estimate([2, 1], [1, 1], log=[1])


@pytest.mark.parametrize("rate", [0.02, 1.0, 30.0])
def test_exponential_rate(rate):
    x = np.linspace(1, 8, 8) / rate
    error = 3 * np.exp(-rate * x) * (1 + 0.4 * np.exp(-rate * x))
    found = estimate_exponential(x, error, floor=1e-12)
    assert covers(found, rate)
    assert found.half_width <= 0.02 * rate
    assert judge_bound(found, rate, "exponential").verdict == "sharp"
    assert judge_bound(found, rate / 2, "exponential").verdict == "loose"
    assert judge_bound(found, 2 * rate, "exponential").verdict == "violated"
    assert found.local_slopes[-1].slope == pytest.approx(rate, rel=0.01)
    assert x[-2] < found.local_slopes[-1].x < x[-1]


def test_a_power_law_is_not_an_exponential_rate():
    x = np.linspace(1, 20, 10)
    assert judge_bound(estimate_exponential(x, x**-2.0), 0.2, "exponential").verdict != "sharp"


@pytest.mark.parametrize("rows", range(4, 10))
def test_a_logarithm_is_never_taken_for_a_smaller_power(rows):
    """W2 of the probability-flow ODE from N(0, 1) to N(1/2, 1/4) on T levels of arXiv 2306.09251, by its recursion.

    The error is h (A log T + B), h = log T/T, with local slopes near 0.88 on the axis h: on short ladders three
    corrections imitate the factor to three digits.
    """
    T = 64 * 2 ** np.arange(rows)
    errors = [_ode_w2_on_a_gaussian(int(t)) for t in T]
    found = estimate(np.log(T) / T, errors, 1e-15, log=np.log(T))
    assert found.interval is None or found.interval[0] <= 1 <= found.interval[1], found.reason


@pytest.mark.parametrize(("name", "order"), [("pf-ode", 1), ("accelerated-ode", 2)])
def test_verdicts_on_gaussians_whatever_the_ladder(name, order):
    """W2 on 24 Gaussians, on the schedule of arXiv 2306.09251, from coarse ladders to fine ones, five to eight rows.

    Their true orders are 1 and 2. No ladder may call such a bound violated or loose; the long ones see it attained.
    """
    rng = np.random.default_rng(3)
    target = GaussianND(torch.tensor(rng.uniform(-2, 2, 24)), torch.tensor(np.exp(rng.uniform(-3, 1.5, 24))))
    T = 40 * 2 ** np.arange(8)
    laws = []
    for t in T:
        ladder = processes.build({"schedule": "li2024"}, int(t))
        laws.append(gaussian_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder)))
    std = [np.sqrt(law.cov) for law in laws]
    change = [
        law.cov_error / (np.sqrt(law.cov + law.cov_error) + s) for law, s in zip(laws, std, strict=True)
    ]
    errors = np.array([np.hypot(law.mean_error, c) for law, c in zip(laws, change, strict=True)])
    floors = np.array([4 * law.rounding * s for law, s in zip(laws, std, strict=True)])
    for first in range(3):
        for rows in range(5, 9 - first):
            at = slice(first, first + rows)
            for error, floor in zip(errors.T[:, at], floors.T[:, at], strict=True):
                found = estimate(np.log(T[at]) / T[at], error, floor, log=np.log(T[at]))
                assert judge_bound(found, order, bound_log_power=5).verdict in ("sharp", "inconclusive"), (
                    found.reason
                )
                # the drift of (A log T + B) (1 + c h log T) against A' log T + B' is not in the interval
                low, high = found.interval or (-np.inf, np.inf)
                assert low - 1e-3 <= order <= high + 1e-3


def _ode_w2_on_a_gaussian(T, mean=0.5, variance=0.25, c0=2.0, c1=5.0):
    step = c1 * np.log(T) / T
    beta = np.concatenate([[T**-c0], step * np.minimum(T**-c0 * (1 + step) ** np.arange(1, T), 1.0)])
    alpha_bar = np.cumprod(1 - beta)
    m, std = 0.0, 1.0
    for t in range(T - 1, 0, -1):
        v = alpha_bar[t] * variance + 1 - alpha_bar[t]
        gain = (1 - beta[t] / (2 * v)) / np.sqrt(1 - beta[t])
        m = gain * m + beta[t] / (2 * v) * np.sqrt(alpha_bar[t]) * mean / np.sqrt(1 - beta[t])
        std *= gain
    true_std = np.sqrt(alpha_bar[0] * variance + 1 - alpha_bar[0])
    return float(np.hypot(m - np.sqrt(alpha_bar[0]) * mean, std - true_std))
