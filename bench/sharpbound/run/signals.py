"""Being told to stop: SIGTERM and SIGHUP end a run as Ctrl-C does, in one line and without orphans."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ASKED = ("SIGTERM", "SIGHUP")
"""Signals, by name, that ask for an end; Ctrl-C has its KeyboardInterrupt from Python. Windows has no SIGHUP."""


class Interrupted(KeyboardInterrupt):
    """A signal other than Ctrl-C asked for an end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def status(stop: BaseException) -> int:
    """The exit status that a shell expects: 128 + the number of the signal."""
    for each in (stop, stop.__cause__):  # the command line's library wraps what interrupts it
        if isinstance(each, Interrupted):
            return 128 + each.number
    return 128 + signal.SIGINT


@contextmanager
def heeded() -> Iterator[list[int]]:
    """Raise Interrupted where a signal asks for an end; one that is ignored, as under nohup, stays ignored.

    The numbers of those that came are in the list that the block is given.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return

    def ask(number: int, frame: FrameType | None) -> None:
        came.append(number)
        raise Interrupted(number)

    before = {}
    for name in ASKED:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, ask)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def unheeded() -> Iterator[None]:
    """Let no signal that asks for an end disturb the block, in which one is being made."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", *ASKED) if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_to_parent() -> None:
    """Hold Ctrl-C and a hang-up back from this thread and from the processes that it starts, even while they load.

    A terminal sends them to every process of a group, and the one that began the others decides for all.
    """
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})


@contextmanager
def left_to_parent() -> Iterator[None]:
    """`leave_to_parent` for the threads and processes that the block starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else None
    leave_to_parent()
    try:
        yield
    finally:
        if before is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
