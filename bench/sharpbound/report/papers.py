"""The verdicts as files for papers and spreadsheets: LaTeX, BibTeX, CSV, Markdown."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from sharpbound.records.files import strict_json
from sharpbound.records.numbers import Reproduction
from sharpbound.records.values import table
from sharpbound.report.claims import Claim
from sharpbound.report.documents import Document
from sharpbound.report.numbers import source
from sharpbound.report.wording import estimate, named, number

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "\u00a0": "~", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "ł": r"\l{}", "Ł": r"\L{}", "æ": r"\ae{}",
    "ı": r"\i{}", "\u2044": "/",
}  # fmt: skip
_MATHS = {
    "×": r"\times", "·": r"\cdot", "±": r"\pm", "−": "-", "≤": r"\leq", "≥": r"\geq", "≠": r"\neq",
    "≈": r"\approx", "∞": r"\infty", "√": r"\surd", "∝": r"\propto", "→": r"\to", "∈": r"\in", "∥": r"\Vert",
    "∫": r"\int", "∮": r"\oint", "∂": r"\partial", "∇": r"\nabla", "ϵ": r"\epsilon", "ϕ": r"\phi",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c", "\u0328": "k",
}  # fmt: skip
_LIKE_LATIN = {
    "omicron": "o", "Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K",
    "Mu": "M", "Nu": "N", "Omicron": "O", "Rho": "P", "Tau": "T", "Chi": "X",
}  # fmt: skip
"""Greek letters that TeX has no command for."""


def tex(text: str) -> str:
    """``text`` in ASCII for any LaTeX: special characters escaped, Greek and signs as mathematics, control
    characters dropped; a character that has no such form becomes a question mark.
    """
    return "".join(map(_character, unicodedata.normalize("NFC", text)))


def _character(c: str) -> str:
    if c in _TEX:
        return _TEX[c]
    if c in _MATHS:
        return rf"\ensuremath{{{_MATHS[c]}}}"
    if unicodedata.category(c)[0] == "C" or c.isspace():
        return " "
    if c.isascii():
        return c
    kind, _, rest = unicodedata.decomposition(c).rpartition("> ")
    if kind in ("<super", "<sub"):
        inside = "".join(_character(chr(int(code, 16))) for code in rest.split())
        return rf"\text{'superscript' if kind == '<super' else 'subscript'}{{{inside}}}"
    if kind:  # a ligature or another form of plain characters
        return "".join(_character(chr(int(code, 16))) for code in rest.split())
    if greek := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)", unicodedata.name(c, "")):
        name = greek[2].lower().replace("lamda", "lambda")
        name = name.capitalize() if greek[1] == "CAPITAL" else {"epsilon": "varepsilon"}.get(name, name)
        return _LIKE_LATIN.get(name, rf"\ensuremath{{\{name}}}")
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return "?"


def cite(claim: Claim) -> str:
    r"""``~\cite{key}``; keys with characters that are special to TeX are read as they are written."""
    key = claim.key if claim.bibtex else ""
    if re.fullmatch(r"[A-Za-z0-9:.+/-]+", key):
        return rf"~\cite{{{key}}}"
    sound = key.isascii() and key.isprintable() and not re.search(r"[%{}\\ ]", key)
    return rf"~\cite{{\detokenize{{{key}}}}}" if key and sound else ""


def run_id(documents: Iterable[Document]) -> str:
    """Twelve hex digits of all that the run measured and said, whatever its order and its computing time."""
    records = sorted((d.record.as_json() | {"seconds": None} for d in documents), key=lambda d: d["case"])
    return hashlib.sha256(strict_json(records).encode()).hexdigest()[:12]


def bibliography(documents: Iterable[Document], numbers: Iterable[Reproduction] = ()) -> str:
    """BibTeX of exactly the papers whose claims were tested or whose numbers recomputed, sorted, each once."""
    sources = [*(d.claim for d in documents), *map(source, numbers)]
    found = {claim.key or claim.bibtex: claim.bibtex for claim in sources if claim.bibtex}
    return "\n\n".join(found[key] for key in sorted(found)) + ("\n" if found else "")


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
        r"\providecommand{\sbhyphen}{\nobreak\hspace{0pt}-\hspace{0pt}}% TeX divides no word with a bare hyphen",
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
            _breakable(tex(d.claim.id)) + cite(d.claim),
            *map(_breakable, map(tex, (d.title, d.metric))),
            *map(tex, (number(d.predicted, 3), estimate(d.exponent, d.interval), _said(d))),
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\end{longtable}\endgroup", ""])


def _breakable(text: str) -> str:
    """A line may break after a dot, comma or slash within a word, and in the parts of a long hyphenated one."""
    text = re.sub(r"(\\_|(?<!\\)[./,])(?=[A-Za-z(])", r"\1\\hspace{0pt}", text)
    return re.sub(
        r"[a-z]{9,}(-[a-z]+)+|([a-z]+-)+[a-z]{9,}", lambda word: word[0].replace("-", r"\sbhyphen{}"), text
    )


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
