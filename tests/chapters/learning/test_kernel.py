import itertools
import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.stats import norm

from sharpbound.chapters.learning.kernel import exact_risk, leading_risk, linear_risk, simulated_risk
from sharpbound.errors import InputError
from sharpbound.targets import build

NORMAL = build({"family": "gaussian", "mean": 0.0, "std": 1.0})
MIXTURE = build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)


def test_two_points_agree_with_a_double_integral():
    """n = 2: E int |shat - s|^2 p over both samples by scipy, at the middle of a narrow interval."""
    t, width = 0.5, 1e-3

    def error(x1, x2, x=0.3):
        b = np.exp(-((x - np.array([x1, x2])) ** 2) / (2 * t))
        shat = b @ (np.array([x1, x2]) - x) / (t * b.sum())
        return norm.pdf(x1) * norm.pdf(x2) * (shat + x / (1 + t)) ** 2

    expected = dblquad(error, -7, 7, -7, 7, epsabs=1e-7)[0] * norm.pdf(0.3, scale=math.sqrt(1 + t)) * width
    exact = exact_risk(NORMAL, 2, t, (0.3 - width / 2, 0.3 + width / 2))
    assert exact == pytest.approx(expected, rel=1e-6)  # the interval's curvature is width^2


@pytest.mark.parametrize("target", [NORMAL, MIXTURE])
@pytest.mark.parametrize(("n", "t"), [(50, 0.2), (300, 0.05)])
def test_the_exact_risk_agrees_with_simulation(target, n, t):
    run = simulated_risk(target, n, t, (-1.0, 1.0), 60, seed=2)
    assert abs(run.value - exact_risk(target, n, t, (-1.0, 1.0))) < 4 * run.error


@pytest.mark.parametrize("target", [NORMAL, MIXTURE])
@pytest.mark.parametrize(("n", "t"), [(1000, 0.01), (1000, 0.1), (10_000, 0.01)])
def test_the_leading_term_is_within_ten_percent_in_the_bulk(target, n, t):
    exact = exact_risk(target, n, t, (-1.0, 1.0))
    assert leading_risk(n, t, 2.0) == pytest.approx(exact, rel=0.1)


def test_the_linear_risk_is_the_limit_of_many_samples():
    ratios = [
        exact_risk(MIXTURE, n, 0.1, (-1.0, 1.0)) / linear_risk(MIXTURE, n, 0.1, (-1.0, 1.0)) - 1
        for n in (10**3, 10**4, 10**5)
    ]
    assert abs(ratios[-1]) < 1e-4
    for coarse, fine in itertools.pairwise(ratios):
        assert coarse / fine == pytest.approx(10, rel=0.1)  # the correction is of order 1/n


def test_the_linear_risk_tends_to_the_leading_term():
    # linear/leading = 1 + O(t)
    gaps = [linear_risk(NORMAL, 1, t, (-1.0, 1.0)) / leading_risk(1, t, 2.0) - 1 for t in (1e-2, 1e-3, 1e-4)]
    assert abs(gaps[-1]) < 1e-3
    assert gaps[0] / gaps[1] == pytest.approx(10, rel=0.1)


def test_the_whole_line_risk_exceeds_the_bulk_and_is_steeper_in_t():
    line = [exact_risk(NORMAL, 100, t) for t in (0.2, 0.1)]
    bulk = [exact_risk(NORMAL, 100, t, (-1.0, 1.0)) for t in (0.2, 0.1)]
    assert line[0] > bulk[0]
    assert line[1] > bulk[1]
    assert line[1] / line[0] > bulk[1] / bulk[0]


def test_the_whole_line_is_the_limit_of_wide_intervals():
    wide = (
        exact_risk(NORMAL, 100, 0.2, (-4.0, 4.0))
        + exact_risk(NORMAL, 100, 0.2, (4.0, 10.0))
        + exact_risk(NORMAL, 100, 0.2, (-10.0, -4.0))
    )
    assert exact_risk(NORMAL, 100, 0.2) == pytest.approx(wide, rel=1e-4)  # wide panels on a log-concave tail


def test_the_data_score_at_its_best_bandwidth_beats_the_lipschitz_rate():
    """min_t E int |shat_t - s_0|^2 p_0: t^2 + 1/(n t^{3/2}) gives n^{-4/7} for smooth p_0, below n^{-2/5}."""
    best = []
    for n in (10**3, 10**5, 10**7):
        best.append(
            min(
                exact_risk(NORMAL, n, t, (-1.0, 1.0), reference=0.0)
                for t in np.geomspace(0.3, 3, 15) * n ** (-2 / 7)
            )
        )
    slopes = -np.diff(np.log(best)) / math.log(100)
    assert (slopes > 2 / 5).all()
    assert slopes[-1] == pytest.approx(4 / 7, abs=0.03)  # next order t and a grid of bandwidths


def test_bad_input_is_refused():
    with pytest.raises(InputError):
        exact_risk(NORMAL, 1, 0.1)
    with pytest.raises(InputError):
        exact_risk(NORMAL, 10, 0.0)
