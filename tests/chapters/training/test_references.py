"""Rows of the command line against numpy, scipy and automatic differentiation, on parameters of no case file."""

import functools
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate
from scipy.special import logsumexp
from scipy.stats import norm

from run_case import run_case
from sharpbound import targets
from sharpbound.chapters.training.studies.descent import DEFAULTS, problem


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    return functools.partial(run_case, tmp_path, capsys, monkeypatch)


def test_descent_and_its_prediction_by_automatic_differentiation(run):
    """The loss, its descent and the spectrum of the kernel once more, in torch: no formula of the package."""
    settings = {
        "width": 24,
        "depth": 2,
        "points": 3,
        "levels": 2,
        "sigma_min": 0.4,
        "sigma_max": 1.7,
        "seed": 5,
    }
    spec = {"family": "gaussian", "mean": 0.3, "std": 1.2, "dim": 2}
    times = [0, 7, 30]
    rows = run(
        {"kind": "training", "claim": "wang2024.training"},
        target=spec,
        training={**settings, "weighting": "edm", "step": 0.7},
        measure={"metric": "loss"},
        sweep={"t": times},
    )["rows"]
    network, objective = problem(targets.build(spec), {**DEFAULTS, **settings, "weighting": "edm"})
    data, noise, sigma = (torch.from_numpy(x) for x in (objective.data, objective.noise, objective.sigma))
    # the weights of Karras et al. per d log sigma on |sigma S + xi|^2, with mean one
    log_sigma = torch.log(sigma)
    beta = torch.exp(-((log_sigma + 1.2) ** 2) / (2 * 1.2**2)) * (sigma**2 + 0.25)
    beta = beta / beta.mean()
    first, last = torch.from_numpy(network.first), torch.from_numpy(network.last)
    c = math.sqrt(2 / 24)

    def residuals(hidden):
        x = data[:, None] + sigma[None, :, None] * noise
        level = sigma.expand(3, 2)[..., None]
        state = c * torch.relu(
            torch.cat([x / (1 + level**2).sqrt(), level.log() / 4, torch.ones_like(level)], -1) @ first.T
        )
        for weight in hidden:
            state = c * torch.relu(state @ weight.T)
        return (beta.sqrt()[None, :, None] * (level * (state @ last.T) + noise)).ravel()

    hidden = torch.from_numpy(network.hidden)
    jacobian = torch.autograd.functional.jacobian(residuals, hidden).reshape(12, -1)
    eigenvalues, vectors = torch.linalg.eigh(jacobian @ jacobian.T / 3)
    step = 0.7 / eigenvalues[-1]
    start = (vectors.T @ residuals(hidden)) ** 2 / 6
    losses = []
    for _ in range(times[-1] + 1):
        hidden = hidden.detach().requires_grad_()
        loss = (residuals(hidden) ** 2).sum() / 6
        losses.append(loss.item())
        hidden = hidden - step * torch.autograd.grad(loss, hidden)[0]
    for row in rows:
        assert row["loss"] == pytest.approx(losses[row["t"]], rel=1e-9)
        linear = float((start * (1 - step * eigenvalues) ** (2 * row["t"])).sum())
        assert row["predicted"] == pytest.approx(linear, rel=1e-9)
        slowest = -2 * math.log(float((1 - step * eigenvalues).abs().max()))
        assert row["rho-initial"] == pytest.approx(
            slowest, rel=1e-7
        )  # the least eigenvalue is 1e-4 of the largest


def test_the_bayes_loss_is_that_of_the_posterior_mean(run):
    """E Var(xi | x) by quadrature over pairs (x0, xi), without scores: 1/2 sum beta_j of it."""
    spec = {"family": "gaussian-mixture", "weights": [0.25, 0.75], "means": [-0.7, 0.4], "stds": [0.3, 0.5]}
    row = run(
        {"kind": "training", "claim": "wang2024.floor"},
        target=spec,
        training={
            "study": "floor",
            "width": 8,
            "iterations": 3,
            "levels": 2,
            "sigma_min": 0.6,
            "sigma_max": 2.5,
        },
        measure={"metric": "population-loss"},
        sweep={"points": [3]},
    )["rows"][0]
    total = 0.0
    for sigma in (0.6, 2.5):
        x = np.arange(-30, 30, 0.02)
        weights, means, stds = (np.array(spec[key]) for key in ("weights", "means", "stds"))
        spread = np.sqrt(stds**2 + sigma**2)
        logs = np.log(weights) + norm.logpdf(x[:, None], means, spread)
        log_p = logsumexp(logs, 1)
        share = np.exp(logs - log_p[:, None])
        # given the component, xi and x are Gaussian: E xi = sigma (x - m)/spread^2, Var xi = (std/spread)^2
        mean = sigma * (x[:, None] - means) / spread**2
        second = (share * ((stds / spread) ** 2 + mean**2)).sum(1)
        total += float((np.exp(log_p) * (second - (share * mean).sum(1) ** 2)).sum() * 0.02)
    assert row["bayes-loss"] == pytest.approx(total / 2, rel=1e-10)
    assert row["population-loss"] > row["bayes-loss"]


@pytest.mark.parametrize("separation", [1.4, 8.0])
def test_the_em_phase(run, separation):
    """One step of EM and of descent on a fine grid of the plane, steep tanh included."""
    offset = 0.25
    row = run(
        {"kind": "training", "claim": "shah2023.em"},
        training={"study": "em", "offset": offset, "dim": 2, "seed": 3},
        measure={"metric": "em-ratio"},
        sweep={"R": [separation]},
    )["rows"][0]
    direction = np.random.default_rng(3).standard_normal(2)
    mu = np.array([separation, 0.0])
    theta = mu + offset * separation * direction / np.linalg.norm(direction)

    # steps of .015 resolve tanh of slope 10 to exp(-pi^2/.15), and the package's grids lie otherwise
    x, y = np.meshgrid(np.arange(-9, 9, 0.015) + separation, np.arange(-9, 9, 0.015), indexing="ij")
    p = norm.pdf(x - separation) * norm.pdf(y) * 0.015**2
    u, w = np.tanh(theta[0] * x + theta[1] * y), np.tanh(separation * x)

    def em(k):
        return float((p * u * (x, y)[k]).sum())

    def loss_slope(k):
        error = [u * theta[i] - w * mu[i] for i in (0, 1)]
        along = error[0] * theta[0] + error[1] * theta[1]
        return float((p * 2 * (error[k] * u + along * (1 - u**2) * (x, y)[k])).sum())

    em_step = np.array([em(0), em(1)]) - theta
    descent = -0.5 * np.array([loss_slope(0), loss_slope(1)])
    assert row["em-ratio"] == pytest.approx(descent @ em_step / (em_step @ em_step), rel=1e-8)
    here = np.linalg.norm(theta - mu)
    assert row["em-factor"] == pytest.approx(np.linalg.norm(theta + em_step - mu) / here, rel=1e-7, abs=1e-9)


def test_the_power_phase(run):
    length, time, eta = 1.7, 0.4, 0.03
    document = run(
        {"kind": "training", "claim": "shah2023.power-iteration"},
        training={"study": "power-iteration", "R": length, "time": time, "eta": eta, "dim": 5, "seed": 2},
        measure={"metric": "growth"},
        sweep={"size": [0.4, 0.2, 0.1, 0.05, 0.025]},
    )
    assert document["verdict"] == "confirmed"
    assert document["details"]["limit"] == pytest.approx(
        1 + 4 * eta * length**2 * math.exp(-2 * time), rel=1e-8
    )


def test_speciation_time_of_two_classes(run):
    """1/2 N(m a, 1) + 1/2 N(-m a, 1) has one mode where m a <= 1; clones agree by quadrature."""
    rows = run(
        {"kind": "training", "claim": "biroli2024.speciation"},
        training={"study": "speciation"},
        measure={"metric": "speciation-time"},
        sweep={"sigma": [1.8, 5.5, 90.0]},
    )["rows"]
    for row in rows:
        separation = math.sqrt(row["sigma"] ** 2 - 1)
        assert row["speciation-time"] == pytest.approx(math.log(separation), rel=1e-10)
        shift = separation / row["sigma"]
        agree = integrate.quad(
            lambda x, m=shift: norm.pdf(x - m) * math.tanh(m * x) ** 2, -9, 11, epsabs=1e-13
        )[0]
        assert row["clones-agree"] == pytest.approx(0.5 + 0.5 * agree, rel=1e-11)


def test_weightings_rank_samples_of_a_network(run):
    """Path KL of the sampler with the trained network, its score error by the trapezoidal rule."""
    spec = {"family": "gaussian", "mean": 0.2, "std": 0.7}
    options = {
        "width": 12,
        "points": 5,
        "levels": 3,
        "sigma_min": 0.5,
        "sigma_max": 3.0,
        "refine": 2,
        "seed": 4,
    }
    rows = run(
        {"kind": "training", "claim": "wang2024.weighting"},
        target=spec,
        training={"study": "weightings", **options},
        measure={"metric": "path-kl"},
        sweep={"t": [0, 1]},
    )["rows"]
    network, _ = problem(targets.build(spec), {**DEFAULTS, **options})
    v = np.geomspace(9.0, 0.25, 5)
    r = np.log((0.49 + v[:-1]) / (0.49 + v[1:]))
    total = 0.5 * float((r - 1 + np.exp(-r)).sum())
    for here, below in pairwise(v):
        # every unit is linear between its kinks: a fine trapezoidal rule misses 1e-9 there
        x = np.linspace(-12, 12, 400_001) * math.sqrt(0.49 + here)
        z = np.column_stack([x / math.sqrt(1 + here), np.full_like(x, math.log(here) / 8), np.ones_like(x)])
        state = math.sqrt(2 / 12) * np.maximum(z @ network.first.T, 0)
        state = math.sqrt(2 / 12) * np.maximum(state @ network.hidden[0].T, 0)
        error = (state @ network.last.T)[:, 0] + (x - 0.2) / (0.49 + here)
        density = norm.pdf(x, 0.2, math.sqrt(0.49 + here))
        total += 0.5 * (here - below) * float((density * error**2).sum() * (x[1] - x[0]))
    assert [row["path-kl"] for row in rows if row["t"] == 0] == pytest.approx([total] * 4, rel=1e-8)
