"""The report as one PDF: by LaTeX where it is installed, else drawn page by page (`sharpbound.report.pdf_pages`)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError
from sharpbound.records.files import write_together
from sharpbound.records.values import flatten, slug
from sharpbound.report.citation import KEY, cite, references
from sharpbound.report.column_figure import column_overviews, paper_style
from sharpbound.report.constants import comparisons, truths
from sharpbound.report.documents import Document, load
from sharpbound.report.lessons import Lesson, Paper, Taught, learnt, papers
from sharpbound.report.order import arrange
from sharpbound.report.pdf_pages import drawn_pdf
from sharpbound.report.scorecard_figure import scorecard
from sharpbound.report.snapshot import Snapshot
from sharpbound.report.style import encode, styled
from sharpbound.report.tables import OUTSIDE_MARK, Column, Table, cases_table
from sharpbound.report.tex import HYPHEN, breakable, file_stem, mathematics, prose, tex
from sharpbound.report.wording import setting, short

NAME = "report.pdf"
METHOD = (
    "Targets have scores in closed form, samplers are programs of Gaussian stages, and the law of what a sampler "
    "returns is computed, not sampled, wherever an engine can: each number has a floor, an estimate of its own "
    "numerical error. An exponent is read from the rows above the floors, with an interval that holds the spread of "
    "the local slopes and what corrections of higher order can do. Where the leading term as T goes to infinity is "
    "computed and the measured errors go to it, it decides the verdict.",
    "A verdict says what a case shows. Of an upper bound, sharp: its power is attained; loose: the error falls faster; "
    "violated: it falls more slowly. Lower bounds mirror this. Equalities and orderings are confirmed or refuted. "
    "Inconclusive: the rows decide nothing. A case outside a theorem's hypotheses says nothing of the theorem and is "
    "counted apart.",
)
LONGEST_BESIDE_FLOATS = 24
"""Lines of a table among figures, which float into what it leaves of a page."""
_RUNS = 3  # of LaTeX, until references and tables stand


def write_pdf(source: Path, output: Path) -> tuple[Path, str]:
    """Write ``report.pdf`` of the run in ``source`` to ``output``; its path, and what it was made with.

    InputError where there are no results, or ``output`` cannot be written to.
    """
    documents, environment = load(source)
    snapshot = Snapshot.of(documents, environment)
    found = papers(d for chapter in arrange(documents) for d in chapter.documents)
    if shutil.which("pdflatex") and shutil.which("bibtex"):
        content, made = _typeset(found, documents, environment, snapshot), "LaTeX"
    else:
        content, made = drawn_pdf(found, snapshot, METHOD), "Matplotlib, for LaTeX is not installed"
    write_together(output, {NAME: content})
    return output / NAME, made


def _typeset(
    found: Sequence[Paper], documents: Sequence[Document], environment: Mapping[str, Any], snapshot: Snapshot
) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with styled():
            (folder / "scorecard.pdf").write_bytes(encode(scorecard(found), "pdf", "scorecard"))
        (folder / "references.bib").write_text(references(documents, snapshot), encoding="ascii")
        (folder / "report.tex").write_text(
            latex(found, documents, environment, snapshot, folder), encoding="ascii"
        )
        for k in range(_RUNS):
            _run("pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "report.tex", folder=folder)
            if k == 0:
                _run("bibtex", "report", folder=folder)
        return (folder / NAME).read_bytes()


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", check=False, timeout=300
    )
    if done.returncode > 1 or (command[0] == "pdflatex" and not (folder / NAME).is_file()):
        faults = [line for line in done.stdout.splitlines() if line.startswith("!")]
        raise InputError(f"{command[0]} failed ({faults[0] if faults else f'status {done.returncode}'})")


def latex(
    found: Sequence[Paper],
    documents: Sequence[Document],
    environment: Mapping[str, Any],
    snapshot: Snapshot,
    figures: Path,
) -> str:
    """The report's LaTeX, in ASCII; figures of claims are written to the folder ``figures``."""
    lines = [
        r"\pdfobjcompresslevel=0",  # journals' checks of fonts read plain objects
        r"\documentclass[10pt]{article}",
        r"\usepackage[margin=1in]{geometry}",
        r"\usepackage{array,booktabs,graphicx,longtable}",
        r"\usepackage[hidelinks]{hyperref}",
        HYPHEN,
        r"\newcommand{\fitted}[1]{%",  # a formula no wider than the text
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{$\displaystyle #1$}}",
        r"\hypersetup{pdftitle={Sharpbound: what was measured}}",
        r"\frenchspacing\setlength{\parindent}{0pt}\setlength{\parskip}{4pt}\emergencystretch=3em",
        r"\extrafloats{200}\renewcommand{\topfraction}{.9}\renewcommand{\bottomfraction}{.7}",
        r"\renewcommand{\textfraction}{.07}\renewcommand{\floatpagefraction}{.7}",
        r"\title{Whether convergence theorems of diffusion models hold, and how sharp they are}",
        rf"\author{{{tex(str(snapshot))}}}\date{{}}",
        r"\begin{document}\maketitle",
        r"\section{What was learnt}",
        rf"The numbers are those of Sharpbound~\cite{{{KEY}}}.",
        r"\begin{itemize}\sloppy\renewcommand{\labelitemi}{--}",  # a bullet would be a bitmap
        *(line for one in learnt(found) for line in _item(one)),
        r"\end{itemize}",
        r"\begin{figure}[p]\centering\includegraphics[width=\textwidth]{scorecard.pdf}",
        r"\caption{Claims and verdicts at a glance.}\end{figure}",
        r"\section{Method}",
        *(tex(paragraph) + r"\par" for paragraph in METHOD),
        r"\section{Claims}",
        *(line for paper in found for line in _paper(paper, figures)),
        r"\clearpage\section{Sharp constants}",
        *_constants([d for paper in found for d in paper.documents]),
        r"\section{Environment}",
        Table(
            [Column("what", 0.3), Column("value", 0.6)],
            [(key, setting(value)) for key, value in flatten(environment)],
        ).longtable(),
        r"\bibliographystyle{plain}\bibliography{references}",
        r"\end{document}",
    ]
    return "\n".join([*lines, ""])


def _item(one: Taught) -> Iterable[str]:
    yield rf"\item {_spoken(one.sentence)}"
    if one.by_source:
        yield r"\begin{itemize}\small\setlength{\itemsep}{0pt}\renewcommand{\labelitemii}{}"
        yield from (rf"\item {_spoken(line)}" for line in one.by_source)
        yield r"\end{itemize}"


def _spoken(sentence: str) -> str:
    """A sentence with what stands in backticks in typewriter type."""
    parts = sentence.split("`")
    return "".join(
        rf"\texttt{{{breakable(tex(part))}}}" if odd % 2 else tex(part) for odd, part in enumerate(parts)
    )


def _paper(paper: Paper, figures: Path) -> list[str]:
    head = f"{paper.citation}: {paper.title}" if paper.title else paper.citation
    lines = [rf"\subsection{{{tex(head)}}}", rf"{tex(paper.told)}{cite(paper.lessons[0].claim)}"]
    return [*lines, *(line for lesson in paper.lessons for line in _claim(lesson, figures))]


def _claim(lesson: Lesson, figures: Path) -> list[str]:
    claim = lesson.claim
    source = f" ({claim.source})" if claim.source else ""
    lines = [rf"\paragraph{{\texttt{{{tex(claim.id)}}}{prose(source)}}}", prose(claim.statement)]
    if formula := mathematics(claim.formula):
        lines.append(rf"\[\fitted{{{formula}}}\]")
    lines.append(rf"\emph{{{lesson.standing.capitalize()}}}: {prose(lesson.told)}.\par")
    table = cases_table(lesson.documents)
    lines += [rf"{part.latex().rstrip()}\par\medskip" for part in table.parts(LONGEST_BESIDE_FLOATS)]
    lines += [rf"{{\footnotesize {prose(table.notes)}}}\par"] if table.notes else []
    names = []
    with paper_style():
        for k, (overview, figure) in enumerate(column_overviews(claim, lesson.documents)):
            name = f"{file_stem(claim.id)}-{slug(overview.swept)}-{k}.pdf"
            (figures / name).write_bytes(encode(figure, "pdf", name))
            names.append(name)
    return [*lines, *_floats(claim.id, names), r"\medskip"]


def _floats(claim: str, names: Sequence[str]) -> list[str]:
    """Figures of a column's width, two side by side, which float so that no page stays half empty."""
    lines = []
    for k in range(0, len(names), 2):
        pair = [
            r"\begin{minipage}[t]{.49\textwidth}\vspace{0pt}\centering"  # even at their tops
            rf"\includegraphics[width=\linewidth]{{{name}}}\end{{minipage}}"
            for name in names[k : k + 2]
        ]
        caption = rf"\caption{{\texttt{{{breakable(tex(claim))}}} over its cases.}}"
        lines += [r"\begin{figure}[!htbp]\centering", "\\hfill\n".join(pair), caption, r"\end{figure}"]
    return lines


def _constants(documents: Sequence[Document]) -> list[str]:
    groups = truths([d for d in documents if not d.claim.control])
    if not groups:
        return ["No case of this run has a leading term that decides.", ""]
    columns = [
        Column("Claim", 0.2),
        Column("Sampler, schedule", 0.19),
        Column("In", 0.08),
        Column("Claim states", 0.13),
        Column("Truth", 0.17),
        Column("Gives away", 0.12),
    ]
    rows = [
        [
            claim,
            f"{one.sampler}, {one.schedule}",
            short(one.worst.document.metric),
            one.stated,
            one.worst.told,
            one.given_away + (OUTSIDE_MARK if one.worst.document.outside else ""),
        ]
        for claim, found in comparisons(groups, {})
        for one in found
    ]
    intro = (
        r"As $T \to \infty$ the error is $\sim C (\log T)^a / T^p$; $C$, $a$ and $p$ are computed. The truth is that "
        r"of the worst target measured, within the theorem's hypotheses unless marked $\dagger$; what the claim gives "
        r"away is the factor between it and the claim's leading term in $T$.\par"
    )
    return [intro, Table(columns, rows).longtable()]
