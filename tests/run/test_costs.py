"""What a run will cost, from what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.costs import Estimate, estimate
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


def test_another_sampler_is_like_its_kind_and_another_kind_like_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(at(64), Entry([], 2.0))
    found = estimate([at(64, "heun"), at(64, kind="other")], cache)
    assert found == Estimate(
        cells=2, kept=0, unlike=1, seconds=pytest.approx(2.0), longest=pytest.approx(2.0)
    )


def test_nothing_is_known_without_a_cache() -> None:
    assert estimate([at(64)], Cache(None)) == Estimate(1, 0, 1, 0.0, 0.0)


def test_no_run_is_shorter_than_its_longest_cell() -> None:
    found = Estimate(cells=3, kept=0, unlike=0, seconds=12.0, longest=8.0)
    assert [found.wall(workers) for workers in (1, 2, 100)] == [12.0, 8.0, 8.0]
