"""Processes of this machine, which share no state with the one that starts them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.context import BaseContext
from typing import TYPE_CHECKING, Any

from sharpbound.run.attempt import Failure, Measure, Result, attempt, limit_threads
from sharpbound.run.limits import GRACE, too_long
from sharpbound.run.signals import leave_to_parent, unheeded

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell


def work(queue: deque[Cell], workers: int, measure: Measure, done: Callable[[Cell, Result], None]) -> None:
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
    finished: list[tuple[Cell, Result]] = []
    with _processes(workers) as submit:
        while flying or finished or (queue and not lost):
            while queue and not lost and len(flying) < workers:
                cell = queue.popleft()
                try:
                    flying[submit(attempt, measure, cell)] = cell, time.monotonic()
                except BrokenExecutor:  # a worker died with nothing to do
                    lost.append(cell)
            for cell, result in finished:
                done(cell, result)  # now that workers have their next cells: keeping results takes time
            finished.clear()
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                cell, since = flying.pop(future)
                try:
                    result = future.result()
                except BrokenExecutor:
                    if time.monotonic() - since > cell.limits.seconds + GRACE / 2:
                        # it was ended, and would be again
                        finished.append((cell, Failure(too_long(cell.limits))))
                    else:
                        lost.append(cell)
                else:
                    finished.append((cell, result))
    return lost


@contextmanager
def _processes(workers: int) -> Iterator[Callable[..., Future[Result]]]:
    """What submits work to processes that share no state with this one: none of it reaches a number.

    None outlives the block. They are started from a thread of their own, so that this one can be told to stop while
    they load.
    """
    before, context = set(multiprocessing.active_children()), _context()

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


def _context() -> BaseContext:
    """How processes are started: on Linux by one that loads torch once for all workers and those that replace them."""
    if sys.platform == "linux":
        multiprocessing.set_forkserver_preload(["scipy.linalg", "torch", "sharpbound.chapters.sampling"])
        return multiprocessing.get_context("forkserver")
    return multiprocessing.get_context("spawn")


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
    limit_threads()
