"""A cell beyond its time or memory fails alone, and says what to change."""

from __future__ import annotations

import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import toy_cells
from sharpbound.run.attempt import Failure, attempt
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import run_cells
from sharpbound.run.executors import processes
from sharpbound.run.fingerprint import cell_key
from sharpbound.suite.case import Limits


def limited(cell, **limits):
    return toy_cells.Cell(cell.kind, cell.params, limits=Limits(**limits))


def test_limits_are_no_part_of_what_is_measured(tmp_path: Path) -> None:
    cell = toy_cells.cell("plain", tmp_path)
    assert cell_key(cell) == cell_key(limited(cell, seconds=1.0))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cell_out_of_time_fails_alone(tmp_path: Path, workers: int) -> None:
    spins = limited(toy_cells.cell("spin", tmp_path), seconds=0.3)
    plain = toy_cells.cell("plain", tmp_path)
    found = run_cells([spins, plain], Cache(None), workers=workers, measure=toy_cells.measure)
    assert found[cell_key(spins)] == Failure(
        "needs more than 0.3 s: make the case smaller, or raise seconds in [limits]"
    )
    assert isinstance(found[cell_key(plain)], Entry)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no alarms")
def test_the_alarm_of_a_caller_is_given_back(tmp_path: Path) -> None:
    rung: list[int] = []
    handler = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 300.0)
        assert isinstance(
            attempt(toy_cells.measure, limited(toy_cells.cell("plain", tmp_path), seconds=5.0)), Entry
        )
        assert 200 < signal.getitimer(signal.ITIMER_REAL)[0] <= 300
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        attempt(toy_cells.measure, limited(toy_cells.cell("wait", tmp_path, seconds=0.2), seconds=5.0))
        time.sleep(0.1)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits the memory of a cell")
def test_a_cell_out_of_memory_fails_and_the_limit_ends_with_it(tmp_path: Path) -> None:
    hoards = limited(toy_cells.cell("hoard", tmp_path, bytes=2**31), memory=1.0)
    assert attempt(toy_cells.measure, hoards) == Failure(
        "needs more than 1 GiB: make the case smaller, or raise memory in [limits]"
    )
    assert isinstance(attempt(toy_cells.measure, limited(hoards, memory=4.0)), Entry)


def test_a_thread_other_than_the_main_one_has_its_limit_too(tmp_path: Path) -> None:
    spins = limited(toy_cells.cell("spin", tmp_path), seconds=0.3)
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(attempt, toy_cells.measure, spins).result(timeout=60), Failure)
        plain = limited(toy_cells.cell("plain", tmp_path), seconds=0.3)
        assert isinstance(pool.submit(attempt, toy_cells.measure, plain).result(timeout=60), Entry)


@pytest.mark.parametrize("threads", [0, 1])
def test_a_library_is_imported_whole_whatever_the_limit(tmp_path: Path, threads: int) -> None:
    name = f"slow_library_{threads}"
    (tmp_path / f"{name}.py").write_text("import time\ntime.sleep(0.3)\nVALUE = 7\n")
    loads = limited(toy_cells.cell("load", tmp_path, module=name), seconds=0.1)
    if threads:
        with ThreadPoolExecutor(threads) as pool:
            pool.submit(attempt, toy_cells.measure, loads).result()
    else:
        attempt(toy_cells.measure, loads)
    assert sys.modules.pop(name).VALUE == 7


@pytest.mark.skipif(sys.platform != "linux", reason="signals are masked")
def test_a_worker_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "GRACE", 0.0)
    stuck = limited(toy_cells.cell("stuck", tmp_path), seconds=0.3)
    start = time.monotonic()
    found = run_cells(
        [stuck, toy_cells.cell("plain", tmp_path)], Cache(None), workers=2, measure=toy_cells.measure
    )
    assert time.monotonic() - start < 100
    assert found[cell_key(stuck)] == Failure(
        "needs more than 0.3 s: make the case smaller, or raise seconds in [limits]"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone limits the memory of a cell")
def test_a_library_is_imported_whole_whatever_the_memory(tmp_path: Path) -> None:
    (tmp_path / "large_library.py").write_text("import numpy\nVALUE = numpy.empty(2**27).size\n")
    loads = limited(toy_cells.cell("load", tmp_path, module="large_library"), memory=0.5)
    assert isinstance(attempt(toy_cells.measure, loads), Entry)
