"""Local slopes of a case with their intervals, against the predicted exponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sharpbound.records.values import finite
from sharpbound.report.documents import Document
from sharpbound.report.scales import Scale
from sharpbound.report.style import BOUND, INK, MEASURED, MUTED, legend
from sharpbound.report.wording import number

Array = NDArray[np.float64]


def draw_slopes(axes: Axes, document: Document, scale: Scale, slopes: Sequence[dict[str, Any]]) -> None:
    """Draw the panel; slopes too far off to share a scale with the rest are marked at its edge."""
    kept = [(place, s) for s in slopes if (place := scale.place(finite(s.get("x")) or 0.0)) is not None]
    x = np.array([place for place, _ in kept])
    value = np.array([finite(s.get("slope")) for _, s in kept], dtype=float)
    low = np.array([finite(s.get("low")) for _, s in kept], dtype=float)
    high = np.array([finite(s.get("high")) for _, s in kept], dtype=float)
    axes.set_ylabel("local rate" if scale.linear else "local slope")
    if document.exponent is not None:
        axes.axhline(document.exponent, color=MEASURED, lw=1.0, zorder=1, label="measured exponent")
    if document.interval:
        axes.axhspan(*document.interval, color=MEASURED, alpha=0.18, lw=0, zorder=1, label="its interval")
    if document.predicted is not None:
        axes.axhline(
            document.predicted,
            color=BOUND,
            ls="--",
            lw=1.4,
            zorder=2,
            label=f"predicted {number(document.predicted)}",
        )
    below, above = np.nan_to_num(value - low).clip(0), np.nan_to_num(high - value).clip(0)
    bottom, top = _slope_range(document, x, value, np.maximum(below, above), scale)
    inside = (value >= bottom) & (value <= top)
    if inside.any():
        errors = (below[inside], above[inside])
        axes.errorbar(
            x[inside],
            value[inside],
            errors,
            fmt="o",
            ms=4,
            color=INK,
            lw=1.1,
            capsize=2,
            zorder=3,
            label="between neighbours",
        )
    name = "off this scale"
    for beyond, edge, mark in ((value > top, top, "^"), (value < bottom, bottom, "v")):
        if beyond.any():
            edges = np.full(int(beyond.sum()), edge)
            axes.plot(
                x[beyond], edges, mark, color=MUTED, ms=5, ls="none", clip_on=False, zorder=3, label=name
            )
            name = "_"  # one entry of the legend for both edges
    axes.set_ylim(bottom, top)
    legend(axes)


def _slope_range(
    document: Document, x: Array, value: Array, doubt: Array, scale: Scale
) -> tuple[float, float]:
    """Vertical range: all that decided the verdict, and stray slopes as far as they do not flatten it."""
    core = [v for v in (document.predicted, document.exponent, *(document.interval or ())) if v is not None]
    if document.exponent is None:  # no slope counts more than another
        core += value.tolist()
    first, last = (scale.place(v) for v in document.window) if document.window else (None, None)
    if first is not None and last is not None:
        core += [v for u, v in zip(x, value, strict=True) if first <= u <= last]
    core = core or [float(v) for v in np.quantile(value, [0.1, 0.9])]
    reach = max(1.5 * (max(core) - min(core)), 0.1)
    near = (value >= min(core) - reach) & (value <= max(core) + reach)
    ends = np.concatenate(
        [core, value[near] - doubt[near].clip(0, reach), value[near] + doubt[near].clip(0, reach)]
    )
    pad = max(0.12 * (ends.max() - ends.min()), 0.02)
    return float(ends.min() - pad), float(ends.max() + pad)
