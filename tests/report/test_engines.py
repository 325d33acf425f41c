"""The page of engines: a formula for each, and second routes that agree, as `docs/second_routes.py` measured them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sharpbound.chapters.discrete.laws import FOUND_BY
from sharpbound.laws.chains import CHAIN_ENGINES
from sharpbound.laws.engines import ENGINES
from sharpbound.report import typeset
from sharpbound.report.engines import Agreement, agreements, methods

NAMES = [engine.name for engine in (*ENGINES, *CHAIN_ENGINES)] + list(FOUND_BY)
EVERY = [one for told in agreements().values() for one in told]
BRUTE_FORCE = 1e-10
"""Relative error of brute force, and of no floor of its own."""


@pytest.mark.parametrize("name", NAMES)
def test_each_engine_has_a_formula_and_a_second_route(name: str) -> None:
    assert typeset.formula(methods()[name].formula).startswith("<svg")
    assert agreements()[name]


@pytest.mark.parametrize("one", EVERY, ids=lambda one: f"{one.engine}-{one.metric}-{one.route}")
def test_routes_agree_within_their_floors(one: Agreement) -> None:
    of_route = one.floor_of_route if one.floor_of_route is not None else BRUTE_FORCE * one.value
    assert one.difference <= one.floor + of_route


def test_what_is_recorded_is_what_is_measured() -> None:
    file = Path(__file__).parents[2] / "docs" / "second_routes.py"
    spec = importlib.util.spec_from_file_location("second_routes", file)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    known = {(one.engine, one.problem, one.metric): one for one in EVERY}
    fresh = [*script.on_finite_spaces(), *script.chains_of_steps()]
    assert len(fresh) > 10
    for told in fresh:
        one = known[told["engine"], told["problem"], told["metric"]]
        assert told["value"] == pytest.approx(one.value, rel=1e-11), one
        assert told["difference"] <= told["floor"] + (told["floor_of_route"] or BRUTE_FORCE * told["value"])
