"""Theorems with their constants, against laws in closed form that share no code with the package.

The sampler freezes the posterior mean over each step of a variance-exploding ladder: from v to v' < v it draws
X' ~ N(m + (v'/v)(x - m), v' (v - v')/v), m = E[X0 | X_v = x]. For X0 ~ N(0, lam), m = lam x/(lam + v).
"""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2

from sharpbound import processes, samplers, targets
from sharpbound.laws import output_law, path_kl
from sharpbound.scores.base import ExactScore
from whole_suite import THEORY

ENDS = [(0.5, 3.0), (0.1, 10.0), (0.01, 50.0)]


def geometric(T: int, low: float, high: float) -> np.ndarray:
    return high**2 * (low / high) ** (2 * np.arange(T + 1) / T)


def chain_kl(lam: float, v: np.ndarray) -> float:
    """KL between the true reverse chain of N(0, lam) and the sampler's, per dimension: a sum over steps."""
    total = 0.0
    for now, then in itertools.pairwise(v):
        ratio = then / now
        frozen = then * (1 - ratio)
        true = frozen + (1 - ratio) ** 2 * lam * now / (lam + now)  # posterior mean the same, X0 spread
        total += 0.5 * (true / frozen - 1 - math.log(true / frozen))
    return total


def output_kl(lam: float, v: np.ndarray, start: float) -> float:
    """KL(N(0, lam + v_end) | output), started from N(0, start)."""
    variance = start
    for now, then in itertools.pairwise(v):
        ratio, gain = then / now, lam / (lam + now)
        variance = (ratio + (1 - ratio) * gain) ** 2 * variance + then * (1 - ratio)
    quotient = (lam + v[-1]) / variance
    return 0.5 * (quotient - 1 - math.log(quotient))


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("lam", [1e-6, 0.04, 1.0, 9.0])
@pytest.mark.parametrize("T", [32, 64, 512])
def test_chewi_holds_with_its_constants(ends, lam, T):
    low, high = ends
    v = geometric(T, low, high)
    kappa = 1 - v[1] / v[0]
    assert kappa <= 0.5
    values = {
        "d": 1,
        "m2": math.sqrt(lam),
        "sigma_min": low,
        "sigma_max": high,
        "kappa": kappa,
        "eps_score": 0.0,
    }
    full, steps = THEORY["chewi2026.kl"], THEORY["chewi2026.steps"]
    assert output_kl(lam, v, high**2) <= full.bound(values)
    exact = lam + high**2
    assert output_kl(lam, v, exact) <= chain_kl(lam, v) <= steps.bound(values | {"T": T})
    # the form in T is the theorem's at kappa <= 2 log(sigma_max/sigma_min)/T, without its other two terms
    discretisation = full.bound(values) - lam / (2 * high**2)
    assert discretisation <= steps.bound(values | {"T": T}) * (1 + 1e-12)


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("lam", [0.04, 1.0, 9.0])
@pytest.mark.parametrize("T", [4, 32, 256])
def test_path_kl_is_half_the_area_between_the_mmse_and_its_left_riemann_sum(ends, lam, T):
    """In s = 1/v, where mmse(s) = lam/(1 + lam s); and at most half the largest step times Var X0."""
    low, high = ends
    v = geometric(T, low, high)
    s = 1 / v
    mmse = lam / (1 + lam * s)
    area = float(np.sum(np.diff(s) * mmse[:-1])) - math.log((1 + lam * s[-1]) / (1 + lam * s[0]))
    assert chain_kl(lam, v) == pytest.approx(area / 2, rel=1e-9, abs=1e-14)  # a difference of larger numbers
    largest = np.diff(s).max()
    bound = THEORY["reeves2025.geometric"].bound(
        {"m2": math.sqrt(lam), "sigma_min": low, "sigma_max": high, "T": T}
    )
    assert chain_kl(lam, v) <= 0.5 * largest * lam <= bound


def test_the_identity_on_a_mixture():
    """The engine's path KL of the ancestral sampler against the posterior variance by quadrature."""
    weights, means, stds = [0.4, 0.6], [-1.0, 1.2], [0.35, 0.5]
    target = targets.build({"family": "gaussian-mixture", "weights": weights, "means": means, "stds": stds})
    ladder = processes.build({"schedule": "ve-exponential", "sigma_min": 0.3, "sigma_max": 5.0}, 12)

    def mmse(s: float) -> float:
        v = 1 / s

        def integrand(x: float) -> float:
            total = np.array([std**2 + v for std in stds])
            joint = (
                np.array(weights)
                * np.exp(-((x - np.array(means)) ** 2) / (2 * total))
                / np.sqrt(2 * np.pi * total)
            )
            centre = np.array(means) + np.array(stds) ** 2 / total * (x - np.array(means))
            spread = np.array(stds) ** 2 * v / total
            p = joint.sum()
            mean = joint @ centre / p
            return joint @ (spread + (centre - mean) ** 2)

        reach = 1.2 + 12 * math.sqrt(v + 0.25)
        return quad(integrand, -reach, reach, points=means, limit=400, epsabs=1e-13, epsrel=1e-11)[0]

    s = 1 / ladder.sigma[::-1] ** 2
    riemann = sum((b - a) * mmse(a) for a, b in itertools.pairwise(s))
    area = riemann - sum(quad(mmse, a, b, epsabs=1e-12, epsrel=1e-9)[0] for a, b in itertools.pairwise(s))
    sampler = samplers.build({"name": "ancestral-euler"})
    measured = path_kl(target, ladder, sampler, ExactScore(target, ladder), "exact").value
    assert measured == pytest.approx(area / 2, rel=1e-8)


def one_step_tv(ratio: float, d: int) -> float:
    """TV of N(0, ratio I) and N(0, I) in R^d: the densities cross on a sphere, and |X|^2 is chi-squared."""
    if ratio == 1:
        return 0.0
    square = d * math.log(ratio) / (1 - 1 / ratio)  # |x|^2 there
    return abs(chi2.cdf(square, d) - chi2.cdf(square / ratio, d))


@pytest.mark.parametrize("d", [2, 10, 64, 1000])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.9, 0.999, 1.001, 1.2, 3.0, 100.0])
def test_theorem_4_of_liang_et_al_holds_for_any_coefficients(d, ratio):
    """On the d/2 coordinates without data the step multiplies the variance by ratio; the others add to the distance."""
    assert one_step_tv(ratio, d // 2) >= min(math.sqrt(d / 2) * abs(ratio - 1), 1) / 100


@pytest.mark.parametrize(
    ("name", "eta", "variance"),
    [("ddpm", lambda b: b, lambda b: b), ("ode", lambda b: b / 2, lambda b: 0.0)],
)
def test_the_steps_entered_are_those_of_theorem_4(name, eta, variance):
    delta, horizon = 0.1, 0.15
    alpha, abar = math.exp(-2 * (horizon - delta)), math.exp(-2 * horizon)
    b = 1 - alpha
    ratio = (1 - abar) / (alpha - abar) * (1 - eta(b) / (1 - abar)) ** 2 + variance(b) / (alpha - abar)
    bound = THEORY[f"liang2025lowdim.{name}-step"].bound({"d": 8, "delta": delta, "horizon": horizon})
    assert bound == pytest.approx(min(2 * abs(ratio - 1), 1) / 100, rel=1e-10)
    posterior = b * (alpha - abar) / (1 - abar)  # of Theorem 2, which has no such lower bound
    assert (1 - abar) / (alpha - abar) * (1 - b / (1 - abar)) ** 2 + posterior / (
        alpha - abar
    ) == pytest.approx(1)


def test_one_step_on_half_the_dimension_is_measured_as_in_closed_form():
    """`ddpm` of this suite has variance 1/alpha - 1 outside the bracket, the theorem 1 - alpha inside: the same."""
    delta, horizon, d = 0.1, 0.15, 32
    alpha, abar = math.exp(-2 * (horizon - delta)), math.exp(-2 * horizon)
    ladder = processes.build({"schedule": "ou-uniform", "delta": delta, "horizon": horizon}, 1)
    factors = [{"family": "gaussian", "mean": 0.0, "std": std} for std in (1.0, 0.0)]
    target = targets.build({"family": "product", "factors": factors, "dim": d})
    law = output_law(target, ladder, samplers.build({"name": "ddpm"}), init="exact")
    b = 1 - alpha
    without = (1 - abar) / (alpha - abar) * (1 - b / (1 - abar)) ** 2 + b / (alpha - abar)
    unit = ((1 - b) ** 2 + b) / alpha
    kl = 0.5 * (d // 2) * sum(1 / r - 1 + math.log(r) for r in (without, unit))
    assert law.distance("kl").value == pytest.approx(kl, rel=1e-9)
    assert law.distance("tv").value >= one_step_tv(without, d // 2)


def brosse(d: float, a: float, b: float) -> float:
    return THEORY["brosse2026.step"].bound({"d": d, "sigma_max": a, "sigma_min": b})


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.5), (80.0, 60.0), (0.3, 0.002)])
def test_the_step_of_brosse_and_dalalyan_is_an_integral_of_log(a, b):
    """int_b^a of int_s^a dr/r ds times 4 sqrt(d) (d + 3): what a slope of eps of at most that over sigma leaves."""
    integral = quad(lambda s: math.log(a / s), b, a, epsabs=0, epsrel=1e-12)[0]
    assert brosse(7, a, b) == pytest.approx(4 * math.sqrt(7) * 10 * integral, rel=1e-11)


@pytest.mark.parametrize("lam", [0.0, 1e-3, 0.25, 1.0, 100.0])
@pytest.mark.parametrize(("a", "b"), [(1.0, 0.5), (10.0, 0.1), (0.3, 0.29)])
def test_brosse_and_dalalyan_on_gaussians(lam, a, b):
    """On N(0, lam) the flow is x sqrt((lam + b^2)/(lam + a^2)), and Euler's step x (1 - (a - b) a/(lam + a^2))."""
    start = math.sqrt(lam + a * a)
    error = abs(math.sqrt(lam + b * b) - start * (1 - (a - b) * a / start**2))
    for d in (1, 64):
        assert math.sqrt(d) * error <= brosse(d, a, b)


def test_the_engine_takes_the_step_of_brosse_and_dalalyan():
    ladder = processes.build({"schedule": "ve-exponential", "sigma_min": 0.5, "sigma_max": 1.0}, 1)
    target = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    law = output_law(target, ladder, samplers.build({"name": "ddim"}), init="exact")
    start = math.sqrt(0.16 + 1)
    error = abs(math.sqrt(0.16 + 0.25) - start * (1 - 0.5 / start**2))
    assert law.distance("w2").value == pytest.approx(error, rel=1e-10)


def test_the_sum_of_local_bounds_is_least_at_rho_2():
    """Levels uniform in sigma^(1/rho), from 80 to .002 as in EDM: leading order is int (d sigma)^2/sigma."""
    T = 4000

    def total(rho: float) -> float:
        u = np.linspace(80 ** (1 / rho), 0.002 ** (1 / rho), T + 1) ** rho
        return float(np.sum(u[:-1] - u[1:] - u[1:] * np.log(u[:-1] / u[1:])))

    best = min(np.linspace(1.2, 8, 69), key=total)
    assert best == pytest.approx(2.0, abs=0.05)
    assert total(7.0) > 1.5 * total(2.0)
