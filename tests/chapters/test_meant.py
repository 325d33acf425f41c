"""A theorem about one sampler says nothing of another."""

from __future__ import annotations

from typing import Any

import pytest

from sharpbound import chapters, samplers
from sharpbound.chapters.discrete.masked.samplers import SAMPLERS as MASKED
from sharpbound.chapters.discrete.samplers import SAMPLERS as DISCRETE
from sharpbound.chapters.meant import sampler_meant
from sharpbound.errors import InputError
from sharpbound.suite import Case
from sharpbound.suite.claim import listed
from sharpbound.suite.hypotheses import hypotheses
from whole_suite import CASES, THEORY


def case(claim: str, **sampler: Any) -> Case:
    """A case of the uniform law on the schedule of Li et al."""
    return Case.model_validate(
        {
            "case": {"id": "of-a-sampler", "title": "Of a sampler", "kind": "sampling-rate", "claim": claim},
            "target": {"family": "uniform", "low": -1.0, "high": 1.0},
            "forward": {"schedule": "li2024", "c0": 2.0, "c1": 5.0},
            "sampler": sampler,
            "measure": {"metric": "tv"},
            "sweep": {"T": [64, 128, 256, 512]},
        }
    )


def told(claim: str, **sampler: Any) -> str:
    one = case(claim, **sampler)
    return hypotheses(chapters.get("sampling-rate").hypotheses(one, THEORY[claim]))


def test_another_sampler_lies_outside_the_theorem() -> None:
    assert told("li2024.ode", name="pf-ode") == "met"
    assert told("li2024.ode", name="ddpm") == "not met: sampler"
    assert told("li2024.ode", name="heun", init="exact") == "not met: sampler"
    assert told("discrete.euler-tv", name="pf-ode") == "not met: sampler"


def test_parameters_that_a_claim_names_matter_and_defaults_count() -> None:
    def outcome(claim: str, **sampler: Any) -> bool | None:
        return sampler_meant(case(claim, **sampler), THEORY[claim])[0].outcome

    assert outcome("zoo.deis-3", name="deis")  # its order is 3 unless told otherwise
    assert outcome("zoo.deis-3", name="deis", order=2) is False
    assert outcome("zoo.deis-2", name="deis", order=2, start="third-order")


def test_a_sampler_of_ones_own_is_left_open() -> None:
    (found,) = sampler_meant(case("li2024.ode", name="mine.py:Mine"), THEORY["li2024.ode"])
    assert (found.text, found.outcome) == ("the sampler is pf-ode", None)


def test_the_right_sampler_alone_states_no_hypothesis() -> None:
    claim = THEORY["zoo.deis-3"].model_copy(update={"assumptions": []})
    assert hypotheses(sampler_meant(case("zoo.deis-3", name="deis"), claim)) == "unchecked"


def test_claims_name_samplers_that_there_are() -> None:
    for claim in THEORY.values():
        for one in claim.samplers:
            table = {"name": one} if isinstance(one, str) else one
            if table["name"] not in {*DISCRETE, *MASKED}:
                built = samplers.build(table)
                assert {k: samplers.parameters(built)[k] for k in table if k != "name"} == {
                    k: v for k, v in table.items() if k != "name"
                }


def test_no_case_of_the_suite_runs_another_sampler() -> None:
    for one in CASES:
        assert all(found.outcome for found in sampler_meant(one, THEORY[one.claim])), one.id


def test_samplers_in_words() -> None:
    assert listed(["ddim", "pf-ode", {"name": "deis", "order": 3}]) == "ddim, pf-ode or deis (order 3)"
    assert listed(["ddim"]) == "ddim"


@pytest.mark.parametrize("wrong", [3, {"order": 3}, ["ddim"]])
def test_what_is_no_name_is_told(wrong: Any) -> None:
    table = THEORY["li2024.ode"].model_dump() | {"samplers": [wrong], "paper": THEORY["li2024.ode"].paper}
    with pytest.raises((InputError, ValueError), match="takes names of samplers"):
        type(THEORY["li2024.ode"]).model_validate(table)
