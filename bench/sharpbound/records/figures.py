"""Figures and tables that a conclusion declares in its details (`sharpbound.report.generic_figure` draws
them).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

Axis = dict[str, Any]
Figure = dict[str, Any]


def axis(label: str, scale: str = "linear", values: Iterable[Any] | None = None) -> Axis:
    """One axis; ``values`` are those of the cells of a heatmap or of the groups of bars."""
    found: Axis = {"label": label, "scale": scale}
    return found if values is None else found | {"values": list(values)}


def series(
    label: str, x: Iterable[Any], y: Iterable[Any], style: str = "", like: str = "", **ends: Iterable[Any]
) -> dict[str, Any]:
    """One curve; ``low`` and ``high`` are the ends of an interval around y, ``like`` the label of an earlier
    curve that it belongs to and shares its colour with.
    """
    curves = {"x": _numbers(x), "y": _numbers(y)} | {name: _numbers(values) for name, values in ends.items()}
    return {"label": label, **curves, "style": style} | ({"like": like} if like else {})


def lines(
    name: str, title: str, x: Axis, y: Axis, curves: Sequence[dict[str, Any]], caption: str, **marks: Any
) -> Figure:
    """Curves; ``marks`` are hlines, vlines and annotations."""
    head = {"name": name, "type": "lines", "title": title, "caption": caption}
    return {**head, "x": x, "y": y, "series": list(curves), **marks}


def panels(name: str, title: str, columns: Sequence[Sequence[Figure]], caption: str) -> Figure:
    """Figures side by side: one list for each column, each from top to bottom."""
    found = [list(column) for column in columns]
    return {"name": name, "type": "panels", "title": title, "caption": caption, "panels": found}


def heatmap(
    name: str, title: str, x: Axis, y: Axis, z: Axis, caption: str, curves: Sequence[dict[str, Any]] = ()
) -> Figure:
    """Cells, with one list of ``z["values"]`` per value of y; curves are drawn on top."""
    head = {"name": name, "type": "heatmap", "title": title, "caption": caption}
    return {**head, "x": x, "y": y, "z": z, "series": list(curves)}


def bars(name: str, title: str, x: Axis, y: Axis, groups: Sequence[dict[str, Any]], caption: str) -> Figure:
    """Grouped bars over the categories ``x["values"]``."""
    head = {"name": name, "type": "bars", "title": title, "caption": caption}
    return {**head, "x": x, "y": y, "series": list(groups)}


def table(name: str, caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """A table below the figures."""
    return {
        "name": name,
        "caption": caption,
        "columns": list(columns),
        "rows": [_numbers(row) for row in rows],
    }


def _numbers(values: Iterable[Any]) -> list[Any]:
    """As JSON scalars: text stays, what is not finite becomes null."""
    found = []
    for value in values:
        if value is not None and not isinstance(value, str):
            value = int(value) if isinstance(value, int) else float(value)
            value = value if math.isfinite(value) else None
        found.append(value)
    return found
