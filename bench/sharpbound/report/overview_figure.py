"""All cases of one claim on one figure: error divided by bound, flat where the bound is sharp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.scales import Scale, decade_ticks, place_ticks
from sharpbound.report.style import INK, MARKERS, PALETTE, PAPER, headline, new_figure, wrap
from sharpbound.report.wording import plain, variable_label

_MOST = 24  # curves that a reader can still tell apart with a legend

Curve = list[tuple[float, float, bool]]  # place on the axis, error / bound, fitted


def overview_figures(claim: Claim, documents: Sequence[Document]) -> list[tuple[str, Figure]]:
    """One figure per swept variable that at least two cases share, named by the variable."""
    return [(swept, _draw(claim, swept, scale, group)) for swept, scale, group in overviews(documents, _MOST)]


def overviews(
    documents: Sequence[Document], most: int
) -> list[tuple[str, Scale, list[tuple[Document, Curve]]]]:
    """The curves of each figure, at most so many: those of a swept variable that at least two cases share."""
    groups: dict[tuple[str, bool], list[tuple[Document, Curve]]] = {}
    for document in documents:
        curves = _curves(document, Scale(document.swept, document.exponential))
        groups.setdefault((document.swept, document.exponential), []).extend((document, c) for c in curves)
    shared = {key: group for key, group in groups.items() if len({d.id for d, _ in group}) >= 2}
    return [
        (swept, Scale(swept, linear), group[at : at + most])
        for (swept, linear), group in shared.items()
        for at in range(0, len(group), most)
    ]


def _curves(document: Document, scale: Scale) -> list[Curve]:
    """Error over bound, a curve for each combination of the sweep's further variables."""
    found: dict[tuple[Any, ...], Curve] = {}
    for p in document.points:
        place = scale.place(p.x) if p.x is not None else None
        if place is not None and p.value and p.bound and p.value > 0 and p.bound > 0:
            found.setdefault(p.series, []).append((place, p.value / p.bound, p.fitted))
    return [sorted(curve) for curve in found.values() if len(curve) >= 2]


def _draw(claim: Claim, swept: str, scale: Scale, group: Sequence[tuple[Document, Curve]]) -> Figure:
    figure = new_figure(8.8, max(4.3, 1.2 + 0.36 * len(group)))
    height = figure.get_figheight()
    word = claim.word
    title = f"{claim.id}: error over {word}, {len({d.id for d, _ in group})} cases"
    reading = "flat: sharp   ·   falling: loose   ·   rising: violated   ·   hollow: not in the fit"
    head = headline(figure, title, reading, 0.085)
    axes = figure.add_axes((0.085, 0.5 / height, 0.545, 1 - (0.5 + head) / height))
    draw_overview(axes, word, swept, scale, group)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.015, 1.02), borderaxespad=0.0, fontsize=8, labelspacing=0.6
    )
    return figure


def draw_overview(
    axes: Axes, word: str, swept: str, scale: Scale, group: Sequence[tuple[Document, Curve]]
) -> None:
    """Error over ``word`` (bound or prediction), a curve for each case, labelled for a legend."""
    place_ticks(axes, scale, [p.x for document, _ in group for p in document.points if p.x is not None])
    axes.set_yscale("log")
    axes.set_xlabel(variable_label(swept))
    axes.set_ylabel(
        f"error / {word}, " + ("as it is stated" if group[0][0].claim.explicit else "scaled to touch 1")
    )
    axes.axhline(1.0, color=INK, lw=1.0, ls="--", zorder=1)
    ratios = [ratio for _, curve in group for _, ratio, _ in curve]
    axes.set_ylim(min(ratios) / 1.3, max(1.0, *ratios) * 1.3)
    decade_ticks(axes.yaxis)
    for k, (document, curve) in enumerate(group):
        colour, mark = PALETTE[k % len(PALETTE)], MARKERS[k % len(MARKERS)]
        axes.plot([u for u, _, _ in curve], [r for _, r, _ in curve], "-", color=colour, lw=1.2, zorder=2)
        label = f"{wrap(plain(document.title), 36, 2)}  ({plain(document.verdict)})"
        for fitted in (True, False):
            chosen = [(u, r) for u, r, f in curve if f is fitted]
            face = colour if fitted else PAPER
            axes.plot(
                [u for u, _ in chosen],
                [r for _, r in chosen],
                mark,
                color=colour,
                mfc=face,
                ms=5,
                ls="none",
                zorder=3,
            )
        axes.plot([], [], mark, ls="-", color=colour, ms=5, lw=1.2, label=label)
