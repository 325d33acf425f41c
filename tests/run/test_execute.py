"""Cells are measured once each, give the same bits everywhere, and fail alone."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from sharpbound.chapters.base import Cell
from sharpbound.run.attempt import Failure, Result
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import run_cells
from sharpbound.run.fingerprint import cell_key
from toy_cells import calls, cell, measure


def results(cells: Sequence[Cell], cache: Cache | None = None, workers: int | None = 1) -> list[Result]:
    found = run_cells(cells, cache or Cache(None), workers=workers, measure=measure)
    return [found[cell_key(cell)] for cell in cells]


@pytest.fixture
def torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("torch_threads")
def test_rows_are_bitwise_the_same_for_any_workers_order_and_threads(tmp_path: Path) -> None:
    cells = [cell("sums", tmp_path, T=T) for T in (64, 128, 256, 512)]
    torch.set_num_threads(1)
    here = results(cells)
    torch.set_num_threads(4)
    assert all(isinstance(result, Entry) for result in here)
    for others in (
        results(cells),
        results(cells, workers=2),
        results(cells, workers=None),
        results(cells[::-1], workers=3)[::-1],
    ):
        assert [result.rows for result in others] == [result.rows for result in here]
    assert torch.get_num_threads() == 4, "the caller's own setting is given back"


def test_equal_cells_are_measured_once(tmp_path: Path) -> None:
    cells = [cell("plain", tmp_path, T=64), cell("plain", tmp_path, T=128)]
    results([*cells, *cells])
    assert calls(tmp_path, "plain") == 2


def test_what_the_cache_holds_is_not_measured_again(tmp_path: Path) -> None:
    cache, cells = Cache(tmp_path / "cache"), [cell("plain", tmp_path, T=T) for T in (2, 3)]
    first = results(cells, cache)
    assert results(cells, cache) == first
    assert calls(tmp_path, "plain") == 2


def test_a_damaged_entry_is_measured_again(tmp_path: Path) -> None:
    cache, cells = Cache(tmp_path / "cache"), [cell("plain", tmp_path, T=T) for T in (2, 3)]
    results(cells, cache)
    entry = next((tmp_path / "cache").rglob("*.json"))
    entry.write_bytes(entry.read_bytes()[:-20])
    assert [result.rows for result in results(cells, cache)] == [[{"T": 2}], [{"T": 3}]]
    assert calls(tmp_path, "plain") == 3
    results(cells, cache)
    assert calls(tmp_path, "plain") == 3


def test_fresh_and_stored_rows_are_the_same(tmp_path: Path) -> None:
    cache, special = Cache(tmp_path / "cache"), [cell("special", tmp_path)]
    for (result,) in (results(special, cache), results(special, cache)):
        (row,) = result.rows
        assert math.isnan(row.pop("nan"))
        assert row == {"inf": math.inf, "tiny": 5e-324, "third": 1 / 3}
        assert all(type(value) is float for value in row.values())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_cell_is_told_and_the_others_go_on(tmp_path: Path, workers: int) -> None:
    cells = [cell(do, tmp_path) for do in ("bug", "mistake", "not-json", "plain")]
    bug, mistake, not_json, plain = results(cells, workers=workers)
    assert isinstance(bug, Failure)
    assert bug.reason == "ZeroDivisionError: a bug in two lines"
    assert "toy_cells.py" in bug.trace
    assert isinstance(mistake, Failure)
    assert mistake.mistake is not None
    assert mistake.mistake.key == "sweep.T"
    assert mistake.trace == ""
    assert isinstance(not_json, Failure)
    assert "TypeError" in not_json.reason
    assert isinstance(plain, Entry)


def test_failures_are_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    results([cell("bug", tmp_path)], cache)
    results([cell("bug", tmp_path)], cache)
    assert calls(tmp_path, "bug") == 2


def test_a_cell_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    plain = [cell("plain", tmp_path, T=T) for T in range(2, 8)]
    deadly, *others = results([cell("die", tmp_path, T=5), *plain], workers=2)
    assert isinstance(deadly, Failure)
    assert "died twice" in deadly.reason
    assert "\n" not in deadly.reason
    assert [other.rows for other in others] == [[{"T": T}] for T in range(2, 8)]


def test_a_cell_whose_worker_was_killed_once_is_tried_again(tmp_path: Path) -> None:
    (result,) = results([cell("die-once", tmp_path, T=9)], workers=2)
    assert isinstance(result, Entry)
    assert result.rows == [{"T": 9}]


def test_no_process_is_left(tmp_path: Path) -> None:
    before = set(multiprocessing.active_children())
    results([cell("plain", tmp_path, T=T) for T in (2, 3)], workers=2)
    assert set(multiprocessing.active_children()) <= before


def test_the_observer_sees_each_missing_cell_once(tmp_path: Path) -> None:
    class Notes:
        def __init__(self) -> None:
            self.missing: list[Cell] = []
            self.seen: list[Cell] = []

        def begin(self, missing: Sequence[Cell]) -> None:
            self.missing = list(missing)

        def done(self, cell: Cell, result: Result) -> None:
            self.seen.append(cell)

    cache, cells = Cache(tmp_path / "cache"), [cell("plain", tmp_path, T=T) for T in (4, 2, 3)]
    results(cells[:1], cache)
    notes = Notes()
    run_cells(cells, cache, workers=1, observer=notes, measure=measure)
    assert notes.missing == notes.seen == [cells[1], cells[2]]
