"""All files of a site from the results of a run, with what lies there already and is of the same content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharpbound.places import default_directory
from sharpbound.records.numbers import read_reproductions
from sharpbound.records.powers import read_powers
from sharpbound.records.untested import read_untested
from sharpbound.records.values import entries, table
from sharpbound.report import typeset
from sharpbound.report.citation import bibliography
from sharpbound.report.claims import Claim
from sharpbound.report.documents import load
from sharpbound.report.drawings import Drawn, Subject, Track, code_digest, draw_all, draw_scorecard
from sharpbound.report.lessons import papers
from sharpbound.report.manifest import Manifest
from sharpbound.report.order import arrange
from sharpbound.report.papers import csv_table, latex_table, markdown_table
from sharpbound.report.site import Site, count_verdicts

Files = dict[str, str | bytes]


def make(source: Path, output: Path, before: Manifest, track: Track) -> tuple[Files, Manifest]:
    """The files by path, and what is to be remembered of figures and formulas."""
    documents, environment = load(source)
    numbers = read_reproductions(source)
    groups = [group for chapter in arrange(documents) for group in chapter.groups]
    ordered = [d for group in groups for d in group.documents]
    found = papers(ordered)
    subjects: list[Subject] = [*groups, *documents]
    drawn = draw_all(subjects, lambda anchor, key: _kept(output, before, anchor, key), track)
    card = draw_scorecard(found, dict(count_verdicts(ordered)))
    figures = {anchor: drawings for anchor, (_, drawings) in drawn.items()}
    drawing = code_digest()
    tested = {d.claim.id for d in ordered}
    powers = read_powers(default_directory("reports/published"))
    untested = [Claim(info, id) for id, info in read_untested(source).items() if id not in tested]
    with typeset.recalled(before.formulas if before.drawing == drawing else {}) as formulas:
        files: Files = dict(
            Site(found, ordered, environment, figures, card, numbers, untested, powers).files()
        )
    files |= {
        "table.tex": latex_table(ordered),
        "references.bib": bibliography(ordered, numbers),
        "verdicts.csv": csv_table(ordered),
        "verdicts.md": markdown_table(ordered),
    }
    every = [one for drawings in figures.values() for one in drawings] + [card]
    files |= {f"figures/{one.stem}.svg": one.svg for one in every}
    return files, Manifest(figures=_remembered(drawn), formulas=dict(formulas), drawing=drawing)


def _remembered(drawn: dict[str, tuple[str, list[Drawn]]]) -> dict[str, Any]:
    return {
        anchor: {
            "key": key,
            "drawings": [[d.stem, d.caption, d.alt, d.width, d.height] for d in drawings],
        }
        for anchor, (key, drawings) in drawn.items()
    }


def _kept(output: Path, before: Manifest, anchor: str, key: str) -> list[Drawn] | None:
    """The drawings as they lie there, if they are of this content."""
    told = table(before.figures.get(anchor))
    if told.get("key") != key:
        return None
    try:
        return [
            Drawn(stem, caption, alt, width, height, (output / f"figures/{stem}.svg").read_bytes())
            for stem, caption, alt, width, height in entries(told.get("drawings"))
        ]
    except (OSError, ValueError, TypeError):
        return None
