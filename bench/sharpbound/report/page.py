"""The page: what the template needs, gathered from the case documents and their figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from sharpbound.records.values import entries, flatten, table
from sharpbound.report.citation import bibliography
from sharpbound.report.claims import Claim
from sharpbound.report.constants import truths
from sharpbound.report.documents import Document
from sharpbound.report.findings import findings
from sharpbound.report.order import arrange
from sharpbound.report.typeset import formula, prose
from sharpbound.report.wording import METRICS, VERDICTS, estimate, named, number, setting
from sharpbound.suite.claim import TRUST


@dataclass(frozen=True)
class Shown:
    """A figure on the page: its inline SVG, what stands below it, and the files it was written to."""

    svg: Markup
    caption: str
    files: Sequence[str]


def count_verdicts(documents: Sequence[Document]) -> list[tuple[str, int]]:
    """Verdicts that occur where the theorem may speak of the case, from good to bad, with their numbers."""
    counts = Counter(d.verdict for d in documents if not d.outside)
    return sorted(
        counts.items(),
        key=lambda item: (VERDICTS.index(item[0]) if item[0] in VERDICTS else len(VERDICTS), item[0]),
    )


def displayed(claim: Claim) -> Markup:
    """The claim's formula, typeset, as an inequality or equality for its metric."""
    return formula(claim.formula)


def metric_markup(metric: str) -> Markup:
    """Name of a metric with its symbols typeset."""
    return prose(METRICS.get(metric, metric))


def cell(value: Any, digits: int = 4) -> Markup:
    """A table cell: numbers aligned by class, text with formulas typeset."""
    if isinstance(value, (int, float)) or value is None:
        return Markup('<td class="number">{}</td>').format(number(value, digits))
    return Markup("<td>{}</td>").format(prose(setting(value)))


def row_table(document: Document) -> list[tuple[list[Markup], str]]:
    """Each row's cells in the order of ``document.columns`` and why it was not fitted, if so."""
    digits = {c: 2 if c.endswith("floor") else 4 for c in document.columns}
    return [
        ([cell(row.get(c), digits[c]) for c in document.columns], point.reason)
        for row, point in zip(document.rows, document.points, strict=True)
    ]


def settings(document: Document) -> list[tuple[str, str]]:
    """The case file's tables, one line each, without the head that the section shows anyway."""
    return [(name, setting(content)) for name, content in document.spec.items() if name != "case"]


def minify(html: str) -> str:
    """Drop the indentation that template loops leave; text in <pre> starts at the margin and is kept."""
    return re.sub(r"\n\s*\n+", "\n", html)


def build_page(
    documents: Sequence[Document],
    environment: Mapping[str, Any],
    figures: Mapping[str, Sequence[Shown]],
    letters: str,
) -> str:
    """The whole page. ``figures`` holds those of a case, or of a claim's group, under its anchor."""
    chapters = arrange(documents)
    tests = [d for chapter in chapters for d in chapter.documents if not d.claim.control]
    controls = [d for d in documents if d.claim.control]
    filters: dict[str, Callable[..., Any]] = {
        "cell": cell, "displayed": displayed, "entries": entries, "estimate": estimate,
        "metric": metric_markup, "number": number, "prose": prose, "row_table": row_table,
        "setting": setting, "settings": settings, "table": table,
    }  # fmt: skip
    jinja = Environment(
        loader=PackageLoader("sharpbound.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= filters
    html = jinja.get_template("index.html.j2").render(
        chapters=chapters,
        documents=documents,
        tests=tests,
        controls=controls,
        counts=count_verdicts(tests),
        control_counts=count_verdicts(controls),
        outside=[d for d in tests if d.outside],
        outside_counts=Counter(d.verdict for d in tests if d.outside).most_common(),
        trust=TRUST,
        findings=findings(tests),
        truths=truths(tests),
        claims=len({d.claim.id for d in documents}),
        papers=len({d.claim.key or d.claim.citation for d in documents}),
        rows=sum(len(d.rows) for d in documents),
        figures=figures,
        letters=Markup(letters),
        environment=[(key, setting(value)) for key, value in flatten(environment)],
        bibliography=bibliography(documents),
        named=named,
    )
    return minify(html)


def label(document_title: str, what: str) -> str:
    """Accessible name of a figure, escaped."""
    return str(escape(f"{what}: {document_title}"))
