"""Schedulers that are not of diffusers, in case files and on the command line; flow predictions; guidance."""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from run_case import run_case
from sharpbound.chapters import unavailable
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.asked import CLOSE, MIXTURE, WIDE
from sharpbound.chapters.audit.command import Asked, audit_user
from sharpbound.chapters.audit.drive import Loop
from sharpbound.chapters.audit.guided import Guided, GuidedQuantiles
from sharpbound.chapters.audit.study import Audit
from sharpbound.cli import main
from sharpbound.errors import InputError
from sharpbound.laws.probe import Quantiles
from sharpbound.targets import build
from whole_suite import THEORY

OTHERS = Path(__file__).parent / "of_others"
HEAD = {"kind": "audit", "claim": "nominal-order.p1"}
SWEEP = {"measure": {"metric": "w2"}, "sweep": {"T": [8, 16, 32, 64]}}
with_diffusers = pytest.mark.skipif(unavailable("audit") is not None, reason="needs the extra: audit")


def command(monkeypatch, capsys, *words):
    monkeypatch.chdir(OTHERS)
    monkeypatch.setattr(sys, "argv", ["sharpbound", "audit", *words])
    status = main()
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_a_case_names_a_scheduler_beside_it(tmp_path, capsys, monkeypatch):
    shutil.copy(OTHERS / "schedules.py", tmp_path)
    found = run_case(
        tmp_path, capsys, monkeypatch, HEAD, target=MIXTURE, **SWEEP,
        audit={"scheduler": "schedules:Flow", "final": "sigma-min"},
    )  # fmt: skip
    assert (found["verdict"], round(found["exponent"], 1)) == ("sharp", 1.0)
    assert {check["verdict"] for check in found["contract"]} == {"kept"}
    assert [check["name"] for check in found["contract"]][:2] == ["runs", "declared"]


@pytest.mark.parametrize(
    ("words", "status", "verdict"),
    [
        (["schedules:Flow", "--order", "1", "--options", "shift=3.0"], 0, "reached"),
        (["schedules:Flow", "--order", "2"], 1, "not reached"),
        (["schedules:Flow", "--order", "1", "--options", 'fault="twice"'], 1, "broken"),
        (["schedules:Flow", "--order", "1", "--options", 'fault="twice"', "--allow", "declared,last"], 0, "reached"),
        (["schedules:Sigmas", "--order", "1"], 0, "reached"),
        (["schedules:Tabled", "--order", "1", "--options", "fault='raises'"], 1, "broken"),
        (["schedules:Tabled", "--order", "1", "--options", "fault='always raises'"], 1, "failed"),
    ],
)  # fmt: skip
def test_the_status_is_that_of_order_and_schedule(monkeypatch, capsys, words, status, verdict):
    got, out, err = command(monkeypatch, capsys, *words, "--json", "--steps", "8,16,32,64")
    found = json.loads(out)
    assert (got, found["verdict"], err) == (status, verdict, "")
    assert (found["convention"], found["views"][0]["exponent"]) == ("scheduler", found["exponent"])


def test_the_schedule_is_shown_line_by_line(monkeypatch, capsys):
    words = ["schedules:Flow", "--order", "1", "--options", 'fault="twice"', "--steps", "8,16,32,64"]
    _, out, _ = command(monkeypatch, capsys, *words)
    assert "declared    broken  sigmas with the shift 3" in out
    assert "idempotent  kept" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["schedules:Flow", "--order", "1", "--options", "shift"], "--options: write key=value"),
        (["schedules:Flow", "--order", "1", "--options", "shape=2"], "--options: schedules:Flow refuses its options"),
        (["schedules:Flow", "--order", "1", "--allow", "frist"], "--allow: there is no check 'frist'; did you mean"),
        (["schedules:Flow", "--order", "1", "--at", "20"], "--at: is for functions; leave it out"),
        (["schedules:Flow"], "tell its order: --order 2"),
        (["schedules:Nothing", "--order", "1"], "how it writes its state is not known; choose discrete"),
        (["schedules:Flow", "--order", "1", "--state", "flaw"], "--state: choose discrete"),
        (["steppers:heun", "--order", "2", "--allow", "first"], "--allow: is for schedulers"),
        (["steppers:heun", "--order", "2", "--unconditional", "gaussian"], "--unconditional: goes with --guidance"),
        (["noisy:ancestral", "--convention", "denoiser", "--order", "1", "--guidance", "3"], "draws noise"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(monkeypatch, capsys, words, told):
    status, out, err = command(monkeypatch, capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert told in err


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"guidance": 3.0}, "audit.guidance"),
        ({"guidance": 3.0, "unconditional": {"family": "nope"}}, "audit.unconditional"),
        ({"part": [0.5, 0.25]}, "audit.part"),
        ({"state": "nope"}, "audit.state"),
    ],
)
def test_mistakes_in_a_case_are_told_with_their_key(table, key):
    from sharpbound.suite.loading import case_of

    spec = {"case": {"id": "a", "title": "A", **HEAD}, "target": MIXTURE, **SWEEP}
    case = case_of(spec | {"audit": {"scheduler": "schedules:Flow", "schedule": "as-configured", **table}})
    with pytest.raises(InputError) as mistake:
        Audit().validate(case, THEORY[HEAD["claim"]])
    assert mistake.value.key == key


@with_diffusers
@pytest.mark.parametrize(
    ("name", "options", "order"),
    [
        ("UniPCMultistepScheduler", {"solver_order": 2}, 3),
        ("DPMSolverMultistepScheduler", {"solver_order": 2}, 2),
        ("SASolverScheduler", {"predictor_order": 2, "corrector_order": 2, "tau_func": lambda t: 0.0}, 2),
    ],
)
def test_flow_predictions(name, options, order):
    """On a fixed range of sigma: the middle half of levels that are equally spaced."""
    flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "num_train_timesteps": 1_000_000}
    loop = Loop(schedulers.build_scheduler(name, "as-configured", options | flow))
    law = Quantiles(build(MIXTURE))
    w2 = [schedulers.measure(law, loop, T, part=(0.25, 0.75)).value for T in (32, 64)]
    assert math.log2(w2[0] / w2[1]) == pytest.approx(order, abs=0.4)


# -- guidance --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.0, 1.0, 3.0, 7.5])
@pytest.mark.parametrize("n", [0.0, 0.3, 4.0])
def test_the_guided_law_of_normals_is_known(scale, n):
    """With a common mean m it is N(m, v), v = (v_u + n^2)^(1 - w) (v_c + n^2)^w at the level n: its ODE is linear."""
    given, free = ({"family": "gaussian", "mean": 0.4, "std": std} for std in (0.5, 1.5))
    law = GuidedQuantiles(Guided(build(given), build(free), scale), 5)
    std = (1.5**2 + n**2) ** (0.5 - 0.5 * scale) * (0.5**2 + n**2) ** (0.5 * scale)
    np.testing.assert_allclose(law.at((1.0, n)), 0.4 + std * law.z, rtol=1e-9)


def test_without_guidance_the_law_is_the_targets():
    law = GuidedQuantiles(Guided(build(MIXTURE), build(WIDE), 1.0), 101)
    for level in ((0.05, 0.99), (1.0, 0.5), (1.0, 0.02)):
        np.testing.assert_allclose(law.at(level), Quantiles(build(MIXTURE), 101).at(level), atol=1e-10)


@pytest.mark.parametrize(("name", "verdict"), [("heun", "reached"), ("nearly_heun", "not reached")])
def test_a_guided_sampler_converges_to_the_guided_ode(monkeypatch, name, verdict):
    monkeypatch.chdir(OTHERS)
    asked = Asked(2, convention="denoiser", guidance=3.0, steps="24,48,96,192,384", ladder="even")
    found = audit_user(f"steppers:{name}", asked)
    assert (found["verdict"], found["guidance"], found["target"]) == (verdict, 3.0, "close")


@with_diffusers
def test_a_guided_scheduler_does_too():
    loop = Loop(schedulers.build_scheduler("EulerDiscreteScheduler", "uniform-log-snr", {}))
    law = GuidedQuantiles(Guided(build(CLOSE), build(WIDE), 3.0), 201)
    w2 = [schedulers.measure(law, loop, T, final="sigma-min").value for T in (40, 80)]
    assert math.log2(w2[0] / w2[1]) == pytest.approx(1, abs=0.03)
