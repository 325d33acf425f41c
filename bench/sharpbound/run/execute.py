"""Measures cells: each distinct one once, in this process or in several, whatever happens to them.

Numbers depend on the cell alone. Every cell is computed with one thread, so its sums are added up in
one order, and the rows are bitwise the same for any number of workers and any order of the cells.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sharpbound import foreign
from sharpbound.errors import InputError
from sharpbound.run.cache import Cache, Entry
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.limits import GRACE, OutOfTime, starved, too_large, too_long, within
from sharpbound.run.signals import leave_to_parent, status, unheeded

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row

ALONE_SECONDS = 2.0
"""How long this process works alone before it starts others: about what starting them costs."""

OTHER_WORK, MOST_STEPS = 50.0, 1024.0
"""In steps: what a cell costs without any, and what the longest ones come to."""


@dataclass(frozen=True)
class Failure:
    """Why a cell has no rows: a ``mistake`` in the user's input, or else a ``trace`` for the log."""

    reason: str
    trace: str = ""
    mistake: InputError | None = None


Result = Entry | Failure
Measure = Callable[["Cell"], "list[Row]"]


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

    Cells have work besides their steps, and ladders are long where steps are cheap.
    """
    steps = (cell.params.get("point") or cell.params).get("T", 0)
    return OTHER_WORK + min(float(steps), MOST_STEPS) if isinstance(steps, (int, float)) else OTHER_WORK


def run_cells(
    cells: Sequence[Cell],
    cache: Cache,
    *,
    stored: Mapping[str, Entry] | None = None,
    workers: int | None = None,
    observer: Observer | None = None,
    measure: Measure = measure,
) -> dict[str, Result]:
    """The result of every distinct cell, by its key; what the cache holds is not computed again.

    ``stored`` is what the cache holds of them, where it was already asked (`entries`).
    ``workers`` processes do the work; 1 means this one; None means this one for the first moments and,
    if work is left then, as many as there are cores. A cell that raises is a Failure, as is one whose
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
            _work_here(missing, measure, done, ALONE_SECONDS)
            from joblib import cpu_count  # the cores that this process may use, not those of the machine

            workers = min(cpu_count(), len(missing))
        if workers <= 1:
            _work_here(missing, measure, done)
        else:
            _work_in_processes(deque(reversed(missing)), min(workers, len(missing)), measure, done)
    except KeyboardInterrupt as stop:
        raise Stopped(len(results), len(distinct), status(stop)) from None
    return results


def entries(cells: Sequence[Cell], cache: Cache) -> dict[str, Entry]:
    """What the cache holds of ``cells``, by key."""
    distinct = {cell_key(cell): cell for cell in cells}
    return {key: entry for key, cell in distinct.items() if (entry := cache.get(cell))}


def attempt(measure: Measure, cell: Cell) -> Result:
    """Measure one cell; never raises. Rows pass through JSON, so fresh and stored ones are the same."""
    start = time.perf_counter()
    try:
        with within(cell.limits):
            rows = json.loads(json.dumps(measure(cell)))
    except OutOfTime:
        return Failure(too_long(cell.limits))
    except Exception as error:
        return Failure(too_large(cell.limits)) if starved(error) else failure(error)
    return Entry(rows, time.perf_counter() - start)


def failure(error: Exception) -> Failure:
    """The exception being handled: one line, and the traceback unless it is the user's mistake."""
    if isinstance(error, InputError):
        return Failure(str(error), mistake=error)
    if blamed := foreign.blamed(error):
        return Failure(str(blamed), mistake=blamed)
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(line, trace=traceback.format_exc())


def _work_here(
    queue: deque[Cell], measure: Measure, done: Callable[[Cell, Result], None], seconds: float = float("inf")
) -> None:
    """Work through ``queue`` in this process, and begin no cell after ``seconds``."""
    start = time.perf_counter()
    if queue:
        with _single_threaded():
            while queue and time.perf_counter() - start < seconds:
                cell = queue.popleft()
                done(cell, attempt(measure, cell))


def _work_in_processes(
    queue: deque[Cell], workers: int, measure: Measure, done: Callable[[Cell, Result], None]
) -> None:
    """Work through ``queue`` in ``workers`` processes.

    Where one dies (killed, out of memory), its cell is among those in flight: each of these is tried
    once more, alone, and the one that dies again is the culprit.
    """
    while queue:
        for suspect in _drain(queue, workers, measure, done):
            for culprit in _drain(deque([suspect]), 1, measure, done):
                done(culprit, Failure("its worker process died twice: killed, or out of memory"))


def _drain(
    queue: deque[Cell], workers: int, measure: Measure, done: Callable[[Cell, Result], None]
) -> list[Cell]:
    """Work through ``queue`` until it is empty or a worker dies; returns the cells then in flight."""
    lost: list[Cell] = []
    flying: dict[Future[Result], tuple[Cell, float]] = {}
    with _processes(workers) as submit:
        while flying or (queue and not lost):
            while queue and not lost and len(flying) < workers:
                cell = queue.popleft()
                try:
                    flying[submit(attempt, measure, cell)] = cell, time.monotonic()
                except BrokenExecutor:  # a worker died with nothing to do
                    lost.append(cell)
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                cell, since = flying.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor:
                    if time.monotonic() - since > cell.limits.seconds + GRACE / 2:
                        done(cell, Failure(too_long(cell.limits)))  # it was ended, and would be again
                    else:
                        lost.append(cell)
                else:
                    done(cell, result)
    return lost


@contextmanager
def _processes(workers: int) -> Iterator[Callable[..., Future[Result]]]:
    """What submits work to processes that share no state with this one: none of it reaches a number.

    None outlives the block. They are started from a thread of their own, so that this one can be told to stop while
    they load.
    """
    before = set(multiprocessing.active_children())
    if sys.platform == "linux":  # loads torch once for all workers, and for those that replace dead ones
        multiprocessing.set_forkserver_preload(["scipy.linalg", "torch", "sharpbound.chapters.sampling"])
        context = multiprocessing.get_context("forkserver")
    else:
        context = multiprocessing.get_context("spawn")

    def begun(call: Callable[..., Any], *arguments: Any) -> Any:
        leave_to_parent()  # anew each time: starting the first process of all lets signals through again
        return call(*arguments)

    with ThreadPoolExecutor(1) as starter:
        make = partial(ProcessPoolExecutor, workers, context, _begin_worker)
        pool: ProcessPoolExecutor = starter.submit(begun, make).result()
        try:
            yield lambda *call: starter.submit(begun, pool.submit, *call).result()
        except BaseException:
            with unheeded():
                _stop_forkserver()
                for child in set(multiprocessing.active_children()) - before:
                    child.kill()
            raise
        finally:
            with unheeded():
                pool.shutdown(cancel_futures=True)


def _stop_forkserver() -> None:
    """End the process that starts workers, which may be loading torch; the next run has a new one."""
    from multiprocessing import forkserver

    if pid := getattr(forkserver._forkserver, "_forkserver_pid", None):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _begin_worker() -> None:
    """Make a worker single-threaded, deaf to Ctrl-C (its parent decides) and unable to outlive its parent."""
    leave_to_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()
    _limit_threads()


def _limit_threads() -> Any:
    """One thread for torch and for each BLAS from now on; returns the handle that gives BLAS its own back."""
    import scipy.linalg  # noqa: F401 - limits reach loaded libraries only, and scipy brings its own BLAS
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    return threadpool_limits(limits=1)


@contextmanager
def _single_threaded() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    limits = _limit_threads()
    try:
        yield
    finally:
        limits.restore_original_limits()
        torch.set_num_threads(threads)
