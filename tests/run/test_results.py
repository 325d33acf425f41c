"""Result files: strict JSON, tidy rows, whole or absent."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from sharpbound.gate.reference import read_documents
from sharpbound.records.document import CaseDocument
from sharpbound.records.files import finite, strict_json, write_atomically
from sharpbound.run.results import environment, freeze, tidy, write_results

DATA = {
    "case": "c",
    "claim": "p.claim",
    "metric": "tv",
    "metrics": ["tv", "kl"],
    "swept": "T",
    "rows": [
        {"T": 64, "d": 2, "tv": 0.1, "floor": 1e-9, "kl": 1 / 3, "kl_floor": 1e-12},
        {"T": 128, "d": 2, "tv": None, "floor": None, "kl": 5e-324},
    ],
    "spec": {
        "target": {"family": "gaussian"},
        "sampler": {"name": "ddpm"},
        "forward": {"schedule": "li2024"},
        "sweep": {"T": [64, 128], "d": [2]},
    },
}
DOCUMENT = CaseDocument.read(DATA)


def test_tidy_rows_have_one_metric_each() -> None:
    frame = tidy([DOCUMENT])
    assert len(frame) == 4
    assert list(frame.metric) == ["tv", "kl", "tv", "kl"]
    assert list(frame.x) == [64.0, 64.0, 128.0, 128.0]
    assert list(frame.d) == [2, 2, 2, 2]
    assert list(frame.value.dropna()) == [0.1, 1 / 3, 5e-324]
    assert list(frame.floor.dropna()) == [1e-9, 1e-12], "a floor is that of its own metric"
    assert set(frame.sampler) == {"ddpm"}


def test_files_hold_the_same_rows_to_the_last_bit(tmp_path: Path) -> None:
    write_results(tmp_path, [DOCUMENT])
    values = [0.1, 1 / 3, 5e-324]
    frame = pd.read_parquet(tmp_path / "rows.parquet")
    assert list(frame.value.dropna()) == values
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["value"]) for line in lines if line["value"]] == values
    assert list(lines[0]) == list(frame.columns)
    assert json.loads((tmp_path / "cases.json").read_text()) == [DOCUMENT.as_json()]
    assert DOCUMENT.as_json() == DOCUMENT.as_json() | DATA, (
        "what was written is read and written again as it was"
    )


def test_a_case_without_kinds_of_its_own_is_written_too(tmp_path: Path) -> None:
    """No sampler, no rows: as a failed case, or a kind that has no forward process."""
    write_results(tmp_path, [CaseDocument.read(DATA | {"rows": [], "spec": {}})])
    assert len(pd.read_parquet(tmp_path / "rows.parquet")) == 0


def test_the_environment_names_no_place() -> None:
    text = strict_json(environment())
    assert str(Path.home()) not in text
    assert str(Path.cwd()) not in text
    assert "torch" in text


def test_json_is_strict() -> None:
    value = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf}, "d": True}
    assert json.loads(strict_json(value)) == {"a": [None, [None, 1.5]], "b": {"c": None}, "d": True}
    assert finite(value)["d"] is True


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_some_cases_take_their_places_in_what_is_frozen(tmp_path: Path) -> None:
    def case(name: str, verdict: str) -> CaseDocument:
        return CaseDocument.read(DATA | {"case": name, "verdict": verdict, "seconds": 1.5})

    run, frozen = tmp_path / "run", tmp_path / "frozen"
    freeze(frozen, [case("a", "sharp")], None)
    assert not frozen.exists(), "some cases by themselves are no snapshot"
    write_results(run, both := [case("a", "sharp"), case("b", "loose")])
    (run / "numbers.json").write_text("[]\n")  # of a whole suite, as untested.json
    freeze(frozen, both, run)
    freeze(frozen, [case("b", "violated"), case("c", "sharp")], None)
    assert [(d.case, d.verdict, d.seconds) for d in read_documents(frozen)] == [
        ("a", "sharp", None),
        ("b", "violated", None),
        ("c", "sharp", None),
    ]
    assert sorted(set(pd.read_parquet(frozen / "rows.parquet").case)) == ["a", "b", "c"]
    for beside in ("environment.json", "numbers.json"):
        assert (frozen / beside).read_bytes() == (run / beside).read_bytes()
    assert not (frozen / "untested.json").exists()
