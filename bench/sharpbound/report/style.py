"""How figures look and how they become files: one style, one palette, the same bytes on every run."""

from __future__ import annotations

import io
import re
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

from sharpbound.report.wording import plain

INK, MUTED, GRID, PAPER = "#23272e", "#69707b", "#e3e6eb", "#fffffe"
PALETTE: list[str] = sns.color_palette("colorblind").as_hex()
MEASURED, BOUND, LEADING, FLOOR = PALETTE[0], PALETTE[1], PALETTE[2], "#8b929c"
MARKERS = "osD^vP*X"

FORMATS = ("svg", "png", "pdf")

STYLE: Any = {
    **sns.axes_style("ticks"),
    "figure.facecolor": "white",
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
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "path.simplify": True,
}

# Colours that the page redefines for its dark mode.
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper", FLOOR: "floor"}
_VARIABLES |= {colour: f"c{k}" for k, colour in enumerate(PALETTE)}


@contextmanager
def styled() -> Iterator[None]:
    """The report's style; glyphs that the font lacks are drawn as boxes without a warning."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
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


class Glyphs:
    """Letter outlines shared by all figures of a page: each is stored once, under a short name.

    A figure is mostly letters put in their places, so this is what makes the page a third of its size.
    """

    _LETTER = r"(?:DejaVu|STIX|Cm)[^\"]*"
    _DEFINITION = re.compile(rf'<path id="({_LETTER})"([^>]*?/>)\s*', re.S | re.I)
    _USE = re.compile(rf'<use xlink:href="#({_LETTER})"(?: transform="translate\(([-\d.]+) 0\)")?', re.I)

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._paths: dict[str, str] = {}

    def _name(self, letter: str) -> str:
        return self._names.setdefault(letter, f"g{len(self._names)}")

    def _placed(self, use: re.Match[str]) -> str:
        at = f' x="{use[2]}"' if use[2] else ""
        return f'<use href="#{self._name(use[1])}"{at}'

    def inline(self, svg: bytes, label: str) -> str:
        """SVG file to an element of the page: letters taken out, colours made themable, labelled for readers.

        ``label`` must be escaped already.
        """
        text = svg.decode()
        text = text[text.index("<svg") :]
        text = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", text, flags=re.S)
        for match in self._DEFINITION.finditer(text):
            name = self._name(match[1])
            self._paths.setdefault(name, f'<path id="{name}"{match[2]}')
        text = self._DEFINITION.sub("", text)
        text = re.sub(r"<defs>\s*</defs>\s*", "", text)
        text = re.sub(r'<g id="[^"]*"', "<g", text)
        text = re.sub(r"(\d+\.\d\d)\d+", r"\1", text)
        text = self._USE.sub(self._placed, text)
        text = re.sub(
            r"#[0-9a-f]{6}",
            lambda m: f"var(--{_VARIABLES[m[0]]},{m[0]})" if m[0] in _VARIABLES else m[0],
            text,
        )
        text = text.replace("#ffffff", "none", 1)  # the figure's own background: the page shines through
        text = re.sub(r"\n\s*", "\n", text)
        view = re.search(r'viewBox="([^"]*)"', text)
        opening = (
            f'<svg class="figure" role="img" aria-label="{label}" viewBox="{view.group(1) if view else ""}">'
        )
        return opening + text[text.index(">") + 1 :]

    def sheet(self) -> str:
        """The hidden element that holds the letters."""
        if not self._paths:
            return ""
        paths = "".join(self._paths.values())
        opening = '<svg width="0" height="0" style="position:absolute" aria-hidden="true">'
        return f"{opening}<defs>{paths}</defs></svg>"
