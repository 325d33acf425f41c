"""The verdicts as files for papers and spreadsheets: LaTeX, CSV, Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from sharpbound.records.values import table
from sharpbound.report.citation import cite
from sharpbound.report.documents import Document
from sharpbound.report.snapshot import run_id
from sharpbound.report.tex import HYPHEN, breakable, tex
from sharpbound.report.wording import estimate, named, number, short

_WIDTHS = (0.175, 0.205, 0.1, 0.115, 0.15, 0.195)
"""Of the columns in lines; the gaps between them take the rest."""


def latex_table(documents: Sequence[Document]) -> str:
    r"""A ``longtable`` of all verdicts, as wide as the text; what it needs stands in its first line."""
    head = r"Claim & Case & Metric & Predicted & Measured & Verdict \\"
    columns = "".join(
        rf">{{\raggedright\arraybackslash\hspace{{0pt}}}}p{{{width}\linewidth}}" for width in _WIDTHS
    )
    lines = [
        r"% Needs \usepackage{array,booktabs,longtable} and \bibliography{references}.",
        rf"% Run {run_id(documents)}: {len(documents)} cases.",
        HYPHEN,
        r"\begingroup\footnotesize\setlength{\tabcolsep}{2pt}",
        rf"\begin{{longtable}}{{@{{}}{columns}@{{}}}}",
        rf"\caption{{Predicted and measured rates (run {run_id(documents)}).}}\label{{tab:sharpbound}}\\",
        r"\toprule", head, r"\midrule", r"\endfirsthead",
        r"\toprule", head, r"\midrule", r"\endhead", r"\bottomrule", r"\endfoot",
    ]  # fmt: skip
    chapter = None
    for d in documents:
        if d.chapter != chapter:
            lines += [
                *([r"\addlinespace"] if chapter else []),
                rf"\multicolumn{{6}}{{@{{}}p{{\linewidth}}@{{}}}}{{\emph{{{tex(d.chapter)}}}}}\\",
            ]
            chapter = d.chapter
        cells = [
            breakable(tex(d.claim.id)) + cite(d.claim),
            *map(breakable, map(tex, (d.title, short(d.metric)))),
            *map(tex, (number(d.predicted, 3), estimate(d.exponent, d.interval), _said(d))),
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\end{longtable}\endgroup", ""])


def _said(d: Document) -> str:
    """The verdict with what stands beside it."""
    return ", ".join([d.verdict, *d.remarks])


def _record(d: Document) -> dict[str, object]:
    low, high = d.interval or (None, None)
    return {
        "case": d.id,
        "title": d.title,
        "kind": d.kind,
        "claim": d.claim.id,
        "citation": d.claim.citation,
        "control": d.claim.control,
        "wording": "unverified" if d.claim.unverified else "verified",
        "metric": d.metric,
        "target": named(table(d.spec.get("target")), "family"),
        "sampler": named(table(d.spec.get("sampler")), "name"),
        "schedule": named(table(d.spec.get("forward")), "schedule"),
        "swept": d.swept,
        "predicted": d.predicted,
        "exponent": d.exponent,
        "low": low,
        "high": high,
        "constant": d.details.get("constant"),
        "rows": len(d.rows),
        "fitted": sum(p.fitted for p in d.points),
        "verdict": d.verdict,
        "hypotheses": d.hypotheses,
        "reason": d.reason,
        "command": d.command,
    }


def csv_table(documents: Sequence[Document]) -> str:
    """All verdicts with full precision, one line per case."""
    records = [_record(d) for d in documents]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return stream.getvalue()


def markdown_table(documents: Sequence[Document]) -> str:
    """All verdicts as a Markdown table per chapter."""
    lines: list[str] = []
    chapter = None
    for d in documents:
        if d.chapter != chapter:
            lines += [
                *([""] if chapter else []),
                f"## {d.chapter}",
                "",
                "| claim | case | metric | predicted | measured | verdict |",
                "|---|---|---|---|---|---|",
            ]
            chapter = d.chapter
        cells = (
            d.claim.id,
            d.title,
            d.metric,
            number(d.predicted),
            estimate(d.exponent, d.interval),
            _said(d),
        )
        lines.append(
            "| "
            + " | ".join(" ".join(c.replace("|", "\\|").replace("<", "&lt;").split()) for c in cells)
            + " |"
        )
    return "\n".join([*lines, ""])
