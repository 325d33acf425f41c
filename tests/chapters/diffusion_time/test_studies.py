"""The studies of kind diffusion-time other than noise, the optimal gap, and samplers that start from a model."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from conclude_case import conclude_study
from sharpbound import processes, samplers
from sharpbound.chapters.diffusion_time.auxiliary import FITS, ModelStart
from sharpbound.chapters.diffusion_time.elbo import level
from sharpbound.chapters.diffusion_time.gap import ClassGap, optimal_gap
from sharpbound.errors import InputError
from sharpbound.laws import distance
from sharpbound.laws.engines import line_law
from sharpbound.marginals.divergence import Normal
from sharpbound.scores.base import ExactScore

TOY = '[target]\nfamily = "gaussian-mixture"\nweights = [0.3, 0.7]\nmeans = [1.0, 3.0]\nstds = [0.1, 0.5]\n'


def conclude(tmp_path, claim, options, metric, sweep, tables=TOY):
    return conclude_study(tmp_path, "diffusion-time", claim, options, metric, sweep, tables)


def test_gap_is_the_integral_of_the_score_error(toy):
    """The difference of two divergences against the definition of the gap, integrated over time."""
    start, end = Normal(2.0, 1.3), 1.5

    def squared_error(time):
        a, sigma = level("vp", time)
        law = Normal(a * start.mean, math.hypot(a * start.std, sigma))
        x = torch.linspace(-8, 8, 8001, dtype=torch.float64)
        p = toy.derivative(x, a, sigma, 0).exp()
        error = toy.derivative(x, a, sigma, 1) + (x - law.mean) / law.std**2
        return float((p * error**2).sum() * (x[1] - x[0]))

    expected = 0.5 * integrate.quad(squared_error, 1e-9, end, epsabs=1e-9)[0]
    assert ClassGap(toy, "vp", end)(start) == pytest.approx(expected, rel=1e-7)


def test_optimal_gap_is_a_minimum_and_grows(toy):
    best = optimal_gap(toy, "vp", 0.5)
    for shift, widen in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.01), (0.0, 0.99)):
        other = Normal(best.start.mean + shift, best.start.std * widen)
        assert ClassGap(toy, "vp", 0.5)(other) > best.value
    assert best.value < optimal_gap(toy, "vp", 1.0).value


@pytest.mark.parametrize("name", list(FITS))
def test_quantiles_of_models_invert_their_distribution(toy, name):
    model = FITS[name](toy, *level("vp", 1.0))
    x = model.quantile(np.log([1e-3, 0.2, 0.5, 0.9]), np.log1p(-np.array([1e-3, 0.2, 0.5, 0.9])))
    mass = [
        integrate.quad(lambda y: float(model.log_density(torch.tensor([y])).exp()), -12, end, limit=200)[0]
        for end in x
    ]
    np.testing.assert_allclose(mass, [1e-3, 0.2, 0.5, 0.9], atol=1e-7)  # of quad
    if name == "gaussian":
        np.testing.assert_allclose(
            x, stats.norm(model.mean, model.std).ppf([1e-3, 0.2, 0.5, 0.9]), rtol=1e-12
        )


@pytest.mark.parametrize("sampler", ["ddim", "exponential-integrator"])
def test_a_gaussian_start_given_as_a_law_is_the_start_by_name(toy, sampler):
    ladder = processes.build({"schedule": "benton", "horizon": 1.0, "delta": 0.05}, 12)
    score, chosen = ExactScore(toy, ladder), samplers.build({"name": sampler})
    by_name = distance(line_law(toy, ladder, chosen, score), "kl").value
    by_law = distance(line_law(toy, ladder, chosen, score, ModelStart(Normal(0.0, 1.0))), "kl").value
    assert by_law == pytest.approx(by_name, rel=1e-10)


def test_gap_study(tmp_path):
    rows, conclusion = conclude(tmp_path, "franzese2023.gap", 'study = "gap"', "gap", "horizon = [0.25, 1]")
    assert conclusion.verdict == "confirmed"
    assert rows[0]["noise-kl"] > rows[1]["noise-kl"]


ODE = TOY + '[sampler]\nname = "ddim"\n'


def test_best_time_of_the_output(tmp_path):
    options = 'study = "output"\nsteps = 24\neps_score = 0.3'
    rows, conclusion = conclude(
        tmp_path, "franzese2023.best-time", options, "time-ratio", "horizon = [1.5, 3, 4, 5, 9]", ODE
    )
    assert all(row["noise-error"] > row["noise"] for row in rows)
    assert conclusion.details["bound_time"] == pytest.approx(math.log(5.76 / 0.09), abs=0.01)


def test_models_shorten_the_time(tmp_path):
    options = 'study = "output"\nstep = 0.4\nmodels = ["noise", "gaussian", "flow"]'
    rows, conclusion = conclude(
        tmp_path, "franzese2023.auxiliary-output", options, "kl", "horizon = [0.5, 2, 4]", ODE
    )
    assert conclusion.verdict == "confirmed"
    assert rows[0]["flow-error"] < rows[0]["gaussian-error"] < rows[0]["noise-error"]
    assert [row["steps"] for row in rows] == sorted(row["steps"] for row in rows)
    assert conclusion.details["tables"][0]["rows"][0][0] == "noise"
    # a Gaussian is fitted in closed form; of a flow more iterations would tell other digits, which its floors know
    assert rows[0]["gaussian-error_floor"] < 1e-12 < rows[0]["flow-error_floor"] < 0.1 * rows[0]["flow-error"]


@pytest.mark.parametrize(
    ("claim", "options", "metric", "key"),
    [
        (
            "franzese2023.best-time",
            'study = "output"\nmodels = ["gan"]',
            "time-ratio",
            "diffusion_time.models",
        ),
        ("franzese2023.best-time", 'study = "output"', "kl", "measure.metric"),
        (
            "franzese2023.auxiliary-output",
            'study = "output"\nmodels = ["flow"]',
            "kl",
            "diffusion_time.models",
        ),
        ("franzese2023.gap", 'study = "gap"\nmodel = "flow"', "gap", "diffusion_time.model"),
    ],
)
def test_mistakes_are_named(tmp_path, claim, options, metric, key):
    with pytest.raises(InputError) as caught:
        conclude(tmp_path, claim, options, metric, "horizon = [1, 2, 3]")
    assert caught.value.key == key
