"""The studies of kind design-space other than path-kl, from the file to the verdict."""

import math

import numpy as np
import pytest

from conclude_case import conclude_study
from sharpbound import targets
from sharpbound.chapters.design_space.schedules import named, optimal
from sharpbound.chapters.design_space.studies.candidates import candidate
from sharpbound.chapters.design_space.studies.constants import worst_discretisation
from sharpbound.chapters.design_space.studies.song_or_karras import _grown
from sharpbound.errors import InputError
from sharpbound.laws.path_kl_parts import discretisation_error, variances
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.fisher import GaussianInformation, information
from sharpbound.rates.limits import limit
from sharpbound.rates.verdict import judge_values


def conclude(tmp_path, claim, design, metric, sweep, tables=""):
    return conclude_study(tmp_path, "design-space", claim, design, metric, sweep, tables)


def test_limit_is_exact_on_polynomials_and_honest_elsewhere():
    h = np.array([0.5, 0.25, 0.125, 0.0625, 0.03125])
    value, doubt = limit(h, 3 + h - 2 * h**2)
    assert value == pytest.approx(3, abs=1e-13)  # rounding of five rows
    assert doubt < 1e-12
    value, doubt = limit(h, np.exp(h))
    assert abs(value - 1) <= doubt < 1e-3


@pytest.mark.parametrize(
    ("measured", "doubt", "verdict"),
    [([1.0, 2.0], 0.0, "confirmed"), ([1.0, 2.1], 0.0, "refuted"), ([1.0, 2.1], 0.2, "inconclusive")],
)
def test_values_are_judged_with_their_uncertainty(measured, doubt, verdict):
    assert judge_values(measured, [1.0, 2.0], 0.01, doubt).verdict == verdict


def test_worst_case_constants(tmp_path):
    rows, conclusion = conclude(
        tmp_path, "wang2024.karras-constant", 'study = "constants"', "step-cost", "rho = [1, 7]"
    )
    assert conclusion.verdict == "confirmed"
    lead = math.log(80 / 0.002) ** 2
    assert rows[0]["step-cost"] / lead == pytest.approx(356.2, abs=0.05)  # the ratios as published
    assert rows[1]["step-cost"] / lead == pytest.approx(1.2062, abs=5e-5)
    _, conclusion = conclude(
        tmp_path, "wang2024.song-constant", 'study = "constants"', "step-cost", "sigma_max = [1, 80]"
    )
    assert conclusion.verdict == "confirmed"


def test_closed_form_of_the_worst_case_is_the_integral():
    schedule = ("edm", 40, 0.002, 80.0)
    integral = discretisation_error(GaussianInformation([0.0]), variances(named(*schedule)))
    assert worst_discretisation(schedule) == pytest.approx(integral, rel=1e-12)


def test_the_engine_agrees_with_the_sum_of_the_parts(tmp_path):
    tables = (
        '[target]\nfamily = "gaussian-mixture"\nweights = [0.3, 0.7]\nmeans = [1.0, 3.0]\nstds = [0.1, 0.5]\n'
        '[forward]\nschedule = "vp-linear"\ndelta = 0.01\n[sampler]\nname = "ddpm"\n'
    )
    rows, conclusion = conclude(
        tmp_path,
        "wang2024.decomposition",
        'study = "decomposition"\nscore_error = 0.04',
        "decomposition-ratio",
        "T = [3]",
        tables,
    )
    assert conclusion.verdict == "confirmed"
    assert min(rows[0][part] for part in ("initialisation", "discretisation", "score")) > 0


@pytest.fixture(scope="module")
def atoms_information():
    target = targets.build({"family": "atoms", "points": [-1.0, 0.5, 2.0], "weights": [0.2, 0.5, 0.3]})
    return information(target, 1e-4, 100.0, tolerance=1e-6)


@pytest.mark.parametrize("steps", [3, 6, 10, 15, 25])
def test_optimum_is_global_where_scales_lie_far_apart(atoms_information, steps):
    """Three atoms have several stationary ladders of few steps; a dynamic programme over a grid knows none better."""
    info = atoms_information
    best = discretisation_error(info, variances(optimal(info, steps, 0.01, 10.0)))
    grid = np.exp(np.linspace(math.log(100.0), math.log(1e-4), 400))
    gain = (grid[:, None] - grid[None, :]) * info.value(grid)[:, None]  # of the step from v_i to v_j
    gain[np.tril_indices(len(grid))] = -np.inf
    value = np.where(np.arange(len(grid)) == 0, 0.0, -np.inf)
    back = []
    for _ in range(steps):
        table = value[:, None] + gain
        back.append(table.argmax(0))
        value = table.max(0)
    path = [len(grid) - 1]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    assert best <= discretisation_error(info, grid[path[::-1]]) * (1 + 1e-9)


@pytest.mark.parametrize("std", [0.0, 0.4])
def test_no_schedule_beats_the_optimal_one(tmp_path, std):
    tables = f'[target]\nfamily = "gaussian"\nmean = 0.7\nstd = {std}\n'
    rows, conclusion = conclude(
        tmp_path, "wang2024.optimal-schedule", 'study = "schedules"', "discretisation", "T = [10, 40]", tables
    )
    assert conclusion.verdict == "confirmed"
    assert all(row["vp-linear"] > row["discretisation"] for row in rows)


def test_a_variance_preserving_schedule_runs_between_the_ends_asked_for():
    ladder = named("vp-linear", 30, 0.002, 80.0)
    assert ladder.kind == "vp"
    np.testing.assert_allclose(np.sqrt(variances(ladder)[[0, -1]]), [80.0, 0.002], rtol=1e-10)
    # its start N(0, 1) is that of a variance-exploding ladder widened to sqrt(1 + sigma_max^2)
    gaussian = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    ratio = (0.16 + 6400) / 6401
    expected = 0.5 * (ratio - 1 - math.log(ratio) + 0.49 / 6401)
    assert initialisation_error(gaussian, ladder) == pytest.approx(expected, rel=1e-8)


SCALES = "score_error = [0.0, 0.5, 2.0]\nsigma = [0.001, 1.0]"


@pytest.mark.parametrize("metric", ["path-kl", "kl"])
def test_song_or_karras_depends_on_the_data(tmp_path, metric):
    rows, conclusion = conclude(tmp_path, "wang2024.well-trained", 'study = "song-or-karras"', metric, SCALES)
    assert conclusion.verdict == "refuted"
    grid = {(row["score_error"], row["sigma"]): row for row in rows}
    sharp, smooth = grid[0.0, 0.001], grid[0.0, 1.0]
    assert sharp["exponential"] < sharp["edm"]
    assert smooth["exponential"] > smooth["edm"]
    assert {figure["name"] for figure in conclusion.details["figures"]} == {"map", "ratio"}


def test_churn(tmp_path):
    design = 'study = "song-or-karras"\nfirst = "churn-1"\nsecond = "churn-0"'
    rows, conclusion = conclude(tmp_path, "edm.churn", design, "kl", SCALES)
    assert conclusion.verdict == "refuted"  # without a score error fresh noise only costs
    assert rows[0]["churn-0"] < rows[0]["churn-1"]
    assert rows[-1]["churn-1"] < rows[-1]["churn-0"]


@pytest.mark.parametrize(
    ("design", "metric", "sweep", "key"),
    [
        ('study = "maps"', "path-kl", SCALES, "design.study"),
        ('study = "song-or-karras"', "tv", SCALES, "measure.metric"),
        ('study = "song-or-karras"', "kl", "sigma = [1]", "sweep.score_error"),
        ('study = "song-or-karras"\nfirst = "churn-x"', "kl", SCALES, "design"),
        ('study = "song-or-karras"', "kl", SCALES.replace("0.001", "-1"), "sweep"),
    ],
)
def test_mistakes_are_named(tmp_path, design, metric, sweep, key):
    with pytest.raises(InputError) as caught:
        conclude(tmp_path, "wang2024.well-trained", design, metric, sweep)
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("edm/0.5", "churn-0.5"),
        ("churn-x", "churn-0.5"),
        ("edm/churn--1", "number >= 0"),
        ("line", "schedule"),
    ],
)
def test_candidates_are_named_in_one_way(name, message):
    options = {"T": 5, "sigma_min": 0.1, "sigma_max": 2.0}
    with pytest.raises(InputError, match=message):
        candidate(name, options)
    assert candidate("churn-0.5", options)[1] == 0.5
    assert candidate("edm/churn-0.5", options)[0].name == candidate("edm", options)[0].name


def test_lengths_of_every_family_are_scaled():
    nested = {"family": "product", "factor": {"family": "laplace", "scale": 2.0, "loc": -1.0}, "dim": 2}
    assert _grown(nested, 3.0)["factor"] == {"family": "laplace", "scale": 6.0, "loc": -3.0}
    plane = {"family": "gaussian", "mean": [1.0, 0.0], "cov": [[2.0, 0.0], [0.0, 1.0]]}
    assert _grown(plane, 3.0) == plane | {"mean": [3.0, 0.0], "cov": [[18.0, 0.0], [0.0, 9.0]]}
