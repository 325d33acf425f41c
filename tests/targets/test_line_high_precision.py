"""Families on the line against textbook formulas in 80-digit arithmetic: density, derivatives, tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sharpbound.targets import build

DIGITS = 80


def phi(u: Any) -> Any:
    return mp.exp(-u * u / 2) / mp.sqrt(2 * mp.pi)


def upper(u: Any) -> Any:
    """P(Z > u)."""
    return mp.erfc(u / mp.sqrt(2)) / 2


def gaussian_mixture(
    weights: list[float], means: list[float], stds: list[float], a: float, sigma: float
) -> Any:
    a, sigma = mp.mpf(a), mp.mpf(sigma)
    parts = [
        (mp.mpf(w), a * mp.mpf(m), mp.sqrt(a * a * mp.mpf(s) ** 2 + sigma**2))
        for w, m, s in zip(weights, means, stds, strict=True)
    ]
    density = lambda x: mp.fsum(w * phi((x - m) / s) / s for w, m, s in parts)  # noqa: E731
    tail = lambda x: mp.fsum(w * upper((x - m) / s) for w, m, s in parts)  # noqa: E731
    return density, tail


def laplace(loc: float, scale: float, a: float, sigma: float) -> Any:
    a, s = mp.mpf(a), mp.mpf(sigma)
    b, centre = a * mp.mpf(scale), a * mp.mpf(loc)

    def sides(x: Any) -> tuple[Any, Any]:
        z = x - centre
        shift = s * s / (2 * b * b)
        return mp.exp(shift - z / b) * upper(s / b - z / s), mp.exp(shift + z / b) * upper(s / b + z / s)

    density = lambda x: sum(sides(x)) / (2 * b)  # noqa: E731
    tail = lambda x: upper((x - centre) / s) + (sides(x)[0] - sides(x)[1]) / 2  # noqa: E731
    return density, tail


def uniform(low: float, high: float, a: float, sigma: float) -> Any:
    s = mp.mpf(sigma)
    A, B = mp.mpf(a) * mp.mpf(low), mp.mpf(a) * mp.mpf(high)
    g = lambda u: phi(u) - u * upper(u)  # noqa: E731  (integral of upper over (u, inf))

    def density(x: Any) -> Any:
        if 2 * x < A + B:  # by symmetry, so that the difference is of small numbers
            x = A + B - x
        return (upper((x - B) / s) - upper((x - A) / s)) / (B - A)

    tail = lambda x: s * (g((x - B) / s) - g((x - A) / s)) / (B - A)  # noqa: E731
    return density, tail


def truncated_mixture(
    weights: list[float],
    means: list[float],
    stds: list[float],
    low: float,
    high: float,
    a: float,
    sigma: float,
) -> Any:
    a, s, lo, hi = mp.mpf(a), mp.mpf(sigma), mp.mpf(low), mp.mpf(high)
    parts = [(mp.mpf(w), mp.mpf(m), mp.mpf(std)) for w, m, std in zip(weights, means, stds, strict=True)]
    total = mp.fsum(w * _between((lo - m) / std, (hi - m) / std) for w, m, std in parts)

    def density(x: Any) -> Any:
        terms = []
        for w, m, std in parts:
            v = a * a * std**2 + s * s
            mu, tau = m + a * std**2 * (x - a * m) / v, std * s / mp.sqrt(v)
            normal = phi((x - a * m) / mp.sqrt(v)) / mp.sqrt(v)
            terms.append(w * normal * _between((lo - mu) / tau, (hi - mu) / tau))
        return mp.fsum(terms) / total

    def tail(x: Any) -> Any:
        def integrand(u: Any) -> Any:
            return mp.fsum(w * phi((u - m) / std) / std for w, m, std in parts) * upper((x - a * u) / s)

        marks = [lo, hi, *(m + k * std for _, m, std in parts for k in range(-9, 10))]
        marks += [(x + k * s) / a for k in range(-9, 10)]
        if x > a * hi:  # within a few decay lengths of the end
            marks += [hi - k * s * s / (a * (x - a * hi)) for k in range(1, 60, 2)]
        inside = sorted({min(max(mark, lo), hi) for mark in marks})
        return mp.quad(integrand, inside) / total

    return density, tail


def _between(low: Any, high: Any) -> Any:
    """P(low < Z < high), as a difference of small numbers."""
    return upper(low) - upper(high) if low + high > 0 else upper(-high) - upper(-low)


def _faddeeva(z: Any) -> Any:
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def cauchy(nu: float, loc: float, scale: float, a: float, sigma: float) -> Any:
    """The Voigt profile."""
    a, s = mp.mpf(a), mp.mpf(sigma)
    gamma = a * mp.mpf(scale)

    def density(x: Any) -> Any:
        w = _faddeeva((x - a * mp.mpf(loc) + 1j * gamma) / (s * mp.sqrt(2)))
        return mp.re(w) / (s * mp.sqrt(2 * mp.pi))

    return density, None


def student3(nu: float, loc: float, scale: float, a: float, sigma: float) -> Any:
    """nu = 3, in closed form: 1/(x^2 + c^2)^2 = -(1/(2c)) d/dc 1/(x^2 + c^2), c = sqrt(3) scale."""
    a, s = mp.mpf(a), mp.mpf(sigma)
    c = a * mp.mpf(scale) * mp.sqrt(3)

    def density(x: Any) -> Any:
        zeta = (x - a * mp.mpf(loc) + 1j * c) / (s * mp.sqrt(2))
        w = _faddeeva(zeta)
        slope = -2 * zeta * w + 2j / mp.sqrt(mp.pi)  # w'(zeta)
        # pi/c Re w is the transform of 1/(x^2 + c^2); differentiate it in c
        bracket = mp.re(w) / c**2 - mp.re(1j * slope / (s * mp.sqrt(2))) / c
        return c**3 / c * bracket / (s * mp.sqrt(2 * mp.pi))

    return density, None


def student(nu: float, loc: float, scale: float, a: float, sigma: float) -> Any:
    """Any nu, as an integral over the precision g ~ Gamma(nu/2, nu/2)."""
    a, s, half = mp.mpf(a), mp.mpf(sigma), mp.mpf(nu) / 2
    b = a * mp.mpf(scale)
    constant = half**half / mp.gamma(half)

    def integral(x: Any, f: Callable[[Any, Any], Any]) -> Any:
        z = x - a * mp.mpf(loc)

        def integrand(u: Any) -> Any:
            g = mp.exp(u)
            return constant * mp.exp(half * (u - g)) * f(z, mp.sqrt(b * b / g + s * s))

        # g from where its weight or the normal's tail is lost, in panels no wider than the peaks
        least = -80 / half - 2 * mp.log(abs(z) / b + 2)
        most = 5 + mp.log(1 + 1 / half)
        panels = int((most - max(least, -30)) * mp.sqrt(1 + half)) + 1
        middle = mp.linspace(max(least, mp.mpf(-30)), most, panels + 1)
        return mp.quad(integrand, middle if least >= -30 else [least, (least - 30) / 2, *middle])

    density = lambda x: integral(x, lambda z, v: phi(z / v) / v)  # noqa: E731
    tail = lambda x: integral(x, lambda z, v: upper(z / v))  # noqa: E731
    return density, tail


def log_derivatives(density: Callable[[Any], Any], x: float, length: float, orders: int = 5) -> list[Any]:
    """[log p, (log p)', ...] at x, from numerical differentiation in DIGITS digits.

    ``length``: a distance over which p changes by a modest factor, in which the steps are taken.
    """
    with mp.workdps(DIGITS):
        at, unit = mp.mpf(x), mp.mpf(length)
        ratios = mp.taylor(lambda h: density(at + unit * h) / density(at), 0, orders, chop=False)
        # log(1 + sum r_k h^k): n l_n = n r_n - sum_k k l_k r_(n-k)
        logs = [mp.log(density(at))]
        for n in range(1, orders + 1):
            logs.append(ratios[n] - mp.fsum(k * logs[k] * ratios[n - k] for k in range(1, n)) / n)
        return [logs[n] * mp.factorial(n) / unit**n for n in range(orders + 1)]


MIXTURE = {"weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.001]}
TRUNCATED = {
    "weights": [0.4, 0.5, 0.1],
    "means": [-1.0, 1.2, 3.0],
    "stds": [0.35, 0.5, 0.001],
    "low": -1.5,
    "high": 2.0,
}
TRUNCATED_NORMAL = {"weights": [1.0], "means": [0.3], "stds": [1.0], "low": -1.0, "high": 2.0}
ATOMS = {"weights": [0.25, 0.75], "points": [-1.0, 1.5]}


def atoms(weights: list[float], points: list[float], a: float, sigma: float) -> Any:
    return gaussian_mixture(weights, points, [0.0] * len(points), a, sigma)


CASES = {
    "gaussian-mixture": (MIXTURE, gaussian_mixture),
    "atoms": (ATOMS, atoms),
    "laplace": ({"scale": 1.3, "loc": 0.2}, laplace),
    "uniform": ({"low": -1.0, "high": 2.0}, uniform),
    "truncated-gaussian-mixture": (TRUNCATED, truncated_mixture),
    "truncated-normal": (TRUNCATED_NORMAL, truncated_mixture),
    "cauchy": ({"nu": 1.0, "loc": 0.2, "scale": 1.3}, cauchy),
    "student3": ({"nu": 3.0, "loc": -0.4, "scale": 0.7}, student3),
}
# (a, sigma): data end, middle, noise end, tiny a, huge sigma, VE
NOISES = [(1.0, 1e-4), (0.999, 0.03), (0.9, 0.4), (0.5, 0.8), (1e-3, 1.0), (1e-3, 1e3), (1.0, 50.0)]


def point(x: float) -> Tensor:
    return torch.tensor([x], dtype=torch.float64)


def family(case: str) -> str:
    aliases = {
        "cauchy": "student-t",
        "student3": "student-t",
        "truncated-normal": "truncated-gaussian-mixture",
    }
    return aliases.get(case, case)


positions = st.one_of(
    st.floats(-3, 3),
    st.floats(-12, 12),
    st.tuples(st.sampled_from([-1, 1]), st.floats(0, 6)).map(lambda t: t[0] * 10 ** t[1]),
    st.sampled_from([0.0, 1e6, -1e6]),
)


def wrong_by(value: float, exact: list[Any], order: int, x: float, a: float) -> float:
    """Relative error beyond what rounding x and a*parameters to doubles does to the exact value."""
    unavoidable = 1e-15 * (abs(x) + 2 * a) * abs(exact[order + 1])
    excess = abs(value - exact[order]) - unavoidable
    return float(excess / abs(exact[order])) if excess > 0 else 0.0


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=5, derandomize=True, deadline=None, database=None)
@given(noise=st.sampled_from(NOISES), place=positions, in_sigmas=st.booleans())
def test_derivatives_match_80_digits(
    case: str, noise: tuple[float, float], place: float, in_sigmas: bool
) -> None:
    a, sigma = noise
    x = 1.2 * a + place * sigma if in_sigmas else place
    parameters, oracle = CASES[case]
    target = build({"family": family(case), **parameters})
    exact = log_derivatives(oracle(**parameters, a=a, sigma=sigma)[0], x, sigma**2 / (sigma + abs(x)))
    spread = max(a * 1e-3, sigma)
    for order in range(5):
        value = float(target.derivative(point(x), a, sigma, order))
        # Orders 0..2 are held to 1e-10; 3 and 4 vanish almost everywhere on near-normal stretches
        # (by 1/1e12 of their natural size), where their absolute size 1/spread^order is the measure.
        # Near inflections the same goes for orders 1 and 2, whose terms cancel there.
        size = 1e-10 if order <= 2 else 1e-8
        absolute = 1e-13 / spread**order
        assert abs(value - exact[order]) <= absolute or wrong_by(value, exact, order, x, a) < size, order


@pytest.mark.parametrize("nu", [0.5, 2.0, 4.7, 30.0])
@pytest.mark.parametrize(("a", "sigma", "x"), [(0.9, 0.3, 0.5), (0.5, 0.8, -6.0), (0.01, 1.0, 15.0)])
def test_student_t_of_any_nu(nu: float, a: float, sigma: float, x: float) -> None:
    target = build({"family": "student-t", "nu": nu, "loc": 0.1, "scale": 1.5})
    with mp.workdps(20):
        density, tail = student(nu, 0.1, 1.5, a, sigma)
        exact_density, exact_tail = mp.log(density(mp.mpf(x))), mp.log(tail(mp.mpf(x)))
    assert float(target.derivative(point(x), a, sigma, 0)) == pytest.approx(float(exact_density), rel=1e-12)
    assert float(target.log_sf(point(x), a, sigma)) == pytest.approx(float(exact_tail), rel=1e-11)


@pytest.mark.parametrize(
    "case",
    ["gaussian-mixture", "atoms", "laplace", "uniform", "truncated-gaussian-mixture", "truncated-normal"],
)
@settings(max_examples=10, derandomize=True, deadline=None, database=None)
@given(noise=st.sampled_from(NOISES), place=st.floats(-30, 30), in_sigmas=st.booleans())
def test_right_tail_matches_80_digits(
    case: str, noise: tuple[float, float], place: float, in_sigmas: bool
) -> None:
    a, sigma = noise
    x = 1.2 * a + place * sigma if in_sigmas else place
    parameters, oracle = CASES[case]
    density, tail = oracle(**parameters, a=a, sigma=sigma)
    with mp.workdps(25 if "truncated" in case else DIGITS):  # its oracle is a sum of terms of one sign
        exact = mp.log(tail(mp.mpf(x)))
        # log sf is conditioned on x like p/sf
        rounding = 1e-15 * (abs(x) + 2 * a) * density(mp.mpf(x)) / tail(mp.mpf(x))
    value = float(build({"family": family(case), **parameters}).log_sf(point(x), a, sigma))
    # 1e-15 absolute: left of the bulk sf is 1 - tiny and log sf knows only that.
    assert abs(value - exact) <= 1e-12 * abs(exact) + rounding + 1e-15


@pytest.mark.parametrize("order", range(5))
def test_order_three_and_four_of_a_normal_are_exactly_zero(order: int) -> None:
    target = build({"family": "gaussian", "mean": 0.3, "std": 0.5})
    x = torch.linspace(-1e6, 1e6, 7, dtype=torch.float64)
    v = 0.64 * 0.25 + 0.36
    textbook = [
        -((x - 0.24) ** 2) / (2 * v) - 0.5 * float(mp.log(2 * mp.pi * v)),
        -(x - 0.24) / v,
        torch.full_like(x, -1 / v),
        torch.zeros_like(x),
        torch.zeros_like(x),
    ][order]
    torch.testing.assert_close(target.derivative(x, 0.8, 0.6, order), textbook, rtol=1e-14, atol=0)
