"""How long a cell may take and how much memory: beyond either it fails, alone and in one line.

Time is told by an alarm, which reaches Python between two of its instructions. What stays in one call of a compiled
library is ended with its process after `GRACE` more, where that is a worker. A library that is being imported is let
finish, for half a library would fail every later cell of the process. Memory is what the cell takes beyond what its
process has already; Linux alone knows such a limit.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sharpbound import foreign

if TYPE_CHECKING:
    from types import FrameType

    from sharpbound.suite.case import Limits

GRACE = 5.0
"""Seconds beyond its own after which a worker whose cell does not answer is ended."""
AGAIN = 0.1
"""Seconds after which an alarm that found an import rings again."""
_STARVED = re.compile(
    r"can't allocate memory|cannot allocate memory|bad_alloc|std::bad_array_new_length|maximum allowed size",
    re.I,
)


class OutOfTime(BaseException):
    """A cell has used up its seconds. No Exception, so that no handler on the way takes it for one."""


def starved(error: BaseException) -> bool:
    """Whether ``error`` says that memory could not be had, in the words of Python, numpy or torch."""
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, ValueError)) and bool(_STARVED.search(str(error)))
    )


def too_long(limits: Limits) -> str:
    """The line for what ran out of time."""
    return f"needs more than {limits.seconds:g} s: make the case smaller, or raise seconds in [limits]"


def too_large(limits: Limits) -> str:
    """The line for what ran out of memory."""
    return f"needs more than {limits.memory:g} GiB: make the case smaller, or raise memory in [limits]"


@contextmanager
def within(limits: Limits) -> Iterator[None]:
    """Run the block within ``limits``: raises OutOfTime, or what `starved` knows."""
    with _memory(limits.memory), _seconds(limits.seconds):
        yield


@contextmanager
def _seconds(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        with _seconds_of_thread(seconds):
            yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        if not _importing(frame):
            raise OutOfTime
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    worker = multiprocessing.parent_process() is not None
    handler = signal.signal(signal.SIGALRM, ring)
    with open(os.devnull, "w") as nowhere:
        if worker:
            faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=nowhere)
        before, start = signal.setitimer(signal.ITIMER_REAL, seconds)[0], time.monotonic()
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if before:  # an alarm of whoever called, such as a time limit of their tests
                signal.setitimer(signal.ITIMER_REAL, max(before - (time.monotonic() - start), 1e-3))
            if worker:
                faulthandler.cancel_dump_traceback_later()


@contextmanager
def _seconds_of_thread(seconds: float) -> Iterator[None]:
    """Where no alarm can be set, as in the threads of a cluster's worker: another thread raises it in this one."""
    here, lock, over = threading.get_ident(), threading.Lock(), threading.Event()

    def ring() -> None:
        wait = seconds
        while not over.wait(wait):
            with lock:
                if not over.is_set() and not _importing(sys._current_frames().get(here)):
                    raised = ctypes.py_object(OutOfTime)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(here), raised)
                    return
            wait = AGAIN

    threading.Thread(target=ring, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            over.set()


def _importing(frame: FrameType | None) -> bool:
    """Whether a library is being imported in ``frame``; a module of the user's may be left half done."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib"):
            return True
        if foreign.is_own(file):
            return False
        frame = frame.f_back
    return False


@contextmanager
def _memory(gibibytes: float) -> Iterator[None]:
    if sys.platform != "linux":
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _data_bytes() + int(gibibytes * 2**30)
    if before != resource.RLIM_INFINITY:
        most = min(most, before)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _data_bytes() -> int:
    """What this process holds of the memory that the limit counts."""
    found = re.search(r"VmData:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0
