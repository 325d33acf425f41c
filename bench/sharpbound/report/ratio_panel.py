"""How the measured errors go to their leading term: measured/leading, which tends to 1 like the step."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from sharpbound.records.values import entries, finite
from sharpbound.report.documents import Document
from sharpbound.report.scales import Scale
from sharpbound.report.style import INK, LEADING, legend


def leading_ratios(document: Document) -> list[tuple[float, float]]:
    """(T, measured/leading) of each row that has it, where the leading term decides; else none."""
    if not document.law:
        return []
    found = []
    for row, ratio in zip(document.rows, entries(document.leading.get("ratio")), strict=False):
        x, value = finite(row.get(document.swept)), finite(ratio)
        if x is not None and value is not None:
            found.append((x, value))
    return found


def draw_ratios(axes: Axes, scale: Scale, ratios: Sequence[tuple[float, float]]) -> None:
    """Draw the panel."""
    shown = [(place, value) for x, value in ratios if (place := scale.place(x)) is not None]
    axes.axhline(1.0, color=LEADING, ls="-.", lw=1.2, zorder=1, label="1: the leading term")
    axes.plot(*zip(*shown, strict=True), "o-", color=INK, ms=4, lw=0.9, zorder=3, label="measured / leading")
    axes.set_ylabel("ratio")
    legend(axes)
