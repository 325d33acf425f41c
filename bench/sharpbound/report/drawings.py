"""The figures of the site: what is drawn for each case and each claim, as SVG files, and the same in words.

Each subject (a case, or the overview of a claim) is drawn alone, so that they are drawn in as many processes as there
are cores, and one whose content is unchanged is not drawn again: equal inputs give equal bytes all the same.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import Parallel, cpu_count, delayed
from matplotlib.figure import Figure

from sharpbound.errors import InputError
from sharpbound.records.values import slug
from sharpbound.report.documents import Document
from sharpbound.report.generic_figure import generic_figure
from sharpbound.report.order import ClaimGroup
from sharpbound.report.overview_figure import overview_caption, overview_figures
from sharpbound.report.rate_figure import rate_figure
from sharpbound.report.scorecard_figure import scorecard
from sharpbound.report.style import encode, styled
from sharpbound.report.wording import estimate, number

if TYPE_CHECKING:
    from sharpbound.report.lessons import Paper

Subject = Document | ClaimGroup
FEW = 12
"""Subjects up to which starting processes costs more than it saves."""


@dataclass(frozen=True)
class Drawn:
    """A figure: the stem of its file, its caption, what it says in words, its size in CSS pixels, and its SVG."""

    stem: str
    caption: str
    alt: str
    width: int
    height: int
    svg: bytes


Track = Callable[[Iterable[list[Drawn]], int], Iterable[list[Drawn]]]
Kept = Callable[[str, str], list[Drawn] | None]
"""The drawings of an anchor that were made of the content with this key, where there are some."""


def draw_all(subjects: Sequence[Subject], kept: Kept, track: Track) -> dict[str, tuple[str, list[Drawn]]]:
    """Key and drawings of each subject by its anchor; those that are ``kept`` are not made again."""
    keys = {subject.anchor: content_key(subject) for subject in subjects}
    found = {anchor: drawings for anchor, key in keys.items() if (drawings := kept(anchor, key)) is not None}
    fresh = [subject for subject in subjects if subject.anchor not in found]
    processes = cpu_count() if len(fresh) > FEW else 1
    made = Parallel(n_jobs=processes, return_as="generator")(delayed(draw)(subject) for subject in fresh)
    for subject, drawings in zip(fresh, track(made, len(fresh)), strict=True):
        found[subject.anchor] = drawings
    return {anchor: (key, found[anchor]) for anchor, key in keys.items()}


def content_key(subject: Subject) -> str:
    """Digest of all that its figures depend on: the documents, the code that draws, the libraries below it."""
    documents = subject.documents if isinstance(subject, ClaimGroup) else [subject]
    told = [document.content for document in documents]
    return hashlib.sha256("\n".join([code_digest(), *told]).encode()).hexdigest()[:20]


@cache
def code_digest() -> str:
    """Of the modules that draw and set formulas, with all of the report that these import, and of Matplotlib."""
    waiting, found = [Path(__file__).stem, "typeset"], dict[str, bytes]()
    while waiting:
        if (name := waiting.pop()) not in found:
            found[name] = (Path(__file__).parent / f"{name}.py").read_bytes()
            waiting += re.findall(
                r"^from sharpbound\.report\.(\w+) import", found[name].decode(), re.MULTILINE
            )
    source = b"".join(found[name] for name in sorted(found))
    return hashlib.sha256(source + metadata.version("matplotlib").encode()).hexdigest()


def draw(subject: Subject) -> list[Drawn]:
    """The figures of a case or of a claim."""
    with styled(), _collected_once():
        return list(_overviews(subject) if isinstance(subject, ClaimGroup) else _case_figures(subject))


@contextmanager
def _collected_once() -> Iterator[None]:
    """Collect the garbage of the block, thousands of small objects in circles, once at its end."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
            gc.collect(0)


def draw_scorecard(papers: Sequence[Paper], counts: Mapping[str, int]) -> Drawn:
    """The figure of all claims; ``counts`` are its verdicts, for those who cannot see it."""
    told = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    with styled():
        return _drawn(scorecard(papers), "scorecard", "", f"All claims, a mark for each case: {told}.")


def says(document: Document) -> str:
    """The result of a case in words."""
    parts = [f"{document.title}: {document.metric} against {document.swept}"]
    if document.predicted is not None:
        parts.append(f"predicted {number(document.predicted)}")
    if document.exponent is not None:
        parts.append(f"measured {estimate(document.exponent, document.interval)}")
    return "; ".join([*parts, ", ".join([document.verdict, *document.remarks])]) + "."


def _case_figures(document: Document) -> Iterable[Drawn]:
    """The figure of the rate, unless the case declares its own and read no rate, then the declared ones."""
    if "axis" in document.details or not document.declared:
        figure = rate_figure(document)
        if figure is not None:
            yield _drawn(figure, document.anchor, "", says(document))
    for k, spec in enumerate(document.declared):
        try:
            figure = generic_figure(spec)
        except InputError as error:
            raise error.at(where=f"case {document.id}") from None
        stem = f"{document.anchor}-{slug(str(spec.get('name') or k + 1))}"
        caption = str(spec.get("caption") or "")
        yield _drawn(figure, stem, caption, f"{spec.get('title') or 'Figure'}. {says(document)}")


def _overviews(group: ClaimGroup) -> Iterable[Drawn]:
    for k, (overview, figure) in enumerate(overview_figures(group.claim, group.documents)):
        stem = f"{group.anchor}-{slug(overview.swept)}" + (f"-{k + 1}" if k else "")
        caption = overview_caption(group.claim, overview)
        told = ", ".join(f"{d.title} {d.verdict}" for d in overview.documents[:6])
        more = f" and {len(overview.documents) - 6} more" if len(overview.documents) > 6 else ""
        yield _drawn(figure, stem, caption, f"{caption} {told}{more}.")


def _drawn(figure: Figure, stem: str, caption: str, alt: str) -> Drawn:
    width, height = (round(96 * side) for side in figure.get_size_inches())
    return Drawn(stem, caption, alt, width, height, encode(figure, "svg", stem))
