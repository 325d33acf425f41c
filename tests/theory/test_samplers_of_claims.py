"""Theorems are tested on the samplers that they speak of."""

import pytest

from whole_suite import CASES, THEORY

OF_THEOREM = {
    "li2024.ode": "pf-ode",
    "li2024.ode-score": "pf-ode",
    "li2024.ddpm": "ddpm",
    "li2024.ddpm-score": "ddpm",
    "li2024.ode-accelerated": "accelerated-ode-li2024",
    "li2024.ddpm-accelerated": "accelerated-ddpm-li2024",
    "li2024provably.ode": "accelerated-ode",
    "li2024provably.ode-score": "accelerated-ode",
    "li2024provably.ddpm": "accelerated-ddpm",
    "li2024provably.ddpm-score": "accelerated-ddpm",
    "chewi2026.steps": "ancestral-euler",
    "reeves2025.geometric": "ancestral-euler",
    "brosse2026.step": "ddim",
    "zhou2025lagrange.order2": "lagrange",
    "zhou2025lagrange.order3": "lagrange",
    "liu2022pndm.order2": "pndm",
    "xue2023.stochastic": "sa-solver",
    "xue2023.predictor2": "sa-solver",
    "xue2023.corrector2": "sa-solver",
}


@pytest.mark.parametrize("claim", OF_THEOREM)
def test_cases_run_the_sampler_of_the_theorem(claim):
    cases = [case for case in CASES if case.claim == claim]
    assert cases
    assert {case.sampler["name"] for case in cases} == {OF_THEOREM[claim]}


def test_every_case_tests_a_claim_that_speaks_of_its_metric():
    for case in CASES:
        assert case.claim in THEORY, case.id


@pytest.mark.parametrize("theorem", ["ode", "ddpm", "ode-accelerated", "ddpm-accelerated"])
def test_each_theorem_of_li_et_al_meets_a_law_of_its_hypotheses(theorem):
    """A truncated mixture, a truncated normal and the uniform law, on its schedule and on a fixed horizon."""
    cases = [case for case in CASES if case.claim == f"li2024.{theorem}" and case.metrics[0] == "tv"]
    covered = {
        (case.forward["schedule"], case.target["family"], len(case.target.get("weights", [])))
        for case in cases
        if case.target["family"] in ("uniform", "truncated-gaussian-mixture")
    }
    laws = [("uniform", 0), ("truncated-gaussian-mixture", 1), ("truncated-gaussian-mixture", 2)]
    assert covered == {(schedule, *law) for schedule in ("li2024", "ou-uniform") for law in laws}
