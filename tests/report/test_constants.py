"""What a claim gives away against the leading term, logarithms included."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sharpbound.records.powers import PowerOfD, as_markdown, unsampled
from sharpbound.report.constants import comparisons, given_away, truths, verdict_in_powers
from sharpbound.report.documents import Document
from sharpbound.report.drawings import Drawn
from sharpbound.report.lessons import papers
from sharpbound.report.site import Site


def case(documents: list[dict[str, Any]], index: int, power: float, logs: float, **changes: Any) -> Document:
    """A synthetic case with a leading term."""
    found = json.loads(json.dumps(documents[index]))
    leading = {
        "constant": 2.0, "constant_interval": [1.9, 2.1], "power": power, "log_power": logs, "decides": True,
        "ratio": [0.8, 0.9, None],
    }  # fmt: skip
    found["details"] |= changes.pop("details", {})
    return Document.of(found | {"leading": leading} | changes)


@pytest.mark.parametrize(
    ("index", "predicted", "power", "logs", "given"),
    [
        (0, 1.0, 1.0, 2.0, "log^2 T"),  # d^2 log^4 T/T against log^2 T/T
        (0, 1.0, 1.0, 3.0, "log T"),
        (0, 1.0, 1.0, 4.0, "nothing"),
        (0, 1.0, 2.0, 0.0, "T"),
        (3, 0.5, 0.5, 1.0, "log^2 T"),  # d^2 log^3 T/sqrt(T)
        (3, 1.0, 1.0, 2.0, "log^4 T"),  # of a KL divergence the same bound says log^6 T/T
    ],
)
def test_what_is_given_away(
    documents: list[dict[str, Any]], index: int, predicted: float, power: float, logs: float, given: str
) -> None:
    document = case(documents, index, power, logs, details={"predicted": predicted})
    ((_, (truth,)),) = truths([document])
    assert given_away(document) == given
    assert truth.document is document
    assert truth.ratio == 0.9
    assert (truth.law.constant, truth.law.half_width) == pytest.approx((2.0, 0.1))


@pytest.mark.parametrize(
    ("power", "logs", "given"),
    [(1.0, 4.0, "nothing"), (1.0, 5.0, "log T"), (0.5, 0.0, "T^0.5"), (2.0, 0.0, "")],
)
def test_a_lower_bound_gives_away_what_it_is_too_small(
    documents: list[dict[str, Any]], power: float, logs: float, given: str
) -> None:
    info = documents[0]["claim_info"] | {"kind": "lower-bound"}
    document = case(documents, 0, power, logs, claim_info=info, details={"predicted": 1.0})
    assert given_away(document) == given


@pytest.mark.parametrize("lacking", ["constant", "constant_interval", "power", "log_power", "decides"])
def test_a_leading_term_that_is_not_all_told_is_none(documents: list[dict[str, Any]], lacking: str) -> None:
    document = case(documents, 0, 1.0, 0.0)
    del document.record.leading[lacking]
    assert document.law is None
    assert truths([document]) == []


def test_the_page_has_a_line_for_each_power_of_d(documents: list[dict[str, Any]]) -> None:
    power = PowerOfD(
        "li2024.ode", "pf-ode", "li2024", "tv", 64, [1, 2, 4],
        {"copies": [1.0, 2.0, 4.0], "flat": [2.0, 2.0, 2.0]}, 2.0, {},
    )  # fmt: skip
    cases = [Document.of(documents[0])]
    card = Drawn("scorecard", "", "All claims.", 900, 900, b"")
    page = Site(papers(cases), cases, {}, {}, card, powers={"li2024.ode": power}).files()["constants.html"]
    assert 'id="powers-of-d"' in page
    assert "neither: no law found needs more, which leaves d<" in page
    assert (power.worst, power.found) == (["flat", "copies", "copies"], pytest.approx(1.0))


def test_a_comparison_has_the_power_of_d_of_its_sampler_and_metric(documents: list[dict[str, Any]]) -> None:
    document = case(documents, 0, 1.0, 2.0)
    sampler, id = document.spec["sampler"]["name"], document.claim.id
    families = {"copies": [1.0, 2.0, 4.0]}
    for metric in (document.metric, "w1"):
        power = PowerOfD(id, sampler, "li2024", metric, 64, [1, 2, 4], families, 2.0, {})
        ((_, (one,)),) = comparisons(truths([document]), {id: power})
        assert (one.in_d is power) == (metric == document.metric)


def test_the_worst_target_is_the_slowest_and_meets_the_hypotheses(documents: list[dict[str, Any]]) -> None:
    def one(constant: float, power: float, logs: float, **changes: Any) -> Document:
        document = case(documents, 0, power, logs, details={"predicted": 1.0}, **changes)
        document.record.leading.update(constant=constant, constant_interval=[constant, constant])
        return document

    large, slow = one(9.0, 2.0, 0.0), one(1.0, 1.0, 2.0)
    outside = one(5.0, 0.5, 0.0, hypotheses="not met: bounded support")
    ((_, (compared,)),) = comparisons(truths([large, slow, outside]), {})
    assert compared.worst.document is slow
    assert (compared.worst.told, compared.given_away) == ("1.000000 log^2 T/T", "log^2 T")
    assert compared.reading == "loose by logarithms"
    assert compared.stated == "d^2 log^4 T/T"  # and not d^6, which is of the term in 1/T^2
    ((_, (alone,)),) = comparisons(truths([outside]), {})
    assert (alone.worst.document, alone.reading) == (outside, "outside")


@pytest.mark.parametrize(
    ("verdict", "power", "logs", "said"),
    [
        ("sharp", 1.0, 4.0, "nothing"),
        ("violated", 0.5, 0.0, "fails by T^0.5"),
        ("violated", 1.0, 5.0, "fails by log T"),
        ("sharp", 1.0, 5.0, "nothing, up to the logarithms that it hides"),  # a claim up to logarithms
    ],
)
def test_the_leading_term_says_what_becomes_of_a_claim(
    documents: list[dict[str, Any]], verdict: str, power: float, logs: float, said: str
) -> None:
    document = case(documents, 0, power, logs, details={"predicted": 1.0}, verdict=verdict)
    assert verdict_in_powers(document) == said
    ((_, (one,)),) = comparisons(truths([document]), {})
    assert one.reading == {"sharp": "attained"}.get(verdict, verdict)


def test_claims_of_powers_of_d_that_nothing_is_put_beside_say_why() -> None:
    told = {"metric": "tv", "untested": "its sampler was not found"}
    claims = {
        "in-d": told | {"exponents": {"T": 2.0, "d": -2.5, "eps_score": 0.0}},
        "tested": told | {"exponents": {"T": 2.0, "d": -2.5}, "untested": None},
        "in-L": told | {"exponents": {"T": 2.0, "d": -2.5, "L": -1.0}},
        "free": told | {"exponents": {"T": 1.0}},
        "exponential": told | {"exponents": {"T": "inf", "d": -1.0}},
    }
    (one,) = unsampled(claims)
    assert (one.claim, one.metric, one.stated) == ("in-d", "tv", 2.5)
    assert as_markdown([], [one]).endswith("| `in-d` | – | tv | d^2.5 | – | – | its sampler was not found |")
