"""A claim that states its constant is contradicted by one value, and confirmed by none alone."""

from __future__ import annotations

import math

import pytest

from sharpbound.chapters.sampling import conclude_sweep
from whole_suite import CASES, THEORY

(CASE,) = [case for case in CASES if case.id == "chewi-atoms-path-kl"]
L = math.log(CASE.forward["sigma_max"] / CASE.forward["sigma_min"])


def bound(T):
    """chewi2026.steps on the line: 4 L (1 + 2 L)/T."""
    return 4 * L * (1 + 2 * L) / T


def rows(values):
    return [
        {"T": T, "path-kl": value, "path-kl_floor": 1e-12}
        for T, value in zip((16, 32, 64, 128, 256), values, strict=True)
    ]


def test_one_value_beyond_its_bound_violates_the_claim_whatever_the_rate():
    values = [0.5 * bound(T) for T in (16, 32, 64, 128, 256)]
    found = conclude_sweep(CASE, THEORY[CASE.claim], rows(values))
    assert (found.verdict, found.details["explicit"]["outcome"]) == ("sharp", "holds")
    assert found.details["explicit"]["ratio"] == pytest.approx([0.5] * 5, rel=1e-12)
    values[3] = 1.01 * bound(128)
    found = conclude_sweep(CASE, THEORY[CASE.claim], rows(values))
    assert (found.verdict, found.details["explicit"]["outcome"]) == ("violated", "violated")
    assert "at T = 128 is beyond the bound" in found.details["reason"]


def test_a_value_that_its_floor_may_bring_back_violates_nothing():
    values = [0.5 * bound(T) for T in (16, 32, 64, 128, 256)]
    curve = rows(values)
    curve[0] |= {"path-kl": 1.01 * bound(16), "path-kl_floor": 0.1 * bound(16)}
    found = conclude_sweep(CASE, THEORY[CASE.claim], curve)
    assert found.details["explicit"]["outcome"] == "inconclusive"
    assert "beyond the bound" not in found.details["reason"]


def test_a_bound_that_holds_everywhere_is_loose_where_no_rate_is_read():
    values = [f * bound(T) for f, T in zip((0.5, 0.1, 0.4, 0.2, 0.3), (16, 32, 64, 128, 256), strict=True)]
    found = conclude_sweep(CASE, THEORY[CASE.claim], rows(values))
    assert (found.verdict, found.exponent) == ("loose", None)
    assert found.details["reason"].startswith("the bound holds at every T: with the stated constant")
    uncertain = rows(values)
    uncertain[0] |= {"path-kl_floor": bound(16)}
    found = conclude_sweep(CASE, THEORY[CASE.claim], uncertain)
    assert (found.verdict, found.details["explicit"]["outcome"]) == ("inconclusive", "inconclusive")


(STEP,) = [case for case in CASES if case.id == "liang-ddpm-step"]


@pytest.mark.parametrize(("factor", "verdict"), [(1.5, "loose"), (0.9, "violated")])
def test_a_lower_bound_is_held_against_every_dimension(factor, verdict):
    a, q, r = math.exp(-0.1), math.exp(-0.1) - math.exp(-0.3), 1 - math.exp(-0.3)
    curve = [
        {
            "d": d,
            "T": 1,
            "tv": factor * min(math.sqrt(d / 2) * (1 - a) ** 2 / (q * r), 1) / 100,
            "tv_floor": 1e-12,
        }
        for d in STEP.sweep["d"]
    ]
    found = conclude_sweep(STEP, THEORY[STEP.claim], curve)
    assert found.verdict == verdict
    assert found.details["explicit"]["ratio"] == pytest.approx([factor] * len(curve), rel=1e-9)
