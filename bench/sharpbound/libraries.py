"""Libraries that are imported when they are needed, which may be while a cell is measured within its limits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Whatever memory a cell may take, what the block imports is imported whole.

    Half a library, where an import met the limit, would fail every later cell of the process.
    """
    if sys.platform != "linux":  # nowhere else is memory limited
        yield
        return
    import resource

    limits = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limits[1], limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)
