"""Progress on standard error: a bar with the time left, or a line now and then where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sharpbound.run.attempt import Result
from sharpbound.run.execute import cost

if TYPE_CHECKING:
    from rich.progress import Progress

    from sharpbound.chapters.base import Cell

LINE_SECONDS = 15.0
"""Least time between two lines where standard error is not a terminal."""


class ProgressLines:
    """For logs: ``12 of 40 cells done, about 3 min left``. Silent in runs shorter than ``LINE_SECONDS``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def begin(self, missing: Sequence[Cell]) -> None:
        self._start = self._spoke = self._clock()
        self._count, self._cells = 0, len(missing)
        self._weight, self._total = 0.0, sum(map(cost, missing))

    def done(self, cell: Cell, result: Result) -> None:
        self._count += 1
        self._weight += cost(cell)
        now = self._clock()
        if now - self._spoke >= LINE_SECONDS:
            self._spoke = now
            left = (now - self._start) * (self._total - self._weight) / self._weight
            print(
                f"{self._count} of {self._cells} cells done, about {duration(left)} left",
                file=sys.stderr,
                flush=True,
            )


class ProgressBar:
    """For terminals: a bar weighted by the cost of the cells, which vanishes when the work is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def begin(self, missing: Sequence[Cell]) -> None:
        if not missing:
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.fields[count]} of {task.fields[cells]} cells"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._count = 0
        total = sum(map(cost, missing))
        self._task = self._bar.add_task("", total=total, count=0, cells=len(missing))
        self._bar.start()

    def done(self, cell: Cell, result: Result) -> None:
        if self._bar:
            self._count += 1
            self._bar.update(self._task, advance=cost(cell), count=self._count)


def progress() -> ProgressBar | ProgressLines:
    """The bar on a terminal, lines elsewhere."""
    return ProgressBar() if sys.stderr.isatty() else ProgressLines()


def duration(seconds: float) -> str:
    """``8 s``, ``3 min``, ``1.5 h``: as fine as an estimate deserves."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
