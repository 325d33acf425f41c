"""Whole cases through ``sharpbound run FILE --json``, at settings of no case file, against plain numpy and scipy."""

import json
import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import comb, expit, logit, ndtr
from scipy.stats import binom, norm
from typer.testing import CliRunner

from sharpbound.cli import app

CASE = """
[case]
id = "a-case"
title = "A case"
kind = "{kind}"
claim = "{claim}"
[learning]
{learning}
[measure]
metric = "{metric}"
[sweep]
{sweep}
{target}
"""


@pytest.fixture
def rows(tmp_path):
    def run(kind, claim, metric, sweep, learning, target=""):
        file = tmp_path / "case.toml"
        file.write_text(
            CASE.format(kind=kind, claim=claim, metric=metric, sweep=sweep, learning=learning, target=target)
        )
        result = CliRunner().invoke(app, ["run", str(file), "--json", "--no-cache", "--workers", "1"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)["rows"]

    return run


# -- the hard pair ---------------------------------------------------------------------------------


def differences(eta, R, z):
    """loss(s2) - loss(s1) of an inlier and of an outlier with noise z, sigma = 1, from the scores themselves."""

    def score(y, side):
        return side * R * expit(logit(eta) - R**2 / 2 + side * R * y) - y

    def loss(y, side):
        return (score(y, side) + z) ** 2

    return loss(z, 1) - loss(z, -1), loss(z - R, 1) - loss(z - R, -1)


def test_two_samples_fail_as_a_single_integral_says(rows):
    """Without outliers a coin; with one, the inlier must outweigh it: E Phi(z*), D(z*) = -D_outlier."""
    eta, R = 0.13, 2.7

    def outweighed(z):
        outlier = differences(eta, R, z)[1]
        excess = lambda u: differences(eta, R, u)[0] + outlier  # noqa: E731
        return norm.pdf(z) * (ndtr(brentq(excess, -40, 5, xtol=1e-13)) if excess(-40) < 0 else 0.0)

    both = (1 - eta) ** 2 / 2 + 2 * eta * (1 - eta) * quad(outweighed, -9, 9, limit=400, epsabs=1e-12)[0]
    learning = f"eta = {eta}\nR = {R}\nthreshold = 0.2"
    found = rows("erm-failure", "gupta2024.any-procedure", "l2-failure", "m = [1, 2, 3, 4]", learning)
    assert found[0]["l2-failure"] == pytest.approx((1 - eta) / 2, rel=1e-8)
    assert found[1]["l2-failure"] == pytest.approx(both, rel=1e-6)


def test_many_samples_fail_as_the_characteristic_function_says(rows):
    """P(S < 0) + P(S = 0)/2 = 1/2 - (1/pi) int Im phi(w)^m/w dw (Gil-Pelaez)."""
    eta, R = 0.07, 2.3
    z = np.linspace(-9, 9, 4001)
    weight = norm.pdf(z) / norm.pdf(z).sum()
    inlier, outlier = (d / R**2 for d in differences(eta, R, z))
    w = (np.arange(6000) + 0.5) * 0.01  # midpoints: exact up to what wraps around at 2 pi/0.01
    phi = np.array(
        [(1 - eta) * weight @ np.exp(1j * v * inlier) + eta * weight @ np.exp(1j * v * outlier) for v in w]
    )
    learning = f"eta = {eta}\nR = {R}\nthreshold = 0.2"
    found = rows("erm-failure", "gupta2024.any-procedure", "l2-failure", "m = [60, 120, 180, 240]", learning)
    for row in found:
        oracle = 0.5 - (np.imag(phi ** row["m"]) / w).sum() * 0.01 / math.pi
        assert row["l2-failure"] == pytest.approx(oracle, rel=1e-6, abs=1e-10)
        assert abs(row["l2-failure"] - oracle) <= row["floor"] + 1e-10


def test_the_separated_pair_fails_as_the_closed_form_says(rows):
    learning = "eta = 0.03\nR = 25.0\nthreshold = 1.0\ndelta_score = 0.07"
    found = rows(
        "erm-failure", "gupta2024.indistinguishable", "l2-failure", "m = [7, 70, 300, 700]", learning
    )
    for row in found:
        assert row["l2-failure"] == pytest.approx(0.97 ** row["m"] / 2, rel=1e-9)
        assert row["robust-failure"] == 0.0


# -- finite classes ------------------------------------------------------------------------------------


def smallest(failure, level, near):
    """The smallest m with failure(m) <= level, by looking at all of them around ``near``."""
    return next(m for m in range(near - 50, near + 51) if failure(m) <= level)


def test_the_samples_of_a_shift_class(rows):
    H, mass, delta, R, sigma = 37, 0.06, 0.003, 3.0, 0.5
    v = R**2 / (R**2 + sigma**2)
    learning = f'study = "shift-class"\nH = {H}\nd = 40\nR = {R}\nsigma = {sigma}\n'
    learning += f"delta_score = {mass}\ndelta_train = {delta}"
    found = rows(
        "sample-complexity", "gupta2024.finite-class", "samples", "eps = [0.45, 0.3, 0.21, 0.17]", learning
    )
    for row in found:

        def failure(m, eps=row["eps"]):
            n = np.arange(m + 1)
            return 1 - binom.pmf(n, m, mass) @ norm.cdf(np.sqrt(n / v) * eps / 2) ** (H - 1)

        assert row["samples"] == smallest(failure, delta, row["samples"])


def test_the_samples_of_an_outlier_class(rows):
    """P(success) = sum_j C(k, j) (-1/2)^j (1 - j eta)^m, by inclusion and exclusion."""
    H, delta, R, sigma = 8, 0.004, 7.0, 0.3
    k = H - 1
    learning = f'study = "outlier-class"\nH = {H}\nd = 9\ndelta_train = {delta}\nR = {R}\nsigma = {sigma}'
    found = rows(
        "sample-complexity", "gupta2024.l2-samples", "samples", "eps = [1.9, 1.3, 0.8, 0.5]", learning
    )
    for row in found:
        eta = (row["eps"] * sigma / R) ** 2

        def failure(m, eta=eta):
            return -sum(comb(k, j) * (-0.5) ** j * (1 - j * eta) ** m for j in range(1, k + 1))

        assert row["samples"] == smallest(failure, delta, row["samples"])


# -- kernel scores ---------------------------------------------------------------------------------------


def test_the_kernel_risk_of_three_points(rows):
    """A three-dimensional Gauss-Hermite sum over the data, at a variance where all is smooth."""
    mean, std, t = 0.4, 0.8, 0.6
    u, w = np.polynomial.hermite_e.hermegauss(48)
    data, w = mean + std * u, w / w.sum()
    x, dx = np.polynomial.legendre.leggauss(24)
    x, dx = 0.1 + 0.75 * x, 0.75 * dx  # the bulk [-0.65, 0.85]
    risk = 0.0
    for at, width in zip(x, dx, strict=True):
        kernel, pull = np.exp(-((at - data) ** 2) / (2 * t)), (data - at) / t
        top = (kernel * pull)[:, None, None] + (kernel * pull)[:, None] + kernel * pull
        estimate = top / (kernel[:, None, None] + kernel[:, None] + kernel)
        s = (mean - at) / (std**2 + t)
        error = np.einsum("ijk,i,j,k", (estimate - s) ** 2, w, w, w)
        risk += width * norm.pdf(at, mean, math.sqrt(std**2 + t)) * error
    target = f'[target]\nfamily = "gaussian"\nmean = {mean}\nstd = {std}'
    learning = f'study = "kernel"\nt = {t}\ncentre = 0.1\nR = 1.5'
    found = rows("sample-complexity", "zhang2024.bulk", "score-risk", "n = [3, 6, 12, 24]", learning, target)
    assert found[0]["score-risk"] == pytest.approx(risk, rel=1e-7)


def test_the_expected_tv_of_one_memorised_point(rows):
    """E (p(x) - K(x - aX))_+ integrated over x and X on fine grids: the kinks cost 1e-6."""
    std, sigma = 0.7, 0.35
    a = math.sqrt(1 - sigma**2)
    x, X = np.linspace(-7, 7, 4001), std * np.linspace(-7, 7, 4001)
    p = norm.pdf(x, 0, math.hypot(a * std, sigma))
    short = [
        norm.pdf(X, 0, std) @ np.maximum(q - norm.pdf(at, a * X, sigma), 0)
        for at, q in zip(x, p, strict=True)
    ]
    oracle = np.sum(short) * (X[1] - X[0]) * (x[1] - x[0])
    target = f'[target]\nfamily = "gaussian"\nmean = 0.0\nstd = {std}'
    learning = f'study = "memorisation"\nsigma = {sigma}'
    found = rows("sample-complexity", "zhang2024.tv", "tv", "n = [1, 2, 4, 8]", learning, target)
    assert found[0]["tv"] == pytest.approx(oracle, abs=found[0]["tv_floor"] + 1e-6)
    assert found[0]["tv_floor"] < 2e-4
