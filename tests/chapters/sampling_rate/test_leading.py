"""What a leading term decides, and when it does not."""

from __future__ import annotations

import pytest

from sharpbound.chapters.sampling_rate.leading import Leading, _against, decided, doubt, leading_of
from sharpbound.records.document import Conclusion
from whole_suite import CASES, THEORY

T = (64, 128, 256, 512, 1024)


def term(power=1.0, logs=0.0, constant=2.0):
    return Leading(None, power, logs, constant, (constant, constant), {t: constant / t**power for t in T})


def rows(errors, floor=1e-9):
    return [{"T": t, "tv": e, "tv_floor": floor} for t, e in zip(T, errors, strict=True)]


def steps():
    return [1 / t for t in T]


def test_errors_that_go_to_the_leading_term_like_the_step_bear_it_out():
    for kappa in (-8.0, 0.3, 12.0):
        assert doubt(term(), rows([2 / t * (1 + kappa / t + 40 / t**2) for t in T]), "tv", steps()) is None


def test_much_that_is_left_must_be_a_parabola_in_the_step():
    """.43 at the finest row, and the same for a constant that is off by two hundredths."""
    left = [1 + 400 / t + 4e4 / t**2 for t in T]
    assert doubt(term(), rows([2 / t * more for t, more in zip(T, left, strict=True)]), "tv", steps()) is None
    off = doubt(term(), rows([2.04 / t * more for t, more in zip(T, left, strict=True)]), "tv", steps())
    assert "is still" in off


@pytest.mark.parametrize(("left", "told"), [(3.0, False), (400.0, True)])
def test_a_verdict_says_how_much_is_left(left, told):
    (case,) = [one for one in CASES if one.id == "ddpm-gaussian-tv-fixed-horizon"]
    errors = rows([2 / t * (1 + left / t + 100 * left / t**2) for t in T])
    slopes = Conclusion("inconclusive", None, None)
    found = decided(case, THEORY[case.claim], slopes, term(), errors, steps())
    assert found.verdict == "confirmed"
    assert ("measured/leading is 1.429 at the finest row; three rows" in found.details["reason"]) == told


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ([2.2 / t for t in T], "tends to 1.1 and not to 1"),
        ([2 / t**0.9 for t in T], "is still"),
        ([2 / t + 1e-3 for t in T], "is still"),
        ([2.2 / t * (1 + 3 / t) for t in T], "tends to 1.1"),
    ],
)
def test_others_do_not(errors, reason):
    assert reason in doubt(term(), rows(errors), "tv", steps())


def test_rows_at_their_floors_are_not_asked():
    assert "three rows" in doubt(term(), rows([2 / t for t in T], floor=1e-3), "tv", steps())


def test_a_constant_that_does_not_settle_is_none():
    row = {"metric": "tv", "note": None, "power": 1, "log_power": 0, "constant": 2.0, "at 64": 1.0}
    assert leading_of("tv", [row | {"low": 1.95, "high": 2.05}]).values == {64: 1.0}
    assert "does not settle" in leading_of("tv", [row | {"low": 1.5, "high": 2.5}]).note


@pytest.mark.parametrize(
    ("claim", "found", "verdict", "told"),
    [
        ("li2024.ode", term(1, 2), "sharp", "gives away log^2 T"),
        ("li2024.ode", term(1, 4), "sharp", "sharp"),
        ("li2024.ode", term(1, 5), "violated", "violated in logarithms"),
        ("li2024.ode", term(2, 0), "loose", "gives away T^1"),
        ("li2024.ode", term(0.5, 0), "violated", "violated in the power"),
        ("step-size.order1-tv", term(1, 2), "confirmed", "up to logarithms"),
        ("step-size.order1-tv", term(2, 2), "refuted", "T^2"),
    ],
)
def test_verdicts(claim, found, verdict, told):
    known = THEORY[claim]
    exponent, logs = known.decay("T", "tv", d=1.0)
    assert exponent == 1
    name, reason = _against(known, found, exponent, logs)
    assert name == verdict
    assert told in reason
