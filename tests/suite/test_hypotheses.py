"""Whether a theorem speaks of a case: from its assumptions to the words beside the verdict."""

from __future__ import annotations

import pytest

from sharpbound import chapters, targets
from sharpbound.suite import Case
from sharpbound.suite.claim import Assumption
from sharpbound.suite.hypotheses import CheckedAssumption, check_assumptions, hypotheses, outside
from whole_suite import THEORY

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}


def checked(*outcomes: tuple[str, bool | None]) -> list[CheckedAssumption]:
    return [CheckedAssumption(f"text of {check}", check, outcome) for check, outcome in outcomes]


def test_one_failure_decides_and_one_gap_leaves_it_open() -> None:
    holds, fails, gap = ("second-moment", True), ("bounded-support", False), ("unchecked", None)
    assert hypotheses(checked(holds, holds)) == "met"
    assert hypotheses(checked(holds, gap)) == "unchecked"
    assert hypotheses(checked(holds, gap, fails)) == "not met: bounded support"
    assert hypotheses(checked(fails, ("log-concave", False))) == "not met: bounded support; log concave"
    assert hypotheses([]) == "unchecked", "a claim whose assumptions are not written down speaks of no case"


def test_words_stand_only_beside_what_fails() -> None:
    assert outside("not met: bounded support") == "outside the theorem's hypotheses (bounded support)"
    assert (outside("met"), outside("unchecked")) == ("", "")


def test_bounded_support_fails_of_a_gaussian_mixture_and_holds_of_atoms() -> None:
    claim = THEORY["li2024.ode"]
    of_mixture = check_assumptions(claim, targets.build(MIXTURE))
    assert hypotheses(of_mixture) == "not met: bounded support"
    assert [a.text for a in of_mixture] == [a.text for a in claim.assumptions]
    atoms = {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.5, 0.5]}
    outcomes = {a.check: a.outcome for a in check_assumptions(claim, targets.build(atoms))}
    assert outcomes["bounded-support"] is True
    assert all(a.outcome is None for a in check_assumptions(claim, None)), "no law, no check"


def test_two_assumptions_with_one_check_stay_two() -> None:
    claim = THEORY["li2024.ode"].model_copy(
        update={
            "assumptions": [
                Assumption(text="X0 has a second moment", check="second-moment"),
                Assumption(text="so has the start", check="second-moment"),
            ]
        }
    )
    found = check_assumptions(claim, targets.build(MIXTURE))
    assert [(a.text, a.outcome) for a in found] == [
        ("X0 has a second moment", True),
        ("so has the start", True),
    ]
    assert hypotheses(found) == "met"


@pytest.mark.parametrize(
    ("claim", "target", "expected"),
    [
        ("li2024.ode", {"family": "uniform", "low": -1.0, "high": 1.0}, "met"),
        ("li2024.ddpm", {"family": "uniform", "low": -1.0, "high": 1.0}, "met"),
        ("li2024.ode", {"family": "gaussian", "mean": 0.0, "std": 1.0}, "not met: bounded support"),
        ("li2024.ode", {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.5, 0.5]}, "not met: density"),
    ],
)
def test_theorems_of_li_et_al_speak_of_bounded_laws_with_densities_on_their_schedule(claim, target, expected):
    case = {
        "case": {"id": "a", "title": "a", "kind": "sampling-rate", "claim": claim},
        "target": target,
        "forward": {"schedule": "li2024"},
        "sampler": {"name": "ddpm" if "ddpm" in claim else "pf-ode"},
        "measure": {"metric": "tv"},
        "sweep": {"T": [32, 64]},
    }
    spoken = chapters.get("sampling-rate").hypotheses(Case.model_validate(case), THEORY[claim])
    assert hypotheses(spoken) == expected
