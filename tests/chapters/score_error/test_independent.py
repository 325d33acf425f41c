"""``sharpbound run FILE --json`` on targets and parameters of no case, against plain numpy (`score_error_oracle`)."""

import json
import math
import sys

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from score_error_oracle import Laplace, Mixture, Problem, ou, ve
from sharpbound import cli

GAUSS = ('family = "gaussian"\nmean = -0.4\nstd = 0.8', Mixture((1.0,), (-0.4,), (0.8,)))
MODES = (
    'family = "gaussian-mixture"\nweights = [0.25, 0.45, 0.3]\nmeans = [-1.5, 0.2, 1.4]\nstds = [0.4, 0.3, 0.5]',
    Mixture((0.25, 0.45, 0.3), (-1.5, 0.2, 1.4), (0.4, 0.3, 0.5)),
)
LAPLACE = ('family = "laplace"\nloc = 0.3\nscale = 0.6', Laplace(0.3, 0.6))
OU = 'schedule = "ou-uniform"\nhorizon = 1.2\ndelta = 0.08'
T = 6


@pytest.fixture
def row(tmp_path, monkeypatch, capsys):
    def measure(target, error, sampler, metrics, forward=OU, init="exact", sweep=f"T = [{T}]"):
        path = tmp_path / "case.toml"
        path.write_text(
            '[case]\nid = "a-case"\ntitle = "A case"\nkind = "score-error"\nclaim = "score-error.linear"\n'
            f"[target]\n{target}\n[forward]\n{forward}\n"
            f'[sampler]\nname = "{sampler}"\ninit = "{init}"\n[score_error]\n{error}\n'
            f"[measure]\nmetric = {json.dumps(list(metrics))}\n[sweep]\n{sweep}\n"
        )
        monkeypatch.setattr(
            sys, "argv", ["sharpbound", "run", str(path), "--json", "--no-cache", "--workers", "1"]
        )
        assert cli.main() == 0
        (found,) = json.loads(capsys.readouterr().out)["rows"]
        return found

    return measure


def agree(found, expected, rel):
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=rel), name


@pytest.mark.parametrize(
    ("target", "error", "shape", "own", "sampler", "init"),
    [
        (MODES, 'field = "fourier"\nomega = 3.0\nseed = 5', "fourier", {"omega": 3.0, "seed": 5}, "pf-ode", "normal"),
        (LAPLACE, 'field = "tail"\ndelta = 0.07', "tail", {"delta": 0.07}, "accelerated-ode", "exact"),
        (MODES, 'field = "formula"\nformula = "tanh(2*x)"\nprofile = "free"\nwindow = [0.1, 0.8]', "tanh",
         {"profile": "free", "window": (0.1, 0.8)}, "accelerated-ode", "normal"),
        (GAUSS, 'field = "fourier"\nomega = 2.5\nprofile = "sigma"', "fourier", {"omega": 2.5, "profile": "sigma"},
         "pf-ode", "exact"),
        (LAPLACE, 'field = "constant"', "constant", {}, "pf-ode", "exact"),
    ],
    ids=["wave-mixture", "tail-laplace", "formula-mixture", "wave-normal", "constant-laplace"],
)  # fmt: skip
def test_deterministic_samplers(row, target, error, shape, own, sampler, init):
    problem = Problem(target[1], ou(T, 1.2, 0.08), shape, 0.15, span=40 if target is LAPLACE else 14, **own)
    step = problem.pf_ode if sampler == "pf-ode" else problem.accelerated_ode
    expected = problem.ode_distances(step, init == "exact") | problem.added_ode(step, init == "exact")
    found = row(target[0], f"{error}\neps = 0.15", sampler, expected, init=init)
    # the oracle's own kinks of |q - p| on 150 000 points, relative to a total variation of 1e-2
    agree(found, expected, 1e-6)
    assert found["eps_score"] == pytest.approx(problem.eps_score(), rel=1e-12)
    assert found["eps_jacobi"] == pytest.approx(problem.eps_jacobi(), rel=1e-7, abs=1e-15)


@pytest.mark.parametrize(
    ("target", "error", "shape", "own", "sampler", "span", "points"),
    [
        (MODES, 'field = "fourier"\nomega = 3.0\nseed = 5', "fourier", {"omega": 3.0, "seed": 5}, "ddpm", 14, 1801),
        (MODES, 'field = "formula"\nformula = "tanh(2*x)"', "tanh", {}, "accelerated-ddpm", 14, 1801),
        (LAPLACE, 'field = "linear"', "linear", {}, "ddpm", 30, 2801),
        (GAUSS, 'field = "hermite"\nmode = 2', "hermite-2", {}, "ddpm", 30, 3601),
        (GAUSS, 'field = "hermite"\nmode = 3', "hermite-3", {}, "ddpm", 14, 1801),
        (GAUSS, 'field = "tail"\ndelta = 0.05', "tail", {"delta": 0.05}, "accelerated-ddpm", 14, 1801),
    ],
    ids=["wave-mixture", "formula-mixture", "linear-laplace", "quadratic-normal", "cubic-normal", "tail-normal"],
)  # fmt: skip
def test_stochastic_samplers(row, target, error, shape, own, sampler, span, points):
    """The quadratic field spreads the output to 100 standard deviations, the cubic one without end: TV counts
    what the oracle's grid has lost, KL(p||q) needs it not.
    """
    problem = Problem(target[1], ou(T, 1.2, 0.08), shape, 0.15, span=span, n=100_001, **own)
    expected = problem.sde_distances(sampler, n=points) | problem.added_sde(sampler, n=points)
    del expected["chi2"]
    if "hermite" in shape:
        expected = {name: expected[name] for name in ("kl", "kl-added")}
    found = row(target[0], f"{error}\neps = 0.15", sampler, expected)
    agree(found, expected, 1e-7)
    assert found["eps_score"] == pytest.approx(problem.eps_score(), rel=1e-12)
    assert found["eps_jacobi"] == pytest.approx(
        problem.eps_jacobi(), rel=2e-7, abs=1e-15
    )  # kinks, 10^5 points


def test_variance_exploding(row):
    problem = Problem(MODES[1], ve(T, 0.3, 3.0), "fourier", 0.2, profile="sigma", omega=2.0, n=100_001)
    expected = problem.sde_distances("euler-maruyama", False, n=3601, prior=3.0)
    del expected["chi2"]
    found = row(
        MODES[0], 'field = "fourier"\nomega = 2.0\nprofile = "sigma"\neps = 0.2', "euler-maruyama", expected,
        'schedule = "ve-exponential"\nsigma_min = 0.3\nsigma_max = 3.0', "normal",
    )  # fmt: skip
    agree(found, expected, 1e-7)


@pytest.mark.parametrize("sampler", ["pf-ode", "ddpm"])
def test_product_of_five_in_closed_form(row, sampler):
    """N(m, s^2)^5 under a linear field: both laws are isotropic, TV and KL are chi-square integrals."""
    d, m, s, eps = 5, 0.6, 0.7, 0.3
    a, sigma = ou(T, 1.2, 0.08)
    mean, var = a[-1] * m, a[-1] ** 2 * s**2 + sigma[-1] ** 2
    for t in range(T, 0, -1):
        alpha, marginal = (a[t] / a[t - 1]) ** 2, a[t] ** 2 * s**2 + sigma[t] ** 2
        weight = (1 - alpha) if sampler == "ddpm" else (1 - alpha) / 2
        slope = -1 / marginal + eps / math.sqrt(d) / math.sqrt(marginal)
        mean = (mean + weight * slope * (mean - a[t] * m)) / math.sqrt(alpha)
        var = ((1 + weight * slope) ** 2 * var + (1 - alpha if sampler == "ddpm" else 0.0)) / alpha
    p, q = a[0] ** 2 * s**2 + sigma[0] ** 2, var
    ratio = q / p
    edge = d * math.log(ratio) / (1 - 1 / ratio)  # |x|^2/p where the two densities are equal
    expected = {
        "tv": abs(stats.chi2.cdf(edge, d) - stats.chi2.cdf(edge / ratio, d)),
        "kl": 0.5 * d * (math.log(ratio) + 1 / ratio - 1),
        "w2": math.sqrt(d) * abs(math.sqrt(q) - math.sqrt(p)),
    }
    target = 'family = "product"\ndim = 5\nfactor = { family = "gaussian", mean = 0.6, std = 0.7 }'
    found = row(target, f'field = "linear"\neps = {eps}\ndelta = 0.05', sampler, expected)
    assert found["d_delta"] == pytest.approx(eps * math.sqrt(stats.chi2.isf(0.05, d) / d), rel=1e-6)
    assert mean == pytest.approx(a[0] * m, rel=1e-13)  # a centred field leaves the mean
    agree(found, expected, 1e-9)
    assert found["eps_score"] == pytest.approx(eps, rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "error"), [("hermite-3", 'field = "hermite"\nmode = 3'), ("tail", 'field = "tail"')]
)
def test_robust_error_is_the_quantile(row, shape, error):
    """D^delta from P(|e_t| >= u), |e_t| linear between 10^5 points: an error of the square of the spacing."""
    own = {"delta": 0.2} if shape == "tail" else {}
    problem = Problem(MODES[1], ou(T, 1.2, 0.08), shape, 0.15, n=100_001, span=9, **own)
    delta, worst = (0.2 if shape == "tail" else 0.013), 0.0
    for t in range(1, T + 1):
        x, h = problem.grid(t)
        e, p = np.abs(problem.error(x, t)[0]), problem.density(x, t)
        low, high, mass = np.minimum(e[1:], e[:-1]), np.maximum(e[1:], e[:-1]), 0.5 * h * (p[1:] + p[:-1])

        def exceeds(u, low=low, high=high, mass=mass):
            return (np.clip((high - u) / np.maximum(high - low, 1e-300), 0, 1) * mass).sum() - delta

        worst = max(worst, brentq(exceeds, 1e-9, e.max(), xtol=1e-14) if exceeds(1e-9) > 1e-6 else 0.0)
    found = row(MODES[0], f"{error}\ndelta = {delta}\neps = 0.15", "ddpm", ["path-kl-added"])
    assert found["d_delta"] == pytest.approx(worst, rel=1e-6)
