"""The workers of a dask scheduler, on this machine or on many: ``--executor dask --scheduler tcp://host:8786``.

What is done comes back at once and is kept here, so that nothing is lost where a worker or the scheduler dies.
A worker has to have this very engine and these versions of the libraries below it, or it is refused.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from distributed import Client, Future, LocalCluster, as_completed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker
from distributed.utils import silence_logging_cmgr

from sharpbound.errors import InputError
from sharpbound.run.attempt import Failure, Measure, Result, attempt, limit_threads
from sharpbound.run.executors import same_engine
from sharpbound.run.fingerprint import engine, versions

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
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs=SILENT,
            ) as cluster,
            Client(cluster) as client,
        ):
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
    cells: dict[Future, Cell] = {}
    for rank, cell in enumerate(queue):
        future = client.submit(_measured, measure, cell, engine(), versions(), pure=False, priority=-rank)
        cells[future] = cell
    queue.clear()
    gone = InputError("the scheduler is gone; what was done is kept, run again to go on", key="--scheduler")
    for future in as_completed(list(cells)):
        cell = cells.pop(future)
        try:
            result = future.result()
        except KilledWorker:
            result = Failure("its worker died again and again: killed, or out of memory")
        except (FutureCancelledError, OSError):
            raise gone from None
        if isinstance(result, str):
            raise InputError(result, key="--scheduler")
        done(cell, result)
    if cells:
        raise gone


def _measured(measure: Measure, cell: Cell, here: str, libraries: dict[str, Any]) -> Result | str:
    """What became of the cell on a worker, or in which way that worker is another than it has to be."""
    if difference := same_engine(here, libraries, (engine(), versions())):
        from distributed import get_worker

        return f"the worker {get_worker().address} has {difference}: install the same everywhere"
    limit_threads()
    return attempt(measure, cell)
