"""The sentences of a run: made of verdicts, and of nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sharpbound.report.documents import Document
from sharpbound.report.lessons import STANDINGS, learnt, lesson, papers


@pytest.fixture
def found(documents: list[dict[str, Any]]) -> list[Any]:
    return papers(map(Document.of, documents))


def of(documents: list[dict[str, Any]], *changes: dict[str, Any]) -> list[Document]:
    """Copies of the first case, each with another verdict or metric."""
    return [
        Document.of(json.loads(json.dumps(documents[0])) | {"case": f"c{k}"} | c)
        for k, c in enumerate(changes)
    ]


def test_each_claim_stands_once(found: list[Any], documents: list[dict[str, Any]]) -> None:
    standings = {one.claim.id: one.standing for paper in found for one in paper.lessons}
    assert standings == {
        "li2024.ode": "attained",
        "li2024.ddpm": "attained",
        "franzese2023.vp": "attained",
        "wang2024.design": "contradicted",
        "control.too-fast": "contradicted",
    }
    assert set(standings.values()) <= set(STANDINGS)
    assert sum(len(paper.documents) for paper in found) == len(documents)


@pytest.mark.parametrize(
    ("verdicts", "standing"),
    [
        (["sharp", "loose", "inconclusive"], "attained"),
        (["sharp", "violated"], "contradicted"),
        (["loose", "inconclusive"], "loose"),
        (["confirmed", "inconclusive"], "confirmed"),
        (["inconclusive", "failed"], "undecided"),
    ],
)
def test_standing_of_verdicts(documents: list[dict[str, Any]], verdicts: list[str], standing: str) -> None:
    assert lesson(of(documents, *({"verdict": v} for v in verdicts))).standing == standing


def test_what_lies_outside_the_hypotheses_speaks_for_nothing(documents: list[dict[str, Any]]) -> None:
    outside = {"verdict": "violated", "hypotheses": "not met: bounded support"}
    assert lesson(of(documents, {"verdict": "sharp"}, outside)).standing == "attained"
    alone = lesson(of(documents, outside))
    assert alone.standing == "outside"
    assert alone.told == "outside its hypotheses: 1 violated"


def test_a_contradiction_says_whether_its_case_meets_every_hypothesis(
    documents: list[dict[str, Any]],
) -> None:
    for hypotheses, said in (
        ("met", "contradicted by a case that meets its hypotheses"),
        ("unchecked", "contradicted by a case that no checked hypothesis excludes"),
    ):
        one = lesson(of(documents, {"verdict": "violated", "hypotheses": hypotheses}))
        assert one.follows == said
    cases = of(documents, *({"hypotheses": h} for h in ("met", "unchecked", "unchecked", "not met: density")))
    assert learnt(papers(cases))[1].sentence == (
        "1 case meets all hypotheses of the theorem, of 2 some were not checked, 1 lies outside them and is counted "
        "apart."
    )


def test_a_bound_attained_in_one_metric_and_loose_in_another_is_a_lesson(found: list[Any]) -> None:
    taught = learnt(found)
    sentences = [one.sentence for one in taught]
    assert sentences[0] == (
        "4 claims of 3 sources were held to 8 cases: 3 attained, 1 contradicted by some case that no checked "
        "hypothesis excludes."
    )
    assert (
        "The bound of Li et al. (2024), `li2024.ddpm`, is attained in path-space KL and loose in total variation, "
        "where the error falls faster."
    ) in sentences
    against = "Contradicted by some case that no checked hypothesis excludes:"
    assert taught[sentences.index(against)].by_source == [
        "Wang et al. (2024): `wang2024.design` (1 of 1 case)."
    ]
    assert "1 claim false on purpose: all of them are caught." in sentences
    told = {one.claim.id: one.told for paper in found for one in paper.lessons}
    assert told["li2024.ddpm"] == ("loose in TV, 1.000 measured where 0.5 is claimed; attained in path KL")


def test_a_control_that_is_not_caught_is_named(documents: list[dict[str, Any]]) -> None:
    control = json.loads(json.dumps(documents[-1])) | {"verdict": "sharp"}
    assert (
        learnt(papers([Document.of(control)]))[-1].sentence
        == "1 claim false on purpose: not caught: control-too-fast."
    )


def test_rates_are_told_where_all_cases_have_one_prediction(documents: list[dict[str, Any]]) -> None:
    loose = {"verdict": "loose", "exponent": 2.0}
    one = of(documents, loose, loose | {"exponent": 2.5})
    assert lesson(one).told == "loose in TV, 2.000 to 2.500 measured where 1 is claimed (2 cases)"
    other = json.loads(json.dumps(documents[0])) | loose | {"case": "other"}
    other["details"]["predicted"] = 1.5
    assert lesson([*one, Document.of(other)]).told == "loose in TV (3 cases)"


def test_a_loose_claim_is_told_with_what_it_gives_away(documents: list[dict[str, Any]]) -> None:
    loose = {"verdict": "loose", "exponent": 2.0}
    cases = of(documents, loose, loose | {"exponent": 2.5}, loose | {"metric": "w2"})
    (taught,) = [one for one in learnt(papers(cases)) if one.by_source]
    assert (
        taught.sentence
        == "True, and loose in every case that was decided (exponents measured, for those claimed):"
    )
    assert taught.by_source == ["Li et al. (2024): `li2024.ode` (TV 2.000 to 2.500 for 1, W₂ 2.000 for 1)."]
