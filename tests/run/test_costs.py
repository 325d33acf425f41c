"""What a run will cost, from what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.costs import Estimate, Share, estimate
from sharpbound.run.execute import cost


def at(T: int, sampler: str = "ddpm", kind: str = "toy") -> Cell:
    return Cell(kind, {"sampler": {"name": sampler}, "T": T})


def test_seconds_scale_with_the_steps_of_like_cells(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for T, seconds in ((64, 3.0), (128, 4.0), (256, 100.0)):  # the median is that of 64 or 128
        cache.put(at(T), Entry([], seconds))
    rate = sorted((3.0 / cost(at(64)), 4.0 / cost(at(128)), 100.0 / cost(at(256))))[1]
    found = estimate([at(64), at(512), at(512), at(1000)], cache)
    assert (found.cells, found.kept, found.unlike) == (3, 1, 0)
    assert found.seconds == pytest.approx(rate * (cost(at(512)) + cost(at(1000))))
    assert found.longest == pytest.approx(rate * cost(at(1000)))


def test_the_limit_of_many_T_is_started_with_the_longest() -> None:
    assert cost(Cell("toy", {"Ts": [64, 128, 256]})) == cost(at(448))
    assert cost(Cell("toy", {"Ts": [64, 4096]})) == cost(at(4096))


def test_memory_is_that_of_the_largest_cells_that_meet(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for T, peak in ((64, 300 * 2**20), (128, 200 * 2**20)):
        cache.put(at(T), Entry([], 1.0, peak))
    cache.put(at(64, kind="other"), Entry([], 1.0, 500 * 2**20))
    cache.put(at(64, kind="silent"), Entry([], 1.0))  # of a version that kept no peaks
    found = estimate([at(512), at(128, kind="other"), at(128, kind="silent")], cache)
    assert found.peaks == (500 * 2**20, 300 * 2**20)
    assert [found.memory(workers) for workers in (1, 2, 9)] == [500 * 2**20, 800 * 2**20, 800 * 2**20]
    assert (found.as_json(2)["peak_bytes"], found.as_json(2)["memory_bytes"]) == (500 * 2**20, 800 * 2**20)
    assert "memory: 500.0 MiB at the peak of the largest cell" in found.in_words(2)
    assert "memory" not in estimate([at(128, kind="silent")], cache).in_words(2)


def test_another_sampler_is_like_its_kind_and_another_kind_like_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(at(64), Entry([], 2.0))
    found = estimate([at(64, "heun"), at(64, kind="other")], cache)
    assert (found.cells, found.kept, found.unlike) == (2, 0, 1)
    assert found.seconds == found.longest == pytest.approx(2.0)


def test_where_the_time_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(at(64), Entry([{"tv": 0.1, "tv_engine": "transport"}, {"engine": "density"}], 90.0))
    cache.put(at(64, kind="other"), Entry([{"loss": 0.1}], 10.0))
    found = estimate([at(64), at(128), at(64, kind="other"), at(64, kind="unlike")], cache)
    to_do = 90.0 * cost(at(128)) / cost(at(64))
    assert found.shares == {
        ("toy", "density + transport"): Share(2, 90.0, pytest.approx(to_do)),
        ("other", "other"): Share(1, 10.0, 0.0),
    }
    assert found.as_json(1)["shares"][1] == {
        **{"kind": "other", "engine": "other", "cells": 1},
        **{"kept_seconds": 10.0, "cpu_seconds": 0.0},
    }
    total = 100 + to_do
    assert found.in_words(1).splitlines()[-2:] == [
        f"  toy {(total - 10) / total:.0%}: density + transport {(total - 10) / total:.0%}",
        f"  other {10 / total:.0%}: other {10 / total:.0%}",
    ]


def test_nothing_is_known_without_a_cache() -> None:
    assert estimate([at(64)], Cache(None)) == Estimate(1, 0, 1, 0.0, 0.0)


def test_no_run_is_shorter_than_its_longest_cell() -> None:
    found = Estimate(cells=3, kept=0, unlike=0, seconds=12.0, longest=8.0)
    assert [found.wall(workers) for workers in (1, 2, 100)] == [12.0, 8.0, 8.0]
