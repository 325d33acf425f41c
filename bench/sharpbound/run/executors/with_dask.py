"""The workers of a dask scheduler, on this machine or on many: ``--executor dask --scheduler tcp://host:8786``.

What is done comes back at once and is kept here, so that nothing is lost where a worker or the scheduler dies.
A worker has to have this very engine and these versions of the libraries below it, or it is refused.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distributed import Client, Future, LocalCluster, as_completed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from distributed.utils import silence_logging_cmgr

from sharpbound.errors import InputError
from sharpbound.run.attempt import Failure, Measure, Result, attempt, limit_threads
from sharpbound.run.executors import same_engine
from sharpbound.run.fingerprint import engine, versions
from sharpbound.run.signals import left_to_parent

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.run.executors import Done

CONNECT_SECONDS = "20s"
SILENT = 51
"""A level of logging above any: what becomes of workers and schedulers is told here, in a line each."""


def work(
    queue: deque[Cell], workers: int, measure: Measure, done: Done, scheduler: str | None = None
) -> None:
    """Measure the cells of ``queue``, the first ones first.

    Without a ``scheduler``, by ``workers`` processes of a cluster on this machine. Raises InputError for a scheduler
    that does not answer, one that is gone before all is done, and workers of another version.
    """
    if scheduler is None:
        with left_to_parent():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=SILENT,
            )
        with cluster, Client(cluster) as client:
            _drain(client, queue, measure, done)
        return
    with silence_logging_cmgr(SILENT):
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"no scheduler answers at {scheduler}: {said}", key="--scheduler") from None
        with client:
            _drain(client, queue, measure, done)


def _drain(client: Client, queue: deque[Cell], measure: Measure, done: Done) -> None:
    """Measure all; a cell on whose worker others died with it is tried again alone, so that it fails by itself only."""
    cells = list(queue)
    queue.clear()
    for suspect in _together(client, cells, measure, done):
        for culprit in _together(client, [suspect], measure, done):
            done(culprit, Failure("its worker died again and again: killed, or out of memory"))


def _together(client: Client, cells: Sequence[Cell], measure: Measure, done: Done) -> list[Cell]:
    """Measure ``cells``; returns those whose workers died more often than the scheduler lets them."""
    flying: dict[Future, Cell] = {}
    for rank, cell in enumerate(cells):
        future = client.submit(_measured, measure, cell, engine(), versions(), pure=False, priority=-rank)
        flying[future] = cell
    gone = InputError("the scheduler is gone; what was done is kept, run again to go on", key="--scheduler")
    killed: list[Cell] = []
    for future in as_completed(list(flying)):
        cell = flying.pop(future)
        try:
            result = future.result()
        except KilledWorker:
            killed.append(cell)
            continue
        except (FutureCancelledError, OSError):
            raise gone from None
        if isinstance(result, str):
            raise InputError(result, key="--scheduler")
        done(cell, result)
    if flying:
        raise gone
    return killed


def _measured(measure: Measure, cell: Cell, here: str, libraries: dict[str, Any]) -> Result | str:
    """What became of the cell on a worker, or in which way that worker is another than it has to be."""
    if difference := same_engine(here, libraries, (engine(), versions())):
        from distributed import get_worker

        return f"the worker {get_worker().address} has {difference}: install the same everywhere"
    limit_threads()
    return attempt(measure, cell)
