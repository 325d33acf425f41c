"""A score with an error is used as it is: by parts where it keeps coordinates apart, as a black box elsewhere."""

import math

import numpy as np
import pytest
import torch

from sharpbound import laws, samplers, targets
from sharpbound.chapters.design_space.output import churned_law, gaussian_output
from sharpbound.chapters.design_space.schedules import named
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.path_kl_parts import variances
from sharpbound.laws.qmc import qmc_law
from sharpbound.numerics.quadrature import Panels
from sharpbound.samplers.churned import Churned
from sharpbound.scores.base import ExactScore
from sharpbound.scores.fields.fourier import Fourier
from sharpbound.scores.frame import frames
from sharpbound.scores.perturbed import LineError, PerturbedScore
from sharpbound.scores.shifted import ShiftedScore

MODES = {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [-1.0, 1.0], "stds": [0.3, 0.3]}
LADDER = named("edm", 8, 0.1, 10.0)
ERROR = 0.2


def power(d: int) -> targets.Product:
    return targets.build({"family": "product", "factor": MODES, "dim": d})


def low_rank(d: int) -> targets.LowRankMixture:
    spec = {
        "family": "low-rank-mixture",
        "weights": [0.5, 0.5],
        "means": [[-1.0], [1.0]],
        "std": 0.3,
        "dim": d,
    }
    return targets.build(spec)


@pytest.mark.parametrize("churn", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_a_shift_of_a_product_is_that_of_its_factors(d: int, churn: float) -> None:
    """The squared error is shared by the coordinates, over which KL and W2^2 add."""
    whole = churned_law(power(d), LADDER, ERROR, churn, "exact")
    line = churned_law(targets.build(MODES), LADDER, ERROR / d, churn, "exact")
    for metric, weight in (("kl", d), ("kl-reverse", d), ("w2", math.sqrt(d))):
        assert whole.distance(metric).value == pytest.approx(weight * line.distance(metric).value, rel=1e-12)
    assert whole.engine == f"product of {line.engine}"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_one_dimension_more_or_less_in_the_sweep(d: int) -> None:
    """The study ``path-kl`` on two modes, by the front of a case: d = [1] is the law without d."""
    from sharpbound.chapters.base import Cell
    from sharpbound.chapters.design_space.studies.path_kl import DEFAULTS, PathParts

    modes = MODES | {"weights": [0.3, 0.7], "means": [-2.0, 1.0], "stds": [0.2, 0.5]}
    options = DEFAULTS | {"T": 8, "score_error": 0.5}

    def kl(point: dict) -> float:
        params = {"target": modes, "options": options, "point": point, "metrics": ["kl"]}
        return PathParts().measure(Cell("design-space", params))[0]["kl"]

    line, exact = kl({"score_error": 0.5 / d}), kl({"score_error": 0.0})
    assert kl({"d": d}) == pytest.approx(d * line, rel=1e-12)
    assert line > 1.5 * exact


@pytest.mark.parametrize("target", [power(2), low_rank(2)], ids=["product", "low-rank"])
def test_total_variation_by_points_in_all_dimensions(target: targets.Target) -> None:
    """Quasi-Monte Carlo runs the sampler with the score itself and knows nothing of parts."""
    score = ShiftedScore(ExactScore(target, LADDER), ERROR)
    by_parts = laws.output_law(target, LADDER, Churned(0.0), score)
    by_points = qmc_law(target, LADDER, Churned(0.0), score, points=4096, replicates=16)
    without = laws.output_law(target, LADDER, Churned(0.0))
    for metric in ("tv", "hellinger"):
        found, expected = by_parts.distance(metric), by_points.distance(metric)
        assert abs(found.value - expected.value) < 4 * expected.floor, metric
        assert abs(found.value - without.distance(metric).value) > 10 * expected.floor, metric


def test_total_variation_of_two_stochastic_outputs_on_the_plane() -> None:
    """TV of a product by its transform, against the densities of the line multiplied on a grid of the plane."""
    law = churned_law(power(2), LADDER, ERROR, 1.0, "exact")
    line = churned_law(targets.build(MODES), LADDER, ERROR / 2, 1.0, "exact")
    x = Panels.between(np.linspace(-8.0, 8.0, 161))
    a, sigma = LADDER.level(LADDER.stop)
    p = targets.build(MODES).log_density(torch.from_numpy(x.nodes.reshape(-1, 1)), a, sigma).exp().numpy()
    q, w = line.density(x.nodes).ravel(), x.weights.ravel()
    plane = 0.5 * float(w @ np.abs(np.outer(q, q) - np.outer(p, p)) @ w)
    # the kink of |q - p| crosses cells of .1 with 16 nodes each way
    assert law.distance("tv").value == pytest.approx(plane, rel=1e-4)


@pytest.mark.parametrize("churn", [0.0, 1.0])
@pytest.mark.parametrize("d", [2, 5])
def test_equal_coordinates_of_a_gaussian(d: int, churn: float) -> None:
    target = targets.build({"family": "gaussian", "mean": 0.4, "std": 0.7, "dim": d})
    law = churned_law(target, LADDER, ERROR, churn, "exact")
    closed = gaussian_output(0.49, variances(LADDER), ERROR / d, churn)
    assert law.distance("kl").value == pytest.approx(d * closed.kl, rel=1e-9)
    assert law.distance("w2").value == pytest.approx(math.sqrt(d) * closed.w2, rel=1e-9)


def test_a_shift_breaks_the_symmetry_of_a_sphere() -> None:
    sphere = targets.build({"family": "sphere", "radius": 1.0, "dim": 2})
    ladder = named("edm", 2, 0.5, 5.0)  # on which the rule of the plane is light
    wrong, right = (churned_law(sphere, ladder, error, 0.0, "exact") for error in (ERROR, 0.0))
    assert (wrong.engine, right.engine) == ("tensor", "radial")
    moved, still = wrong.distance("tv"), right.distance("tv")
    assert moved.value - still.value > 10 * (moved.floor + still.floor)
    with pytest.raises(NotMeasured, match="Particles"):
        churned_law(sphere, ladder, ERROR, 1.0, "exact").distance("kl")
    score = ShiftedScore(ExactScore(sphere, ladder), ERROR)
    with pytest.raises(NotMeasured, match="path-sphere: the score is not the sphere's own"):
        laws.path_kl(sphere, ladder, samplers.build({"name": "euler-maruyama"}), score)


@pytest.mark.parametrize("target", [power(3), low_rank(3)], ids=["product", "low-rank"])
def test_path_kl_gains_what_the_error_adds(target: targets.Target) -> None:
    """E_S = 1/2 sum dv E|e|^2 with v E|e|^2 = ``error`` at every level, in any dimension."""
    sampler, exact = samplers.build({"name": "euler-maruyama"}), ExactScore(target, LADDER)
    v = variances(LADDER)
    added = 0.5 * float(-np.diff(v) @ (ERROR / v[:-1]))
    whole = laws.path_kl(target, LADDER, sampler, ShiftedScore(exact, ERROR), "exact").value
    assert whole - laws.path_kl(target, LADDER, sampler, exact, "exact").value == pytest.approx(
        added, rel=1e-9
    )


def test_an_exact_score_cannot_be_given_an_error_by_inheritance() -> None:
    with pytest.raises(TypeError, match="wrap it"):
        type("Wrong", (ExactScore,), {})


def test_the_score_of_another_law_is_not_exact() -> None:
    """Exact for its own target alone: on the other product the shift of its modes is an error."""
    ours, other = (
        power(2),
        targets.build({"family": "product", "factor": MODES | {"means": [-1.0, 1.5]}, "dim": 2}),
    )
    found = laws.output_law(ours, LADDER, Churned(0.0), ExactScore(other, LADDER), "exact")
    assert found.engine == "qmc"
    assert found.distance("kl").value > 0.01


FAMILIES = {
    "gaussian": {"family": "gaussian", "mean": 0.3, "std": 0.8},
    "equal": {"family": "gaussian", "mean": 0.3, "std": 0.8, "dim": 3},
    "full": {"family": "gaussian", "mean": [0.3, 0.0], "cov": [[0.5, 0.2], [0.2, 0.3]]},
    "gaussian-mixture": MODES,
    "plane-mixture": {
        "family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [[-1.0, 0.0], [1.0, 0.5]], "stds": [0.4, 0.6]
    },
    "atoms": {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.4, 0.6]},
    "uniform": {"family": "uniform", "low": -1.0, "high": 1.0},
    "laplace": {"family": "laplace", "scale": 0.7},
    "student-t": {"family": "student-t", "nu": 5.0},
    "product": {"family": "product", "factor": MODES, "dim": 2},
    "mixed": {"family": "product", "factors": [MODES, {"family": "gaussian", "mean": 0.3, "std": 0.8}]},
    "low-rank": {
        "family": "low-rank-mixture", "weights": [0.5, 0.5], "means": [[-1.0], [1.0]], "std": 0.3, "dim": 3
    },
    "low-rank-plane": {
        "family": "low-rank-mixture", "weights": [0.5, 0.5], "means": [[-1.0, 0.0], [1.0, 0.5]], "std": 0.3, "dim": 3
    },
}  # fmt: skip


DEAR = ("equal", "plane-mixture", "mixed", "low-rank-plane")
"""With noise they are found by the engines of their like, which take seconds on them."""


@pytest.mark.parametrize(
    ("family", "sampler"),
    [(family, "ddim") for family in FAMILIES]
    + [(family, "euler-maruyama") for family in FAMILIES if family not in DEAR],
)
def test_no_law_is_blind_to_an_error(family: str, sampler: str) -> None:
    """With the error a law differs from the one without by far more than the floors, or it is refused."""
    target, made = targets.build(FAMILIES[family]), samplers.build({"name": sampler})
    ladder = named("edm", 4, 0.3, 5.0)
    exact = ExactScore(target, ladder)
    line = targets.build(MODES)
    wave = LineError(
        Fourier(1.0), frames(line, ladder), [0.3 / s if s else 0.0 for s in ladder.sigma.tolist()]
    )
    right = laws.output_law(target, ladder, made, exact, "exact")
    # an assignment of thousands of particles takes seconds
    metrics = ("w2",) if right.engine == "particles" else laws.LAW_METRICS
    without = laws.distances(right, metrics)
    for score in (ShiftedScore(exact, 0.3), PerturbedScore(exact, wave)):
        try:
            wrong = laws.output_law(target, ladder, made, score, "exact")
        except (NotMeasured, InputError):
            continue
        found = laws.distances(wrong, metrics)
        measured = [
            metric
            for metric in metrics
            if not isinstance(found[metric], NotMeasured)
            and not isinstance(without[metric], NotMeasured)
            and math.isfinite(found[metric][0])
        ]
        assert measured
        for metric in measured:
            (value, floor, _), (before, before_floor, _) = found[metric], without[metric]
            assert abs(value - before) > floor + before_floor, (score, metric, wrong.engine)
