"""Texts measured once for all figures of a report, in place of once for each figure.

Matplotlib gives every renderer a `TextToPath` of its own. Tick labels, legends and titles of hundreds of figures are
mostly the same texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from matplotlib import text
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

TEXTS = 2**14
"""The most that are remembered."""


class Lettering(TextToPath):
    """A `TextToPath` that remembers the sizes of texts."""

    def __init__(self) -> None:
        super().__init__()
        self._size = lru_cache(TEXTS)(super().get_text_width_height_descent)

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> Any:
        """Width, height and descent (points) of ``s``; fonts may be changed later, so a copy is the key."""
        return self._size(s, prop.copy(), ismath)


_SHARED = Lettering()


@contextmanager
def shared_lettering() -> Iterator[None]:
    """Renderers that are made in the block share one `Lettering`."""
    made_by: Any = text
    own = getattr(made_by, "TextToPath", None)
    if own is None:  # a Matplotlib that makes them elsewhere
        yield
        return
    made_by.TextToPath = lambda: _SHARED
    try:
        yield
    finally:
        made_by.TextToPath = own
