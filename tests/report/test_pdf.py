"""The report as one PDF, by LaTeX and without it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from sharpbound.report import pdf
from sharpbound.report.documents import Document
from sharpbound.report.lessons import learnt, papers
from sharpbound.report.pdf import NAME, latex, write_pdf
from sharpbound.report.snapshot import Snapshot


def test_latex_is_ascii_and_names_all_claims(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    hard = [d | {"title": d["title"] + " – ü $x$ \\input{x}"} for d in documents]
    cases = [Document.of(d) for d in hard]
    text = latex(papers(cases), cases, {"python": "3.12 ü"}, Snapshot.of(cases, {}), tmp_path)
    assert text.isascii()
    for case in cases:
        assert rf"\texttt{{{case.claim.id}}}" in text
    assert text.count(r"\textbackslash{}input") == len(cases)
    drawn = set(re.findall(r"includegraphics(?:\[.*?\])?\{(.*?)\}", text))
    assert drawn == {"scorecard.pdf", *(p.name for p in tmp_path.iterdir())}


def test_with_latex(run_folder: Path, tmp_path: Path) -> None:
    if not (shutil.which("pdflatex") and shutil.which("bibtex")):
        pytest.skip("pdflatex is not installed: texlive-latex-recommended")
    path, made = write_pdf(run_folder, tmp_path / "out")
    assert made == "LaTeX"
    assert [p.name for p in (tmp_path / "out").iterdir()] == [NAME]
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Type3" not in content


def test_without_latex(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    path, made = write_pdf(run_folder, tmp_path)
    assert made.startswith("Matplotlib")
    content = path.read_bytes()
    pages = len(re.findall(rb"/Type /Page\b", content))
    assert pages == 5  # summary, scorecard, tables, the overviews of two claims
    assert b"/Type3" not in content
    first = path.read_bytes()
    write_pdf(run_folder, tmp_path)
    assert path.read_bytes() == first


def test_every_sentence_is_told(run_folder: Path, documents: list[dict[str, Any]], tmp_path: Path) -> None:
    cases = [Document.of(d) for d in documents]
    found = papers(cases)
    text = latex(found, cases, {}, Snapshot.of(cases, {}), tmp_path)
    assert text.count(r"\item ") == sum(1 + len(one.by_source) for one in learnt(found))
