"""The figure of a rate: error against the swept variable, with its bound, and the local slopes below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharpbound.records.values import entries, finite, table
from sharpbound.report.documents import Document, Point
from sharpbound.report.leading import LeadingTerm
from sharpbound.report.ratio_panel import draw_ratios, leading_ratios
from sharpbound.report.scales import Scale, decade_ticks, place_ticks, scale_of
from sharpbound.report.slopes_panel import draw_slopes
from sharpbound.report.style import (
    BOUND,
    FLOOR,
    INK,
    LEADING,
    MARKERS,
    MEASURED,
    PAPER,
    headline,
    legend,
    new_figure,
)
from sharpbound.report.wording import (
    estimate,
    metric_label,
    number,
    plain,
    rate_latex,
    symbol,
    vanishing,
    variable_label,
)

_LEFT, _WIDTH = 0.1, 0.62
_FLOOR_REACH = 2.0  # decades below the data within which the floor is worth showing


def rate_figure(document: Document) -> Figure | None:
    """Measured error, bound, fitted window, floor and local slopes of a case; None if no row can be drawn."""
    scale = scale_of(document)
    points = drawable_points(document, scale)
    if not points:
        return None
    slopes = [
        s for s in entries(document.details.get("local_slopes")) if finite(table(s).get("slope")) is not None
    ]
    ratios = leading_ratios(document)
    figure = new_figure(8.8, 5.6 if slopes or ratios else 4.5)
    height = figure.get_figheight()
    head = headline(figure, document.title, _subtitle(document), _LEFT)
    bottom, top = 0.5 / height, 1 - head / height
    split = bottom + 0.29 * (top - bottom) if slopes or ratios else bottom
    lift = 0.14 / height if slopes or ratios else 0.0
    axes = figure.add_axes((_LEFT, split + lift, _WIDTH, top - split - lift))
    place_ticks(axes, scale, [p.x for p in points if p.x is not None])
    draw_errors(axes, document, scale, points)
    legend(axes)
    lowest = axes
    if slopes or ratios:
        lowest = figure.add_axes((_LEFT, bottom, _WIDTH, split - bottom))
        place_ticks(lowest, scale, [p.x for p in points if p.x is not None])
        axes.tick_params(labelbottom=False)
        if ratios:
            draw_ratios(lowest, scale, ratios)
        else:
            draw_slopes(lowest, document, scale, slopes)
    for panel in {axes, lowest}:  # placed by hand: aligning them would cost another layout per drawing
        panel.yaxis.set_label_coords(-0.125, 0.5)
    lowest.set_xlabel(variable_label(document.swept, scale.axis))
    return figure


def drawable_points(document: Document, scale: Scale) -> list[Point]:
    """The rows that have a place on both axes."""
    return [p for p in document.points if p.drawable and scale.place(p.x or 0.0) is not None]


def _subtitle(document: Document) -> str:
    parts = [plain(document.claim.id), f"verdict: {plain(document.verdict)}"]
    parts += [plain(remark) for remark in document.remarks]
    if document.exponent is not None:
        factor = plain(str(document.details.get("log_factor") or ""))
        beside = f" beside a factor {factor}" if factor else ""
        parts.append(f"exponent {estimate(document.exponent, document.interval)}{beside}")
    if document.predicted is not None:
        parts.append(f"predicted {number(document.predicted)}")
    return "   ·   ".join(parts)


def draw_errors(axes: Axes, document: Document, scale: Scale, points: Sequence[Point]) -> None:
    """Errors with bound, leading term, fitted window, slope and floor, labelled for a legend."""
    axes.set_yscale("log")
    axes.set_ylabel(metric_label(document.metric))
    x = np.array([scale.place(p.x or 0.0) for p in points], dtype=float)
    y = np.array([p.value for p in points], dtype=float)
    fitted = np.array([p.fitted for p in points])
    heights = list(np.log10(y))

    bound = np.array([p.bound if p.bound is not None and p.bound > 0 else np.nan for p in points])
    for k, one in enumerate(dict.fromkeys(p.series for p in points)):
        chosen = np.array([n for n in np.argsort(x, kind="stable") if points[n].series == one])
        axes.plot(x[chosen], y[chosen], "-", color=MEASURED, lw=1.1, alpha=0.55, zorder=2)
        if np.isfinite(bound[chosen]).any():
            label = "_" if k else _bound_label(document)
            axes.plot(x[chosen], bound[chosen], "--", color=BOUND, zorder=3, label=label)
            heights += list(np.log10(bound[chosen][np.isfinite(bound[chosen])]))
    if fitted.any():
        axes.plot(x[fitted], y[fitted], "o", color=MEASURED, zorder=5, label="measured, in the fit")
    hollow: dict[str, Any] = {"color": MEASURED, "mfc": PAPER, "mew": 1.3, "ls": "none", "zorder": 4}
    for k, reason in enumerate(dict.fromkeys(p.reason for p in points if not p.fitted)):
        chosen = np.array([p.reason == reason for p in points])
        mark, label = MARKERS[k % len(MARKERS)], f"not in the fit: {plain(reason)}"
        axes.plot(x[chosen], y[chosen], mark, label=label, **hollow)

    lead = np.array([finite(row.get("leading")) or np.nan for row in document.rows if row.get("leading")])
    if document.law and len(lead) == len(document.rows):
        places = np.array(
            [scale.place(finite(row.get(document.swept)) or 0.0) for row in document.rows], dtype=float
        )
        axes.plot(places, lead, "-.", color=LEADING, lw=1.5, zorder=3, label=_leading_label(document.law))

    if fitted.any():
        low, high = (scale.length(v) for v in (x[fitted].min(), x[fitted].max()))
        margin = 0.025 * (scale.length(x.max()) - scale.length(x.min()))
        ends = scale.back(low - margin), scale.back(high + margin)
        axes.axvspan(*ends, color=MEASURED, alpha=0.08, lw=0, zorder=0, label="fitted window")

    if fitted.sum() >= 2 and document.exponent is not None and not _in_formula(document):
        heights += _slope_triangle(axes, document, scale, x[fitted], y[fitted], max(heights) - min(heights))
    order = np.argsort(x, kind="stable")
    _draw_floor(axes, x[order], [points[k] for k in order], heights)
    missing = len(document.points) - len(points)
    if missing:
        rows = "row" if missing == 1 else "rows"
        axes.plot([], [], " ", label=f"{missing} {rows} without a positive value: not drawn")


def _leading_label(law: LeadingTerm) -> str:
    rate = rate_latex("T", law.power, True, law.log_power)
    return f"leading term\n$\\sim\\;{law.constant:.{min(law.digits, 5)}g}\\,{rate}$"


def _in_formula(document: Document) -> bool:
    """Whether the exponent is a power of the claim's formula, not of the swept variable."""
    return document.details.get("axis") == "formula"


def _bound_label(document: Document) -> str:
    """The bound's name with its rate: the predicted power, and the formula's logarithms in proportion."""
    name = document.claim.word
    rate = ""
    if document.predicted is not None and document.exponential:
        rate = f"\\exp(-{document.predicted:g}\\,{symbol(document.swept) or 'x'})"
    elif document.predicted is not None and not _in_formula(document):
        exponent, logs = document.claim.decay(document.swept)
        falling = exponent > 0 if exponent else _bound_falls(document)
        scale = abs(document.predicted / exponent) if exponent else 0.0
        rate = rate_latex(document.swept, abs(document.predicted), falling, scale * logs)
    how = "as it is stated" if "explicit" in document.details else "scaled to touch"
    return f"{name}, {how}" + (f"\n$\\propto\\;{rate}$" if rate else "")


def _bound_falls(document: Document) -> bool:
    """Whether the bound's rows fall in the swept variable's limit, where its formula does not say so alone."""
    known = sorted((p.x, p.bound) for p in document.points if p.x is not None and p.bound is not None)
    if len(known) < 2:
        return True
    return (known[0][1] > known[-1][1]) != vanishing(document.swept)


def _draw_floor(axes: Axes, x: np.ndarray, points: Sequence[Point], heights: list[float]) -> None:
    """Shade what lies below the numerical floor and set the vertical range to what is to be seen."""
    floor = np.array([p.floor if p.floor is not None and p.floor > 0 else np.nan for p in points])
    low, high = min(heights), max(heights)
    known = np.isfinite(floor)
    if known.any():
        top = float(np.log10(np.nanmax(floor)))
        if top > low - _FLOOR_REACH:
            low = min(low, top)
            left, right = axes.get_xlim()
            x, floor = np.array([left, *x, right]), np.array([floor[0], *floor, floor[-1]])
            axes.plot(x, floor, ":", color=FLOOR, lw=1.3, zorder=1, label="numerical floor")
            axes.fill_between(x, floor, 1e-300, color=FLOOR, alpha=0.13, lw=0, zorder=0)
        else:
            label = f"numerical floor ≤ {number(float(np.nanmax(floor)), 2)}: below the axis"
            axes.plot([], [], " ", label=label)
    pad = max(0.07 * (high - low), 0.04)
    axes.set_ylim(10 ** (low - pad), 10 ** (high + pad))
    decade_ticks(axes.yaxis)


def _slope_triangle(
    axes: Axes, document: Document, scale: Scale, x: np.ndarray, y: np.ndarray, spread: float
) -> list[float]:
    """Triangle below the fitted points, its hypotenuse of the measured exponent; returns its heights."""
    along = np.array([scale.length(v) for v in x])
    up = np.log10(y)
    run = along.max() - along.min()
    text = f"rate {document.exponent:.3g}" if scale.linear else f"{document.exponent:.2f}"
    if run <= 0 or float(text.removeprefix("rate ")) == 0:
        return []
    falling = np.polyfit(along, up, 1)[0] < 0
    slope = (
        abs(document.exponent or 0.0) * (-1 if falling else 1) / math.log(10)
    )  # decades per unit of length
    left, right = along.min() + 0.3 * run, along.min() + 0.7 * run
    if not 0.04 * spread <= abs(slope) * (right - left) <= 2 * spread:  # too flat or too tall to be drawn
        return []
    centre, drop = along.mean(), 0.1 * max(spread, 0.3)
    start, end = (up.mean() + slope * (v - centre) - drop for v in (left, right))
    corner, base = (left, end) if falling else (right, start)
    corners = [(left, start), (right, end), (corner, base), (left, start)]
    outline = [scale.back(u) for u, _ in corners], [10**v for _, v in corners]
    axes.plot(*outline, "-", color=INK, lw=1.0, zorder=3, gid="slope-triangle")
    where = "right" if falling else "left"
    _note(axes, text, scale.back(corner), (start + end) / 2, (-4 if falling else 4, 0), ha=where, va="center")
    if not scale.linear:
        _note(axes, "1", scale.back((left + right) / 2), base, (0, -3), ha="center", va="top")
    return [start, end, base - 0.05 * spread]


def _note(axes: Axes, text: str, x: float, log_y: float, shift: tuple[float, float], **align: Any) -> None:
    axes.annotate(text, (x, 10**log_y), shift, textcoords="offset points", size=8.5, **align)
