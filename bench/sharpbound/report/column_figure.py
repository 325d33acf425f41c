"""Figures at the width of a column of a paper: without a title, for the caption has it, the legend below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharpbound.errors import InputError
from sharpbound.records.values import entries, table
from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.generic_figure import draw_declared
from sharpbound.report.overview_figure import Overview, draw_overview, overviews
from sharpbound.report.rate_figure import draw_errors, drawable_points
from sharpbound.report.scales import place_ticks, scale_of
from sharpbound.report.style import legend, new_figure, styled, wrap
from sharpbound.report.wording import plain, variable_label

WIDTH = 3.25
"""Of a column of a two-column article, in inches."""
_HEIGHT = 2.05  # of the axes with their labels
_MOST = 8  # curves that a column has room to name

_PAPER: Any = {
    # both ship with matplotlib and are TrueType: the first stands well beside Times, the second has the rest
    "font.family": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
}


@contextmanager
def paper_style() -> Iterator[None]:
    """The report's style in the type and the sizes of a paper."""
    with styled(), mpl.rc_context(_PAPER):
        yield


def column_rate(document: Document) -> Figure | None:
    """Error against the swept variable with bound, window, floor and leading term; None if no row can be drawn."""
    scale = scale_of(document)
    points = drawable_points(document, scale)
    if not points:
        return None
    figure, axes = _empty()
    place_ticks(axes, scale, [p.x for p in points if p.x is not None], most=6)
    draw_errors(axes, document, scale, points)
    axes.set_xlabel(variable_label(document.swept, scale.axis))
    return _with_legend(figure, axes)


def column_declared(spec: dict[str, Any]) -> Figure:
    """A figure that a case declares; panels stand one below the other."""
    if spec.get("type") == "panels":
        return _stacked([table(panel) for column in entries(spec.get("panels")) for panel in entries(column)])
    figure, axes = _empty()
    if spec.get("type") == "heatmap":
        box = axes.get_position()
        axes.set_position((box.x0, box.y0, box.width - 0.16, box.height))
    draw_declared(axes, spec)
    return _with_legend(figure, axes)


def column_overviews(claim: Claim, documents: Sequence[Document]) -> list[tuple[Overview, Figure]]:
    """Error over bound of the cases of a claim, as many to a figure as its legend can name."""
    found = []
    for overview in overviews(documents, _MOST):
        figure, axes = _empty()
        draw_overview(axes, claim.word, overview)
        axes.set_ylabel(f"{overview.metric} / {claim.word}, scaled")
        found.append((overview, _with_legend(figure, axes)))
    return found


def _stacked(panels: Sequence[dict[str, Any]]) -> Figure:
    """Panels with their titles above and their legends inside."""
    if not panels:
        raise InputError("needs a list of columns, each a list of figures", key="details.figures.panels")
    each = _HEIGHT + 0.2
    figure = new_figure(WIDTH, each * len(panels))
    for k, panel in enumerate(panels):
        bottom = (len(panels) - 1 - k) / len(panels)
        axes = figure.add_axes((0.19, bottom + 0.17 / len(panels), 0.79, 0.7 / len(panels)))
        draw_declared(axes, panel)
        axes.set_title(plain(str(panel.get("title") or "")), loc="left", size=7.5)
        legend(axes, 34, loc="best", bbox_to_anchor=None, borderaxespad=0.4, fontsize=6)
    return figure


def _empty() -> tuple[Figure, Axes]:
    figure = new_figure(WIDTH, _HEIGHT)
    return figure, figure.add_axes((0.19, 0.19, 0.79, 0.78))


def _with_legend(figure: Figure, axes: Axes) -> Figure:
    """The figure, taller by its legend."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return figure
    named = [" ".join(label.split("\n")) if "$" in label else wrap(label, 50, 2) for label in labels]
    below = figure.legend(
        handles, named, loc="lower left", bbox_to_anchor=(0.17, 0.0), borderaxespad=0.0, labelspacing=0.3
    )
    figure.draw_without_rendering()
    more = below.get_window_extent().height / figure.dpi + 0.06
    height = _HEIGHT + more
    for each in figure.axes:
        box = each.get_position()
        each.set_position(
            (box.x0, (box.y0 * _HEIGHT + more) / height, box.width, box.height * _HEIGHT / height)
        )
    figure.set_size_inches(WIDTH, height)
    return figure
