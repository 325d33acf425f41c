"""Verdicts follow from the interval, and carry the numbers."""

import numpy as np
import pytest

from sharpbound.rates import RateEstimate, estimate, judge_bound, judge_equality, judge_ordering


def known(p, half, log_power=0):
    return RateEstimate("estimated", p, (p - half, p + half), (0, 4), (), (), log_power, "")


NONE = RateEstimate("inconclusive", None, None, None, (), (), 0, "2 usable rows, 4 are needed")


@pytest.mark.parametrize(
    ("p", "half", "upper", "lower"),
    [
        (1.0, 0.01, "sharp", "sharp"),
        (1.5, 0.01, "loose", "violated"),
        (0.5, 0.01, "violated", "loose"),
        (1.0, 0.03, "inconclusive", "inconclusive"),  # contains q, but too wide to call sharp
        (1.5, 0.30, "loose", "violated"),  # wide, yet apart
        (1.015, 0.005, "inconclusive", "inconclusive"),  # neither equal nor apart by the tolerance
    ],
)
def test_bounds(p, half, upper, lower):
    assert judge_bound(known(p, half), 1.0).verdict == upper
    assert judge_bound(known(p, half), 1.0, "lower-bound").verdict == lower


def test_lower_bounds_mirror_upper_bounds_everywhere():
    mirror = {"sharp": "sharp", "loose": "violated", "violated": "loose", "inconclusive": "inconclusive"}
    for p in np.linspace(0.5, 1.5, 41):
        found = known(p, 0.02)
        upper, lower = judge_bound(found, 1.0).verdict, judge_bound(found, 1.0, "lower-bound").verdict
        assert mirror[upper] == lower


def test_reason_carries_the_numbers():
    reason = judge_bound(known(1.5, 0.01), 1.0).reason
    for number in ("1.5000", "[1.4900, 1.5100]", "rows 1 to 5", "predicted 1"):
        assert number in reason
    assert "2 usable rows" in judge_bound(NONE, 1.0).reason


@pytest.mark.parametrize(
    ("bound", "axis", "extra", "gap", "upper", "lower"),
    [
        (1, 1, 0, 0, "sharp", "sharp"),
        (4, 1, 0, 3, "sharp", "inconclusive"),  # error/bound falls by logs
        (4, 1, 1, 2, "sharp", "inconclusive"),
        (0, 1, 0, -1, "inconclusive", "sharp"),  # error/bound grows by logs
    ],
)
def test_logarithms(bound, axis, extra, gap, upper, lower):
    found = known(1.0, 0.01, extra)
    for kind, expected in (("upper-bound", upper), ("lower-bound", lower)):
        verdict = judge_bound(found, 1.0, kind, bound_log_power=bound, axis_log_power=axis)
        assert (verdict.verdict, verdict.log_gap) == (expected, gap)


def test_logarithms_do_not_matter_where_powers_differ():
    assert judge_bound(known(2.0, 0.01), 1.0, bound_log_power=0, axis_log_power=9).verdict == "loose"


def test_equality():
    assert judge_equality(known(2.0, 0.01), 2.0).verdict == "confirmed"
    assert judge_equality(known(2.0, 0.01), 1.9).verdict == "refuted"
    assert judge_equality(known(2.0, 0.05), 2.0).verdict == "inconclusive"
    assert judge_equality(NONE, 2.0).verdict == "inconclusive"


def test_ordering():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 3.5])
    assert judge_ordering(a, b).verdict == "confirmed"
    assert judge_ordering(a, b, 0.2, 0.2).verdict == "confirmed"
    assert judge_ordering(b, a).verdict == "refuted"
    assert judge_ordering(b, a, 0.3, 0.3).verdict == "inconclusive"
    assert judge_ordering(a, [1.5, 1.9, 3.5]).verdict == "refuted"
    assert judge_ordering(a, [1.5, 1.9, 3.5], 0.2).verdict == "inconclusive"
    assert judge_ordering(a, [1.5, np.nan, 3.5]).verdict == "inconclusive"
    assert judge_ordering(a, a).verdict == "confirmed"
    with pytest.raises(ValueError, match="one length"):
        judge_ordering(a, b[:2])


def test_end_to_end():
    h = 1 / np.array([64, 128, 256, 512, 1024])
    found = estimate(h, h * (1 + 3 * h))
    assert judge_bound(found, 1.0).verdict == "sharp"
    assert judge_bound(found, 0.5).verdict == "loose"
    assert judge_bound(found, 2.0).verdict == "violated"
    with pytest.raises(ValueError, match="kind"):
        judge_bound(found, 1.0, "equality")
