"""Mathematics in a sentence: what is read as such, and what is left alone."""

import pytest

from sharpbound.report.inline import typeset
from sharpbound.report.tex import prose as in_tex
from sharpbound.report.typeset import prose


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("within d^3 log^4.5 T/T^0.5", "within d{3} log{4.5} T/T{0.5}"),
        ("it gives away T^1 of 1/T^1", "it gives away T of 1/T"),
        ("n^(-2/(2 alpha+1)) t^-1", "n{−2/(2 α+1)} t{−1}"),
        ("d^2 eps^-3/2 or eps^{-3/2}; log^2(1/gamma)", "d{2} ε{−3/2} or ε{−3/2}; log{2}(1/γ)"),
        ("sqrt(d) eps_score + sqrt(d log^3 T)", "√d ε[score] + √(d log{3} T)"),
        ("D^delta_score <= eps/sigma_min^2 != v_{k+1}", "D{δ[score]} ≤ ε/σ[min]{2} ≠ v[k+1]"),
        ("T^-(c1 - c0), X0 and X_t^i", "T{−(c[1] − c[0])}, X[0] and X[t]{i}"),
        # names, paths and ids are no mathematics
        ("use_karras_sigmas, lower_order_final, x == y", "use_karras_sigmas, lower_order_final, x == y"),
        ("ddpm-beta, nominal-order.p1, cases/x1.toml", "ddpm-beta, nominal-order.p1, cases/x1.toml"),
        ("eta=1, W2, L2, 2^", "eta=1, W2, L2, 2^"),
    ],
)
def test_plain_text_is_read_as_a_mathematician_reads_it(text: str, read: str) -> None:
    assert typeset(text, str, "{{{}}}", "[{}]") == read


def test_html_and_latex_say_the_same() -> None:
    text = "T_d <= d^2 <b> & $\\frac{1}{T}$"
    assert prose(text).startswith("T<sub>d</sub> ≤ d<sup>2</sup> &lt;b&gt; &amp; <svg")
    assert in_tex("T_d <= d^-2 & 1%") == (
        r"T\textsubscript{d} \ensuremath{\leq} d\textsuperscript{\ensuremath{-}2} \& 1\%"
    )
