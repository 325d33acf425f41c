"""The studies of kind training other than descent, and the score field of a trained network."""

import math

import numpy as np
import pytest
import torch

from conclude_case import conclude_study
from sharpbound import samplers, targets
from sharpbound.chapters.training.network import Network, features
from sharpbound.chapters.training.output import sampled
from sharpbound.chapters.training.score import network_score
from sharpbound.chapters.training.speciation import collapse_time, collapse_times, splitting_time
from sharpbound.chapters.training.two_gaussians import curvatures, gradient
from sharpbound.errors import InputError
from sharpbound.laws import distance, output_law
from sharpbound.processes.schedules import ve_exponential
from sharpbound.scores.base import ExactScore

MIXTURE = (
    '[target]\nfamily = "gaussian-mixture"\nweights = [0.4, 0.6]\nmeans = [-1.0, 1.2]\nstds = [0.35, 0.5]\n'
)


def conclude(tmp_path, claim, options, metric, sweep, tables=""):
    return conclude_study(tmp_path, "training", claim, options, metric, sweep, tables)


def test_the_score_field_is_the_network():
    network = Network.initial(1, 16, 2, seed=3)
    ladder = ve_exponential(5, 0.1, 10.0)
    score = network_score(network, ladder)
    y = torch.linspace(-3, 3, 41, dtype=torch.float64)[:, None]
    expected = network(features(y.numpy(), np.full(41, ladder.sigma[2])))
    np.testing.assert_allclose(score(2, y).numpy(), expected, rtol=1e-12)
    slope = (score(2, y + 1e-6) - score(2, y - 1e-6)) / 2e-6
    torch.testing.assert_close(score.jacobian(2, y)[:, :, 0], slope, rtol=1e-6, atol=1e-7)


def test_sampled_law_against_the_engine_for_smooth_scores():
    target = targets.build(
        {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
    )
    ladder = ve_exponential(12, 0.2, 5.0)
    score = ExactScore(target, ladder)
    engine = output_law(target, ladder, samplers.build({"name": "exponential-integrator"}), score, "exact")
    ours = sampled(target, ladder, score)
    assert ours.kl == pytest.approx(distance(engine, "kl").value, abs=1e-8)  # what lies beyond 8 deviations
    assert ours.w1 == pytest.approx(distance(engine, "w1").value, rel=1e-3)  # of a Riemann sum
    assert abs(ours.lost) < 1e-8


def test_weightings(tmp_path):
    options = 'study = "weightings"\nwidth = 24\npoints = 8\nlevels = 4\nsigma_min = 0.3'
    rows, conclusion = conclude(tmp_path, "wang2024.weighting", options, "path-kl", "t = [0, 40]", MIXTURE)
    assert conclusion.verdict in ("confirmed", "refuted")
    first, last = ([row for row in rows if row["t"] == t] for t in (0, 40))
    assert len({row["path-kl"] for row in first}) == 1  # the same untrained network
    assert all(b["path-kl"] < a["path-kl"] for a, b in zip(first, last, strict=True))
    for row in last:
        assert row["path-kl"] > row["discretisation"] > 0
        assert row["kl"] < row["path-kl"]  # data processing
        assert row["kl_floor"] < 1e-3 * row["kl"]


def test_the_bell_and_its_peaks(tmp_path):
    _, conclusion = conclude(
        tmp_path,
        "wang2024.bell",
        'study = "bell"\npoints = 8',
        "modes",
        "sigma = [0.01, 0.1, 1, 10]",
        MIXTURE,
    )
    assert conclusion.verdict == "confirmed"
    peaks = {row[0]: row[1] for row in conclusion.details["tables"][0]["rows"]}
    expected = {"log-sigma": 5.227, "sigma": 0.0762, "network": 0.301}  # zeros of the derivatives, by hand
    assert peaks == pytest.approx(expected, rel=1e-3)


def test_power_iteration(tmp_path):
    rows, conclusion = conclude(
        tmp_path,
        "shah2023.power-iteration",
        'study = "power-iteration"',
        "growth",
        "size = [0.32, 0.16, 0.08, 0.04, 0.02, 0.01]",
    )
    assert conclusion.verdict == "confirmed"
    assert conclusion.details["limit"] == pytest.approx(1 + 4 * 0.05 * 4 * math.exp(-0.4), rel=1e-8)
    assert rows[0]["growth"] < rows[-1]["growth"]


def test_curvatures_are_those_of_the_jacobian():
    centre = np.array([1.5, 0.0, 0.0])
    jacobian = np.array(
        [(gradient(centre + d, centre) - gradient(centre - d, centre)) / 2e-5 for d in 1e-5 * np.eye(3)]
    )
    along, across = curvatures(centre)
    np.testing.assert_allclose(np.linalg.eigvalsh(jacobian), sorted([along, across, across]), rtol=1e-6)


def test_two_gaussians_contract_at_the_rate_of_the_curvature(tmp_path):
    times = list(range(0, 121, 8))
    rows, conclusion = conclude(
        tmp_path, "shah2023.learns", 'study = "two-gaussians"', "parameter-error", f"t = {times}"
    )
    assert conclusion.verdict == "sharp"
    tangents = [row["tangent"] for row in rows]
    assert tangents == sorted(tangents, reverse=True)


def test_speciation(tmp_path):
    rows, conclusion = conclude(
        tmp_path, "biroli2024.speciation", 'study = "speciation"', "speciation-time", "sigma = [4, 32, 128]"
    )
    assert conclusion.verdict == "confirmed"
    assert rows[-1]["clones-agree"] == pytest.approx(0.7752, abs=1e-4)
    assert splitting_time(5.0) == pytest.approx(math.log(5.0), abs=1e-12)  # two modes while |m| e^-t > 1


def test_collapse_times_by_brute_force():
    """The distribution of single queries against distances of real vectors in d = 8."""
    dim, points, queries = 8, 50, 400
    fast = collapse_times(dim, points, 1.0, queries, seed=0)
    rng = np.random.default_rng(1)
    times = np.linspace(0.02, 3.0, 150)
    a, sigma = np.exp(-times), np.sqrt(-np.expm1(-2 * times))
    brute = np.empty(queries)
    for q in range(queries):
        x, w = rng.standard_normal((points, dim)), rng.standard_normal(dim)
        noised = a[:, None] * x[0] + sigma[:, None] * w
        exponent = -((noised[:, None] - a[:, None, None] * x) ** 2).sum(-1) / (2 * sigma[:, None] ** 2)
        weight = 1 / np.exp(exponent - exponent[:, :1]).sum(1)
        brute[q] = times[np.flatnonzero(weight > 0.5).max(initial=0)]
    spread = math.sqrt(2 / queries) * 1.2533 * max(fast.std(), brute.std())
    assert np.median(fast) == pytest.approx(np.median(brute), abs=4 * spread + 0.02)  # and the grid


def test_collapse_tends_to_the_claim(tmp_path):
    rows, conclusion = conclude(
        tmp_path,
        "biroli2024.collapse",
        'study = "collapse"\nn = 2000\nqueries = 40',
        "collapse-time",
        "d = [64, 4096]",
    )
    off = [abs(row["collapse-time"] / collapse_time(row["d"], 2000) - 1) for row in rows]
    assert off[1] < off[0]
    assert conclusion.verdict in ("confirmed", "inconclusive")


@pytest.mark.parametrize(
    ("claim", "options", "metric", "sweep", "key"),
    [
        ("biroli2024.collapse", 'study = "collapse"', "collapse-time", "d = [2]", "sweep.d"),
        ("biroli2024.speciation", 'study = "speciation"', "speciation-time", "sigma = [1]", "sweep.sigma"),
        ("shah2023.learns", 'study = "two-gaussians"', "loss", "t = [0, 1]", "measure.metric"),
        ("shah2023.power-iteration", 'study = "power-iteration"', "growth", "size = [1]", "sweep.size"),
        ("wang2024.bell", 'study = "belle"', "modes", "sigma = [1, 2, 3]", "training.study"),
    ],
)
def test_mistakes_are_named(tmp_path, claim, options, metric, sweep, key):
    with pytest.raises(InputError) as caught:
        conclude(tmp_path, claim, options, metric, sweep, MIXTURE)
    assert caught.value.key == key
