"""The contract of a schedule: every mistake breaks its own checks, and the mended class none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sharpbound.chapters import unavailable
from sharpbound.chapters.audit.contract import CHECKS, contract
from sharpbound.chapters.audit.declared import declared, shifted
from sharpbound.chapters.audit.drive import Loop
from sharpbound.foreign import load

STEPS = (5, 10, 30)


@pytest.fixture(scope="module", autouse=True)
def others():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(Path(__file__).parent / "of_others")
        yield {name: load(f"schedules:{name}") for name in ("Tabled", "Sigmas", "Flow")}


def broken(scheduler, steps=STEPS):
    checks = contract(Loop(scheduler), steps)
    assert [check["name"] for check in checks] == list(CHECKS)
    return {check["name"]: check for check in checks if check["verdict"] != "kept"}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Tabled", {}),
        ("Tabled", {"timestep_spacing": "trailing"}),
        ("Tabled", {"timestep_spacing": "leading", "N": 900}),
        ("Sigmas", {}),
        ("Flow", {}),
        ("Flow", {"shift": 1.0}),
    ],
)
def test_right_schedules_keep_it(others, name, given):
    assert broken(others[name](**given)) == {}


@pytest.mark.parametrize(
    ("name", "given", "wanted", "seen"),
    [
        ("Tabled", {"fault": "raises"}, {"runs"}, "schedules.py:"),
        (
            "Tabled",
            {"timestep_spacing": "leading", "fault": "rounded down"},
            {"first"},
            "it starts at timestep 957, 42 below the noisiest",
        ),
        ("Tabled", {"timestep_spacing": "trailing", "fault": "off by one"}, {"declared", "first"}, "declared 999"),
        ("Tabled", {"timestep_spacing": "linspace", "fault": "fixed stride"}, {"landing"}, "timestep 799 for 749"),
        ("Tabled", {"timestep_spacing": "trailing", "fault": "fixed stride"}, {"landing"}, "timestep 933 for 932"),
        ("Tabled", {"fault": "too short"}, {"declared", "length"}, "declared 0"),
        ("Tabled", {"fault": "remembers"}, {"idempotent"}, "another output"),
        ("Tabled", {"fault": "idle"}, {"calls"}, "of 5 network calls 1 changes nothing: call 3"),
        ("Sigmas", {"rho": 5.0}, {"declared"}, "Karras sigmas, rho = 7: level"),
        ("Sigmas", {"fault": "ends twice"}, {"repeats", "calls"}, "sigma/a 0.0100005 is there 2 times, the last"),
        ("Sigmas", {"fault": "told another"}, {"timesteps"}, "is told timestep 998, the state is at 999"),
        ("Flow", {"fault": "twice"}, {"declared"}, "as with the shift applied twice"),
        ("Flow", {"fault": "end twice"}, {"declared", "last"}, "as with the shift applied twice to the smallest level"),
    ],
)  # fmt: skip
def test_each_mistake_breaks_its_checks(others, name, given, wanted, seen):
    found = broken(others[name](**given))
    assert wanted <= set(found)
    assert {each["verdict"] for each in found.values()} == {"broken"}
    assert any(seen in each["seen"] for each in found.values()), found


@pytest.mark.parametrize(("fault", "wanted"), [("repeated", "repeats"), ("swapped", "monotone")])
def test_levels_out_of_order_are_seen(others, fault, wanted):
    found = broken(others["Tabled"](fault=fault))
    assert found[wanted]["verdict"] == found["declared"]["verdict"] == "broken"
    assert found[wanted]["T"][:3] == list(STEPS)


def test_an_unknown_configuration_is_not_judged(others):
    scheduler = others["Tabled"]()
    scheduler.config = {}
    (check,) = broken(scheduler).values()
    assert (check["name"], check["verdict"]) == ("declared", "undecided")


@pytest.mark.parametrize("T", [2, 10, 50])
def test_declared_levels_are_those_of_their_formulas(T):
    """Written here a second time, level by level."""
    table = np.log(np.geomspace(0.02, 20, 100))
    i = np.arange(T)

    def levels(**config):
        found = declared(config, table, T)
        return [list(np.round(each, 9)) for each in found.variants]

    karras = (20 ** (1 / 7) + i / (T - 1) * (0.02 ** (1 / 7) - 20 ** (1 / 7))) ** 7
    assert list(np.round(karras, 9)) in levels(use_karras_sigmas=True)
    assert list(np.round(20 * (0.02 / 20) ** (i / (T - 1)), 9)) in levels(use_exponential_sigmas=True)
    assert list(np.round(99 * (1 - i / (T - 1)), 9)) in levels(timestep_spacing="linspace")
    assert list(np.round(99 * (1 - i / T), 9)) in levels(timestep_spacing="linspace")
    assert list(np.round(100 - 100 * i / T - 1, 9)) in levels(timestep_spacing="trailing")
    assert list(np.round((T - 1 - i) * 100 / T + 3, 9)) in levels(timestep_spacing="leading", steps_offset=3)
    flow = declared({"shift": 3.0, "num_train_timesteps": 10}, None, T).variants[0]
    assert flow[[0, -1]] == pytest.approx([1.0, 3 * 0.1 / 1.2])
    assert shifted(shifted(0.2, 3.0), 1 / 3) == pytest.approx(0.2)


@pytest.mark.skipif(unavailable("audit") is not None, reason="needs the extra: audit")
@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, set()),
        ("HeunDiscreteScheduler", {"use_exponential_sigmas": True}, set()),
        ("EulerAncestralDiscreteScheduler", {"timestep_spacing": "trailing"}, set()),
        ("FlowMatchEulerDiscreteScheduler", {"shift": 1.0}, set()),
        ("FlowMatchEulerDiscreteScheduler", {"shift": 3.0}, {"declared", "last"}),  # its issue 13243
        ("DDIMScheduler", {"timestep_spacing": "linspace"}, {"landing"}),  # 12633
        ("DEISMultistepScheduler", {"use_karras_sigmas": True}, {"repeats", "calls"}),  # 6477
        (
            "UniPCMultistepScheduler",
            {"use_flow_sigmas": True, "prediction_type": "flow_prediction"},
            {"timesteps"},
        ),
    ],
)
def test_schedulers_of_diffusers(name, options, wanted):
    import diffusers

    assert set(broken(getattr(diffusers, name)(**options), (5, 30))) - {"repeats"} == wanted - {"repeats"}
