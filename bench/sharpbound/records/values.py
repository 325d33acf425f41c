"""JSON values as readers need them: whatever is missing, null or of another type becomes empty."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def finite(value: Any) -> float | None:
    """``value`` as a finite float, or None: rows may hold nulls, text and booleans."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def slug(text: str) -> str:
    """A name that is safe as a file name and as an HTML id."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "case"


def table(value: Any) -> dict[str, Any]:
    """``value`` if it is a mapping, an empty one otherwise."""
    return dict(value) if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Any]:
    """``value`` if it is a list, an empty one otherwise."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []


def pair(value: Any) -> tuple[float, float] | None:
    """``[low, high]`` as two finite floats, or None."""
    numbers = [finite(v) for v in entries(value)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and None not in numbers else None  # type: ignore[return-value]


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Nested tables as dotted keys, in order."""
    for key, value in mapping.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from flatten(value, f"{name}.")
        else:
            yield name, value
