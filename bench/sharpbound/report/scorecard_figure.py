"""All claims and their verdicts at a glance: a line for each claim, a mark for each of its cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharpbound.report.documents import Document
from sharpbound.report.style import INK, MUTED, PALETTE, PAPER, new_figure
from sharpbound.report.wording import VERDICTS, plain

if TYPE_CHECKING:
    from sharpbound.report.lessons import Paper

MARKS = {
    "sharp": ("s", PALETTE[2]),
    "confirmed": ("o", PALETTE[0]),
    "loose": ("v", PALETTE[9]),
    "violated": ("X", PALETTE[3]),
    "refuted": ("P", PALETTE[3]),
    "inconclusive": ("_", MUTED),
}
"""Told apart by their shapes as well as by their colours."""
_OTHER = ("|", MUTED)
_Line = tuple[str, str, Sequence[Document] | None]
"""What it says, its paper, and the cases of a claim; None for a paper's head."""
_COLUMNS = 3
_LINE = 0.135  # inches
_WIDTH = 10.4
_ROOM = 17.0  # for the marks of a line, which draw closer together where they are many


def scorecard(papers: Sequence[Paper]) -> Figure:
    """The figure; hollow marks are outside the hypotheses."""
    lines = [line for paper in papers for line in _lines(paper)]
    per_column = -(-len(lines) // _COLUMNS) or 1
    head, foot = 0.32, 0.05
    figure = new_figure(_WIDTH, head + foot + _LINE * (per_column + 1))
    height = figure.get_figheight()
    for k in range(_COLUMNS):
        axes = figure.add_axes(
            (0.005 + k / _COLUMNS, foot / height, 0.985 / _COLUMNS, 1 - (head + foot) / height)
        )
        axes.set(xlim=(0, 32), ylim=(per_column + 0.5, -0.5))
        axes.set_axis_off()
        _draw(axes, lines[k * per_column : (k + 1) * per_column])
    _legend(figure, {d.verdict for paper in papers for d in paper.documents})
    return figure


def _lines(paper: Paper) -> list[_Line]:
    """The paper's name, then each claim with its cases, best verdict first."""
    order = {verdict: k for k, verdict in enumerate(VERDICTS)}
    claims = [
        (lesson.claim.id.partition(".")[2] or lesson.claim.id, paper.name,
         sorted(lesson.documents, key=lambda d: (bool(d.outside), order.get(d.verdict, 9))))
        for lesson in paper.lessons
    ]  # fmt: skip
    control = paper.lessons[0].claim.control
    return [("False on purpose" if control else paper.citation, paper.name, None), *claims]


def _draw(axes: Axes, lines: Sequence[_Line]) -> None:
    for y, (name, source, documents) in enumerate(lines):
        if documents is None:
            axes.text(0.2, y + 0.1, plain(name), size=7, weight="bold", color=INK, va="center")
            axes.text(31, y + 0.1, plain(source), size=6.5, color=MUTED, va="center", ha="right")
            continue
        shown = plain(name) if len(name) <= 27 else plain(name[:26]) + "…"
        axes.text(0.7, y, shown, size=6.5, color=INK, va="center")
        step = min(1.0, _ROOM / len(documents))
        for k, document in enumerate(documents):
            mark, colour = MARKS.get(document.verdict, _OTHER)
            face = PAPER if document.outside else colour
            axes.plot(
                14.5 + k * step, y, mark, ms=5 * step, mew=0.9 * step, mec=colour, mfc=face, clip_on=False
            )


def _legend(figure: Figure, verdicts: set[str]) -> None:
    top = 1 - 0.17 / figure.get_figheight()
    axes = figure.add_axes((0.005, top, 0.99, 0.15 / figure.get_figheight()))
    axes.set(xlim=(0, 100), ylim=(0, 1))
    axes.set_axis_off()
    x = 1.0
    for verdict in (v for v in MARKS if v in verdicts):
        mark, colour = MARKS[verdict]
        axes.plot(x, 0.5, mark, ms=6, mew=0.9, color=colour)
        axes.text(x + 1, 0.5, verdict, size=7.5, va="center", color=INK)
        x += 2.6 + len(verdict)
    axes.plot(x, 0.5, "s", ms=6, mew=0.9, mfc=PAPER, mec=MUTED)
    axes.text(
        x + 1, 0.5, "hollow: outside the theorem's hypotheses; one mark for each case", size=7.5, va="center"
    )
