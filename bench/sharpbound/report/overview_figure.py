"""All cases of one claim on one figure: error divided by bound, flat where the bound is sharp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.scales import Scale, decade_ticks, place_ticks
from sharpbound.report.style import INK, MARKERS, PALETTE, PAPER, headline, new_figure, wrap
from sharpbound.report.wording import plain, short, variable_label

_MOST = 24  # curves that a reader can still tell apart with a legend
_FEW = 6  # curves of several metrics that are better seen side by side
READING = {
    "equality": "flat: confirmed   ·   sloping: refuted",
    "upper-bound": "flat up to logarithms: sharp   ·   falling: loose   ·   rising: violated",
    "lower-bound": "flat up to logarithms: sharp   ·   rising: loose   ·   falling: violated",
}
"""What the slope of error over bound says, by kind of claim."""

Curve = list[tuple[float, float, bool]]  # place on the axis, error / bound, fitted


@dataclass(frozen=True)
class Overview:
    """Curves of one figure: cases along one variable."""

    swept: str
    scale: Scale
    curves: Sequence[tuple[Document, Curve]]

    @property
    def documents(self) -> list[Document]:
        return list({document.id: document for document, _ in self.curves}.values())

    @property
    def metric(self) -> str:
        """The metric of all, or "error"."""
        metrics = {document.metric for document, _ in self.curves}
        return short(metrics.pop()) if len(metrics) == 1 else "error"


def overview_figures(claim: Claim, documents: Sequence[Document]) -> list[tuple[Overview, Figure]]:
    """A figure for each swept variable that at least two cases share; of many cases, for each metric too."""
    return [(overview, _draw(claim, overview)) for overview in overviews(documents, _MOST)]


def overview_caption(claim: Claim, overview: Overview) -> str:
    """What the figure shows, in a sentence."""
    told = f"{overview.metric} over {claim.word} along {overview.swept}, of the cases of {claim.id}, "
    told += "as it is stated" if claim.explicit else "scaled to touch 1"
    told += "; hollow points are not in the fit"
    if any(document.outside for document in overview.documents):
        told += ", “outside” is outside the theorem's hypotheses"
    return f"{told[0].upper()}{told[1:]}."


def overviews(documents: Sequence[Document], most: int) -> list[Overview]:
    """The curves of each figure, at most so many."""
    groups: dict[tuple[str, bool], list[tuple[Document, Curve]]] = {}
    for document in documents:
        curves = _curves(document, Scale(document.swept, document.exponential))
        groups.setdefault((document.swept, document.exponential), []).extend((document, c) for c in curves)
    return [
        Overview(swept, Scale(swept, linear), part[at : at + most])
        for (swept, linear), group in groups.items()
        for part in _by_metric(group)
        if len({d.id for d, _ in part}) >= 2
        for at in range(0, len(part), most)
    ]


def _by_metric(group: Sequence[tuple[Document, Curve]]) -> list[list[tuple[Document, Curve]]]:
    """Curves of one metric each; all together where they are few."""
    if len(group) <= _FEW:
        return [list(group)]
    parts: dict[str, list[tuple[Document, Curve]]] = {}
    for document, curve in group:
        parts.setdefault(document.metric, []).append((document, curve))
    return list(parts.values())


def _curves(document: Document, scale: Scale) -> list[Curve]:
    """Error over bound, a curve for each combination of the sweep's further variables."""
    found: dict[tuple[Any, ...], Curve] = {}
    for p in document.points:
        place = scale.place(p.x) if p.x is not None else None
        if place is not None and p.value and p.bound and p.value > 0 and p.bound > 0:
            found.setdefault(p.series, []).append((place, p.value / p.bound, p.fitted))
    return [sorted(curve) for curve in found.values() if len(curve) >= 2]


def _draw(claim: Claim, overview: Overview) -> Figure:
    figure = new_figure(8.8, max(4.3, 1.2 + 0.36 * len(overview.curves)))
    height = figure.get_figheight()
    title = f"{claim.id}: {overview.metric} over {claim.word}, {len(overview.documents)} cases"
    reading = READING.get(claim.kind, READING["upper-bound"])
    head = headline(figure, title, f"{reading}   ·   hollow: not in the fit", 0.085)
    axes = figure.add_axes((0.085, 0.5 / height, 0.545, 1 - (0.5 + head) / height))
    draw_overview(axes, claim.word, overview)
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.015, 1.02), borderaxespad=0.0, fontsize=8, labelspacing=0.6
    )
    return figure


def told_apart(titles: Sequence[str]) -> list[str]:
    """The titles without the words that all begin and end with, as long as something is left of each."""
    words = [title.split() for title in titles]
    if len(set(titles)) < 2:
        return list(titles)
    least = min(map(len, words)) - 1
    head = next((k for k in range(least) if len({w[k] for w in words}) > 1), least)
    tail = next((k for k in range(least - head) if len({w[-1 - k] for w in words}) > 1), least - head)
    kept = [" ".join(w[head : len(w) - tail]).rstrip(",:;") for w in words]
    return kept if all(kept) else list(titles)


def draw_overview(axes: Axes, word: str, overview: Overview) -> None:
    """Error over ``word`` (bound or prediction), a curve for each case, labelled for a legend."""
    group, swept = overview.curves, overview.swept
    place_ticks(
        axes, overview.scale, [p.x for document, _ in group for p in document.points if p.x is not None]
    )
    axes.set_yscale("log")
    axes.set_xlabel(variable_label(swept))
    axes.set_ylabel(
        f"error / {word}, " + ("as it is stated" if group[0][0].claim.explicit else "scaled to touch 1")
    )
    axes.axhline(1.0, color=INK, lw=1.0, ls="--", zorder=1)
    ratios = [ratio for _, curve in group for _, ratio, _ in curve]
    axes.set_ylim(min(ratios) / 1.3, max(1.0, *ratios) * 1.3)
    decade_ticks(axes.yaxis)
    names = told_apart([document.title for document, _ in group])
    for k, ((document, curve), name) in enumerate(zip(group, names, strict=True)):
        colour, mark = PALETTE[k % len(PALETTE)], MARKERS[k % len(MARKERS)]
        axes.plot([u for u, _, _ in curve], [r for _, r, _ in curve], "-", color=colour, lw=1.2, zorder=2)
        verdict = f"{document.verdict}, outside" if document.outside else document.verdict
        label = wrap(plain(name), 36, 2)
        label += "\n" if len(label.split("\n")[-1]) + len(verdict) > 38 else "  "
        label += f"({plain(verdict)})"
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
