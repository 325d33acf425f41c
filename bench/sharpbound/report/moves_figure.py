"""What moved between two snapshots: each number that did, by how much it moved and by how much it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from sharpbound.report.scales import decade_ticks
from sharpbound.report.style import INK, MARKERS, MUTED, PALETTE, headline, legend, new_figure
from sharpbound.report.wording import plain

KINDS = ("value", "exponent", "constant")
_NAMED = 12  # the cases that moved furthest are named


class Moved(NamedTuple):
    """A number that moved: the case, what it is (of `KINDS`), and its two values."""

    case: str
    kind: str
    was: float
    now: float
    tolerance: float


def moves_figure(moves: Sequence[Moved], title: str, subtitle: str) -> Figure:
    """Relative move against what is allowed; the line is where both are equal, and all that is drawn lies above it."""
    figure = new_figure(8.8, 4.8)
    head = headline(figure, title, subtitle, 0.1) / figure.get_figheight()
    axes = figure.add_axes((0.1, 0.12, 0.62, 0.86 - head))
    smallest = 1e-18
    points = [
        (max(m.tolerance / scale, smallest), max(abs(m.now - m.was) / scale, smallest), m)
        for m in moves
        if (scale := max(abs(m.was), abs(m.now)))
    ]
    axes.set(xscale="log", yscale="log", xlabel="allowed, relative", ylabel="moved, relative")
    if points:
        low = min(min(x, y) for x, y, _ in points) / 3
        high = max(max(x, y) for x, y, _ in points) * 3
        axes.set(xlim=(low, high), ylim=(low, high))
        axes.plot([low, high], [low, high], "--", color=MUTED, lw=1.1, label="as much as is allowed")
    else:
        axes.text(0.5, 0.5, "no number moved", transform=axes.transAxes, ha="center", color=MUTED)
    for k, kind in enumerate(KINDS):
        chosen = [(x, y) for x, y, m in points if m.kind == kind]
        if chosen:
            axes.plot(*zip(*chosen, strict=True), MARKERS[k], color=PALETTE[k], ms=5, ls="none", label=kind)
    _name(figure, axes, sorted(points, key=lambda p: p[1] / p[0], reverse=True))
    if points:
        decade_ticks(axes.xaxis)
        decade_ticks(axes.yaxis)
    legend(axes)
    return figure


def _name(figure: Figure, axes: Axes, points: Sequence[tuple[float, float, Moved]]) -> None:
    """Names beside the points that moved furthest: each case once, and none over another."""
    taken: list[Bbox] = []
    cases = dict.fromkeys(m.case for _, _, m in points)
    for case in list(cases)[:_NAMED]:
        x, y = next((x, y) for x, y, m in points if m.case == case)
        name = axes.annotate(plain(case), (x, y), (5, 3), textcoords="offset points", size=6.5, color=INK)
        box = name.get_window_extent(figure.canvas.get_renderer())  # type: ignore[attr-defined]
        if any(box.overlaps(other) for other in taken):
            name.remove()
        else:
            taken.append(box)
