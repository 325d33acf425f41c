"""One cell measured in this process, with one thread and within its limits: rows, or why there are none."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sharpbound import foreign
from sharpbound.errors import InputError, NotMeasured
from sharpbound.run.cache import Entry
from sharpbound.run.limits import OutOfTime, starved, too_large, too_long, within
from sharpbound.run.memory import begin_peak, peak_bytes

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row
    from sharpbound.suite.case import Limits

Value = TypeVar("Value")


@dataclass(frozen=True)
class Failure:
    """Why a cell has no rows: a ``mistake`` in the user's input, or else a ``trace`` for the log."""

    reason: str
    trace: str = ""
    mistake: InputError | None = None


Result = Entry | Failure
Measure = Callable[["Cell"], "list[Row]"]


def attempt(measure: Measure, cell: Cell) -> Result:
    """Measure one cell; never raises. Rows pass through JSON, so fresh and stored ones are the same."""
    begin_peak()
    start = time.perf_counter()
    rows = guarded(cell.limits, lambda: json.loads(json.dumps(measure(cell))))
    return rows if isinstance(rows, Failure) else Entry(rows, time.perf_counter() - start, peak_bytes())


def guarded(limits: Limits, call: Callable[[], Value]) -> Value | Failure:
    """What ``call`` returns, or why it does not within ``limits``; never raises."""
    try:
        with within(limits):
            return call()
    except OutOfTime:
        return Failure(too_long(limits))
    except (Exception, SystemExit) as error:  # a user's module may leave, which ends no run
        return Failure(too_large(limits)) if starved(error) else failure(error)


def failure(error: BaseException) -> Failure:
    """The exception being handled: one line, and the traceback unless it is the user's mistake."""
    if isinstance(error, InputError):
        return Failure(str(error), mistake=error)
    if isinstance(error, NotMeasured):  # whose reason is all that there is to say
        return Failure(str(error))
    if blamed := foreign.blamed(error):
        return Failure(str(blamed), mistake=blamed)
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(line, trace=traceback.format_exc())


def limit_threads() -> Any:
    """One thread for torch and for each BLAS from now on; returns the handle that gives BLAS its own back."""
    import scipy.linalg  # noqa: F401 - limits reach loaded libraries only, and scipy brings its own BLAS
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    return threadpool_limits(limits=1)


@contextmanager
def single_threaded() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    limits = limit_threads()
    try:
        yield
    finally:
        limits.restore_original_limits()
        torch.set_num_threads(threads)
