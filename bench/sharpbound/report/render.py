"""``render``: a run's result files in, a site out. All is made before anything is written.

What was made is remembered beside it in ``site.json``: a figure whose content and code are unchanged is taken as it
lies there, and files that are no longer part of the site are removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sharpbound.places import default_directory
from sharpbound.records.files import parse_json, strict_json, write_together
from sharpbound.records.numbers import read_reproductions
from sharpbound.records.powers import read_powers
from sharpbound.records.values import entries, table
from sharpbound.report.citation import bibliography
from sharpbound.report.documents import load
from sharpbound.report.drawings import Drawn, Subject, Track, draw_all, draw_scorecard
from sharpbound.report.lessons import papers
from sharpbound.report.order import arrange
from sharpbound.report.papers import csv_table, latex_table, markdown_table
from sharpbound.report.site import Site, count_verdicts

MANIFEST = "site.json"


def _untracked(drawn: Iterable[list[Drawn]], total: int) -> Iterable[list[Drawn]]:
    return drawn


def render(input_dir: Path | str, output_dir: Path | str, track: Track = _untracked) -> Path:
    """Write the site (``index.html``, pages, ``figures/``), ``table.tex``, ``references.bib``, ``verdicts.*``.

    ``track`` wraps what is drawn, given its number, for a progress bar (``rich.progress.track``). Equal inputs give
    equal bytes. Returns the path of the index. Raises InputError if there are no results in ``input_dir``, a figure
    that a case declares cannot be drawn, or ``output_dir`` cannot be written to; nothing is written then.
    """
    documents, environment = load(Path(input_dir))
    numbers = read_reproductions(Path(input_dir))
    chapters = arrange(documents)
    groups = [group for chapter in chapters for group in chapter.groups]
    ordered = [d for group in groups for d in group.documents]
    found = papers(ordered)
    output = Path(output_dir)
    before = _manifest(output)
    subjects: list[Subject] = [*groups, *documents]
    drawn = draw_all(subjects, lambda anchor, key: _kept(output, before, anchor, key), track)
    card = draw_scorecard(found, dict(count_verdicts(ordered)))
    figures = {anchor: drawings for anchor, (_, drawings) in drawn.items()}
    powers = read_powers(default_directory("reports/published"))
    site = Site(found, ordered, environment, figures, card, numbers, powers)
    files: dict[str, str | bytes] = dict(site.files())
    files |= {
        "table.tex": latex_table(ordered),
        "references.bib": bibliography(ordered, numbers),
        "verdicts.csv": csv_table(ordered),
        "verdicts.md": markdown_table(ordered),
    }
    every = [one for drawings in figures.values() for one in drawings] + [card]
    files |= {f"figures/{one.stem}.svg": one.svg for one in every}
    files[MANIFEST] = strict_json({"figures": _remembered(drawn), "files": sorted(files)}) + "\n"
    write_together(output, files)
    for name in set(entries(before.get("files"))) - set(files):
        if isinstance(name, str) and (output / name).resolve().is_relative_to(output.resolve()):
            (output / name).unlink(missing_ok=True)
    return output / "index.html"


def _manifest(output: Path) -> dict[str, Any]:
    """What an earlier run left; nothing where there is none or it cannot be read."""
    try:
        return table(parse_json((output / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _remembered(drawn: dict[str, tuple[str, list[Drawn]]]) -> dict[str, Any]:
    return {
        anchor: {
            "key": key,
            "drawings": [[d.stem, d.caption, d.alt, d.width, d.height] for d in drawings],
        }
        for anchor, (key, drawings) in drawn.items()
    }


def _kept(output: Path, before: dict[str, Any], anchor: str, key: str) -> list[Drawn] | None:
    """The drawings as they lie there, if they are of this content."""
    told = table(table(before.get("figures")).get(anchor))
    if told.get("key") != key:
        return None
    try:
        return [
            Drawn(stem, caption, alt, width, height, (output / f"figures/{stem}.svg").read_bytes())
            for stem, caption, alt, width, height in entries(told.get("drawings"))
        ]
    except (OSError, ValueError, TypeError):
        return None
