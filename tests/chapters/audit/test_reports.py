"""Mistakes of released samplers, and what was reported of them: the right answer before and after each is mended.

Reports on schedules are in test_schedule_contract.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpbound.chapters.audit.command import Asked, audit_user

STEPS = "12,24,48,96,192"


@pytest.fixture(autouse=True)
def _of_others(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent / "of_others")


HIGH = "log-snr-uniform:lambda_min=-3.0,lambda_max=1.1"
"""One range of noise, down to sigma/a = 1/3: at lower ones the fault of ``sde3_sign`` is nearly unstable too."""


def audited(name, order, convention, ladder="even", module="reported"):
    asked = Asked(order, convention=convention, ladder=ladder, steps=STEPS, schedule=HIGH)
    return audit_user(f"{module}:{name}", asked)


@pytest.mark.parametrize(
    ("name", "order", "convention"),
    [
        ("ab4", 4, "denoiser"),
        ("ab3", 3, "denoiser"),
        ("multistep", 2, "denoiser"),
        ("adams2", 2, "denoiser"),  # in the place of DPM-Solver++(2M): physicsnemo 1932
        ("v_right", 2, "v"),  # Heun with v-prediction: diffusers 1512
        ("vp_right", 1, "eps"),
        ("sde3", 2, "denoiser"),
        ("flow_ancestral", 1, "velocity"),
    ],
)
def test_right_and_mended(name, order, convention):
    found = audited(name, order, convention)
    assert (found["verdict"], found["precision"]) == ("reached", "float64")
    assert found["exponent"] == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize(
    ("name", "order", "convention", "measured", "cause"),
    [
        (
            "ab4_wrong",
            4,
            "denoiser",
            0,
            "does not converge",
        ),  # 2.375, -2.708, ... of ipndm_v: they add up to 1.001
        ("ab3_reversed", 3, "denoiser", 1, ""),  # the history of LMS: stable-diffusion.cpp 1848
        ("next_for_this", 2, "denoiser", 1, ""),  # sigma_t for sigma_s: azula
        ("v_wrong", 2, "v", 0, "standard deviation"),  # diffusers 1512
        (
            "vp_wrong",
            1,
            "eps",
            0,
            "gives half its answer: it is taken twice",
        ),
        ("sde3_sign", 2, "denoiser", 1, ""),  # -1/2 for +1/2: diffusers, SDE order 3
        ("flow_unscaled", 1, "velocity", 0, "standard deviation"),  # ancestral noise on flow models: ComfyUI
        ("restarted", 1, "velocity", 0, "standard deviation"),  # stochastic flows: diffusers 8549
    ],
)
def test_faulty(name, order, convention, measured, cause):
    found = audited(name, order, convention)
    assert found["verdict"] == "not reached"
    assert found["exponent"] == pytest.approx(measured, abs=0.06)
    assert cause in found["diagnosis"]


@pytest.mark.parametrize(
    ("name", "order"),
    [("er_sde_exact", 2), ("reab3", 3), ("cfg_pp", 2), ("unipc2", 3)],
)
def test_released_ones_mended(name, order):
    found = audited(name, order, "denoiser", module="released")
    assert (found["verdict"], found["exponent"]) == ("reached", pytest.approx(order, abs=0.02))


@pytest.mark.parametrize(
    ("name", "nominal", "measured", "told"),
    [
        ("er_sde_sum", 2, 1, "order 1 in the end"),  # which takes over at T = 200 or so
        ("reab3_wrong", 3, 1, "not reached"),
        ("cfg_pp_wrong", 2, 0, "its output has mean 0.4744 and standard deviation 0.4863 at T = 192"),
        ("unipc2_vary", 3, 1, "not reached"),
        ("heunpp2", 2, 1, "not reached"),
    ],
)
def test_released_ones_as_they_are(name, nominal, measured, told):
    found = audited(name, nominal, "denoiser", module="released")
    assert (found["verdict"], found["exponent"]) == ("not reached", pytest.approx(measured, abs=0.02))
    assert told in found["diagnosis"]


@pytest.mark.parametrize("name", ["ab3", "ab4"])
def test_weights_of_equal_steps_are_of_first_order_on_others(name):
    found = audited(name, 3, "denoiser", ladder="uneven")
    assert (found["verdict"], found["exponent"]) == ("not reached", pytest.approx(1, abs=0.06))


@pytest.mark.parametrize(
    ("name", "verdict"), [("multistep", "same"), ("adams2", "parts"), ("next_for_this", "parts")]
)
def test_methods_of_one_order_are_told_apart_by_their_coefficients(name, verdict):
    found = audit_user(f"reported:{name}", Asked(convention="denoiser", same_as="dpm-solver++-2m"))
    assert found["verdict"] == verdict
    if verdict == "parts":
        assert found["first_difference"]["step"] == 2
