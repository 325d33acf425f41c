"""Verdicts from rows that a law could not be sure of: an unknown floor and the limit itself decide nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sharpbound.chapters.rate_verdict import NO_FLOOR, conclude_rate
from sharpbound.chapters.value_verdict import conclude_values
from whole_suite import THEORY

FIRST_ORDER = THEORY["weak-error.order1-tv"]
STEPS = [16, 32, 64, 128, 256, 512]


def rows(floor: Any = 1e-14, steps: list[int] = STEPS) -> list[dict[str, Any]]:
    return [{"T": T, "d": 1, "tv": 0.3 / T * (1 + 2 / T), "tv_floor": floor} for T in steps]


def test_rows_with_a_floor_confirm() -> None:
    found = conclude_rate(FIRST_ORDER, rows(), swept="T", metric="tv")
    assert found.verdict == "confirmed"
    assert found.exponent == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("floor", [None, math.inf, math.nan])
def test_rows_of_unknown_floor_are_no_verdict(floor: float | None) -> None:
    """They came out as exact: confirmed +- 0.005."""
    found = conclude_rate(FIRST_ORDER, rows(floor), swept="T", metric="tv")
    assert (found.verdict, found.exponent, found.interval) == ("inconclusive", None, None)
    assert found.details["excluded"] == [{"x": T, "reason": NO_FLOOR} for T in STEPS]
    assert "note" not in found.details, "the rows have values"


def test_rows_without_the_key_of_a_floor_are_none_either() -> None:
    bare = [{"T": row["T"], "tv": row["tv"]} for row in rows()]
    assert conclude_rate(FIRST_ORDER, bare, swept="T", metric="tv").verdict == "inconclusive"


def test_one_unknown_floor_leaves_the_verdict_to_the_others() -> None:
    some = rows()
    some[0]["tv_floor"] = None
    found = conclude_rate(FIRST_ORDER, some, swept="T", metric="tv")
    without = conclude_rate(FIRST_ORDER, some[1:], swept="T", metric="tv")
    assert (found.verdict, found.exponent, found.interval) == (
        "confirmed",
        without.exponent,
        without.interval,
    )
    assert found.details["excluded"][-1] == {"x": 16, "reason": NO_FLOOR}


def test_a_value_of_unknown_floor_is_not_confirmed() -> None:
    claim = THEORY["wang2024.decomposition"]
    value = claim.predict({})
    sure = [{claim.metric: value, f"{claim.metric}_floor": 0.0}]
    unsure = [{claim.metric: value, f"{claim.metric}_floor": None}]
    assert conclude_values(claim, sure, claim.metric, 1e-6).verdict == "confirmed"
    assert conclude_values(claim, unsure, claim.metric, 1e-6).verdict == "inconclusive"
