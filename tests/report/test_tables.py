"""The verdicts as files for papers and spreadsheets: LaTeX that compiles, CSV, Markdown, BibTeX."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sharpbound.report.citation import bibliography
from sharpbound.report.documents import Document
from sharpbound.report.papers import csv_table, latex_table, markdown_table
from sharpbound.report.tex import tex


def write(folder: Path, documents: list[dict[str, Any]]) -> Path:
    cases = [Document.of(d) for d in documents]
    (folder / "table.tex").write_text(latex_table(cases), encoding="utf-8")
    (folder / "references.bib").write_text(bibliography(cases), encoding="utf-8")
    (folder / "verdicts.csv").write_text(csv_table(cases), encoding="utf-8", newline="")
    (folder / "verdicts.md").write_text(markdown_table(cases), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def output(documents: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    return write(folder, documents)


def test_bibliography_holds_each_tested_paper_once(output: Path) -> None:
    keys = re.findall(r"^@\w+\{([^,]+),", (output / "references.bib").read_text(encoding="utf-8"), re.M)
    assert keys == ["franzese2023", "li2024towards", "wang2024"]


def test_latex_table_is_well_formed(output: Path) -> None:
    text = (output / "table.tex").read_text(encoding="utf-8")
    bare = re.sub(r"\\[{}\\%&#$_]", "", re.sub(r"\\\\\s", "\n", text))
    assert bare.count("{") == bare.count("}")
    assert re.findall(r"\\(begin|end)\{(\w+)\}", text) == [("begin", "longtable"), ("end", "longtable")]
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and " & " in line]
    assert len(rows) == 2 + 9  # two heads
    for row in rows:
        assert len(re.findall(r"(?<!\\)&", row)) == 5
    cited = set(re.findall(r"\\cite\{([^}]*)\}", text))
    keys = re.findall(r"^@\w+\{([^,]+),", (output / "references.bib").read_text(encoding="utf-8"), re.M)
    assert cited == set(keys)


HARD = {
    "γ, ε, δ, λ, σ² and T⁻⁴": r"\ensuremath{\gamma}, \ensuremath{\varepsilon}, \ensuremath{\delta}, "
    r"\ensuremath{\lambda}, \ensuremath{\sigma}\textsuperscript{2} and "
    r"T\textsuperscript{\ensuremath{-}}\textsuperscript{4}",
    "50 % of $a_b & #c^~ {\\x}": r"50 \% of \ensuremath{\$}a\_b \& \#c\textasciicircum{}\textasciitilde{} "
    r"\{\textbackslash{}x\}",
    "Erdős – Fréchet’s ﬁne ≤ ½": r"Erd\H{o}s -- Fr\'{e}chet's fine \ensuremath{\leq} 1/2",
    "Ω Α数\u0007x₁": r"\ensuremath{\Omega} A? x\textsubscript{1}",
}
MACROS = {
    "toprule", "midrule", "endfirsthead", "endhead", "bottomrule", "endfoot", "begin", "end", "caption",
    "label", "linewidth", "raggedright", "arraybackslash", "hspace", "providecommand", "sbhyphen", "nobreak",
    "begingroup", "endgroup", "footnotesize", "setlength", "tabcolsep", "multicolumn", "emph",
    "addlinespace", "cite", "detokenize", "ensuremath", "textsuperscript", "textsubscript", "gamma",
    "varepsilon", "delta", "lambda", "sigma", "times", "textless", "textgreater", "leq", "Omega",
    "textbackslash", "textasciicircum", "textasciitilde", "H",
}  # fmt: skip
"""Of LaTeX itself, booktabs and longtable."""


@pytest.mark.parametrize("text", HARD)
def test_text_of_any_script_becomes_ascii_that_latex_reads(text: str) -> None:
    assert tex(text) == HARD[text]


def hard_run(documents: list[dict[str, Any]], folder: Path) -> Path:
    """A run with hard titles, a key that TeX reads in its own way, and a case outside the hypotheses."""
    cases = [json.loads(json.dumps(documents[0])) | {"case": f"hard-{k}"} for k in range(len(HARD))]
    for case, title in zip(cases, HARD, strict=True):
        case["title"] = title
        case["claim_info"]["bibtex"] = case["claim_info"]["bibtex"].replace("li2024towards", "li_2024#a")
        case["claim_info"]["id"] = case["claim"] = "li2024.a-rather-overlong-denomination"
        case["hypotheses"] = "not met: bounded support"
    return write(folder, [*documents, *cases])


def test_latex_table_is_ascii_of_known_commands(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    text = (hard_run(documents, tmp_path) / "table.tex").read_text(encoding="utf-8")
    assert text.isascii()
    assert set(re.findall(r"\\([A-Za-z]+)", re.sub(r"^%.*$", "", text, flags=re.M))) <= MACROS
    assert r"\cite{\detokenize{li_2024#a}}" in text
    assert text.count("sharp, outside the theorem's hypotheses (bounded support)") == len(HARD)


def test_latex_table_compiles_within_the_text(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: texlive-latex-base, texlive-latex-recommended")
    folder = hard_run(documents, tmp_path)
    (folder / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{array,booktabs,longtable}\begin{document}\input{table.tex}"
        r"\bibliographystyle{plain}\bibliography{references}\end{document}"
    )
    for _ in range(2):  # a longtable knows its columns the second time
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "paper.tex"],
            cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"^!.*", done.stdout, re.M)
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(too_wide, default=0.0) <= 4.0, "more than the gap between two columns"


def test_what_the_theorem_does_not_speak_of_is_told(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    cases = [json.loads(json.dumps(documents[k])) for k in (0, 3)]
    cases[0]["hypotheses"] = "not met: bounded support"
    write(tmp_path, cases)
    told = "outside the theorem's hypotheses (bounded support)"
    for name in ("table.tex", "verdicts.md"):
        text = (tmp_path / name).read_text()
        assert f"sharp, {told}" in text
        assert "loose, unverified wording" in text
    with (tmp_path / "verdicts.csv").open(newline="") as file:
        assert [record["hypotheses"] for record in csv.DictReader(file)] == [
            "not met: bounded support",
            "unchecked",
        ]


def test_csv_has_full_precision(output: Path, documents: list[dict[str, Any]]) -> None:
    with (output / "verdicts.csv").open(encoding="utf-8", newline="") as file:
        records = {record["case"]: record for record in csv.DictReader(file)}
    assert set(records) == {d["case"] for d in documents}
    assert float(records["pf-ode-mixture"]["exponent"]) == 1.0021
    assert records["ode-laplace-floor"]["exponent"] == ""
    assert records["pf-ode-mixture"]["fitted"] == "6"


def test_markdown_has_a_line_per_case(output: Path, documents: list[dict[str, Any]]) -> None:
    text = (output / "verdicts.md").read_text(encoding="utf-8")
    for document in documents:
        assert len([line for line in text.splitlines() if f"| {document['title']} |" in line]) == 1
