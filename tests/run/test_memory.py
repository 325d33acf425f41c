"""The peak of memory of one cell, which an earlier one does not raise."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sharpbound.chapters.base import Cell
from sharpbound.run import memory
from sharpbound.run.attempt import attempt
from sharpbound.run.cache import Cache, Entry

MIB = 2**20


def taking(mib: int) -> Entry:
    """The entry of a cell that fills so many MiB."""
    found = attempt(lambda _: [{"x": float(np.ones(mib * MIB // 8).sum())}], Cell("toy", {"T": mib}))
    assert isinstance(found, Entry)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the mark is that of the process")
def test_a_cell_has_its_own_peak() -> None:
    small, large, again = (taking(mib).peak for mib in (1, 200, 1))
    assert large - small == pytest.approx(199 * MIB, abs=20 * MIB)
    assert again == pytest.approx(small, abs=20 * MIB)


def test_the_peak_is_kept(tmp_path: Path) -> None:
    cell, entry = Cell("toy", {"T": 1}), taking(1)
    Cache(tmp_path).put(cell, entry)
    kept = Cache(tmp_path).get(cell)
    assert kept
    assert kept.peak == entry.peak > 10 * MIB


def test_where_the_system_tells_no_mark_of_a_block_there_is_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "none")
    memory.begin_peak()
    assert memory.peak_bytes() >= 10 * MIB
