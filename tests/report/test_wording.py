"""Numbers, formulas and names as text."""

from __future__ import annotations

from typing import Any

import pytest

from sharpbound.report.claims import Claim
from sharpbound.report.site import displayed
from sharpbound.report.typeset import formula, prose
from sharpbound.report.wording import estimate, inequality, number, plain, rate_latex, tick_labels
from whole_suite import THEORY


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (64, "64"),
        (0.25, "0.25"),
        (1.234567, "1.235"),
        (1.5e-7, "1.500×10⁻⁷"),
        (-2e9, "-2.000×10⁹"),
        (0.0, "0"),
        (12345.6, "12346"),
        (None, "–"),
        (float("nan"), "–"),
        (True, "yes"),
        ("text", "text"),
    ],
)
def test_number(value: Any, text: str) -> None:
    assert number(value) == text


def test_estimate() -> None:
    assert estimate(1.0021, (0.998, 1.0064)) == "1.002 [0.998, 1.006]"
    assert estimate(0.000123, (0.000119, 0.000127)) == "0.000123 [0.000119, 0.000127]"
    assert estimate(-1e-9, (-0.005, 0.005)) == "0.000 [-0.005, 0.005]"
    assert estimate(-1.1e-15) == "0.000"
    assert estimate(None) == "–"


def test_tick_labels_of_one_axis_are_of_one_kind() -> None:
    assert tick_labels([0.01, 0.1, 1.0]) == ["0.01", "0.1", "1"]
    assert tick_labels([1e-5, 2e-3, 1.0]) == ["10⁻⁵", "2×10⁻³", "1"]
    assert tick_labels([32, 1e4, 1e6]) == ["32", "10⁴", "10⁶"]


@pytest.mark.parametrize(
    ("arguments", "latex"),
    [
        (("T", 1.0, True, 4.0), r"{T}^{-1}\,\log^{4}\,T"),
        (("d", 2.0, False, 0.0), "{d}^{2}"),
        (("delta", 1.0, True, 1.0), r"\delta\,\log(1/\delta)"),
        (("T", 0.0, True, 0.0), ""),
        (("unheard", 1.0, True, 0.0), ""),
    ],
)
def test_rate_in_its_limit(arguments: tuple[str, float, bool, float], latex: str) -> None:
    assert rate_latex(*arguments) == latex


def test_only_sums_need_brackets() -> None:
    assert inequality("upper-bound", "tv", r"\frac{d + 1}{T}") == r"\mathrm{TV} \leq C\,\dfrac{d + 1}{T}"
    assert r"\left[" in inequality("upper-bound", "tv", r"\frac{d}{T} + \varepsilon")
    assert inequality("ordering", "tv", "x") == "x"
    assert inequality("upper-bound", "tv", r"\frac{2}{T}", explicit=True) == r"\mathrm{TV} \leq \dfrac{2}{T}"
    assert inequality("equality", "tv", "T", explicit=True) == r"\mathrm{TV} = T"


def test_every_claim_of_the_suite_is_typeset() -> None:
    for id, claim in THEORY.items():
        shown = Claim(claim.describe(), id)
        says_nothing = claim.kind == "ordering" or claim.formula.text == "1"
        assert (shown.formula == "") is says_nothing, shown.latex
        assert says_nothing or displayed(shown).startswith('<svg class="tex"'), shown.latex
        assert "<code" not in prose(shown.statement)
        assert shown.citation


def test_formula_scales_with_text_and_falls_back_to_its_source() -> None:
    assert "em;vertical-align:" in formula(r"\tfrac{1}{2} \le \bigl( x \bigr)")
    assert formula(r"\nosuchcommand{<b>}") == '<code class="tex">\\nosuchcommand{&lt;b&gt;}</code>'


def test_prose_typesets_only_what_stands_between_dollars() -> None:
    assert prose("a < b costs 5$") == "a &lt; b costs 5$"
    assert prose("rate $1/T$ & more").count("<svg") == 1


def test_plain_text_starts_no_formula() -> None:
    assert plain("a\n$x$\x00 \ud800") == r"a \$x\$"
