"""Measures cells: each distinct one once, in this process or in several, whatever happens to them.

Numbers depend on the cell alone. Every cell is computed with one thread, so its sums are added up in
one order, and the rows are bitwise the same for any number of workers and any order of the cells.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from sharpbound import foreign
from sharpbound.run.attempt import Measure, Result, attempt, single_threaded
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.executors import Work, processes
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.signals import status

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row

ALONE_SECONDS = 2.0
"""How long this process works alone before it starts others: about what starting them costs."""

OTHER_WORK, MOST_STEPS = 50.0, 1024.0
"""In steps: what a cell costs without any, and what the longest ones come to."""


class Stopped(Exception):
    """The user interrupted the run. What is done stays in the cache."""

    def __init__(self, done: int, total: int, status: int = 130) -> None:
        super().__init__(f"stopped; {done} of {total} cells done, run again to go on")
        self.status = status


class Observer(Protocol):
    """Told of a run's progress, in the calling thread."""

    def begin(self, missing: Sequence[Cell]) -> None:
        """``missing`` are the cells that have to be computed."""

    def done(self, cell: Cell, result: Result) -> None:
        """One of them is done."""


def measure(cell: Cell) -> list[Row]:
    """The rows of ``cell`` by the experiment of its kind."""
    from sharpbound import chapters

    foreign.remember(cell.home)
    return chapters.get(cell.kind).measuring(cell).measure(cell)


def cost(cell: Cell) -> float:
    """A rough size of the work, to start the longest cells first and to weigh the progress: the steps T.

    Cells have work besides their steps, and ladders are long where steps are cheap. The limit of many T costs about as
    much as these together.
    """
    params = cell.params.get("point") or cell.params
    steps = sum(params["Ts"]) if "Ts" in params else params.get("T", 0)
    return OTHER_WORK + min(float(steps), MOST_STEPS) if isinstance(steps, (int, float)) else OTHER_WORK


def run_cells(
    cells: Sequence[Cell],
    cache: Cache,
    *,
    stored: Mapping[str, Entry] | None = None,
    workers: int | None = None,
    observer: Observer | None = None,
    measure: Measure = measure,
    work: Work | None = None,
) -> dict[str, Result]:
    """The result of every distinct cell, by its key; what the cache holds is not computed again.

    ``stored`` is what the cache holds of them, where it was already asked (`entries`).
    ``workers`` processes do the work; 1 means this one; None means this one for the first moments and,
    if work is left then, as many as there are cores. ``work`` is the executor that does it (`executors.named`),
    by default `executors.processes`. A cell that raises is a Failure, as is one whose
    process dies twice; the others go on. Raises Stopped on Ctrl-C, with no process left behind.
    """
    distinct = {cell_key(cell): cell for cell in cells}
    results: dict[str, Result] = dict(entries(cells, cache) if stored is None else stored)
    missing = deque(sorted((cell for key, cell in distinct.items() if key not in results), key=cost))

    def done(cell: Cell, result: Result) -> None:
        if isinstance(result, Entry):
            cache.put(cell, result)
        results[cell_key(cell)] = result
        if observer:
            observer.done(cell, result)

    if observer:
        observer.begin(list(missing))
    try:
        if workers is None:
            if work is None:
                _work_here(missing, measure, done, ALONE_SECONDS)
            workers = cores()
        longest_first = deque(reversed(missing))
        if work and missing:
            work(longest_first, workers, measure, done)
        elif workers <= 1:
            _work_here(missing, measure, done)
        elif missing:
            processes.work(longest_first, min(workers, len(missing)), measure, done)
    except KeyboardInterrupt as stop:
        raise Stopped(len(results), len(distinct), status(stop)) from None
    return results


def cores() -> int:
    """How many cores this process may use, which need not be all of the machine."""
    from joblib import cpu_count

    return int(cpu_count())


def entries(cells: Sequence[Cell], cache: Cache) -> dict[str, Entry]:
    """What the cache holds of ``cells``, by key."""
    distinct = {cell_key(cell): cell for cell in cells}
    return {key: entry for key, cell in distinct.items() if (entry := cache.get(cell))}


def _work_here(
    queue: deque[Cell], measure: Measure, done: Callable[[Cell, Result], None], seconds: float = float("inf")
) -> None:
    """Work through ``queue`` in this process, and begin no cell after ``seconds``."""
    start = time.perf_counter()
    if queue:
        with single_threaded():
            while queue and time.perf_counter() - start < seconds:
                cell = queue.popleft()
                done(cell, attempt(measure, cell))
