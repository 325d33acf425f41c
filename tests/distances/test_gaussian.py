"""Distances of Gaussian pairs against mpmath, scipy's chi-square law and brute force."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from scipy.stats import chi2 as chi2_law

from sharpbound.distances import gaussian
from sharpbound.distances.gaussian import GaussianPair, transform_tv
from sharpbound.errors import InputError

# (excess of the variance, shift), p = N(0, 1): from identical for all practical purposes to far apart
PAIRS = [
    (1e-9, 0.0), (0.0, 1e-9), (1e-9, 1e-9), (-1e-7, 3e-9), (1e-6, -1e-3), (1e-12, 0.4),
    (0.3, 0.2), (-0.5, 1.0), (0.7, 0.1), (50.0, 3.0), (-0.99, 0.01), (1e6, 2.0),
]  # fmt: skip
DEGENERATE = [(1e17, 0.0), (1e17, 1e5), (-1 + 1e-12, 0.0)]


def pair_1d(excess: float, shift: float) -> GaussianPair:
    return GaussianPair(np.zeros(1), np.ones(1), np.array([shift]), np.array([excess]))


def mp_tv(excess: float, shift: float) -> mp.mpf:
    lam, d = 1 + mp.mpf(excess), mp.mpf(shift)
    if excess == 0:
        return mp.erf(abs(d) / mp.sqrt(8))
    a, b, c = mp.mpf(excess), 2 * d, -(d**2 + lam * mp.log(lam))
    root = mp.sqrt(b**2 - 4 * a * c)
    gap = [
        mp.ncdf(z) - mp.ncdf((z - d) / mp.sqrt(lam)) for z in ((-b - root) / (2 * a), (-b + root) / (2 * a))
    ]
    return abs(gap[0] - gap[1])


@pytest.mark.parametrize(("excess", "shift"), [*PAIRS, *DEGENERATE])
def test_one_dimensional_divergences(excess: float, shift: float) -> None:
    with mp.workdps(50):
        lam, d = 1 + mp.mpf(excess), mp.mpf(shift)
        bc = mp.sqrt(2 * mp.sqrt(lam) / (1 + lam)) * mp.exp(-(d**2) / (4 * (1 + lam)))
        expected = {
            "tv": mp_tv(excess, shift),
            "kl": (mp.log(lam) + (1 + d**2) / lam - 1) / 2,
            "kl-reverse": (-mp.log(lam) + lam + d**2 - 1) / 2,
            "hellinger": mp.sqrt(1 - bc),
        }
        if lam < 2:
            expected["chi2"] = mp.exp(d**2 / (2 - lam)) / mp.sqrt(lam * (2 - lam)) - 1
        for metric, value in expected.items():
            measured = gaussian.METRICS[metric](pair_1d(excess, shift)).value
            # a few roundings: no cancellation even at TV = 1e-10
            assert measured == pytest.approx(float(value), rel=1e-13), metric


def test_chi2_does_not_exist_beyond_twice_the_variance() -> None:
    assert math.isinf(gaussian.chi2(pair_1d(1.0, 0.0)).value)
    assert math.isfinite(gaussian.chi2(pair_1d(0.99, 0.0)).value)


def test_degenerate_q() -> None:
    dead = pair_1d(-1.0, 0.0)
    assert math.isinf(gaussian.kl(dead).value)
    assert gaussian.tv(dead).value == gaussian.hellinger(dead).value == 1.0
    assert gaussian.w2(dead).value == 1.0


@pytest.mark.parametrize(("excess", "shift"), PAIRS)
def test_transform_agrees_with_crossing_points(excess: float, shift: float) -> None:
    value, error = transform_tv(np.array([excess]), np.array([shift]), np.ones(1))
    exact = gaussian.tv(pair_1d(excess, shift)).value
    assert value == pytest.approx(exact, rel=1e-12)
    assert abs(value - exact) <= error + 1e-15


@pytest.mark.parametrize(("excess", "dim"), [(5.0, 3), (-0.9, 3), (0.1, 2), (1e-3, 256), (-0.02, 10_000)])
def test_isotropic_tv_is_a_chi_square_probability(excess: float, dim: int) -> None:
    crossing = dim * math.log1p(excess) * (1 + excess) / excess
    exact = abs(chi2_law.cdf(crossing, dim) - chi2_law.cdf(crossing / (1 + excess), dim))
    pair = GaussianPair(np.zeros(dim), np.ones(dim), np.zeros(dim), np.full(dim, excess))
    assert gaussian.tv(pair).value == pytest.approx(
        exact, rel=1e-10, abs=1e-13
    )  # the oracle subtracts two cdfs


def test_tv_of_opposite_errors_by_monte_carlo() -> None:
    rng = np.random.default_rng(1)
    excess, shift = np.array([0.5, -0.3, 0.1]), np.array([0.2, 0.0, -0.4])
    value = gaussian.tv(GaussianPair(np.zeros(3), np.ones(3), shift, excess)).value
    z = rng.standard_normal((400_000, 3))
    log_ratio = (-0.5 * np.log1p(excess) - (z - shift) ** 2 / (2 * (1 + excess)) + z**2 / 2).sum(1)
    sample = np.maximum(1 - np.exp(log_ratio), 0)
    assert abs(value - sample.mean()) < 4 * sample.std() / math.sqrt(len(sample))


def random_pair(size: float, seed: int = 0, d: int = 4) -> tuple[GaussianPair, np.ndarray]:
    """p with a random covariance, q away from it by ``size`` in a direction that does not commute."""
    rng = np.random.default_rng(seed)
    b, e = rng.standard_normal((2, d, d))
    cov = b @ b.T + 0.3 * np.eye(d)
    return GaussianPair(
        rng.standard_normal(d), cov, size * rng.standard_normal(d), size * (e + e.T) / 10
    ), cov


def test_dense_pair_against_textbook_formulas() -> None:
    pair, p = random_pair(0.3)
    q, m = p + pair.cov_error, pair.mean_error
    kl = 0.5 * (
        np.trace(np.linalg.solve(q, p))
        - 4
        + m @ np.linalg.solve(q, m)
        + math.log(np.linalg.det(q) / np.linalg.det(p))
    )
    assert gaussian.kl(pair).value == pytest.approx(kl, rel=1e-12)
    bc = (np.linalg.det(p) * np.linalg.det(q)) ** 0.25 / math.sqrt(np.linalg.det((p + q) / 2))
    bc *= math.exp(-m @ np.linalg.solve((p + q) / 2, m) / 8)
    assert gaussian.hellinger(pair).value == pytest.approx(math.sqrt(1 - bc), rel=1e-12)


def test_dense_and_diagonal_forms_agree() -> None:
    var, error, shift = np.array([1.0, 4.0, 0.25]), np.array([0.1, -0.3, 0.02]), np.array([0.1, 0.0, -0.2])
    thin = GaussianPair(np.ones(3), var, shift, error)
    full = GaussianPair(np.ones(3), np.diag(var), shift, np.diag(error))
    for metric in ("tv", "kl", "kl-reverse", "chi2", "hellinger", "w2"):
        assert gaussian.METRICS[metric](thin).value == pytest.approx(
            gaussian.METRICS[metric](full).value, rel=1e-12
        )


@pytest.mark.parametrize("size", [0.3, 1e-6, 1e-9])
def test_w2_against_the_trace_formula_in_high_precision(size: float) -> None:
    pair, cov = random_pair(size)
    with mp.workdps(60):
        p, q = mp.matrix(cov.tolist()), mp.matrix(cov.tolist()) + mp.matrix(pair.cov_error.tolist())
        values, vectors = mp.eigsy(p)
        root = vectors * mp.diag([mp.sqrt(v) for v in values]) * vectors.T
        cross = mp.eigsy(root * q * root, eigvals_only=True)
        squared = sum(mp.mpf(float(x)) ** 2 for x in pair.mean_error)
        squared += sum(p[i, i] + q[i, i] for i in range(4)) - 2 * sum(mp.sqrt(v) for v in cross)
        exact = float(mp.sqrt(squared))
    measured = gaussian.w2(pair)
    assert abs(measured.value - exact) <= max(measured.floor, 1e-12 * exact)
    assert measured.floor < 1e-14


def test_w1_on_the_line_by_quantiles() -> None:
    u = (np.arange(2_000_000) + 0.5) / 2_000_000
    from scipy.special import ndtri

    pair = GaussianPair(np.array([0.3]), np.array([4.0]), np.array([0.1]), np.array([0.5]))
    exact = np.abs(0.1 + (math.sqrt(4.5) - 2) * ndtri(u)).mean()
    assert gaussian.w1(pair).value == pytest.approx(exact, rel=1e-5)  # midpoint rule in a log-singular tail
    with pytest.raises(InputError, match="on the line"):
        gaussian.w1(random_pair(0.1)[0])
