"""The report as pages drawn by Matplotlib, for machines without LaTeX: summary, scorecard, tables, figures."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from sharpbound.report.lessons import Paper, learnt
from sharpbound.report.overview_figure import overview_figures
from sharpbound.report.scorecard_figure import scorecard
from sharpbound.report.snapshot import Snapshot
from sharpbound.report.style import INK, MUTED, new_figure, styled
from sharpbound.report.wording import estimate, number, plain

_PAGE = (8.27, 11.69)  # A4, in inches
_TOP, _BOTTOM, _LEFT = 0.94, 0.06, 0.09
_LINE = 0.0145  # of the page's height
_LETTERS = 100


def drawn_pdf(found: Sequence[Paper], snapshot: Snapshot, method: Sequence[str]) -> bytes:
    """All pages; equal inputs give equal bytes."""
    stream = io.BytesIO()
    with (
        styled(),
        PdfPages(stream, metadata={"Title": "Sharpbound: what was measured", "CreationDate": None}) as pdf,
    ):
        for page in _pages(_summary(found, snapshot, method)):
            pdf.savefig(page)
        pdf.savefig(scorecard(found))
        for page in _pages(_tables(found)):
            pdf.savefig(page)
        for paper in found:
            for lesson in paper.lessons:
                for _, figure in overview_figures(lesson.claim, lesson.documents):
                    pdf.savefig(figure)
    return stream.getvalue()


_Line = tuple[str, str]
"""Text, and what it is."""
_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"size": 15, "weight": "bold", "color": INK},
    "head": {"size": 10.5, "weight": "bold", "color": INK},
    "text": {"size": 8.5, "color": INK},
    "small": {"size": 7.5, "color": MUTED},
    "table": {"size": 7, "color": INK, "family": "monospace"},
}


def _summary(found: Sequence[Paper], snapshot: Snapshot, method: Sequence[str]) -> Iterable[_Line]:
    yield "Whether convergence theorems hold, and how sharp they are", "title"
    yield str(snapshot), "small"
    yield "What was learnt", "head"
    for one in learnt(found):
        yield "–  " + one.sentence.replace("`", ""), "text"
        for line in one.by_source:
            yield "     " + line.replace("`", ""), "small"
    yield "Method", "head"
    for paragraph in method:
        yield paragraph, "text"


def _tables(found: Sequence[Paper]) -> Iterable[_Line]:
    for paper in found:
        yield paper.citation, "head"
        yield paper.told, "small"
        for lesson in paper.lessons:
            yield f"{lesson.claim.id}: {lesson.standing}; {lesson.told}.", "text"
            for d in lesson.documents:
                case = d.title if len(d.title) <= 62 else d.title[:61] + "…"
                rate = estimate(d.exponent, d.interval)
                yield (
                    f"{case:<63}{d.metric:<13.12}{number(d.predicted, 3):>6} {rate:<22} {d.verdict}",
                    "table",
                )


def _pages(lines: Iterable[_Line]) -> Iterable[Figure]:
    """The lines, wrapped, on as many pages as they need."""
    page, y = new_figure(*_PAGE), _TOP
    for text, what in lines:
        wrapped = (
            [text] if what == "table" else textwrap.wrap(text, int(_LETTERS * 8.5 / _size(what))) or [""]
        )
        step = _LINE * _size(what) / 8.5
        y -= 0.6 * step if what in ("head", "text") else 0.0
        for line in wrapped:
            if y < _BOTTOM:
                yield page
                page, y = new_figure(*_PAGE), _TOP
            page.text(_LEFT, y, plain(line), va="top", **_LOOKS[what])
            y -= step
    yield page


def _size(what: str) -> float:
    return float(_LOOKS[what]["size"])
