import math

import pytest

from sharpbound.suite.explicit import explicit_verdict


def test_a_bound_that_holds_says_how_sharp_it_is():
    verdict = explicit_verdict([0.5, 0.2], [1e-9, 1e-9], [1.0, 0.25])
    assert verdict.outcome == "holds"
    assert verdict.at is None
    assert verdict.ratios == (0.5, 0.8)


def test_one_value_beyond_the_bound_is_enough_and_the_worst_is_named():
    values, bounds = [0.5, 1.2, 3.0, 0.1], [1.0, 1.0, 2.0, 1.0]
    verdict = explicit_verdict(values, [0.0] * 4, bounds)
    assert (verdict.outcome, verdict.at) == ("violated", 2)
    assert explicit_verdict(values[:2] + values[3:], [0.0] * 3, [1.0] * 3).at == 1


@pytest.mark.parametrize(
    ("kind", "value", "floor", "outcome"),
    [
        ("upper-bound", 1.05, 0.1, "inconclusive"),  # .95 and 1.15 are both possible
        ("upper-bound", 0.95, 0.1, "inconclusive"),
        ("upper-bound", 0.89, 0.1, "holds"),
        ("upper-bound", 1.11, 0.1, "violated"),
        ("lower-bound", 1.11, 0.1, "holds"),
        ("lower-bound", 0.95, 0.1, "inconclusive"),
        ("lower-bound", 0.89, 0.1, "violated"),
        ("equality", 1.05, 0.1, "holds"),
        ("equality", 0.85, 0.1, "violated"),
        ("upper-bound", 0.1, math.inf, "inconclusive"),  # an unknown floor is not a floor of 0
        ("upper-bound", math.nan, 0.0, "inconclusive"),
    ],
)
def test_the_floor_decides_what_is_said(kind, value, floor, outcome):
    assert explicit_verdict([value], [floor], [1.0], kind).outcome == outcome


def test_a_violation_outweighs_what_is_open():
    assert explicit_verdict([9.0, 1.0], [0.1, math.inf], [1.0, 1.0]).outcome == "violated"


def test_ratios_where_the_bound_is_zero():
    verdict = explicit_verdict([0.0, 1.0], [0.0, 0.0], [0.0, 0.0])
    assert math.isnan(verdict.ratios[0])
    assert verdict.ratios[1] == math.inf
    assert (verdict.outcome, verdict.at) == ("violated", 1)


def test_lists_must_match():
    with pytest.raises(ValueError, match="equally long"):
        explicit_verdict([1.0], [1.0, 2.0], [1.0])
