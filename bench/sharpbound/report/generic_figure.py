"""Figures that a case declares in ``details.figures``, so that a new kind of case needs no new renderer.

    {"name": "risk", "type": "lines" | "heatmap" | "bars", "title": …, "caption": …,
     "x": {"label": …, "scale": "linear" | "log" | "symlog", "values": […]},   # values: heatmaps, bars
     "y": {"label": …, "scale": …, "values": […]},                            # values: heatmaps
     "z": {"label": …, "scale": "linear" | "log", "values": [[…]]},   # heatmaps: one list per value of y
     "series": [{"label": …, "x": […], "y": […], "low": […], "high": […],
                 "style": "points" | "line" | "dashed" | "step",              # without style: line and points
                 "like": …}],                     # label of the series whose colour and mark it shares
     "annotations": [{"text": …, "x": …, "y": …}], "hlines": [{"at": …, "label": …}], "vlines": […]}

``low`` and ``high`` are the ends of an interval around y: a band for lines, bars for points. On a heatmap
``series`` are drawn on top.

    {"name": "pair", "type": "panels", "title": …, "caption": …, "panels": [[{…}, {…}], [{…}]]}

puts such figures side by side, one list for each column, each from top to bottom.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from sharpbound.errors import InputError
from sharpbound.records.values import entries, finite, table
from sharpbound.report.scales import decade_ticks
from sharpbound.report.style import INK, MARKERS, MUTED, PALETTE, headline, legend, new_figure
from sharpbound.report.wording import number, plain

SCALES = ("linear", "log", "symlog")
_STYLES = {
    "points": ("", True),
    "line": ("-", False),
    "dashed": ("--", False),
    "step": ("-", False),
    "": ("-", True),
}
_MAP = sns.color_palette("viridis", as_cmap=True)
_LEFT = 0.095
_CELLS_WITH_NUMBERS = 120
_ROOMY = 40  # up to so many cells have room for a third digit
_TICKED = 14  # so many cells can each have a tick label


def generic_figure(spec: dict[str, Any]) -> Figure:
    """Draw one declared figure; InputError names the entry that cannot be drawn."""
    if spec.get("type") == "panels":
        return _panels(spec)
    figure = new_figure(8.8, 4.4)
    head = headline(figure, str(spec.get("title") or ""), "", _LEFT) / figure.get_figheight()
    mapped = spec.get("type") == "heatmap"
    above_map = 0.06 if mapped and entries(spec.get("series")) else 0.0  # their legend
    axes = figure.add_axes((_LEFT, 0.125, 0.61, 0.875 - head - above_map))
    draw_declared(axes, spec)
    above = {
        "loc": "lower right",
        "bbox_to_anchor": (1.0, 1.0),
        "ncols": 4,
    }
    legend(axes, 30, **(above if mapped else {}))
    return figure


def draw_declared(axes: Axes, spec: dict[str, Any]) -> None:
    """Everything of a declared figure that is not of panels, but the title and the legend."""
    kinds: dict[str, Callable[[Axes, dict[str, Any]], None]] = {
        "lines": _lines,
        "bars": _bars,
        "heatmap": _heatmap,
    }
    kind = str(spec.get("type") or "lines")
    if kind not in kinds:
        raise InputError(
            f"unknown type {kind!r}; choose one of {', '.join(kinds)}", key="details.figures.type"
        )
    for name in "xy":
        _scale(axes, name, table(spec.get(name)))
    kinds[kind](axes, spec)
    _marks(axes, spec)
    places = [x for s in entries(spec.get("series")) for x in entries(table(s).get("x"))]
    counted = kind == "lines" and bool(places) and all(isinstance(x, int) for x in places)
    if counted and axes.get_xscale() == "linear":  # no half steps
        axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10], integer=True))
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        if table(spec.get(name)).get("scale") == "log" and axis.get_scale() == "log" and not _ticked(axis):
            decade_ticks(axis)


def _panels(spec: dict[str, Any]) -> Figure:
    """Columns of smaller figures, with their legends inside."""
    columns = [[table(panel) for panel in entries(column)] for column in entries(spec.get("panels"))]
    if not columns or not all(columns):
        raise InputError("needs a list of columns, each a list of figures", key="details.figures.panels")
    figure = new_figure(10.4, 4.9)
    head = headline(figure, str(spec.get("title") or ""), "", 0.065) / figure.get_figheight()
    left, bottom, right, gap, below = 0.065, 0.11, 0.985, 0.075, 0.16
    width = (right - left - gap * (len(columns) - 1)) / len(columns)
    for i, column in enumerate(columns):
        height = (0.955 - head - bottom - below * (len(column) - 1)) / len(column)
        for j, panel in enumerate(column):
            low = bottom + (len(column) - 1 - j) * (height + below)
            axes = figure.add_axes((left + i * (width + gap), low, width, height))
            draw_declared(axes, panel)
            axes.set_title(plain(str(panel.get("title") or "")), loc="left", size=9.5)
            legend(axes, 34, loc="best", bbox_to_anchor=None, borderaxespad=0.5)
    return figure


def _ticked(axis: Axis) -> bool:
    """Whether ticks were already put at the values."""
    return isinstance(axis.get_major_locator(), FixedLocator)


def numbers(values: Any) -> np.ndarray:
    """A list of JSON scalars as floats; nulls and text become nan."""
    return np.array([finite(v) for v in entries(values)], dtype=float)


def _scale(axes: Axes, name: str, axis: dict[str, Any]) -> None:
    scale = str(axis.get("scale") or "linear")
    if scale not in SCALES:
        raise InputError(
            f"unknown scale {scale!r}; choose one of {', '.join(SCALES)}", key=f"details.figures.{name}.scale"
        )
    axes.set(**{f"{name}scale": scale, f"{name}label": plain(str(axis.get("label") or ""))})


def _lines(axes: Axes, spec: dict[str, Any], first: int = 0) -> None:
    looks: dict[str, int] = {}
    fresh = itertools.count(first)
    for series in (table(s) for s in entries(spec.get("series"))):
        label, like = str(series.get("label") or ""), str(series.get("like") or "")
        if like and like not in looks:
            raise InputError(f"no series before it is called {like!r}", key="details.figures.series.like")
        # what belongs to another (its bound, its prediction) has the colour of that one
        k = looks[like] if like else next(fresh)
        looks.setdefault(label, k)
        x, y = numbers(series.get("x")), numbers(series.get("y"))
        style = str(series.get("style") or "")
        if style not in _STYLES or len(x) != len(y):
            raise InputError(
                "needs x and y of one length and a style among " + ", ".join(filter(None, _STYLES)),
                key="details.figures.series",
            )
        line, marked = _STYLES[style]
        if axes.get_yscale() == "log":
            y = np.where(y > 0, y, np.nan)
        colour, mark = PALETTE[k % len(PALETTE)], MARKERS[k % len(MARKERS)]
        options: dict[str, Any] = {
            "ls": line or "none",
            "marker": mark if marked else "",
            "ms": 5,
            "color": colour,
        }
        axes.plot(
            x,
            y,
            drawstyle="steps-post" if style == "step" else "default",
            label=plain(label) or None,
            **options,
        )
        low, high = numbers(series.get("low")), numbers(series.get("high"))
        if len(low) == len(high) == len(x) and len(x):
            if line:
                axes.fill_between(
                    x, low, high, color=colour, alpha=0.16, lw=0, step="post" if style == "step" else None
                )
            else:
                axes.vlines(x, low, high, color=colour, lw=1.1)


def _bars(axes: Axes, spec: dict[str, Any]) -> None:
    """Grouped bars, one group per category; categories are ``x.values`` or the first series' x."""
    series = [table(s) for s in entries(spec.get("series"))]
    names = entries(table(spec.get("x")).get("values")) or (entries(series[0].get("x")) if series else [])
    width = 0.8 / max(len(series), 1)
    for k, one in enumerate(series):
        y = numbers(one.get("y"))
        if len(y) != len(names):
            raise InputError(
                f"a series of bars has {len(y)} values for {len(names)} categories",
                key="details.figures.series",
            )
        x = np.arange(len(names)) + (k - (len(series) - 1) / 2) * width
        axes.bar(
            x,
            y,
            0.92 * width,
            color=PALETTE[k % len(PALETTE)],
            label=plain(str(one.get("label") or "")) or None,
        )
        low, high = numbers(one.get("low")), numbers(one.get("high"))
        if len(low) == len(high) == len(y):
            axes.vlines(x, low, high, color=INK, lw=1.2)
    axes.set_xticks(np.arange(len(names)), [plain(number(name)) for name in names])
    longest = max((len(number(name)) for name in names), default=0)
    if longest * len(names) > 70:
        axes.tick_params(axis="x", rotation=25)
    axes.grid(axis="x", visible=False)


def _heatmap(axes: Axes, spec: dict[str, Any]) -> None:
    z_axis = table(spec.get("z"))
    rows = [numbers(row) for row in entries(z_axis.get("values"))]
    if not rows or len({len(row) for row in rows}) != 1 or not len(rows[0]):
        raise InputError("needs a rectangular table of values", key="details.figures.z.values")
    z = np.ma.masked_invalid(np.vstack(rows))
    log = z_axis.get("scale") == "log"
    z = np.ma.masked_less_equal(z, 0) if log else z
    shown = z.compressed()
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.1, 1.0)
    norm = LogNorm(low, high) if log and low < high else Normalize(low, high)
    (x_edges, x), (y_edges, y) = (
        _cells(axes, name, table(spec.get(name)), n) for name, n in (("x", z.shape[1]), ("y", z.shape[0]))
    )
    mesh = axes.pcolormesh(x_edges, y_edges, z, cmap=_MAP, norm=norm, rasterized=z.size > 4000)
    axes.grid(visible=False)
    box = axes.get_position()
    bar_axes = axes.figure.add_axes((box.x1 + 0.02, box.y0, 0.022, box.height))
    bar = axes.figure.colorbar(mesh, cax=bar_axes)
    bar.set_label(plain(str(z_axis.get("label") or "")))
    bar.outline.set_visible(False)
    if log:
        decade_ticks(bar.ax.yaxis)
    if z.size <= _CELLS_WITH_NUMBERS and not entries(spec.get("series")):
        _cell_numbers(axes, x, y, z, norm)
    _lines(axes, spec, first=3)  # vermilion: seen on all of the colour map


def _cells(axes: Axes, name: str, axis: dict[str, Any], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Borders and centres of the cells along one side: around values that rise, equal for names."""
    values = entries(axis.get("values")) or list(range(n))
    if len(values) != n:
        raise InputError(f"has {len(values)} values for {n} cells", key=f"details.figures.{name}.values")
    centres = numbers(values)
    log = axis.get("scale") == "log"
    along = np.log(np.where(centres > 0, centres, np.nan)) if log else centres
    steps = np.diff(along)
    rising = n > 1 and bool(np.all(steps > 0))
    if not rising:
        axes.set(**{f"{name}scale": "linear"})
        centres = np.arange(n) + 0.5
        borders = np.arange(n + 1.0)
    else:
        middles = along[:-1] + steps / 2
        borders = np.concatenate([[along[0] - steps[0] / 2], middles, [along[-1] + steps[-1] / 2]])
        borders = np.exp(borders) if log else borders
    if not rising or n <= _TICKED:
        every = -(-n // _TICKED)
        side = axes.xaxis if name == "x" else axes.yaxis
        side.set_ticks(centres[::every], [plain(number(v, 3)) for v in values[::every]])
        side.set_minor_locator(NullLocator())
    return borders, centres


def _cell_numbers(axes: Axes, x: np.ndarray, y: np.ndarray, z: np.ma.MaskedArray, norm: Normalize) -> None:
    digits = 3 if z.size <= _ROOMY else 2
    for i, row in enumerate(z):
        for j, value in enumerate(row):
            if value is not np.ma.masked:
                colour = "white" if float(norm(value)) < 0.6 else "#101010"
                axes.text(
                    x[j], y[i], number(float(value), digits), ha="center", va="center", size=7.5, color=colour
                )


def _marks(axes: Axes, spec: dict[str, Any]) -> None:
    """Horizontal and vertical lines, told apart by their dashes, and notes; without a label, like the one before."""
    dashes = itertools.cycle(["-.", ":", (0, (7, 2)), (0, (2, 2)), (0, (7, 2, 1, 2, 1, 2))])
    dash: Any = None
    for name, draw in (("hlines", axes.axhline), ("vlines", axes.axvline)):
        for line in (table(item) for item in entries(spec.get(name))):
            at = finite(line.get("at"))
            if at is not None:
                label = plain(str(line.get("label") or "")) or None
                dash = next(dashes) if label or dash is None else dash
                draw(at, color=MUTED, lw=1.2, ls=dash, zorder=1.5, label=label)
    for note in (table(item) for item in entries(spec.get("annotations"))):
        x, y = finite(note.get("x")), finite(note.get("y"))
        if x is not None and y is not None:
            text = plain(str(note.get("text") or ""))
            axes.annotate(text, (x, y), (5, 5), textcoords="offset points", size=8.5, color=INK)
