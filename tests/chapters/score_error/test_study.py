"""The score-error experiment: rows, verdicts, figures, and what it refuses."""

import math

import pytest

from conclude_case import measured_case
from sharpbound.chapters.score_error.study import ScoreError
from sharpbound.chapters.score_error.verdict import conclude_ordering
from sharpbound.errors import InputError
from sharpbound.suite.case import Case
from sharpbound.suite.validation import validated
from whole_suite import THEORY

NORMAL = {"family": "gaussian", "mean": 0.7, "std": 0.4}
MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
OU = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}
EPS = [0.2, 0.1, 0.05, 0.025, 0.0125]


def make(claim, error, metric, sweep, target=NORMAL, sampler="ddpm", schedule=OU, init="exact"):
    return validated(
        Case,
        {
            "case": {"id": "a-case", "title": "A case", "kind": "score-error", "claim": claim},
            "target": target,
            "forward": schedule,
            "sampler": {"name": sampler, "init": init},
            "score_error": error,
            "measure": {"metric": metric},
            "sweep": sweep,
        },
    )


def conclude(case):
    experiment, claim = ScoreError(), THEORY[case.claim]
    experiment.validate(case, claim)
    experiment.check(case)
    rows, *drawings = measured_case(experiment, case)
    return rows, experiment.finish(case, claim, rows, drawings).drawn()


@pytest.mark.parametrize(
    ("claim", "metric", "sampler", "exponent", "verdict"),
    [
        ("score-error.linear", "tv-added", "pf-ode", 1, "confirmed"),
        ("li2024.ode-score", "tv-added", "pf-ode", 1, "sharp"),
        ("liyan2024.ddpm-score", "tv-added", "ddpm", 1, "sharp"),
        ("score-error.quadratic", "kl-added", "ddpm", 2, "confirmed"),
    ],
)
def test_error_against_eps(claim, metric, sampler, exponent, verdict):
    rows, conclusion = conclude(
        make(claim, {"field": "linear"}, metric, {"T": [20], "eps": EPS}, sampler=sampler)
    )
    assert conclusion.verdict == verdict
    assert conclusion.exponent == pytest.approx(exponent, abs=0.02)
    assert [row["eps_score"] for row in rows] == pytest.approx(EPS, rel=1e-12)
    assert all(row["floor"] < 1e-9 for row in rows)


def test_error_against_steps_has_a_plateau_and_a_crossover():
    sweep = {"T": [16, 32, 64, 128, 256, 512], "eps": [0.003, 0.03, 0.1]}
    _, conclusion = conclude(make("score-error.plateau", {"field": "constant"}, "tv", sweep))
    assert conclusion.verdict == "confirmed"
    figures = {figure["name"]: figure for figure in conclusion.details["figures"]}
    assert set(figures) == {"field", "heatmap"}
    heat = figures["heatmap"]
    assert [len(row) for row in heat["z"]["values"]] == [6, 6, 6]
    assert [len(column[0]["series"]) for column in figures["field"]["panels"]] == [3, 3]
    # along the predicted line the two errors are equal: T* eps is one constant
    line = heat["series"][0]
    products = [x * y for x, y in zip(line["x"], line["y"], strict=True)]
    assert max(products) == pytest.approx(min(products), rel=1e-9)


def test_frequency_hurts_the_ode_and_not_ddpm():
    error = {"field": "fourier", "eps": 0.02, "versus": "pf-ode"}
    sweep = {"T": [16], "omega": [2, 4, 8]}
    rows, conclusion = conclude(make("score-error.ddpm-forgives", error, "tv-added", sweep))
    assert conclusion.verdict == "confirmed"
    assert rows[0]["tv-added"] > rows[1]["tv-added"] > rows[2]["tv-added"]
    assert rows[0]["tv-added_versus"] < rows[1]["tv-added_versus"]
    assert rows[2]["eps_jacobi"] / rows[0]["eps_jacobi"] == pytest.approx(4, rel=1e-3)
    (panel,) = [f for f in conclusion.details["figures"] if f["name"] == "panel"]
    assert len(panel["series"]) == 3


def test_dimension_does_not_matter_for_a_product():
    target = {"family": "product", "factor": NORMAL}
    error = {"field": "linear", "eps": 0.05}
    sweep = {"T": [32], "d": [4, 16, 64, 256, 1024, 4096]}
    _, conclusion = conclude(make("score-error.product", error, "tv-added", sweep, target))
    assert conclusion.verdict == "confirmed"
    _, conclusion = conclude(make("li2024sharp.ode-score", error, "tv-added", sweep, target, "pf-ode"))
    assert conclusion.verdict == "loose"


def test_path_kl_grows_like_log_t():
    schedule = {"schedule": "li2024", "c0": 2.0, "c1": 5.0}
    sweep = {"T": [128, 256, 512, 1024, 2048, 4096]}
    error = {"field": "constant", "eps": 0.1}
    case = make("score-error.path-log", error, "path-kl-added", sweep, NORMAL, "ddpm", schedule, "normal")
    _, conclusion = conclude(case)
    assert conclusion.verdict == "sharp"
    assert conclusion.details["log_gap"] == 0


@pytest.mark.parametrize("sampler", ["pf-ode", "ddpm"])
def test_robust_bound_holds_however_large_the_error(sampler):
    error = {"field": "tail", "delta": 0.05} | ({"share": "steps"} if sampler == "ddpm" else {})
    sweep = {"T": [16], "eps": [0.1, 10.0]}
    rows, conclusion = conclude(
        make("score-error.robust", error, ["tv", "robust-bound"], sweep, MIXTURE, sampler)
    )
    assert conclusion.verdict == "confirmed"
    assert all(row["d_delta"] == 0.0 for row in rows)
    assert rows[-1]["eps_score"] == pytest.approx(10.0)


def test_counter_examples_and_iid_noise():
    last = OU | {"horizon": 0.0600503}
    standard = {"family": "gaussian", "mean": 0.0, "std": 1.0}
    error = {"field": "sine", "slope": 100.0}
    sweep = {"T": [2], "omega": [50, 100, 200, 400, 800]}
    case = make("score-error.ode-needs-jacobian", error, "tv", sweep, standard, "pf-ode", last)
    rows, conclusion = conclude(case)
    assert conclusion.verdict == "sharp"
    assert rows[-1]["eps_score"] == pytest.approx(rows[0]["eps_score"] / 16, rel=1e-6)
    case = make("score-error.ddpm-smooths-sine", error, "tv-added", sweep, standard, "ddpm", last)
    assert conclude(case)[1].verdict == "confirmed"
    error = {"field": "iid-noise", "eps": 0.5}
    case = make("score-error.iid-noise", error, "tv-added", {"T": [64, 128, 256, 512, 1024]})
    assert conclude(case)[1].verdict == "confirmed"


def test_worst_field_stays_below_the_bound():
    metrics = ["tv-added", "tv-added-random", "girsanov-bound"]
    rows, conclusion = conclude(
        make("score-error.linear", {"field": "worst"}, metrics, {"T": [16], "eps": EPS})
    )
    assert conclusion.verdict == "confirmed"
    for row in rows:
        assert row["tv-added-random"] < row["tv-added"] < row["girsanov-bound"]
    names = {figure["name"] for figure in conclusion.details["figures"]}
    assert names == {"worst-field", "worst-times", "worst-curve"}


def test_budget_tables():
    error = {"field": "linear", "budget": True}
    sweep = {"T": [16], "eps": [0.01, 0.9]}
    rows, conclusion = conclude(make("score-error.path-bound", error, ["tv", "path-bound"], sweep))
    assert conclusion.verdict == "confirmed"
    tv, path = conclusion.details["tables"]
    assert [line[-1] for line in path["rows"]] == ["discretisation", "score"]
    for row in rows:
        names = ("initialisation", "early-stopping", "discretisation", "score")
        whole = sum(row[f"path-{name}"] for name in names)
        assert math.sqrt(whole / 2) == pytest.approx(row["path-bound"], rel=1e-9)
    assert len(tv["rows"]) == 2


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"error": {"field": "linear", "eps": -1.0}, "sweep": {"T": [16, 32]}}, "score_error.eps"),
        ({"sweep": {"T": [16], "eps": [0.1, -0.1]}}, "sweep.eps"),
        ({"sweep": {"eps": [0.1, 0.2]}}, "sweep.T"),
        ({"sweep": {"T": [16], "eps": [0.1], "k": [1]}}, "sweep.k"),
        ({"metric": "nosuch"}, "measure.metric"),
        ({"metric": "girsanov-bound"}, "measure.metric"),
        ({"metric": "path-kl", "sampler": "pf-ode"}, "measure.metric"),
        ({"metric": ["tv", "robust-bound"]}, "score_error.delta"),
        ({"error": {"field": "linear", "versus": "nosuch"}}, "score_error.versus"),
        ({"error": {"field": "linear", "budget": "yes"}}, "score_error.budget"),
        ({"error": {"field": "worst", "omega": 2.0}}, "score_error.omega"),
        ({"error": {"field": "iid-noise"}, "sampler": "heun"}, "sampler.name"),
        ({"target": {"family": "student-t", "nu": 2.0}}, "score_error.field"),
        ({"target": {"family": "sphere", "dim": 3, "radius": 1.0}}, "target.family"),
        (
            {"error": {"field": "tail"}, "sweep": {"T": [16], "eps": [0.1], "delta": [0.1, 1.0]}},
            "sweep.delta",
        ),
    ],
)
def test_bad_cases_are_refused(change, key):
    settings = {
        "claim": "score-error.linear",
        "error": {"field": "linear"},
        "metric": "tv-added",
        "sweep": {"T": [16], "eps": EPS},
    }
    case = make(**(settings | change))

    def validate_and_check():
        ScoreError().validate(case, THEORY[case.claim])
        ScoreError().check(case)

    with pytest.raises(InputError) as caught:
        validate_and_check()
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("claim", "error", "metrics"),
    [
        ("score-error.linear", {"field": "linear"}, "tv-added"),
        ("score-error.linear", {"field": "worst"}, ["tv-added", "girsanov-bound"]),
    ],
)
def test_the_exact_score_in_a_sweep_over_eps_is_shown_and_not_fitted(claim, error, metrics):
    """eps = 0 is the limit itself: it has no logarithm and no ratio, and takes nothing from the others."""
    sweep = {"T": [20], "eps": [0, *EPS]}
    rows, with_zero = conclude(make(claim, error, metrics, sweep))
    _, without = conclude(make(claim, error, metrics, {"T": [20], "eps": EPS}))
    assert rows[0]["tv-added"] == pytest.approx(0, abs=1e-13)
    assert (with_zero.verdict, with_zero.exponent, with_zero.interval) == (
        "confirmed",
        without.exponent,
        without.interval,
    )
    assert {"x": 0, "reason": "the limit itself has no logarithm"} in with_zero.details["excluded"]
    figures = {figure["name"]: figure for figure in with_zero.details["figures"]}
    for curve in figures.get("worst-curve", {"series": []})["series"]:
        assert curve["x"] == EPS


def test_a_heatmap_leaves_the_exact_score_out():
    sweep = {"T": [16, 32, 64], "eps": [0, 0.003, 0.03]}
    _, conclusion = conclude(make("score-error.plateau", {"field": "constant"}, "tv", sweep))
    (heat,) = [figure for figure in conclusion.details["figures"] if figure["name"] == "heatmap"]
    assert heat["y"]["values"] == [0.003, 0.03]
    assert len(heat["z"]["values"]) == 2


def test_an_ordering_needs_both_floors():
    case = make(
        "score-error.ddpm-forgives", {"field": "fourier", "versus": "pf-ode"}, "tv-added", {"T": [16]}
    )
    row = {
        "T": 16,
        "tv-added": 0.1,
        "tv-added_floor": 1e-9,
        "tv-added_versus": 0.2,
        "tv-added_versus_floor": 1e-9,
    }
    assert conclude_ordering(case, [row]).verdict == "confirmed"
    for name in ("tv-added_floor", "tv-added_versus_floor"):
        assert conclude_ordering(case, [row | {name: None}]).verdict == "inconclusive"


def test_the_other_sampler_has_parameters_of_its_own():
    """The churn of the one is not that of the other; the start is one start."""
    table = {"name": "edm-heun", "churn": 4.0, "init": "exact"}
    for versus, other in (
        ("pf-ode", {"name": "pf-ode", "init": "exact"}),
        ({"name": "pf-ode"}, {"name": "pf-ode", "init": "exact"}),
        ("edm-heun", {"name": "edm-heun", "init": "exact"}),
        ({"name": "edm-heun", "churn": 2.0}, {"name": "edm-heun", "churn": 2.0, "init": "exact"}),
        ({"name": "ddpm", "init": "normal"}, {"name": "ddpm", "init": "normal"}),
    ):
        error = {"field": "fourier", "eps": 0.02, "omega": 2.0, "versus": versus}
        case = make("score-error.ddpm-forgives", error, "tv-added", {"T": [16]})
        case = case.model_copy(update={"sampler": table})
        assert [cell.params["sampler"] for cell in ScoreError().cells(case)] == [table, other]
