"""What is exported for papers: TeX that compiles, numbers that are the run's, and files that are whole or not there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sharpbound.errors import InputError
from sharpbound.report.column_figure import WIDTH, column_declared, paper_style
from sharpbound.report.documents import Document
from sharpbound.report.export import export
from sharpbound.report.macros import camel
from sharpbound.report.tables import LONGEST, cases_table
from sharpbound.report.tex import mathematics, tex_number
from sharpbound.suite.bibtex import parse
from whole_suite import THEORY

HARD = 'Ünïcode $x_1 & #2 <b>10 %</b> \\input{/etc/passwd} {brace ^~ "ü" 数学'


def write(folder: Path, documents: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.json").write_text(json.dumps(documents), encoding="utf-8")
    environment = {
        "sharpbound": "9.8.7",
        "revision": "0123456789abcdef0123-dirty",
        "engine": "feedfacecafe0123",
    }
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


@pytest.fixture(scope="module")
def exported(documents: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paper, a claim and two cases of it, one of them with a title that is hard to set."""
    folder = tmp_path_factory.mktemp("export")
    hard = json.loads(json.dumps(documents[0])) | {"case": "hard-1", "title": HARD}
    hard["claim_info"]["paper"]["title"] = HARD
    export(
        ["li2024", "li2024.ode", "pf-ode-mixture", "hard-1", "design-space"],
        write(folder / "run", [*documents, hard]),
        folder / "out",
    )
    return folder / "out"


def test_all_latex_is_ascii_with_balanced_braces(exported: Path) -> None:
    sources = [*exported.glob("*.tex"), exported / "references.bib"]
    assert {p.name for p in sources} >= {"li2024.tex", "li2024-ode.tex", "pf-ode-mixture.tex", "hard-1.tex"}
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert text.isascii(), path.name
        bare = re.sub(r"\\\\|\\[{}]", "", text)
        assert bare.count("{") == bare.count("}"), path.name
    assert r"\input{/etc" not in (exported / "macros.tex").read_text()
    assert r"\textbackslash{}input\{/etc/passwd\}" in (exported / "macros.tex").read_text()


def paper(exported: Path, tmp_path: Path) -> Callable[..., str]:
    """A copy of what was exported, and what runs a command in it."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: texlive-latex-base, texlive-latex-recommended")
    shutil.copytree(exported, tmp_path / "paper")

    def run(*command: str) -> str:
        where = {"cwd": tmp_path / "paper", "capture_output": True, "text": True, "errors": "replace"}
        done = subprocess.run(command, check=False, timeout=120, **where)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout[-2000:]
        return str(done.stdout)

    return run


def test_the_example_compiles_within_the_text(exported: Path, tmp_path: Path) -> None:
    run = paper(exported, tmp_path)
    plain = r"\pdfobjcompresslevel=0\input{example}"  # so that fonts can be read
    latex = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-jobname=example", plain)
    run(*latex)
    assert "couldn't" not in run("bibtex", "example")
    run(*latex)
    log = run(*latex)
    assert not re.findall(r"Overfull \\hbox|undefined|Float too large", log)
    fonts = (tmp_path / "paper" / "example.pdf").read_bytes()
    assert b"/Type3" not in fonts


@pytest.mark.parametrize("engine", ["lualatex", "xelatex"])
def test_the_example_compiles_in_engines_of_unicode(exported: Path, tmp_path: Path, engine: str) -> None:
    run = paper(exported, tmp_path)
    if shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    log = run(engine, "-interaction=nonstopmode", "-halt-on-error", "example.tex")
    assert not re.findall(r"Overfull \\hbox|Float too large|Missing character", log)


def test_figures_are_a_column_wide_and_true_type(exported: Path) -> None:
    paths = list((exported / "figures").glob("*.pdf"))
    assert {"pf-ode-mixture", "li2024-ode-T", "design-space-ratio", "design-space-loss"} <= {
        p.stem for p in paths
    }
    for path in paths:
        content = path.read_bytes()
        width = float(re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", content)[1])  # type: ignore[index]
        assert width == pytest.approx(72 * WIDTH, abs=0.5)
        assert b"/Type3" not in content
        assert b"/TrueType" in content or b"/CIDFontType2" in content


def test_panels_stand_one_below_the_other(documents: list[dict[str, Any]]) -> None:
    _, lines, bars = documents[7]["details"]["figures"]
    with paper_style():
        figure = column_declared({"type": "panels", "panels": [[lines, bars], [lines]]})
        assert figure.get_figwidth() == WIDTH
        bottoms = [axes.get_position().y0 for axes in figure.axes]
        assert len(bottoms) == 3
        assert bottoms == sorted(bottoms, reverse=True)
        for axes in figure.axes:  # labels and titles stay on the figure
            box = axes.get_tightbbox(figure.canvas.get_renderer())
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.x1
        with pytest.raises(InputError, match="panels: needs a list of columns"):
            column_declared({"type": "panels"})


def test_macros_say_the_numbers_of_the_documents(exported: Path) -> None:
    text = (exported / "macros.tex").read_text()
    macros = dict(re.findall(r"^\\newcommand\{\\([A-Za-z]+)\}\{(.*)\}$", text, re.M))
    assert len(macros) == text.count(r"\newcommand")
    assert macros["sbPfOdeMixtureExponent"] == "1.002"
    assert macros["sbPfOdeMixtureExponentLow"] == "0.996"
    assert macros["sbPfOdeMixtureExponentHigh"] == "1.008"
    assert macros["sbPfOdeMixturePredicted"] == "1"
    assert macros["sbPfOdeMixtureVerdict"] == "sharp"
    assert macros["sbPfOdeMixtureLastAt"] == "4096"
    assert macros["sbPfOdeMixtureLastFloor"] == r"\ensuremath{1.0\times10^{-13}}"
    assert macros["sbDdpmGaussianTvVerdict"] == "loose"
    assert macros["sbSnapshotVersion"] == "9.8.7"
    assert macros["sbSnapshotRevision"] == "0123456789ab-dirty"
    assert macros["sbSnapshotEngine"] == "feedfacecafe"
    for name in ("LiTwoZeroTwoFour", "LiTwoZeroTwoFourOde", "PfOdeMixture"):
        assert f"run {macros['sbSnapshotRun']}" in macros[f"sb{name}Caption"]


def test_two_cases_of_one_macro_name_are_told(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    twins = [json.loads(json.dumps(documents[0])) | {"case": name} for name in ("p1", "p-one")]
    with pytest.raises(InputError, match="the macros of p1 and p-one have the same names"):
        export(["p1", "p-one"], write(tmp_path, twins), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert camel("pf-ode.p2-x10") == "PfOdePTwoXOneZero"


def test_bibliography_has_the_tool_with_its_snapshot_and_each_paper_once(exported: Path) -> None:
    entries = (exported / "references.bib").read_text().strip().split("\n\n")
    parsed = [parse(entry) for entry in entries]
    assert [entry.key for entry in parsed] == ["sharpbound", "li2024towards", "wang2024"]
    assert (
        parsed[0]
        .fields["note"]
        .startswith("Sharpbound 9.8.7, revision 0123456789ab-dirty, engine feedfacecafe, run ")
    )


def test_markdown_twin_has_the_same_rows(exported: Path) -> None:
    for name in ("li2024", "li2024-ode", "pf-ode-mixture", "hard-1"):
        latex = (exported / f"{name}.tex").read_text()
        markdown = (exported / f"{name}.md").read_text()
        body = latex.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
        rows = [line for line in markdown.splitlines() if line.startswith("| ")]
        assert body.count(r" \\") == len(rows) - 2
    assert "<b>" not in (exported / "li2024-ode.md").read_text().partition("\n\n")[0]


def test_rows_of_a_case_are_those_of_the_document(exported: Path, documents: list[dict[str, Any]]) -> None:
    lines = (exported / "pf-ode-mixture.md").read_text().splitlines()
    assert lines[0] == "| T | tv | floor | in the fit |"
    assert lines[2].endswith("| not yet asymptotic |")
    for line, row in zip(lines[2:], documents[0]["rows"], strict=False):
        t, value, *_ = [cell.strip() for cell in line.strip("|").split("|")]
        assert int(t) == row["T"]
        assert float(
            value.replace("×10⁻", "e-").translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789"))
        ) == pytest.approx(row["tv"], rel=6e-4)


def test_a_long_table_becomes_several_that_fit_a_page(documents: list[dict[str, Any]]) -> None:
    cases = [
        Document.of(documents[0] | {"case": f"c{k}", "title": f"Case {k} " + "long " * 12}) for k in range(60)
    ]
    parts = cases_table(cases).parts()
    assert sum(len(part.rows) for part in parts) == 60
    assert len(parts) == -(-60 // (LONGEST // 3))  # three lines each
    assert [row[0] for part in parts for row in part.rows] == [case.title for case in cases]


def test_marks_stand_for_what_the_caption_explains(documents: list[dict[str, Any]]) -> None:
    case = documents[3] | {"hypotheses": "not met: bounded support"}
    table = cases_table([Document.of(case)])
    assert table.rows[0][-1] == "loose†‡"
    assert table.notes.startswith("† outside the theorem's hypotheses. ‡ wording")
    assert cases_table([Document.of(documents[0])]).notes == ""


def test_formulas_of_all_claims_are_set_and_foreign_ones_are_not() -> None:
    for claim in THEORY.values():
        assert mathematics(claim.formula.latex) == claim.formula.latex
    for foreign in (r"\input{x}", "a}b{", "x$", "é", r"\catcode`\%=1", "a%b"):
        assert mathematics(foreign) == ""


@pytest.mark.parametrize(
    ("value", "latex"),
    [(64, "64"), (1.5e-7, r"\ensuremath{1.500\times10^{-7}}"), (-0.25, r"\ensuremath{-0.25}"), (None, "--")],
)
def test_numbers_in_tex(value: Any, latex: str) -> None:
    assert tex_number(value) == latex


def test_unknown_names_and_folders_that_cannot_be_written_are_one_line(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    run = write(tmp_path / "run", documents[:1])
    with pytest.raises(
        InputError, match=r"has no case, claim or paper 'li2042'; did you mean 'li2024'\?"
    ) as caught:
        export(["li2042"], run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to") as caught:
        export(["li2024"], run, tmp_path / "file")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "file").read_text() == ""
