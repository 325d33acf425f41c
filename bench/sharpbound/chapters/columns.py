"""Columns of a case's rows as numbers, with one meaning of null."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sharpbound.records.document import Row

Array = NDArray[np.float64]


def values(rows: Sequence[Row], name: str) -> Array:
    """(n,) values; NaN where a row has none."""
    return np.array([np.nan if row.get(name) is None else row[name] for row in rows], dtype=float)


def floors(rows: Sequence[Row], metric: str) -> Array:
    """(n,) floors of ``metric``; infinite where the error is not known, which decides nothing."""
    found = values(rows, f"{metric}_floor")
    return np.where(np.isfinite(found), found, np.inf)
