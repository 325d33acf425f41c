r"""Results for a paper: tables, macros, figures at column width, BibTeX, and the same in Markdown.

``export`` takes what a reader names (cases, claims, papers) from the results of a run and writes into one folder

    NAME.tex            a ``tabular`` in booktabs style, within the text width of an article
    NAME.md             table, caption and figures in Markdown
    macros.tex          single numbers, and captions that name the snapshot, as ``\newcommand``
    figures/*.pdf       3.25 in wide, TrueType fonts
    references.bib      Sharpbound's own entry and those of the papers
    example.tex         an article that uses all of it

All LaTeX is ASCII and needs no more than ``array``, ``booktabs`` and ``graphicx``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sharpbound.errors import InputError, did_you_mean
from sharpbound.records.files import write_together
from sharpbound.records.values import slug
from sharpbound.report.citation import KEY, cite, references
from sharpbound.report.column_figure import (
    column_declared,
    column_overviews,
    column_rate,
    paper_style,
)
from sharpbound.report.documents import Document, load
from sharpbound.report.findings import findings
from sharpbound.report.lessons import who
from sharpbound.report.macros import camel, macros
from sharpbound.report.overview_figure import overview_caption
from sharpbound.report.snapshot import Snapshot
from sharpbound.report.style import encode
from sharpbound.report.tables import Table, cases_table, findings_table, rows_table
from sharpbound.report.tex import file_stem, mathematics, prose, tex
from sharpbound.report.wording import estimate, short


@dataclass(frozen=True)
class Item:
    """One table with what is said of it, and the figures that go with it."""

    name: str
    table: Table
    caption: str
    """Plain text."""
    cited: str
    r"""``\cite`` of the paper."""
    documents: Sequence[Document]
    figures: Sequence[tuple[str, str]] = ()
    """Stem of the file, and what the figure shows."""
    formula: str = ""
    """What the claim says, as LaTeX's mathematics."""
    notes: str = ""

    @property
    def parts(self) -> list[str]:
        """Names of the table's files."""
        return [self.name + (f"-{k + 1}" if k else "") for k in range(len(self.table.parts()))]


def export(names: Sequence[str], source: Path, output: Path) -> list[str]:
    """Write what ``names`` say of the run in ``source`` to ``output``; the names of the files.

    A name is the id of a case or of a claim, or names a paper: the part of its claims' ids before the dot, its
    BibTeX key or its arXiv number. Raises InputError where the run has no such thing, and where ``output`` cannot
    be written to; nothing is written then.
    """
    documents, environment = load(source)
    snapshot = Snapshot.of(documents, environment)
    items: dict[str, Item] = {}
    drawn: dict[str, bytes] = {}
    for name in names:
        for item, figures in _items(name, documents, source):
            items[item.name] = item
            drawn |= figures
    chosen = {d.id: d for item in items.values() for d in item.documents}
    files: dict[str, str | bytes] = {}
    for item in items.values():
        files |= _files(item, snapshot)
    captions = [_caption(item, snapshot) for item in items.values()]
    files["macros.tex"] = macros(chosen.values(), snapshot) + "\n" + "".join(captions)
    files["references.bib"] = references(chosen.values(), snapshot)
    files["example.tex"] = _example(list(items.values()))
    files |= {f"figures/{stem}.pdf": content for stem, content in drawn.items()}
    write_together(output, files)
    return list(files)


def _items(name: str, documents: Sequence[Document], source: Path) -> Iterable[tuple[Item, dict[str, bytes]]]:
    """What is exported under a name, with the figures' files."""
    cases = [d for d in documents if d.id == name]
    claims = [d for d in documents if d.claim.id == name]
    papers = [d for d in documents if name in _names_of_paper(d)]
    if cases:
        yield _case(cases[0])
    elif claims:
        yield _claim(claims)
    elif papers:
        yield _paper(name, papers), {}
        for claim in dict.fromkeys(d.claim.id for d in papers):
            yield _claim([d for d in papers if d.claim.id == claim])
    else:
        known = [n for d in documents for n in (d.id, d.claim.id, *_names_of_paper(d))]
        raise InputError(
            f"has no case, claim or paper {name!r}{did_you_mean(name, dict.fromkeys(known))}",
            where=str(source),
        )


def _names_of_paper(document: Document) -> list[str]:
    claim = document.claim
    return [n for n in (claim.paper_name, claim.key, str(claim.paper.get("arxiv") or "")) if n]


def _case(document: Document) -> tuple[Item, dict[str, bytes]]:
    figures = dict(_case_figures(document))
    rates = [
        f"predicted {document.predicted:g}" if document.predicted is not None else "",
        f"measured {estimate(document.exponent, document.interval)}" if document.exponent is not None else "",
        ", ".join([document.verdict, *document.remarks]),
    ]
    caption = f"{document.title}: {short(document.metric)} against {document.swept}, a test of {document.claim.id}; "
    caption += "; ".join(filter(None, rates)) + "."
    item = Item(
        file_stem(document.id), rows_table(document), caption, cite(document.claim), [document],
        [(stem, told or document.title) for stem, (told, _) in figures.items()],
    )  # fmt: skip
    return item, {stem: content for stem, (_, content) in figures.items()}


def _case_figures(document: Document) -> Iterable[tuple[str, tuple[str, bytes]]]:
    stem = file_stem(document.id)
    with paper_style():
        if "axis" in document.details or not document.declared:
            figure = column_rate(document)
            if figure is not None:
                yield stem, ("", encode(figure, "pdf", stem))
        for k, spec in enumerate(document.declared):
            each = f"{stem}-{file_stem(str(spec.get('name') or k + 1))}"
            try:
                figure = column_declared(spec)
            except InputError as error:
                raise error.at(where=f"case {document.id}") from None
            yield each, (str(spec.get("caption") or ""), encode(figure, "pdf", each))


def _claim(documents: Sequence[Document]) -> tuple[Item, dict[str, bytes]]:
    claim = documents[0].claim
    stem = file_stem(claim.id)
    files: dict[str, bytes] = {}
    figures: list[tuple[str, str]] = []
    with paper_style():
        for k, (overview, figure) in enumerate(column_overviews(claim, documents)):
            name = f"{stem}-{slug(overview.swept)}" + (f"-{k + 1}" if k else "")
            files[name] = encode(figure, "pdf", name)
            figures.append((name, overview_caption(claim, overview)))
    source = f" ({claim.source})" if claim.source else ""
    table, formula = cases_table(documents), mathematics(claim.formula)
    caption = f"Predicted and measured exponents of {claim.id}{source}"
    caption += ":" if formula else f": {claim.statement}" if claim.statement else "."
    item = Item(stem, table, caption, cite(claim), documents, figures, formula, table.notes)
    return item, files


def _paper(name: str, documents: Sequence[Document]) -> Item:
    stem = file_stem(name)
    caption = f"Claims of {who(documents[0].claim)}: exponents, predicted and measured, and verdicts."
    table = findings_table(findings(documents))
    return Item(stem, table, caption, cite(documents[0].claim), [], notes=table.notes)


def _files(item: Item, snapshot: Snapshot) -> dict[str, str]:
    """Table and Markdown of an item; of a long table, one file for each part."""
    files = {f"{name}.tex": part.latex() for name, part in zip(item.parts, item.table.parts(), strict=True)}
    pictures = "".join(f"\n[Figure: {told}](figures/{stem}.pdf)\n" for stem, told in item.figures)
    files[f"{item.name}.md"] = (
        f"{item.table.markdown()}\n{item.caption} {item.notes}Measured by {snapshot}.\n{pictures}"
    )
    return files


def _caption(item: Item, snapshot: Snapshot) -> str:
    r"""The caption as a macro: ``\caption`` takes no ``\input``."""
    by = tex(str(snapshot)).replace("Sharpbound", rf"Sharpbound~\cite{{{KEY}}}", 1)
    formula = f" ${item.formula}$." if item.formula else ""
    text = f"{prose(item.caption)}{formula}{item.cited} {prose(item.notes)}Measured by {by}."
    return rf"\newcommand{{\sb{camel(item.name)}Caption}}{{{text}}}" + "\n"


def _example(items: Sequence[Item]) -> str:
    """An article that uses every file."""
    lines = [
        r"\documentclass{article}",
        r"\usepackage{array,booktabs,graphicx}",
        r"\input{macros}",
        r"\begin{document}",
    ]
    for item in items:
        for name in item.parts:
            told = rf"\sb{camel(item.name)}Caption" if name == item.name else "The table above, continued."
            lines += [
                r"\begin{table}[p]\centering", rf"\caption{{{told}}}", rf"\input{{{name}}}", r"\end{table}"
            ]  # fmt: skip
        for stem, told in item.figures:
            lines += [
                r"\begin{figure}[p]\centering",
                rf"\includegraphics{{figures/{stem}.pdf}}",
                rf"\caption{{{prose(told).removesuffix('.')}.}}",
                r"\end{figure}",
            ]
        lines.append(r"\clearpage")
    lines += [r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}"]
    return "\n".join([*lines, ""])
