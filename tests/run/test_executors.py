"""Whoever measures the cells, the rows are the same to the last bit; what is not installed is told."""

from __future__ import annotations

import importlib.util
import multiprocessing
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sharpbound.errors import InputError
from sharpbound.run.attempt import Failure
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.execute import run_cells
from sharpbound.run.executors import named, processes, same_engine
from sharpbound.run.fingerprint import cell_key, engine, versions
from toy_cells import cell, measure

HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not HAS_DASK, reason="needs the extra dask")


def test_joblib_gives_the_same_rows_and_a_worker_that_dies_takes_its_cell_alone(tmp_path: Path) -> None:
    cells, dies = [cell("sums", tmp_path, T=T) for T in (64, 128)], cell("die", tmp_path)
    here = run_cells(cells, Cache(None), workers=1, measure=measure)
    found = run_cells([*cells, dies], Cache(None), workers=2, measure=measure, work=named("joblib"))
    assert [found[cell_key(each)].rows for each in cells] == [here[cell_key(each)].rows for each in cells]
    assert found[cell_key(dies)] == Failure("its worker process died twice: killed, or out of memory")


@needs_dask
def test_a_cluster_begun_here_gives_the_same_rows_and_a_worker_that_dies_loses_nothing(
    tmp_path: Path,
) -> None:
    import dask
    import distributed  # noqa: F401 - brings its settings

    cells = [
        cell("die-once", tmp_path),
        *(cell("sums", tmp_path, T=T) for T in (64, 128)),
        cell("die", tmp_path),
    ]
    here = run_cells(cells[1:-1], Cache(None), workers=1, measure=measure)
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        found = run_cells(cells, Cache(None), workers=2, measure=measure, work=named("dask"))
    assert isinstance(found[cell_key(cells[0])], Entry)
    for each in cells[1:-1]:
        assert found[cell_key(each)].rows == here[cell_key(each)].rows
    assert found[cell_key(cells[-1])] == Failure("its worker died again and again: killed, or out of memory")


def test_processes_that_are_spawned_give_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [cell("sums", tmp_path, T=T) for T in (64, 128)]
    here = run_cells(cells, Cache(None), workers=1, measure=measure)
    monkeypatch.setattr(processes, "_context", lambda: multiprocessing.get_context("spawn"))
    found = run_cells(cells, Cache(None), workers=2, measure=measure)
    assert [found[cell_key(each)].rows for each in cells] == [here[cell_key(each)].rows for each in cells]


@pytest.mark.skipif(HAS_DASK, reason="dask is installed")
def test_what_is_not_installed_is_told() -> None:
    with pytest.raises(InputError, match=r"pip install 'sharpbound\[dask\]'"):
        named("dask")


def test_a_scheduler_is_dasks() -> None:
    with pytest.raises(InputError, match="goes with --executor dask"):
        named("joblib", "tcp://127.0.0.1:1")


def test_another_engine_or_library_is_told() -> None:
    assert same_engine("a", {"torch": "2"}, ("a", {"torch": "2"})) is None
    assert (
        same_engine("a", {"torch": "2"}, ("b", {"torch": "2"})) == "another version of Sharpbound (b for a)"
    )
    assert same_engine("a", {"torch": "2", "numpy": "2"}, ("a", {"numpy": "2"})) == "torch None for 2"


@contextmanager
def cluster() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a scheduler, and its process: that and a worker are begun by their own commands."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    toys = str(Path(__file__).parents[1] / "toys")
    run = f"import sys; sys.path.insert(0, {toys!r}); from distributed.cli import"
    commands = [
        f"{run} dask_scheduler; sys.argv = ['s', '--host', '127.0.0.1', '--port', '{port}', '--no-dashboard']; "
        "dask_scheduler.main()",
        f"{run} dask_worker; sys.argv = ['w', '{address}', '--nthreads', '1', '--no-nanny', '--no-dashboard']; "
        "dask_worker.main()",
    ]
    started = [
        subprocess.Popen([sys.executable, "-c", command], stderr=subprocess.DEVNULL) for command in commands
    ]
    try:
        yield address, started[0]
    finally:
        for process in started[::-1]:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with cluster() as (address, _):
        yield address


@needs_dask
def test_a_scheduler_of_its_own_command_serves_as_well(tmp_path: Path, scheduler: str) -> None:
    cells = [cell("sums", tmp_path, T=T) for T in (64, 128, 256)]
    here, there = (
        run_cells(cells, Cache(None), workers=1, measure=measure, work=work)
        for work in (None, named("dask", scheduler))
    )
    assert all(there[key].rows == result.rows for key, result in here.items())


@needs_dask
def test_where_the_scheduler_dies_what_was_done_is_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cells, cache = [cell("plain", tmp_path, T=T) for T in (1, 2)], Cache(tmp_path / "cache")
    waits = cell("wait", tmp_path, seconds=60, T=0)

    class Killing:
        def begin(self, missing: object) -> None: ...

        def done(self, *_: object) -> None:
            if all(cache.get(each) for each in cells):
                process.kill()

    with (
        cluster() as (address, process),
        pytest.raises(InputError, match="scheduler is gone; what was done is kept"),
    ):
        run_cells(
            [*cells, waits],
            cache,
            workers=1,
            measure=measure,
            observer=Killing(),
            work=named("dask", address),
        )
    assert [cache.get(each) is not None for each in (*cells, waits)] == [True, True, False]
    assert capfd.readouterr() == ("", "")


@needs_dask
def test_a_worker_of_another_version_is_refused(
    tmp_path: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sharpbound.run.executors import with_dask

    monkeypatch.setattr(with_dask, "engine", lambda: "0" * 64)
    with pytest.raises(InputError, match=f"another version of Sharpbound \\({engine()[:12]} for 0{{12}}\\)"):
        named("dask", scheduler)(deque([cell("plain", tmp_path)]), 1, measure, lambda *_: None)
    assert versions()["numpy"]


@needs_dask
def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sharpbound.run.executors import with_dask

    monkeypatch.setattr(with_dask, "CONNECT_SECONDS", "1s")
    with pytest.raises(InputError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        named("dask", "tcp://127.0.0.1:9")(deque([cell("plain", tmp_path)]), 1, measure, lambda *_: None)
