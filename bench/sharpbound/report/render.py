"""``render``: a run's result files in, a report out. Everything is drawn before anything is written.

Each subject (a case, or the overview of a claim) is drawn alone, so they are drawn in as many processes
as there are cores: equal inputs give equal bytes all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, cpu_count, delayed
from markupsafe import Markup
from matplotlib.figure import Figure

from sharpbound.errors import InputError
from sharpbound.records.values import entries, slug, table
from sharpbound.report.citation import bibliography
from sharpbound.report.documents import Document, load
from sharpbound.report.generic_figure import generic_figure
from sharpbound.report.order import ClaimGroup, arrange
from sharpbound.report.overview_figure import overview_figures
from sharpbound.report.page import Shown, build_page, label
from sharpbound.report.papers import csv_table, latex_table, markdown_table
from sharpbound.report.rate_figure import rate_figure
from sharpbound.report.style import FORMATS, Glyphs, encode, styled

Subject = Document | ClaimGroup
Encoded = tuple[str, str, dict[str, bytes]]
"""Stem of a figure's files, its caption, and the bytes of each format."""
Track = Callable[[Iterable[list[Encoded]], int], Iterable[list[Encoded]]]

FEW = 12
"""Subjects up to which starting processes costs more than it saves."""


@dataclass(frozen=True)
class Drawing:
    """A figure to be shown, the stem of its files, and its caption."""

    figure: Figure
    stem: str
    caption: str


def _untracked(drawn: Iterable[list[Encoded]], total: int) -> Iterable[list[Encoded]]:
    return drawn


def render(
    input_dir: Path | str,
    output_dir: Path | str,
    formats: Sequence[str] = FORMATS,
    track: Track = _untracked,
) -> Path:
    """Write ``index.html``, ``figures/``, ``table.tex``, ``references.bib``, ``verdicts.*``.

    ``formats`` are the kinds of figure files, among svg, png and pdf; ``track`` wraps what is drawn,
    given its number, for a progress bar (``rich.progress.track``). Equal inputs give equal bytes. Returns
    the path of the page. Raises InputError if there are no results in ``input_dir`` or a figure that a
    case declares cannot be drawn; nothing is written then.
    """
    unknown = [f for f in formats if f not in FORMATS]
    if unknown:
        raise InputError(f"unknown format {unknown[0]!r}; choose among {', '.join(FORMATS)}", key="formats")
    documents, environment = load(Path(input_dir))
    groups = [group for chapter in arrange(documents) for group in chapter.groups]
    subjects: list[Subject] = [*groups, *documents]
    processes = cpu_count() if len(subjects) > FEW else 1
    drawn = Parallel(n_jobs=processes, return_as="generator")(
        delayed(_draw)(subject, ("svg", *formats)) for subject in subjects
    )
    glyphs = Glyphs()
    shown: dict[str, list[Shown]] = {}
    files: dict[str, bytes] = {}
    for subject, figures in zip(subjects, track(drawn, len(subjects)), strict=True):
        title = subject.claim.id if isinstance(subject, ClaimGroup) else subject.title
        for stem, caption, encoded in figures:
            names = {f"figures/{stem}.{f}": encoded[f] for f in formats}
            files |= names
            picture = Markup(glyphs.inline(encoded["svg"], label(title, "Figure")))
            shown.setdefault(subject.anchor, []).append(Shown(picture, caption, list(names)))
    page = build_page(documents, environment, shown, glyphs.sheet())
    ordered = [d for group in groups for d in group.documents]
    texts = {
        "index.html": page,
        "table.tex": latex_table(ordered),
        "references.bib": bibliography(ordered),
        "verdicts.csv": csv_table(ordered),
        "verdicts.md": markdown_table(ordered),
    }
    output = Path(output_dir)
    (output / "figures").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (output / name).write_bytes(content)
    for name, text in texts.items():
        (output / name).write_text(text, encoding="utf-8", errors="replace", newline="\n")
    return output / "index.html"


def _draw(subject: Subject, formats: Sequence[str]) -> list[Encoded]:
    """The figures of a subject as bytes."""
    with styled():
        drawings = _overviews(subject) if isinstance(subject, ClaimGroup) else _case_figures(subject)
        return [
            (one.stem, one.caption, {f: encode(one.figure, f, one.stem) for f in dict.fromkeys(formats)})
            for one in drawings
        ]


def _case_figures(document: Document) -> Iterable[Drawing]:
    """The figure of the rate, unless the case declares its own and read no rate, then the declared ones."""
    declared = [table(item) for item in entries(document.details.get("figures"))]
    if "axis" in document.details or not declared:
        figure = rate_figure(document)
        if figure is not None:
            yield Drawing(figure, document.anchor, "")
    for k, spec in enumerate(declared):
        try:
            figure = generic_figure(spec)
        except InputError as error:
            raise error.at(where=f"case {document.id}") from None
        yield Drawing(
            figure,
            f"{document.anchor}-{slug(str(spec.get('name') or k + 1))}",
            str(spec.get("caption") or ""),
        )


def _overviews(group: ClaimGroup) -> Iterable[Drawing]:
    caption = f"All cases of {group.claim.id} that sweep the same variable, as error over {group.claim.word}."
    for k, (name, figure) in enumerate(overview_figures(group.claim, group.documents)):
        yield Drawing(figure, f"{group.anchor}-{slug(name)}" + (f"-{k + 1}" if k else ""), caption)
