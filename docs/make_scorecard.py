"""Writes docs/figures/scorecard.png, README's picture of all claims: ``python docs/make_scorecard.py [RESULTS]``."""

from __future__ import annotations

import sys
from pathlib import Path

from sharpbound.records.files import write_atomically
from sharpbound.report.documents import load
from sharpbound.report.lessons import papers
from sharpbound.report.order import arrange
from sharpbound.report.scorecard_figure import scorecard
from sharpbound.report.style import encode, styled

ROOT = Path(__file__).resolve().parents[1]


def main(results: Path) -> None:
    documents, _ = load(results)
    ordered = [d for chapter in arrange(documents) for group in chapter.groups for d in group.documents]
    with styled():
        figure = scorecard(papers(ordered))
        figure.set_facecolor("white")  # readers have themes of either kind
        write_atomically(ROOT / "docs" / "figures" / "scorecard.png", encode(figure, "png", "scorecard"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "reports" / "published")
