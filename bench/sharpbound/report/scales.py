"""Where values stand on an axis, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullFormatter, NullLocator

from sharpbound.report.documents import Document
from sharpbound.report.wording import tick_labels


@dataclass(frozen=True)
class Scale:
    """Where a value of the swept variable stands: x, x / log x (steps whose size is log T / T), or linear."""

    axis: str
    linear: bool

    def place(self, x: float) -> float | None:
        """Data coordinate of x on the axis, or None if it has none."""
        if self.linear:
            return x
        if "/log" not in self.axis.replace(" ", ""):
            return x if x > 0 else None
        return x / math.log(x) if x > math.e else None

    def length(self, place: float) -> float:
        """Coordinate in which a pure rate is a straight line."""
        return place if self.linear else math.log(place)

    def back(self, length: float) -> float:
        return length if self.linear else math.exp(length)


def scale_of(document: Document) -> Scale:
    """The axis on which the case's exponent was read."""
    return Scale(str(document.details.get("axis") or document.swept), document.exponential)


def place_ticks(axes: Axes, scale: Scale, xs: Sequence[float], most: int = 8) -> None:
    """Ticks at values that were measured, labelled with them, thinned until they cannot touch."""
    placed = sorted({(place, x) for x in xs if (place := scale.place(x)) is not None})
    if not placed:
        return
    first, last = scale.length(placed[0][0]), scale.length(placed[-1][0])
    gap, kept = (last - first) / most, [placed[0]]
    for place, x in placed[1:]:
        if scale.length(place) - scale.length(kept[-1][0]) >= gap * (1 - 1e-9):
            kept.append((place, x))
    axes.set_xscale("linear" if scale.linear else "log")
    axes.set_xticks([place for place, _ in kept], tick_labels(x for _, x in kept))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    pad = 0.05 * (last - first) or 0.5
    axes.set_xlim(scale.back(first - pad), scale.back(last + pad))


def decade_ticks(axis: Axis) -> None:
    """Ticks of a logarithmic axis whose limits are set: decades, finer where there are few of them.

    Labels are plain text, since typeset powers would take most of the time of drawing a figure.
    """
    low, high = axis.get_view_interval()
    decades = np.log10(high) - np.log10(low)
    axis.set_minor_locator(NullLocator())
    if decades < 0.7:
        locator: Locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    else:
        locator = LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.2 else (1.0,), numticks=9)
    ticks = [v for v in locator.tick_values(low, high) if low <= v <= high]
    axis.set_ticks(ticks, tick_labels(ticks))
