"""The pages: every link leads somewhere, every picture is told in words, and a browser shows them without a fault."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pages import Page
from sharpbound.errors import InputError
from sharpbound.report import render
from sharpbound.report.addresses import permanent
from sharpbound.report.documents import Document
from sharpbound.report.drawings import Drawn
from sharpbound.report.lessons import papers
from sharpbound.report.site import FOLLOWS, Site
from sharpbound.report.wording import VERDICTS

INDEX_BYTES, PAGE_BYTES = 300_000, 1_000_000


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {p.relative_to(site).as_posix(): Page(p) for p in sorted(site.rglob("*.html"))}


def test_every_case_claim_and_paper_has_a_page(
    pages: dict[str, Page], documents: list[dict[str, Any]]
) -> None:
    wanted = {f"cases/{d['case']}.html" for d in documents} | {f"claims/{d['claim']}.html" for d in documents}
    wanted |= {f"papers/{d['claim'].partition('.')[0]}.html" for d in documents}
    across = {
        "index.html",
        "constants.html",
        "audits.html",
        "corrections.html",
        "engines.html",
        "numbers.html",
        "references.html",
        "rivals.html",
        "untested.html",
    }
    assert set(pages) == wanted | across


def test_no_link_is_dead_and_none_leads_outside(site: Path, pages: dict[str, Page]) -> None:
    ids = {page.path.resolve(): set(page.ids) for page in pages.values()}
    for name, page in pages.items():
        for path, fragment in page.links:
            assert path.is_relative_to(site.resolve()), (name, path)
            assert path.is_file(), (name, path)
            if fragment and "@" not in fragment:  # permanent addresses are led on by the index
                assert fragment in ids[path], (name, fragment)


def test_all_pages_are_reached_from_the_index(site: Path, pages: dict[str, Page]) -> None:
    by_path = {page.path.resolve(): page for page in pages.values()}
    reached, ahead = set(), [(site / "index.html").resolve()]
    while ahead:
        path = ahead.pop()
        if path in by_path and path not in reached:
            reached.add(path)
            ahead += [target for target, _ in by_path[path].links]
    assert reached == set(by_path)


def test_pages_can_be_read_without_eyes_or_mouse(pages: dict[str, Page]) -> None:
    titles = []
    for name, page in pages.items():
        assert len(set(page.ids)) == len(page.ids), name
        assert page.all("html", lang="en"), name
        assert [len(page.all(tag)) for tag in ("title", "h1", "main")] == [1, 1, 1], name
        titles.append(re.search(r"<title>(.*?)</title>", page.path.read_text(encoding="utf-8"))[1])  # type: ignore[index]
        assert page.all("a", class_="skip")[0]["href"] == "#main"
        assert page.all("main")[0]["id"] == "main"
        for image in page.all("img"):
            assert len(image["alt"] or "") > 20, name
        assert all(a.get("scope") for t, a in page.elements if t == "th"), name
        labelled = {a["for"] for a in page.all("label") if "for" in a}
        assert "search" in labelled
        for table in page.all("div", class_="wide card"):  # what scrolls is reached by the keyboard
            assert (table["tabindex"], table["role"]) == ("0", "region")
            assert table["aria-label"]
    assert len(set(titles)) == len(titles)


def test_pictures_say_their_result_and_wait_until_they_are_seen(pages: dict[str, Page]) -> None:
    image = pages["cases/ddpm-gaussian-tv.html"].all("img")[0]
    assert image["alt"] == (
        "Ddpm gaussian tv: tv against T; predicted 0.5; measured 1.000 [0.994, 1.006]; loose, unverified wording."
    )
    for page in pages.values():
        for image in page.all("img")[1:]:
            assert image["loading"] == "lazy"


def test_what_was_learnt_leads_to_the_claims(pages: dict[str, Page]) -> None:
    index = pages["index.html"]
    assert "li2024.ddpm , is attained in path-space KL and loose in total variation, where" in index.words
    assert index.all("a", href="claims/li2024.ddpm.html")


def test_a_case_says_predicted_measured_and_what_follows(pages: dict[str, Page]) -> None:
    words = pages["cases/ddpm-gaussian-tv.html"].words
    assert re.search(
        r"Predicted exponent 0.5 in T ?: The total variation of the DDPM sampler falls like", words
    )
    assert "Measured total variation" in words
    assert f"What follows {FOLLOWS['loose']}" in words
    assert "sharpbound run ddpm-gaussian-tv --json" in words  # by id, so that it works from a wheel
    assert set(FOLLOWS) == {*VERDICTS, "failed"}


def test_outside_the_hypotheses_nothing_follows_for_the_theorem(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    case = json.loads(json.dumps(documents[0])) | {"hypotheses": "not met: bounded support"}
    case["details"]["assumptions"] = [
        {"text": "bounded", "check": "bounded-support", "outcome": False},
        {"text": "smooth", "check": "bounded-support", "outcome": True},
    ]
    (tmp_path / "cases.json").write_text(json.dumps([case]))
    render(tmp_path, tmp_path / "out")
    words = Page(tmp_path / "out" / "cases" / "pf-ode-mixture.html").words
    told = "outside the theorem's hypotheses (bounded support)"
    assert f"Nothing about the theorem: the case lies {told}." in words
    assert re.search(r"bounded – *checked by bounded-support *: does not hold", words)
    assert re.search(r"smooth – *checked by bounded-support *: holds", words)
    claim = Page(tmp_path / "out" / "claims" / "li2024.ode.html")
    assert claim.all("tr", **{"data-chip": "outside"})


def test_numbers_have_floor_engine_and_a_permanent_address(
    pages: dict[str, Page], documents: list[dict[str, Any]]
) -> None:
    document = Document.of(documents[0])
    address = permanent(document, "tv")
    assert address == "li2024.ode@unknown/pf-ode-mixture/tv"
    info = documents[0]["claim_info"] | {"version": "v3 (2024)"}
    later = Document.of(documents[0] | {"claim_info": info})
    assert permanent(later, "tv") == "li2024.ode@v3-2024/pf-ode-mixture/tv"
    for name in ("cases/pf-ode-mixture.html", "claims/li2024.ode.html"):
        assert address in pages[name].ids
    assert "1.0×10⁻¹³" in pages["cases/pf-ode-mixture.html"].words


def test_pages_are_small(site: Path, documents: list[dict[str, Any]]) -> None:
    """Those of a thousand cases of two hundred claims too."""
    cases = []
    for k in range(1000):
        d = documents[k % 7]
        claim = f"paper{k % 40}.claim{k % 200}"
        info = d["claim_info"] | {"id": claim}
        cases.append(Document.of(d | {"case": f"case-{k}", "claim": claim, "claim_info": info}))
    card = Drawn("scorecard", "", "All claims.", 900, 900, b"")
    found = Site(papers(cases), cases, {}, {}, card).files()
    assert len(found["index.html"].encode()) < INDEX_BYTES
    assert max(len(text.encode()) for text in found.values()) < PAGE_BYTES
    assert (site / "index.html").stat().st_size < INDEX_BYTES


def test_nothing_can_be_injected(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    evil = "</title></script><script>alert(1)</script><img src=x onerror=alert(1)>"
    evil += "$\\frac{<b>}{</b>}$ $ --> \" '"
    case = json.loads(json.dumps(documents[0]))
    heat = json.loads(json.dumps(documents[7]))
    case |= {"case": evil, "title": evil, "command": evil, "verdict": evil, "claim": evil, "kind": evil}
    case["details"] |= {"reason": evil, "excluded": [{"x": 32, "reason": evil}]}
    case["claim_info"] |= {"statement": evil, "latex": evil, "bibtex": evil, "version": evil}
    case["spec"]["target"] = {"family": evil, evil: evil}
    case["contract"] = [{"name": evil, "verdict": "broken", "seen": evil, "T": [evil]}]
    case["rows"][0][evil] = evil
    for figure in heat["details"]["figures"]:
        figure |= {"name": evil, "title": evil, "caption": evil}
        figure["annotations"] = [{"text": evil, "x": 10, "y": 0.1}]
    heat["details"]["tables"] = [{"name": evil, "caption": evil, "columns": [evil], "rows": [[evil]]}]
    (tmp_path / "cases.json").write_text(json.dumps([case, heat]))
    out = tmp_path / "out"
    render(tmp_path, out)
    for path in out.rglob("*.html"):
        page = Page(path)
        assert len(page.all("script")) == 1
        assert all((image["src"] or "").endswith(".svg") for image in page.all("img"))
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for path in (out / "figures").glob("*.svg"):
        assert b"<script" not in path.read_bytes()
    assert {p.parent.name for p in out.rglob("*.html")} == {"out", "cases", "claims", "papers"}


def test_a_claim_says_what_was_read_and_which_cases_meet_its_hypotheses(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    first, second = (json.loads(json.dumps(documents[0])) for _ in range(2))
    second["case"], second["hypotheses"], first["hypotheses"] = "second", "not met: density", "met"
    for each in (first, second):
        paper = each["claim_info"]["paper"] | {
            "versions": [{"version": "v1", "says": "Another power.", "read": False}]
        }
        each["claim_info"] |= {
            "trust": "M", "status": "unverified-wording", "unverified": "the theorem was not seen", "paper": paper,
            "source": "Theorem 7",
        }  # fmt: skip
    (tmp_path / "cases.json").write_text(json.dumps([first, second]), encoding="utf-8")
    render(tmp_path, tmp_path)
    words = Page(tmp_path / "claims" / f"{first['claim']}.html").words
    for line in (
        "unverified wording Not verified: the theorem was not seen.",
        "Wording: recalled; wording or exponents not checked against the paper; Theorem 7; version 3",
        "v1 (not read): Another power.",
        f"met: {first['case']}",
        "not met: density: second",
    ):
        assert line in words


def test_claims_without_a_case_have_a_page_that_says_why(
    documents: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "cases.json").write_text(json.dumps(documents[:1]), encoding="utf-8")
    tested = documents[0]["claim"]
    told = {
        "li2025.unread": documents[0]["claim_info"]
        | {"id": "li2025.unread", "untested": "its rule was not read"},
        tested: documents[0]["claim_info"] | {"id": tested, "untested": "not so"},  # has a case in this run
    }
    (tmp_path / "untested.json").write_text(json.dumps(told), encoding="utf-8")
    render(tmp_path, tmp_path)
    assert "its rule was not read" in Page(tmp_path / "untested.html").words
    page = Page(tmp_path / "claims/li2025.unread.html").words
    assert "Not measured its rule was not read." in page and "a ball of radius" in page
    assert "not so" not in (tmp_path / "untested.html").read_text(encoding="utf-8")
    (tmp_path / "untested.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"untested\.json: is not a table of claims; make it with"):
        render(tmp_path, tmp_path)


def test_an_audit_shows_what_became_of_the_schedule(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    kept = {"name": "monotone", "verdict": "kept", "seen": "", "T": [5, 10]}
    broken = {"name": "repeats", "verdict": "broken", "seen": "sigma 0.03 twice", "T": [10, 20]}
    (tmp_path / "cases.json").write_text(json.dumps([documents[0] | {"contract": [kept, broken]}]))
    render(tmp_path, tmp_path / "out")
    (page,) = (tmp_path / "out" / "cases").glob("*.html")
    words = Page(page).words
    assert "Contract of the schedule" in words
    assert "monotone : kept repeats : broken – sigma 0.03 twice (T = 10, 20)" in words


def test_published_numbers_stand_beside_ours(documents: list[dict[str, Any]], tmp_path: Path) -> None:
    paper = {
        "title": "On halves", "authors": ["Ann <b>Author</b>", "Bo Writer"], "year": 2020, "arxiv": "2001.00001",
        "key": "author2020", "bibtex": "@misc{author2020, title = {On halves}, author = {Author, Ann}}",
    }  # fmt: skip
    common = {"paper": paper, "where": "Table 1", "version": "v1", "trust": "V", "how": "", "digits": 2}
    reproduced, differs = {"ours": 0.4999, "agreeing": 2}, {"ours": 1 / 3, "agreeing": 1}
    numbers = [
        {"id": "a.half", "what": "a half", "printed": "0.50", "outcome": "reproduced", **reproduced},
        {"id": "a.third", "what": "a third", "printed": ".34", "outcome": "differs", **differs},
        {
            "id": "a.far",
            "what": "far",
            "printed": "12",
            "outcome": "not computable here",
            "reason": "needs data",
        },
    ]
    (tmp_path / "cases.json").write_text(json.dumps(documents[:1]), encoding="utf-8")
    (tmp_path / "numbers.json").write_text(json.dumps([common | n for n in numbers]), encoding="utf-8")
    render(tmp_path, tmp_path)
    words = Page(tmp_path / "numbers.html").words
    for line in (
        "Author</b> & Writer (2020), arXiv:2001.00001",
        "a half Table 1 V 0.50 0.4999 2 of 2 reproduced",
        "a third Table 1 V .34 0.3333 1 of 2 differs",
        "far Table 1 V 12 – – not computable here needs data",
    ):
        assert line in words
    assert "@misc{author2020" in (tmp_path / "references.bib").read_text(encoding="utf-8")
    for wrong, message in (
        ('[{"id": 1}]', r"numbers\.json: id: input should be a valid string, got 1"),
        ("[" * 100_000, r"numbers\.json: is not readable as JSON .*; make it with: sharpbound run --all"),
    ):
        (tmp_path / "numbers.json").write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            render(tmp_path, tmp_path)


def test_a_damaged_memory_of_the_site_is_no_obstacle(tmp_path: Path, documents: list[dict[str, Any]]) -> None:
    (tmp_path / "cases.json").write_text(json.dumps(documents[:1]), encoding="utf-8")
    (tmp_path / "site.json").write_text("[" * 100_000, encoding="utf-8")
    assert render(tmp_path, tmp_path).is_file()
    assert json.loads((tmp_path / "site.json").read_text(encoding="utf-8"))["files"]


def test_text_stands_out_from_its_ground_in_both_themes(site: Path) -> None:
    """The contrast that WCAG 2.2 AA asks of text: 4.5."""

    def luminance(colour: str) -> float:
        digits = colour if len(colour) == 6 else "".join(2 * c for c in colour)
        parts = [int(digits[k : k + 2], 16) / 255 for k in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    css = (site / "assets" / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([a-z-]+): #([0-9a-f]{3,6})", block)) for block in css.split(":root {")[1:3]
    )
    for theme in (light, light | dark):
        pairs = [
            (text, ground) for text in ("ink", "muted", "link") for ground in ("paper", "ground", "shade")
        ]
        pairs += [(name, f"{name}-back") for name in ("good", "fine", "bad", "open", "warn")]
        for text, ground in pairs:
            low, high = sorted(luminance(theme[name]) for name in (text, ground))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
