"""Tables for papers, as a LaTeX ``tabular`` and as Markdown: rows of a case, cases of a claim, claims of a paper."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sharpbound.records.leading import law_in_words
from sharpbound.records.values import finite
from sharpbound.report.documents import Document
from sharpbound.report.findings import OUTSIDE, Finding
from sharpbound.report.tex import HYPHEN, breakable, prose, tex, tex_number
from sharpbound.report.wording import estimate, number, short

LONGEST = 46
"""Lines that one page has room for; a longer table becomes several."""
_LETTERS = 82
"""To a line of text, about."""
OUTSIDE_MARK, UNVERIFIED_MARK = "†", "‡"
NOTES = {
    OUTSIDE_MARK: "outside the theorem's hypotheses",
    UNVERIFIED_MARK: "wording or exponents not checked against the paper",
}
"""What stands beside a verdict, as a mark that a caption explains."""


@dataclass(frozen=True)
class Column:
    """Its head, and its width as a share of the text's: 0 for one of numbers, as wide as they are."""

    head: str
    width: float = 0.0


@dataclass(frozen=True)
class Table:
    """Columns, and rows of numbers and plain text."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]

    @property
    def notes(self) -> str:
        """What the marks in it mean, as a sentence each."""
        text = "".join(value for row in self.rows for value in row if isinstance(value, str))
        return "".join(f"{mark} {meaning}. " for mark, meaning in NOTES.items() if mark in text)

    def parts(self, longest: int = LONGEST) -> list[Table]:
        """The same in tables of at most so many lines each, by default a page's; one without rows stays one."""
        found: list[list[Sequence[Any]]] = [[]]
        left = longest
        for row in self.rows:
            cells = zip(self.columns, row, strict=True)
            lines = max((self._lines(column, value) for column, value in cells), default=1)
            if lines > left and found[-1]:
                found.append([])
                left = longest
            found[-1].append(row)
            left -= lines
        return [Table(self.columns, rows) for rows in found]

    @staticmethod
    def _lines(column: Column, value: Any) -> int:
        return (
            math.ceil(len(value) / (_LETTERS * column.width))
            if isinstance(value, str) and column.width
            else 1
        )

    def latex(self) -> str:
        r"""A ``tabular`` in ASCII for ``\input``; it needs ``array`` and ``booktabs``."""
        lines = [
            r"% Needs \usepackage{array,booktabs}.",
            HYPHEN,
            r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}%",
            rf"\begin{{tabular}}{{@{{}}{''.join(map(_preamble, self.columns))}@{{}}}}",
            r"\toprule",
            self._head(),
            r"\midrule",
            *(" & ".join(map(_cell, row)) + r" \\" for row in self.rows),
            r"\bottomrule",
            r"\end{tabular}\endgroup",
        ]
        return "\n".join([*lines, ""])

    def longtable(self) -> str:
        r"""A ``longtable``, which breaks over pages and repeats its head; it bears no floats on its pages."""
        lines = [
            HYPHEN,
            r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}\setlength{\LTleft}{0pt}%",
            r"\setlength{\LTpre}{4pt}\setlength{\LTpost}{4pt}%",
            rf"\begin{{longtable}}{{@{{}}{''.join(map(_preamble, self.columns))}@{{}}}}",
            r"\toprule",
            self._head(),
            r"\midrule\endhead",
            r"\bottomrule\endfoot",
            *(" & ".join(map(_cell, row)) + r" \\" for row in self.rows),
            r"\end{longtable}\endgroup",
        ]
        return "\n".join([*lines, ""])

    def _head(self) -> str:
        return " & ".join(tex(column.head) for column in self.columns) + r" \\"

    def markdown(self) -> str:
        """A table of GitHub's Markdown."""
        rules = ["---" if column.width else "---:" for column in self.columns]
        rows = [
            [column.head for column in self.columns],
            rules,
            *([_text(v) for v in row] for row in self.rows),
        ]
        return "".join(f"| {' | '.join(map(_escaped, row))} |\n" for row in rows)


def rows_table(document: Document) -> Table:
    """What was measured at each point of the sweep: values of at most two metrics with their floors, ``ratio`` to the
    leading term, and whether the fit used them.
    """
    records = document.record.rows
    point = list(dict.fromkeys(name for row in records for name in row.point))
    metrics = [
        m
        for m in document.record.metrics
        if any(m in r.measured and r.measured[m].value is not None for r in records)
    ][:2]
    if not metrics:
        return _columns_table(document)
    ratios = document.leading.get("ratio") if document.leading.get("decides") else None
    ratios = ratios if isinstance(ratios, list) and len(ratios) == len(records) else None
    columns = [Column(name) for name in point]
    columns += [Column(head) for m in metrics for head in (m, "floor")]
    columns += [Column("ratio")] if ratios else []
    columns += [Column("in the fit", 0.14)] if document.window else []
    rows = []
    for k, (row, place) in enumerate(zip(records, document.points, strict=True)):
        cells: list[Any] = [row.point.get(name) for name in point]
        for m in metrics:
            found = row.measured.get(m)
            cells += [found.value if found else None, Rough(found.floor if found else None)]
        cells += [finite(ratios[k])] if ratios else []
        cells += [place.reason or "yes"] if document.window else []
        rows.append(cells)
    return Table(columns, rows)


def _columns_table(document: Document) -> Table:
    """Of a case that measures something else at each row: its first columns."""
    names = [name for name in document.columns if not name.endswith(("floor", "floor_kind", "engine"))][:5]
    texts = [any(isinstance(row.get(name), str) for row in document.rows) for name in names]
    columns = [
        Column(name, 0.8 / len(names) if text else 0.0) for name, text in zip(names, texts, strict=True)
    ]
    rows = [[row.get(name) for name in names] for row in document.rows]
    return Table(columns, [row for row in rows if any(value is not None for value in row)])


def cases_table(documents: Sequence[Document]) -> Table:
    """Predicted and measured rates of cases, with the leading terms where they are known."""
    laws = [_law(d) for d in documents]
    known = any(laws)
    columns = [
        Column("Case", 0.25 if known else 0.33),
        Column("Metric", 0.08 if known else 0.14),
        Column("Predicted"),
        Column("Measured", 0.16 if known else 0.18),
        *([Column("Leading term", 0.18)] if known else []),
        Column("Verdict", 0.12 if known else 0.14),
    ]
    rows = []
    for d, law in zip(documents, laws, strict=True):
        cells = [d.title, short(d.metric), number(d.predicted, 3), estimate(d.exponent, d.interval)]
        rows.append([*cells, *([law] if known else []), _marked(d)])
    return Table(columns, rows)


def findings_table(findings: Sequence[Finding]) -> Table:
    """What each claim comes to, metric by metric, over all its cases."""
    columns = [
        Column("Claim", 0.25),
        Column("Metric", 0.18),
        Column("Predicted"),
        Column("Measured", 0.16),
        Column("Verdicts", 0.2),
    ]
    rows = []
    for f in findings:
        verdicts = ", ".join(f"{n} {v.replace(f', {OUTSIDE}', OUTSIDE_MARK)}" for v, n in f.verdicts)
        rows.append([f.claim, short(f.metric), number(f.predicted, 3), f.measured, verdicts])
    return Table(columns, rows)


def _marked(document: Document) -> str:
    """The verdict with the marks of what stands beside it."""
    record = document.record
    outside = OUTSIDE_MARK if document.outside else ""
    return document.verdict + outside + (UNVERIFIED_MARK if record.unverified else "")


@dataclass(frozen=True)
class Rough:
    """A number of which the size is what matters."""

    value: float | None


def _law(document: Document) -> str:
    law = document.law
    return law_in_words(law.constant, law.log_power, law.power, law.half_width) if law else ""


def _preamble(column: Column) -> str:
    if not column.width:
        return "r"
    return rf">{{\raggedright\arraybackslash\hspace{{0pt}}}}p{{{column.width:g}\linewidth}}"


def _cell(value: Any) -> str:
    if isinstance(value, Rough):
        return tex_number(value.value, 2)
    return breakable(prose(value)) if isinstance(value, str) else tex_number(value)


def _text(value: Any) -> str:
    if isinstance(value, Rough):
        return number(value.value, 2)
    return value if isinstance(value, str) else number(value)


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").replace("<", "&lt;").split())
