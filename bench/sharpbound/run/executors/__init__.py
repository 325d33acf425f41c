"""Where cells are measured: processes of this machine, joblib's backends, or the workers of a dask scheduler.

Whoever measures them, every cell has one thread and the same source, so the rows are bitwise the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.run.attempt import Measure, Result
from sharpbound.run.executors import processes

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell

Done = Callable[["Cell", Result], None]
"""Told of each result as it comes, in the calling thread."""
Work = Callable[["deque[Cell]", int, Measure, Done], None]
"""Measures the cells of a queue, the first ones first, on so many workers."""

NAMES = ("processes", "joblib", "dask")


def named(name: str, scheduler: str | None = None) -> Work:
    """How the executor ``name`` works; ``scheduler`` is the address of dask's, which else is begun here.

    Raises InputError for an address that nothing takes, and where what it needs is not installed.
    """
    if scheduler and name != "dask":
        raise InputError("goes with --executor dask", key="--scheduler")
    if name == "joblib":
        from sharpbound.run.executors import with_joblib

        return with_joblib.work
    if name == "dask":
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise InputError(
                "dask needs an extra: pip install 'sharpbound[dask]'", key="--executor"
            ) from None
        from sharpbound.run.executors import with_dask

        return partial(with_dask.work, scheduler=scheduler)
    return processes.work


def same_engine(engine: str, versions: dict[str, str], elsewhere: tuple[str, dict[str, Any]]) -> str | None:
    """How a worker's engine and libraries differ from those here, in words; None where they are the same."""
    if elsewhere[0] != engine:
        return f"another version of Sharpbound ({elsewhere[0][:12]} for {engine[:12]})"
    others = [
        f"{name} {elsewhere[1].get(name)} for {v}"
        for name, v in versions.items()
        if elsewhere[1].get(name) != v
    ]
    return ", ".join(others) or None
