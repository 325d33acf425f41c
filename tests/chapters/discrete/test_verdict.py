"""Verdicts on finite spaces: orderings, exponential rates, constants that are stated, and what hypotheses hold."""

from __future__ import annotations

import pytest

import sharpbound as sb

CHAIN = {
    "case": {"id": "mine", "title": "mine", "kind": "discrete", "claim": "discrete.start"},
    "target": {"family": "categorical", "states": 2, "dim": 2, "probabilities": [0.4, 0.1, 0.2, 0.3]},
    "forward": {"process": "uniform-ctmc", "horizon": 2.0},
    "sampler": {"name": "exact-reverse", "init": "uniform"},
    "measure": {"metric": "tv"},
    "sweep": {"horizon": [3.0, 4.0, 5.0, 6.0, 7.0], "T": [2]},
}
BLOCKS = CHAIN | {
    "target": {"family": "markov-chain", "length": 2**18, "states": 4, "stay": 0.9},
    "forward": {"process": "masked"},
    "sampler": {"name": "masked-blocks"},
    "measure": {"metric": "kl-averaged"},
    "sweep": {"T": [32, 64, 128, 256, 512]},
}


def document(case, claim, **changes):
    return sb.measure(case | changes | {"case": case["case"] | {"claim": claim}}, keep=False)


@pytest.mark.parametrize(
    ("claim", "verdict", "predicted"), [("start", "sharp", 2), ("start-bound", "loose", 1)]
)
def test_the_start_is_forgotten_at_twice_the_rate_of_the_bound(claim, verdict, predicted):
    found = document(CHAIN, f"discrete.{claim}")
    assert found.verdict == verdict
    assert found.exponent == pytest.approx(2, abs=0.01)
    assert found.details["predicted"] == pytest.approx(predicted, rel=1e-12)
    assert found.hypotheses == "met"


def test_an_ordering_needs_its_two_metrics():
    euler = {"sampler": {"name": "euler-ctmc"}, "sweep": {"T": [8, 16]}}
    forward = {"forward": {"process": "uniform-ctmc", "horizon": 1.0, "delta": 0.1}}
    both = document(
        CHAIN, "discrete.output-below-paths", measure={"metric": ["kl", "path-kl"]}, **euler, **forward
    )
    assert both.verdict == "confirmed"
    swapped = document(
        CHAIN, "discrete.output-below-paths", measure={"metric": ["path-kl", "kl"]}, **euler, **forward
    )
    assert swapped.verdict == "refuted"
    assert [figure["name"] for figure in both.details["figures"]] == ["gap"]


def test_the_average_over_orders_is_half_the_information_over_the_steps():
    """MI/(2T) to first order, and so between both bounds of its form."""
    found = document(BLOCKS, "discrete.blocks-average")
    assert found.verdict == "confirmed"
    last = found.rows[-1].columns
    assert last["kl-averaged"] / (last["MI"] / (2 * 512)) == pytest.approx(1, abs=0.01)
    assert document(BLOCKS, "licai2025.lower").verdict == "sharp"


def test_a_stated_constant_is_held_against_every_value():
    bound = document(BLOCKS, "discrete.blocks-bound")
    assert bound.verdict == "sharp"
    assert bound.details["explicit"]["outcome"] == "holds"
    assert 0.3 < max(bound.details["ratio"]) < 1


def test_hypotheses_of_a_case():
    early = {"forward": {"process": "uniform-ctmc", "horizon": 1.0, "delta": 0.1}}
    euler = {"sampler": {"name": "euler-ctmc", "init": "uniform"}, "sweep": {"T": [8, 16]}}
    assert document(CHAIN, "discrete.euler-tv", **euler, **early).hypotheses == "met"
    assert document(CHAIN, "discrete.frozen-tv", **euler, **early).hypotheses == "not met: exact start"
