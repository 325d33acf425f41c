"""Two snapshots side by side: what moved is found in every row, and judged by floors."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from sharpbound.errors import InputError
from sharpbound.gate.reference import read_documents, records, write_reference
from sharpbound.gate.snapshots import as_json, as_markdown, moved, summary

FLOOR = 1e-6


def document(name: str = "a", **changes: Any) -> dict[str, Any]:
    """A case with three rows, each known to `FLOOR`."""
    rows = [{"T": T, "tv": 1 / T, "tv_floor": FLOOR, "floor": FLOOR} for T in (16, 32, 64)]
    return {
        "case": name,
        "claim": "li2024.ode",
        "verdict": "sharp",
        "exponent": 1.0,
        "interval": [0.99, 1.01],
        "metric": "tv",
        "metrics": ["tv"],
        "swept": "T",
        "spec": {"case": {"id": name}, "sweep": {"T": [16, 32, 64]}},
        "rows": rows,
        "details": {},
    } | changes


def folder(path: Path, *documents: dict[str, Any]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "cases.json").write_text(json.dumps(documents))
    return path


def test_a_snapshot_is_the_same_as_itself(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", document())
    findings, cases = moved(old, folder(tmp_path / "new", document()))
    assert (findings, cases) == ([], 1)
    assert summary(findings, cases) == "1 case in both: nothing moved."
    assert as_json(findings, cases) == {"cases": 1, "same": True, "counts": {}, "moved": []}


@pytest.mark.parametrize(("shift", "found"), [(1.9 * FLOOR, 0), (2.2 * FLOOR, 1)])
def test_a_row_in_the_middle_may_move_by_both_floors(tmp_path: Path, shift: float, found: int) -> None:
    new = document()
    new["rows"][1]["tv"] += shift
    findings, _ = moved(folder(tmp_path / "old", document()), folder(tmp_path / "new", new))
    assert len(findings) == found
    for finding in findings:
        assert (finding.kind, finding.move.was, finding.move.now) == ("value", 1 / 32, new["rows"][1]["tv"])
        assert finding.move.tolerance == pytest.approx(2 * FLOOR, rel=0.05)  # and 1e-6 of the value


def test_a_higher_floor_buys_the_newer_snapshot_nothing(tmp_path: Path) -> None:
    new = document()
    new["rows"][1] |= {"tv": 1 / 32 + 5 * FLOOR, "tv_floor": 1.0, "floor": 1.0}
    findings, _ = moved(folder(tmp_path / "old", document()), folder(tmp_path / "new", new))
    assert [finding.kind for finding in findings] == ["value"]


def test_verdicts_exponents_and_cases(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", document(), document("b"), document("gone"))
    new = folder(
        tmp_path / "new",
        document(verdict="loose"),
        document("b", exponent=1.1, interval=[1.09, 1.11]),
        document("new"),
    )
    findings, cases = moved(old, new)
    assert cases == 2
    assert {(f.case, f.kind) for f in findings} == {
        ("a", "verdict"), ("b", "exponent"), ("gone", "vanished"), ("new", "new")
    }  # fmt: skip
    told = as_json(findings, cases)
    assert told["counts"] == {"verdict": 1, "exponent": 1, "vanished": 1, "new": 1}
    exponent = next(m for m in told["moved"] if m["kind"] == "exponent")
    assert (exponent["was"], exponent["now"]) == (1.0, 1.1)
    assert as_markdown(findings, cases).count("\n| li2024.ode ") == 4


def test_a_reference_of_the_gate_is_a_snapshot_of_ends(tmp_path: Path) -> None:
    run = folder(tmp_path / "run", document())
    write_reference(tmp_path / "reference", records(read_documents(run)))
    assert moved(tmp_path / "reference", run) == ([], 1)
    new = document()
    new["rows"][2]["tv"] *= 1.5
    ((finding,), _) = moved(tmp_path / "reference", folder(tmp_path / "new", new))
    assert finding.move.was == 1 / 64


def test_folders_of_another_kind_are_one_line(tmp_path: Path) -> None:
    good = folder(tmp_path / "good", document())
    tmp_path.joinpath("empty").mkdir()
    with pytest.raises(InputError, match="is no snapshot: it has neither"):
        moved(good, tmp_path / "empty")
    lacking = copy.deepcopy(document())
    del lacking["swept"]
    with pytest.raises(
        InputError, match=re.escape("the document of case 'a' is damaged (it lacks swept)")
    ) as caught:
        moved(good, folder(tmp_path / "lacking", lacking))
    assert "\n" not in str(caught.value)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "cases.json").write_text("{")
    with pytest.raises(InputError, match="is not readable as JSON"):
        moved(good, tmp_path / "broken")
