"""Rows of the command line against numpy and scipy alone, on targets and parameters of no case file."""

import functools
import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp

from run_case import run_case

WEIGHTS, MEANS, STDS = np.array([0.55, 0.45]), np.array([-0.6, 1.9]), np.array([0.35, 0.6])
TARGET = {
    "family": "gaussian-mixture",
    "weights": WEIGHTS.tolist(),
    "means": MEANS.tolist(),
    "stds": STDS.tolist(),
}
MEAN = float(WEIGHTS @ MEANS)
SECOND = float(WEIGHTS @ (MEANS**2 + STDS**2))


def law(x, a, sigma):
    """log density and score of a X0 + sigma W."""
    variance = (a * STDS) ** 2 + sigma**2
    z = x[..., None] - a * MEANS
    logs = np.log(WEIGHTS) - 0.5 * z**2 / variance - 0.5 * np.log(2 * math.pi * variance)
    log_p = logsumexp(logs, -1)
    return log_p, -(np.exp(logs - log_p[..., None]) * z / variance).sum(-1)


def expectation(a, sigma, f):
    """E f(x, log p, score) by the trapezoidal rule."""
    narrow = math.sqrt(float(((a * STDS) ** 2).min()) + sigma**2)
    wide = math.sqrt(a**2 * SECOND + sigma**2)
    x = np.arange(-14 * wide, 14 * wide, min(narrow / 12, wide / 200))
    log_p, score = law(x, a, sigma)
    return float((np.exp(log_p) * f(x, log_p, score)).sum() * (x[1] - x[0]))


def level(process, time):
    return (math.exp(-time / 2), math.sqrt(-math.expm1(-time))) if process == "vp" else (1.0, math.sqrt(time))


def noise_kl(process, time):
    std = 1.0 if process == "vp" else math.sqrt(time)
    half_log = 0.5 * math.log(2 * math.pi * std**2)
    return expectation(*level(process, time), lambda x, log_p, _: log_p + 0.5 * (x / std) ** 2 + half_log)


def half_slope(process, time):
    std = 1.0 if process == "vp" else math.sqrt(time)
    return 0.5 * expectation(*level(process, time), lambda x, _, score: (score + x / std**2) ** 2)


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    return functools.partial(run_case, tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(("process", "swept"), [("vp", "horizon"), ("ve", "sigma_max")])
def test_terms_of_the_elbo(run, process, swept):
    eps, values = 0.23, [0.7, 1.9, 3.1]
    rows = run(
        {"kind": "diffusion-time", "claim": f"franzese2023.{process}-decay"},
        target=TARGET,
        diffusion_time={"process": process, "eps_score": eps},
        measure={"metric": "noise-kl"},
        sweep={swept: values},
    )["rows"]
    likelihood = expectation(1.0, 0.0, lambda x, log_p, _: log_p)
    for row, value in zip(rows, values, strict=True):
        time = value if process == "vp" else value**2
        kl = noise_kl(process, time)
        assert row["noise-kl"] == pytest.approx(kl, rel=1e-11)
        assert row["gap"] == pytest.approx(0.5 * eps**2 * time, rel=1e-13)
        assert row["elbo"] == pytest.approx(likelihood - kl - 0.5 * eps**2 * time, rel=1e-11)
        assert kl <= row["bound"]


@pytest.mark.parametrize("process", ["vp", "ve"])
def test_the_optimal_time_is_a_root_of_the_slope(run, process):
    values = [0.4, 0.15, 0.05, 0.02]
    rows = run(
        {"kind": "diffusion-time", "claim": "franzese2023.optimal-time" + ("-ve" if process == "ve" else "")},
        target=TARGET,
        diffusion_time={"process": process},
        measure={"metric": "optimal-time"},
        sweep={"eps_score": values},
    )["rows"]
    for row, eps in zip(rows, values, strict=True):
        root = brentq(lambda t, e=eps: half_slope(process, t) - 0.5 * e**2, 0.2, 200.0, xtol=1e-12)
        assert row["optimal-time"] == pytest.approx(root, rel=1e-9)
        assert row["noise-kl"] == pytest.approx(noise_kl(process, root), rel=1e-8)
        leading = math.log(MEAN**2 / eps**2) if process == "vp" else MEAN / eps
        assert row["leading"] == pytest.approx(leading, rel=1e-12)


def test_the_optimal_gap_is_an_integral_minimised(run):
    """G of the scores of diffused Gaussians by quadrature in time, minimised over the Gaussian at the start."""
    horizon = 1.3
    nodes, weights = np.polynomial.legendre.leggauss(24)  # the integrand is analytic
    x = np.arange(-9, 9, 0.02)
    levels = [level("vp", time) for time in horizon * (nodes + 1) / 2]
    laws = [law(x, a, sigma) for a, sigma in levels]

    def gap(parameters):
        mean, spread = parameters[0], math.exp(2 * parameters[1])
        squares = [
            (np.exp(log_p) * (score + (x - a * mean) / (a**2 * spread + sigma**2)) ** 2).sum() * 0.02
            for (a, sigma), (log_p, score) in zip(levels, laws, strict=True)
        ]
        return 0.5 * horizon / 2 * float(weights @ squares)

    found = minimize(gap, [MEAN, 0.0], method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-10})
    row = run(
        {"kind": "diffusion-time", "claim": "franzese2023.gap"},
        target=TARGET,
        diffusion_time={"study": "gap"},
        measure={"metric": "gap"},
        sweep={"horizon": [horizon, 2 * horizon]},
    )["rows"][0]
    # the minimum is flat: 1e-4 in the parameters is 1e-8 in the gap
    assert row["gap"] == pytest.approx(found.fun, abs=1e-7)
    assert gap([row["mean"], math.log(row["std"])]) == pytest.approx(row["gap"], abs=1e-9)


def output_kl(time, steps, delta, error, stochastic):
    """KL(law at delta || output) of the exponential integrator, or of DDIM, from N(0, 1), on a grid."""
    clock = [t - 1 if t > 1 else math.log(t) for t in (time / 2, delta)]
    u = np.linspace(*clock, steps + 1)
    times = np.where(u > 0, 1 + u, np.exp(np.minimum(u, 0)))
    x = np.arange(-9, 9, 0.004 if not stochastic else 0.02)
    y, log_q, q = x, -0.5 * x**2 - 0.5 * math.log(2 * math.pi), np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    slope_total = np.zeros_like(x)
    for here, below in pairwise(times):
        a, sigma = math.exp(-here), math.sqrt(-math.expm1(-2 * here))
        growth = math.exp(here - below)
        below_sigma = math.sqrt(-math.expm1(-2 * below))
        gain = 2 * (growth - 1) if stochastic else sigma * (growth * sigma - below_sigma)
        variance = (a * STDS) ** 2 + sigma**2
        z = y[:, None] - a * MEANS
        log_p, score = law(y, a, sigma)
        share = np.exp(
            np.log(WEIGHTS) - 0.5 * z**2 / variance - 0.5 * np.log(2 * math.pi * variance) - log_p[:, None]
        )
        curvature = (share * (z**2 / variance - 1) / variance).sum(1) - score**2
        y = growth * y + gain * (score - error)
        if stochastic:
            noise = growth**2 - 1
            q = np.exp(-0.5 * (x[:, None] - y) ** 2 / noise) @ q * 0.02 / math.sqrt(2 * math.pi * noise)
            y = x
        else:
            slope_total += np.log(growth + gain * curvature)
    log_p, _ = law(y, math.exp(-delta), math.sqrt(-math.expm1(-2 * delta)))
    if stochastic:
        log_q = np.log(np.maximum(q, 1e-300))
    else:
        log_q = log_q - slope_total
    return float((np.exp(log_p + slope_total) * (log_p - log_q)).sum() * (x[1] - x[0]))


@pytest.mark.parametrize("sampler", ["ddim", "exponential-integrator"])
def test_output_against_the_time(run, sampler):
    steps, delta, eps, times = 10, 0.05, 0.15, [1.4, 3.0, 5.0]
    rows = run(
        {"kind": "diffusion-time", "claim": "franzese2023.best-time"},
        target=TARGET,
        sampler={"name": sampler},
        diffusion_time={"study": "output", "steps": steps, "delta": delta, "eps_score": eps},
        measure={"metric": "time-ratio"},
        sweep={"horizon": times},
    )["rows"]
    for row, time in zip(rows, times, strict=True):
        for key, error in (("noise", 0.0), ("noise-error", eps)):
            expected = output_kl(time, steps, delta, error, sampler != "ddim")
            # 1e-7: the change of variables of DDIM is cut where the grid ends
            assert row[key] == pytest.approx(expected, rel=1e-7)
        assert row["noise-bound"] == pytest.approx(noise_kl("vp", time) + 0.5 * eps**2 * time, rel=1e-10)


def test_the_gaussian_model_has_the_moments_of_the_data(run):
    rows = run(
        {"kind": "diffusion-time", "claim": "franzese2023.auxiliary"},
        target=TARGET,
        diffusion_time={"model": "gaussian"},
        measure={"metric": "noise-kl"},
        sweep={"horizon": [0.6, 1.7]},
    )["rows"]
    for row in rows:
        a, sigma = level("vp", row["horizon"])
        variance = a**2 * (SECOND - MEAN**2) + sigma**2
        entropy = expectation(a, sigma, lambda x, log_p, _: -log_p)
        assert row["model-kl"] == pytest.approx(
            0.5 * math.log(2 * math.pi * math.e * variance) - entropy, rel=1e-9
        )
