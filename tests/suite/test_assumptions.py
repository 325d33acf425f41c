import math

import pytest
import torch

from sharpbound import processes, targets
from sharpbound.errors import InputError
from sharpbound.suite import check_assumption
from sharpbound.suite.assumptions import CHECKS, outcome

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.7, "std": 0.4}
CAUCHY = {"family": "student-t", "nu": 1.0}
UNIFORM = {"family": "uniform", "low": -1.0, "high": 1.0}
POINTS = {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.5, 0.5]}


WIDE = {"family": "gaussian-mixture", "weights": [0.2, 0.8], "means": [-0.5, 0.49], "stds": [0.5, 0.5]}
STANDARD = {"family": "gaussian", "mean": [0.0, 0.0], "std": [1.0, 1.0]}
FLAT = {"family": "gaussian", "mean": [1.0, 0.0], "cov": [[1.0, 1.0], [1.0, 1.0]]}
POINT = {"family": "gaussian", "mean": -2.0, "std": 0.0}
SPHERE = {"family": "sphere", "radius": 3.0, "dim": 3}
LAPLACE = {"family": "laplace", "scale": 1.0}
TRUNCATED = {"family": "truncated-gaussian-mixture", **{k: MIXTURE[k] for k in ("weights", "means", "stds")}}
TRUNCATED |= {"low": -2.0, "high": 1.5}
TRUNCATED_NORMAL = {"family": "truncated-gaussian-mixture", "weights": [1.0], "means": [0.5], "stds": [1.0]}
TRUNCATED_NORMAL |= {"radius": 1.0}
CROSSED = {"family": "gaussian-mixture", "weights": [0.5, 0.5], "means": [[0.0, 0.0], [0.0, 0.0]]}
CROSSED |= {"stds": [[1.0, 2.0], [2.0, 1.0]]}
POINTS_ND = {
    "family": "gaussian-mixture",
    "weights": [0.5, 0.5],
    "means": [[0.0, 5.0], [3.0, 0.0]],
    "stds": [0.0, 0.0],
}
LOW_RANK = {
    "family": "low-rank-mixture",
    "weights": [0.5, 0.5],
    "means": [[-1.0], [1.0]],
    "std": 0.3,
    "dim": 4,
}


@pytest.mark.parametrize(
    ("spec", "check", "expected"),
    [
        (GAUSSIAN, "gaussian", True),
        (GAUSSIAN, "smooth", True),
        (GAUSSIAN, "bounded-support", False),
        (GAUSSIAN, "low-dimensional", False),
        (GAUSSIAN, "unchecked", None),
        (MIXTURE, "second-moment", True),
        (MIXTURE, "log-concave", False),
        (MIXTURE, "bounded-support", False),
        (MIXTURE, "sub-gaussian", True),
        (WIDE, "log-concave", True),  # means .99 apart, at most 2 standard deviations
        (WIDE | {"means": [-0.5, 0.51]}, "log-concave", False),
        (WIDE, "strongly-log-concave", True),
        (WIDE, "gaussian", False),
        (WIDE | {"means": [0.1, 0.1]}, "gaussian", True),  # one normal, written twice
        (STANDARD, "isotropic", True),
        (STANDARD, "standard-gaussian", True),
        (STANDARD, "strongly-log-concave", True),
        (GAUSSIAN, "isotropic", False),
        (GAUSSIAN, "standard-gaussian", False),
        (GAUSSIAN, "not-gaussian", False),
        (MIXTURE, "not-gaussian", True),
        (FLAT, "low-dimensional", True),
        (FLAT, "lipschitz-score", False),
        (FLAT, "bounded-support", False),
        (FLAT, "density", False),
        (POINT, "point", True),
        (POINT, "bounded-support", True),
        (POINT, "gaussian", True),
        (POINT, "low-dimensional", True),
        (GAUSSIAN, "point", False),
        (CAUCHY, "point", False),
        (CAUCHY, "sub-gaussian", False),
        (CAUCHY, "isotropic", False),
        (SPHERE, "bounded-support", True),
        (SPHERE, "low-dimensional", True),
        (SPHERE, "log-concave", False),
        (LAPLACE, "log-concave", True),
        (LAPLACE, "strongly-log-concave", False),
        (LAPLACE, "sub-gaussian", False),
        (LAPLACE, "smooth", False),
        (TRUNCATED, "bounded-support", True),
        (TRUNCATED, "density", True),
        (TRUNCATED, "smooth", False),
        (TRUNCATED, "log-concave", False),
        (TRUNCATED | {"low": 0.9, "high": 1.3}, "log-concave", None),  # the dip is cut off: not decided
        (TRUNCATED_NORMAL, "log-concave", True),
        (TRUNCATED_NORMAL, "strongly-log-concave", True),
        (TRUNCATED_NORMAL, "gaussian", False),
        (CROSSED, "lipschitz-score", None),  # the components balance along x = +-y, ever further apart
        (CROSSED | {"stds": [1.0, 2.0]}, "lipschitz-score", True),
        (POINTS_ND, "bounded-support", True),
        (POINTS_ND, "low-dimensional", True),
        (LOW_RANK, "low-dimensional", False),
        (LOW_RANK | {"std": 0.0}, "low-dimensional", True),
        (LOW_RANK | {"std": 0.0}, "bounded-support", True),
        (LOW_RANK, "bounded-support", False),
        (MIXTURE, "lipschitz-score", True),
        (CAUCHY, "first-moment", False),
        (CAUCHY, "second-moment", False),
        (CAUCHY, "smooth", True),
        ({"family": "student-t", "nu": 2.0}, "first-moment", True),
        ({"family": "student-t", "nu": 2.0}, "second-moment", False),
        (UNIFORM, "bounded-support", True),
        (UNIFORM, "smooth", False),
        (UNIFORM, "log-concave", True),
        (POINTS, "density", False),
        (POINTS, "smooth", False),
        (POINTS, "bounded-support", True),
        (POINTS, "low-dimensional", True),
    ],
)
def test_checks(spec, check, expected):
    assert check_assumption(check, targets.build(spec)) is expected


def test_a_product_meets_what_all_its_factors_meet():
    product = targets.build({"family": "product", "factors": [UNIFORM, GAUSSIAN]})
    assert check_assumption("bounded-support", product) is False
    assert check_assumption("log-concave", product) is True
    assert check_assumption("smooth", product) is False
    mixed = targets.build({"family": "product", "factors": [UNIFORM, MIXTURE]})
    assert check_assumption("log-concave", mixed) is False
    box = targets.build({"family": "product", "factors": [UNIFORM, TRUNCATED]})
    assert check_assumption("bounded-support", box) is True
    assert box.facts().radius == math.hypot(1.0, 2.0)
    scaled = {"family": "uniform", "low": -math.sqrt(3), "high": math.sqrt(3)}
    assert check_assumption("isotropic", targets.build({"family": "product", "factors": [scaled, scaled]}))
    assert check_assumption(
        "low-dimensional", targets.build({"family": "product", "factors": [UNIFORM, POINTS]})
    )


def test_facts_do_not_grow_with_the_dimension():
    law = targets.build(LOW_RANK | {"dim": 10**6})
    assert check_assumption("log-concave", law) is False
    assert law.facts().radius == math.inf


def test_a_narrow_normal_beside_a_wide_one_is_no_point():
    law = targets.build(MIXTURE | {"stds": [1e-9, 1.0]})
    assert check_assumption("density", law) is check_assumption("smooth", law) is True
    assert check_assumption("low-dimensional", law) is False


def test_every_check_answers_for_every_family():
    specs = (
        GAUSSIAN,
        MIXTURE,
        CAUCHY,
        UNIFORM,
        POINTS,
        STANDARD,
        SPHERE,
        LAPLACE,
        TRUNCATED,
        CROSSED,
        LOW_RANK,
    )
    for spec in specs:
        for check in CHECKS:
            assert check_assumption(check, targets.build(spec)) in (True, False, None)


def test_an_unknown_check():
    with pytest.raises(InputError, match="did you mean 'smooth'"):
        check_assumption("smoth", targets.build(GAUSSIAN))


OU = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 10)
VE_SPEC = {"schedule": "ve-exponential", "sigma_min": 0.2, "sigma_max": 10.0}
VE = processes.build(VE_SPEC, 12)
LI = processes.build({"schedule": "li2024", "c0": 2.0, "c1": 5.0}, 64)


@pytest.mark.parametrize(
    ("check", "context", "expected"),
    [
        ("exact-scores", {}, None),
        ("exact-scores", {"exact_scores": True}, True),
        ("exact-scores", {"exact_scores": False}, False),
        ("corrector", {"corrector": False}, False),
        ("exact-start", {"exact_start": True}, None),
        ("exact-start", {"exact_start": True, "ladder": OU}, True),
        ("exact-start", {"exact_start": True, "ladder": LI}, False),  # the horizon grows with T
        ("exact-start", {"exact_start": False, "ladder": OU}, False),
        # ten steps of .095 from 1 to .05, where the last lies above its own end .05
        ("small-steps", {"ladder": OU}, False),
        ("small-steps", {}, None),
        ("li2024-schedule", {"ladder": LI}, True),
        ("li2024-schedule", {"ladder": OU}, False),
        ("step-over-lipschitz", {"ladder": OU}, None),
        ("step-over-lipschitz", {"ladder": OU, "lipschitz": 10.5}, True),
        (
            "step-over-lipschitz",
            {"ladder": OU, "lipschitz": 10.6},
            None,
        ),  # beyond 1/.095: the constant decides
        ("frozen-posterior-mean", {"ladder": VE}, None),
        ("frozen-posterior-mean", {"ladder": VE, "frozen_mean": True}, True),
        ("frozen-posterior-mean", {"ladder": OU, "frozen_mean": True}, False),
        # sigma^2 falls by exp(-2 log(50)/12) = .52 a step, and by .46 where there are ten
        ("steps-of-time-left", {"ladder": VE}, True),
        ("steps-of-time-left", {"ladder": processes.build(VE_SPEC, 10)}, False),
        ("steps-of-time-left", {"ladder": OU}, None),
        ("number-of-steps", {"ladder": OU}, None),
        ("lipschitz-estimates", {}, None),
        ("lipschitz-estimates", {"exact_scores": False}, None),
        ("lipschitz-estimates", {"exact_scores": True}, True),
    ],
)
def test_what_is_not_the_target_needs_to_be_said(check, context, expected):
    assert check_assumption(check, targets.build(MIXTURE), **context) is expected


def test_scores_of_bounded_laws_are_lipschitz_where_there_is_noise():
    law = targets.build(UNIFORM)
    assert check_assumption("lipschitz-estimates", law, exact_scores=True) is None
    assert check_assumption("lipschitz-estimates", law, exact_scores=True, ladder=OU) is True


def test_outcomes_in_words():
    assert outcome("number-of-steps", None) == "up to its constant"
    assert outcome("density", None) == "unchecked"
    assert [outcome("density", True), outcome("density", False)] == ["holds", "does not hold"]


@pytest.mark.parametrize("stds", [[0.5, 0.5], [0.4, 0.7], [1.0, 1.1]])
@pytest.mark.parametrize("gap", [0.5, 1.1, 3.0])
def test_log_concavity_agrees_with_the_second_derivative(stds, gap):
    """On a fine grid, from the density alone."""
    law = targets.build(
        {"family": "gaussian-mixture", "weights": [0.3, 0.7], "means": [0.0, gap], "stds": stds}
    )
    x = torch.linspace(-6, 6 + gap, 4001, dtype=torch.float64)
    log_p = law.log_density(x.unsqueeze(-1), 1.0, 0.0)
    convex = bool((log_p.diff().diff() > 1e-12).any())
    assert law.facts().log_concave in ([False] if convex else [True, None])
