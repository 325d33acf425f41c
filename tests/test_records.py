"""The case document as a record: old files, unknown keys, what each row's numbers carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, Quantity
from sharpbound.records.untested import read_untested, write_untested
from sharpbound.suite import load_theory

ROW = {
    "T": 64, "d": 2, "tv": 0.1, "tv_floor": 1e-9, "kl": None, "kl_floor": None, "floor": 1e-9, "note": "tv: why",
    "engine": "gaussian", "kl_engine": "grid", "floor_kind": "closed-form", "kl_floor_kind": "quadrature", "own": 1,
}  # fmt: skip
DATA = {"case": "a", "metric": "tv", "metrics": ["tv", "kl"], "swept": "T", "rows": [ROW], "later": {"x": 1}}


def test_a_row_gives_each_metric_its_own_floor_kind_and_engine() -> None:
    (row,) = CaseDocument.read(DATA | {"spec": {"sweep": {"T": [64], "d": [2]}}}).rows
    assert row.point == {"T": 64, "d": 2}
    assert row.measured["tv"] == Quantity(
        value=0.1, floor=1e-9, kind="closed-form", engine="gaussian", note="tv: why"
    )
    assert row.measured["kl"] == Quantity(kind="quadrature", engine="grid")
    assert row.engine == "gaussian"


def test_reading_and_writing_change_nothing() -> None:
    document = CaseDocument.read(DATA)
    written = document.as_json()
    assert written == written | DATA, "rows and keys of later versions are kept as they are"
    assert CaseDocument.read(written).as_json() == written


def test_files_of_earlier_versions_and_their_nulls_have_defaults() -> None:
    bare = CaseDocument.read({"case": "bare", "details": None, "interval": [None, None], "exponent": None})
    assert (bare.verdict, bare.hypotheses, bare.details, bare.interval) == (
        "inconclusive",
        "unchecked",
        {},
        None,
    )
    assert bare.remarks == []


def test_a_wrong_type_is_one_line_with_case_and_key() -> None:
    with pytest.raises(InputError, match=r"^case 'a', details: .*dictionary") as caught:
        CaseDocument.read(DATA | {"details": [1]})
    assert "\n" not in str(caught.value)


def test_claims_without_a_case_are_told_and_told_no_more(tmp_path: Path) -> None:
    theory = load_theory()
    wanted = {id for id, claim in theory.items() if claim.untested}
    write_untested(tmp_path, theory.values())
    told = read_untested(tmp_path)
    assert told.keys() == wanted
    assert all(told[id] == theory[id].describe() for id in wanted)
    write_untested(tmp_path, [theory["li2024.ode"]])
    assert not any(tmp_path.iterdir()) and read_untested(tmp_path) == {}
