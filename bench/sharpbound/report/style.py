"""How figures look and how they become files: one style, one palette, the same bytes on every run."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sharpbound.report.lettering import shared_lettering
from sharpbound.report.wording import plain

INK, MUTED, GRID, PAPER = "#23272e", "#69707b", "#e3e6eb", "#fffffe"
PALETTE: list[str] = sns.color_palette("colorblind").as_hex()
MEASURED, BOUND, LEADING, FLOOR = PALETTE[0], PALETTE[1], PALETTE[2], "#8b929c"
MARKERS = "osD^vP*X"

STYLE: Any = {
    **sns.axes_style("ticks"),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs everywhere
    "mathtext.fontset": "dejavusans",
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@contextmanager
def styled() -> Iterator[None]:
    """The report's style; glyphs that the font lacks are drawn as boxes without a warning."""
    with mpl.rc_context(STYLE), shared_lettering(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no global state knows of."""
    figure = Figure((width, height))
    FigureCanvasAgg(figure)
    return figure


def headline(figure: Figure, title: str, subtitle: str, left: float) -> float:
    """Title and subtitle of at most two lines each, flush left; returns the inches they take."""
    height = figure.get_figheight()
    lines = textwrap.wrap(plain(title), 88, max_lines=2, placeholder=" …") or [""]
    figure.text(
        left, 1 - 0.16 / height, "\n".join(lines), va="top", weight="bold", size=10.5, linespacing=1.25
    )
    down = 0.22 + 0.19 * len(lines)
    below = textwrap.wrap(subtitle, 112, max_lines=2, placeholder=" …")
    figure.text(left, 1 - down / height, "\n".join(below), va="top", size=8.5, color=MUTED, linespacing=1.3)
    return down + (0.18 + 0.16 * len(below) if below else 0.14)


def legend(axes: Axes, width: int = 30, **options: Any) -> None:
    """Legend to the right of the axes, where it never hides data; long labels wrap."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    wrapped = [label if "$" in label.replace(r"\$", "") else wrap(label, width) for label in labels]
    placement: dict[str, Any] = {
        "loc": "upper left",
        "bbox_to_anchor": (1.015, 1.02),
        "borderaxespad": 0.0,
        "labelspacing": 0.7,
    }
    axes.legend(handles, wrapped, **(placement | options))


def wrap(text: str, width: int, lines: int = 3) -> str:
    """``text`` in at most ``lines`` lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …"))


def encode(figure: Figure, file_format: str, salt: str) -> bytes:
    """The figure as a file's bytes; ``salt`` makes SVG ids unique to the figure and equal between runs."""
    metadata: dict[str, dict[str, Any]] = {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(stream, format=file_format, dpi=144, metadata=metadata[file_format])
    return stream.getvalue()
