"""The tables of docs/audit.md are those of docs/audit.json, and that is of the cases."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sharpbound.chapters import unavailable
from sharpbound.chapters.audit import schedulers
from sharpbound.suite import load_cases

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_audit", ROOT / "docs" / "make_audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(maker):
    return json.loads(maker.DATA.read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_file(maker, data):
    text = maker.PAGE.read_text(encoding="utf-8")
    assert maker.page(text, data) == text, "run: docs/make_audit.py"
    assert maker.page(text.replace("| kept |", "| edited |"), data) == text


def test_the_file_has_every_case(maker, data):
    assert set(data["cases"]) == {case.id for case in load_cases(maker.CASES)}


def test_uneven_levels_are_unequal_steps(maker):
    """From the noisiest training level, every N/T-th one: 1 : 2 : 1 : 3 apart in log(sigma/a)."""
    T = 16
    table = maker.uneven(T, 0.32, 20.0)
    abar = np.cumprod(1 - np.array(table["trained_betas"]))
    visited = maker.LEVELS - 1 - np.arange(T) * maker.LEVELS // T
    steps = np.diff(-0.5 * np.log(1 / abar - 1)[visited])
    np.testing.assert_allclose(steps / steps[0], np.resize([1, 2, 1, 3], T)[:-1], rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(1 / abar - 1)[[0, -1]], [0.32, 20.0])


@pytest.mark.skipif(unavailable("audit") is not None, reason="needs the extra: audit")
def test_a_record_is_what_is_measured(maker, data):
    if schedulers.version() != data["diffusers"]:
        pytest.skip("measured with another version of diffusers")
    (case,) = (case for case in load_cases(maker.CASES) if case.id == "audit-orders-ddim")
    row = maker.view_row(case, "uneven", 20)
    assert row is not None and 0.01 < row["w2"] < 1
    assert data["cases"][case.id]["views"]["uneven"]["verdict"] == "reached"
