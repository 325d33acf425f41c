"""joblib's backends: by default processes of this machine, or what ``joblib.parallel_config`` says."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sharpbound.run.attempt import Measure, Result, attempt, limit_threads
from sharpbound.run.executors import processes

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.run.executors import Done


def work(queue: deque[Cell], workers: int, measure: Measure, done: Done) -> None:
    """Measure the cells of ``queue``, longest first; where a worker dies, the rest go to `processes`."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left = dict(enumerate(queue))
    queue.clear()
    parallel = Parallel(
        n_jobs=workers, return_as="generator_unordered", batch_size=1, pre_dispatch=2 * workers
    )
    try:
        for place, result in parallel(delayed(_numbered)(i, measure, cell) for i, cell in list(left.items())):
            done(left.pop(place), result)
    except BrokenProcessPool:  # which finds the cell that kills its worker
        processes.work(deque(left.values()), workers, measure, done)


def _numbered(place: int, measure: Measure, cell: Cell) -> tuple[int, Result]:
    limit_threads()
    return place, attempt(measure, cell)
