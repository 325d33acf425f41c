"""Samplers as other projects write them, right and faulty: each has the order that its formula has."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.chapters.audit.command import Asked, audit_user
from sharpbound.errors import InputError


@pytest.fixture(autouse=True)
def _of_others(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent / "of_others")


def audited(name, order, convention="denoiser", **options):
    return audit_user(name, Asked(order, convention=convention, **options))


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("steppers:heun", 2),
        ("steppers:upside_down", 2),
        ("steppers:unipc", 3),
        ("noisy:ancestral", 1),
        ("noisy:midpoint", 2),
        ("noisy:multistep", 2),
    ],
)
def test_right_ones_reach_their_order(name, order):
    found = audited(name, order, steps="12,24,48,96,192")
    assert (found["verdict"], found["precision"]) == ("reached", "float64")
    # that of the midpoint method approaches its order slowly: the error of its mean changes sign
    assert found["exponent"] == pytest.approx(order, abs=0.05)
    low, high = found["interval"]
    assert low <= order <= high


@pytest.mark.parametrize(
    ("name", "convention", "order"),
    [
        ("steppers:own_grid", "denoiser", 2),
        ("steppers:by_v", "v", 1),
        ("steppers:by_network", "edm", 1),
        ("steppers:with_schedule", "eps", 1),
        ("steppers:on_a_and_sigma", "v", 1),
    ],
)
def test_ways_to_call_a_model(name, convention, order):
    """Each gives the numbers of the same method with a denoiser."""
    found = audited(name, order, convention, steps="12,24,48,96", ladder="even")
    same = audited(
        "steppers:heun" if order == 2 else "steppers:euler", order, steps="12,24,48,96", ladder="even"
    )
    assert found["verdict"] == "reached"
    if name != "steppers:own_grid":  # DDIM, DPM-Solver-1 and Euler's method in sigma are one
        ours, theirs = ([row["w2"] for row in each["rows"]] for each in (found, same))
        assert ours == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "nominal", "order", "cause"),
    [
        ("steppers:lms3", 3, 2, "its first step is of order 1"),
        ("steppers:unipc_lower", 3, 2, "its last step is of order 1"),
        ("steppers:equal_steps", 2, 1, "on even steps it is of order 2.00: its coefficients are those of equal steps"),
        ("steppers:last_for_this", 2, 1, "its coefficients are those of equal steps"),
        ("steppers:nearly_heun", 2, 1, "order 1"),
        ("noisy:independent", 2, 1, "not reached"),
        ("noisy:wrong_sign", 2, 1, "not reached"),
    ],
)  # fmt: skip
def test_faulty_ones_do_not(name, nominal, order, cause):
    found = audited(name, nominal, steps="12,24,48,96,192")
    assert found["verdict"] == "not reached"
    assert found["exponent"] == pytest.approx(order, abs=0.05)
    assert cause in found["diagnosis"]


def test_a_ramped_start_has_the_order_of_its_first_step_in_the_end():
    """Steps of order 1, 2, 3, 3, ...: of order 2, which on the usual ladder looks like 2.8 to 2.9."""
    found = audited("steppers:lms3", 2)
    assert found["verdict"] == "reached"
    high = found["views"][0]
    assert "on T <= 768 it looks like 2.83" in high["reason"]
    assert "order 2 in the end" in high["reason"]


@pytest.mark.parametrize(
    ("name", "remark"),
    [
        ("steppers:euler", "what it draws with torch.randn does not move its output"),
        ("noisy:ancestral_inside", "torch.randn inside it is caught, and its draws are known exactly"),
        ("steppers:images", "it takes states of shape (n, 1, 1, 1)"),
    ],
)
def test_what_was_found_of_a_function_is_told(name, remark):
    found = audited(name, 1, steps="12,24,48", ladder="even")
    assert (found["verdict"], found["remarks"]) == ("reached", [remark])


def test_float32_inside_is_seen_where_states_and_results_are_float64():
    found = audited("steppers:float32_grid", 2)
    assert (found["verdict"], found["precision"]) == ("reached", "float32")
    assert "the sampler computes in float32: moving its levels by 1e-6 changes W2" in found["diagnosis"]
    assert found["interval"][0] <= 2 <= found["interval"][1]


def test_bfloat16_is_told_from_float16():
    """What is written in 8 bits can be written in 11."""
    found = audited("kinds:coarse", 1, steps="12,24,48", ladder="even")
    assert found["precision"] == "bfloat16"


def test_exact_to_rounding():
    found = audited("mistaken:exact", 1, "score", target="gaussian")
    assert (found["verdict"], found["exponent"]) == ("exact", None)
    assert all(row["w2"] < 1e-12 for row in found["rows"])


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("score_for_eps", "it takes its score for eps"),
        ("wrong_sign", "its score has the wrong sign"),
        ("reversed_levels", "it reads them in reverse"),
        ("missing_a", "its output lacks the factor a"),
        ("to_the_data", "it ends with a step to sigma = 0"),
        ("clipping", "it clips or thresholds: its output stays within"),
        ("quiet", "it converges with 2 times its noise"),
    ],
)
def test_what_does_not_converge_is_told_why(name, cause):
    found = audited(f"mistaken:{name}", 1, "score", steps="24,48,96", ladder="even")
    assert found["verdict"] == "not reached"
    assert cause in found["diagnosis"]


def test_another_convention_is_named():
    found = audited("steppers:heun", 2, "eps", steps="24,48,96", ladder="even")
    assert found["verdict"] == "not reached"
    assert found["diagnosis"].endswith("it converges with --convention denoiser")


@pytest.mark.parametrize(
    ("name", "convention", "told"),
    [
        ("against_the_time", "velocity", "where the model gives minus its answer: it has the wrong sign"),
        ("slopes", "denoiser", "--convention eps"),
        ("slopes", "denoiser", "--convention velocity"),
        ("one_level", "denoiser", "it asks its model at one level alone, sigma/a = 20; its output has mean"),
        ("churn_loud", "denoiser", "it converges with 0.83"),
        ("ends_early", "denoiser", "its output converges to the law at sigma/a = 0.64: it ends there"),
        ("drift_of_the_ode", "denoiser", "it converges without its noise: its drift is that of the ODE"),
    ],
)
def test_what_is_wrong_with_one_of_a_convention(name, convention, told):
    found = audited(f"kinds:{name}", 1, convention, steps="24,48,96", ladder="even")
    assert (found["verdict"], told in found["diagnosis"]) == ("not reached", True), found["diagnosis"]


def test_a_level_of_pure_noise_is_told():
    with pytest.raises(
        InputError, match=r"asks its model at level 1, .* its levels are 0.9524 to 0.2424: take them"
    ):
        audited("kinds:from_noise", 1, "velocity")


def test_what_takes_no_number_of_steps_has_no_order():
    with pytest.raises(InputError, match=r"f\(model, x, sigma_min, .* takes neither, so it has no order"):
        audited("kinds:adaptive", 1)


@pytest.mark.parametrize(
    ("name", "convention", "order", "verdict"),
    [
        ("rising", "flow", 2, "reached"),
        ("with_extras", "denoiser", 1, "reached"),
        ("edm", "denoiser", 2, "reached"),
        ("edm_wrong", "denoiser", 2, "not reached"),
        ("churn", "denoiser", 2, "reached"),
        ("state_first", "denoiser", 1, "reached"),
        ("plain_latents", "velocity", 1, "reached"),
    ],
)
def test_kinds(name, convention, order, verdict):
    found = audited(f"kinds:{name}", order, convention, steps="24,48,96", ladder="even")
    assert found["verdict"] == verdict
    to_zero = (
        "its grid ends with a step to sigma = 0, which stays as long as it is: it is measured up to there"
    )
    assert found["remarks"] == ([to_zero] if name.startswith(("edm", "churn")) else [])
