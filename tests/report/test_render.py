"""The report of a synthetic run: complete, well formed, escaped, the same on every rendering."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sharpbound.errors import InputError
from sharpbound.report import render
from sharpbound.report.style import FORMATS
from sharpbound.report.tex import tex

VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Elements with their attributes; fails on an element that is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def output(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assert render(run_folder, folder) == folder / "index.html"
    return folder


@pytest.fixture(scope="module")
def page(output: Path) -> Page:
    return Page((output / "index.html").read_text(encoding="utf-8"))


def write(folder: Path, documents: Any) -> Path:
    (folder / "cases.json").write_text(json.dumps(documents), encoding="utf-8")
    return folder


def test_every_case_has_a_section_and_a_line_that_leads_to_it(
    page: Page, documents: list[dict[str, Any]]
) -> None:
    sections = [a["id"] for a in page.all("details", class_="case")]
    links = [a["href"] for a in page.all("a") if (a["href"] or "").startswith("#")]
    assert sorted(sections) == sorted(d["case"] for d in documents)
    assert sorted(links) == sorted(f"#{d['case']}" for d in documents)
    for document in documents:
        assert document["command"] in page.words


def test_page_needs_nothing_from_outside(output: Path, page: Page) -> None:
    assert not page.all("link")
    assert not page.all("img")
    assert all("src" not in attributes for _, attributes in page.elements)
    html = (output / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"@import|url\((?!#)", html)
    for _, attributes in page.elements:
        reference = attributes.get("href") or attributes.get("xlink:href") or "#"
        assert reference.startswith(("#", "figures/", "data:image/png")), reference
        if reference.startswith("figures/"):
            assert (output / reference).is_file()


def test_references_inside_the_page_resolve(page: Page) -> None:
    ids = {a["id"] for _, a in page.elements if a.get("id")}
    used = {a.get("href") or a["xlink:href"] for t, a in page.elements if t == "use"}
    clips = {m for _, a in page.elements for m in re.findall(r"url\((#[^)]*)\)", a.get("clip-path") or "")}
    assert used
    assert {u.lstrip("#") for u in used | clips if u} <= ids


def test_controls_stand_apart(page: Page) -> None:
    assert "Not counted above: 1 negative control" in page.words
    tiles = re.findall(r"<b>(\d+)</b>", "".join(f"<b>{t}</b>" for t in page.text if t.isdigit()))
    assert tiles[:4] == [
        "5",
        "1",
        "1",
        "1",
    ]  # sharp, loose, refuted, inconclusive; the control not among them
    assert "Negative controls: claims that are known to be wrong" in page.words


def test_claim_is_told_with_its_trust(page: Page) -> None:
    assert "unverified wording" in page.words
    assert "recalled; wording or exponents not checked against the paper" in page.words
    assert "Li et al. (2024), arXiv:2306.09251v3, Theorem 1" in page.words
    labels = [a["aria-label"] or "" for a in page.all("svg", class_="tex")]
    assert any(r"\dfrac{d^{2} \log^{4} T}{T}" in label for label in labels)
    assert not page.all("code", class_="tex")  # each formula was typeset


def test_rows_say_why_they_were_left_out(page: Page) -> None:
    for reason in ("sign change", "below the floor", "outside the fitted window", "not yet asymptotic"):
        assert reason in page.words


def test_assumptions_say_whether_they_were_checked(page: Page) -> None:
    assert "not checked" in page.words
    assert re.search(r"checked by bounded-support *: does not hold", page.words)


def test_figures_exist_in_every_format(output: Path, documents: list[dict[str, Any]]) -> None:
    stems = {path.stem for path in (output / "figures").iterdir()}
    assert {d["case"] for d in documents} - stems == {"design-space"}  # it declares its own
    assert {"design-space-ratio", "design-space-loss", "design-space-failures"} <= stems
    assert any(stem.startswith("claim-") for stem in stems)
    heads = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for stem in stems:
        for suffix in FORMATS:
            assert (output / "figures" / f"{stem}.{suffix}").read_bytes().startswith(heads[suffix])


def test_two_renderings_are_bytewise_the_same(
    run_folder: Path, output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drawn in this process or in several."""
    monkeypatch.setattr(sys.modules[render.__module__], "FEW", 0)
    render(run_folder, tmp_path)
    first = {p.relative_to(output): p.read_bytes() for p in output.rglob("*") if p.is_file()}
    second = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert first == second


def test_formats_can_be_chosen(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    write(tmp_path, documents[:1])
    totals = []
    render(
        tmp_path,
        tmp_path / "out",
        formats=("png",),
        track=lambda drawn, total: (totals.append(total), drawn)[1],
    )
    assert {p.suffix for p in (tmp_path / "out" / "figures").iterdir()} == {".png"}
    assert totals == [2]  # the claim and the case
    with pytest.raises(InputError, match="unknown format 'jpg'"):
        render(tmp_path, tmp_path / "out", formats=("jpg",))


def test_nothing_can_be_injected(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    evil = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>"
    evil += "$\\frac{<b>}{</b>}$ $ --> \" '"
    case = json.loads(json.dumps(documents[0]))
    heat = json.loads(json.dumps(documents[7]))
    case |= {"case": evil, "title": evil, "command": evil, "verdict": evil, "claim": evil, "kind": evil}
    case["details"] |= {"reason": evil, "excluded": [{"x": 32, "reason": evil}]}
    case["claim_info"] |= {"statement": evil, "latex": evil, "bibtex": evil}
    case["spec"]["target"] = {"family": evil, evil: evil}
    case["rows"][0][evil] = evil
    for figure in heat["details"]["figures"]:
        figure |= {
            "name": evil,
            "title": evil,
            "caption": evil,
            "annotations": [{"text": evil, "x": 10, "y": 0.1}],
        }
    heat["details"]["tables"] = [{"name": evil, "caption": evil, "columns": [evil], "rows": [[evil]]}]
    render(write(tmp_path, [case, heat]), tmp_path / "out", formats=())
    page = Page((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not page.all("b", onerror="alert(1)")
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "alert(1)" in page.words


def test_hard_documents_still_give_a_page(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    base = json.loads(json.dumps(documents[0]))
    nulls = base | {"case": "nulls", "rows": [r | {"tv": None} for r in base["rows"]]}
    signs = base | {
        "case": "signs",
        "rows": [
            r | {"tv": v} for r, v in zip(base["rows"], [2, 1, 0, -1, 0.5, 0.25, None, 1e-300], strict=True)
        ],
    }
    single = base | {
        "case": "single",
        "rows": base["rows"][:1],
        "details": {"axis": "T"},
        "exponent": None,
        "interval": None,
    }
    bare = {"case": "bare"}
    empty = base | {
        "case": "empty",
        "rows": [],
        "details": None,
        "claim_info": None,
        "spec": None,
        "interval": [None, None],
    }
    long = base | {"case": "long", "title": "Wörter 数学 ∮ " * 60}
    constant = base | {"case": "constant", "rows": [r | {"tv": 0.25} for r in base["rows"]]}
    render(
        write(tmp_path, [nulls, signs, single, bare, empty, long, constant]),
        tmp_path / "out",
        formats=("svg",),
    )
    html = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    page = Page(html)
    assert len(page.all("details", class_="case")) == 7
    assert "no value" in page.words
    assert "not positive" in page.words
    assert "This run recorded no environment." in page.words
    assert {p.stem for p in (tmp_path / "out" / "figures").iterdir()} >= {
        "signs",
        "single",
        "long",
        "constant",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there are no results; make some with: sharpbound run --all"),
        ("[]", "holds no case; make some with: sharpbound run --all"),
        ("{", "is not readable as JSON"),
        ("[1]", "is not a list of case documents"),
        ('[{"case": "a"}, {"case": "a"}]', "two cases are named 'a'"),
    ],
)
def test_missing_or_bad_results_are_one_line(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "cases.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        render(tmp_path, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "pie"}, ".type: unknown type 'pie'; choose one of lines, bars"),
        ({"x": {"scale": "cubic"}}, ".x.scale: unknown scale 'cubic'"),
        ({"z": {"values": [[1, 2], [3]]}}, ".z.values: needs a rectangular table"),
        ({"x": {"values": [1]}}, ".x.values: has 1 values for 6 cells"),
        ({"series": [{"x": [1], "y": [1, 2]}]}, ".series: needs x and y of one length"),
    ],
)
def test_a_figure_that_cannot_be_drawn_is_named(
    documents: list[dict[str, Any]], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    case = json.loads(json.dumps(documents[7]))
    case["details"]["figures"] = [case["details"]["figures"][0] | change]
    with pytest.raises(InputError, match=re.escape(f"case design-space: details.figures{message}")):
        render(write(tmp_path, [case]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


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
    render(write(folder, [*documents, *cases]), folder / "out", formats=())
    return folder / "out"


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


def test_figures_hold_outlines_that_journals_take(output: Path) -> None:
    """Type 42 is TrueType; Type 3 fonts are refused by arXiv's and IEEE's checks."""
    for path in (output / "figures").glob("*.pdf"):
        content = path.read_bytes()
        assert b"/Type3" not in content
        assert b"/CIDFontType2" in content or b"/TrueType" in content


def test_what_the_theorem_does_not_speak_of_is_told_and_counted_apart(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    cases = [json.loads(json.dumps(documents[k])) for k in (0, 3)]
    cases[0]["hypotheses"] = "not met: bounded support"
    cases[0]["details"]["assumptions"] = [
        {"text": "bounded", "check": "bounded-support", "outcome": False},
        {"text": "smooth", "check": "bounded-support", "outcome": True},
    ]
    render(write(tmp_path, cases), tmp_path / "out", formats=())
    page = Page((tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    told = "outside the theorem's hypotheses (bounded support)"
    assert page.words.count(told) == 3  # in the table, on the section's line and beside the reason
    assert re.search(r"bounded – *checked by bounded-support *: does not hold", page.words)
    assert re.search(r"smooth – *checked by bounded-support *: holds", page.words)
    assert {b["data-verdict"] for b in page.all("button", class_="tile")} == {"outside", "loose"}
    assert "sharp, outside the hypotheses" in page.words
    for name in ("table.tex", "verdicts.md"):
        text = (tmp_path / "out" / name).read_text()
        assert f"sharp, {told}" in text
        assert "loose, unverified wording" in text
    with (tmp_path / "out" / "verdicts.csv").open(newline="") as file:
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
