"""A sampler of one's own: what it must have, what it need not have, and what a mistake is told."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpbound import laws, processes, samplers, targets
from sharpbound.errors import InputError
from sharpbound.run.catalogue import CATALOGUE
from sharpbound.samplers import SAMPLERS, Past, PastStage, Sampler, Stage, Step, checked

LADDER = processes.build({"schedule": "benton", "horizon": 2.0, "delta": 0.05}, 8)


class MyODE(Sampler):
    name = "my-ode"

    def stages(self, step: Step) -> list[Stage]:
        return [Stage(lambda y: (y + 0.5 * step.beta * step.score(step.t, y)) / math.sqrt(step.alpha))]


class MyDDPM(Sampler):
    """As in the docstring of the contract."""

    name = "my-ddpm"

    def stages(self, step: Step) -> list[Stage]:
        gain = step.beta / math.sqrt(step.alpha)
        return [
            Stage(
                lambda y: y / math.sqrt(step.alpha) + gain * step.score(step.t, y),
                std=math.sqrt(step.beta / step.alpha),
            )
        ]


class MyTwoStep(Sampler):
    """DPM-Solver++(2M) on even steps in lambda, with its own past."""

    name = "my-two-step"
    history = True

    def stages(self, step: Step) -> list[PastStage]:
        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            new = step.data(y)
            x0 = 1.5 * new - 0.5 * past[0] if past else new
            return step.sigma_next / step.sigma * y - step.a_next * math.expm1(-step.h) * x0, (new,)

        return [PastStage(advance)]


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_registered_samplers_keep_the_contract(name: str) -> None:
    assert checked(SAMPLERS[name]) is SAMPLERS[name]


def test_name_and_stages_are_enough() -> None:
    ode, ddpm = checked(MyODE), checked(MyDDPM())
    assert (ode.title, ode.source, ode.kinds, ode.nfe, ode.order) == ("my-ode", "", {"vp"}, None, None)
    assert (ode.deterministic, ddpm.deterministic) == (True, False)


@pytest.mark.parametrize(("mine", "theirs"), [(MyODE, "pf-ode"), (MyDDPM, "ddpm")])
def test_laws_are_those_of_the_same_formula_here(mine: type[Sampler], theirs: str) -> None:
    for spec in ({"family": "gaussian", "mean": 0.7, "std": 0.4}, {"family": "laplace", "scale": 1.0}):
        target = targets.build(spec)
        found, expected = (
            laws.distances(laws.output_law(target, LADDER, sampler), ["tv", "w2"])
            for sampler in (mine(), SAMPLERS[theirs])
        )
        for metric, measured in expected.items():
            assert found[metric].value == pytest.approx(measured.value, rel=1e-9)


def test_a_past_of_ones_own() -> None:
    ladder = processes.build({"schedule": "log-snr-uniform", "lambda_min": -2.0, "lambda_max": 2.0}, 16)
    target = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    found, expected = (
        laws.distance(laws.output_law(target, ladder, sampler), "w2").value
        for sampler in (checked(MyTwoStep), SAMPLERS["dpm-solver++-2m"])
    )
    assert found == pytest.approx(expected, rel=1e-12)


def changed(**attributes: Any) -> type[Sampler]:
    return type("Mine", (MyODE,), attributes)


def returning(program: Callable[[Step], Any]) -> type[Sampler]:
    return changed(stages=lambda self, step: program(step))


def mapping(mean: Callable[[Step, Tensor], Any], std: Any = 0.0) -> type[Sampler]:
    return returning(lambda step: [Stage(lambda y: mean(step, y), std)])


class Nameless(Sampler):
    def stages(self, step: Step) -> list[Stage]:
        return [Stage(lambda y: y)]


class Stageless(Sampler):
    name = "stageless"


class Parametrised(MyODE):
    def __init__(self, strength: float) -> None:
        self.strength = strength


def tensors_only(y: Any) -> Tensor:
    """Engines differentiate by numbers that behave as tensors."""
    if not isinstance(y, Tensor):
        raise TypeError("not a tensor")
    return 2.0 * y


class Remembering(MyODE):
    """Keeps what it should hand on."""

    def __init__(self) -> None:
        self.calls = 0

    def stages(self, step: Step) -> list[Stage]:
        def mean(y: Tensor) -> Tensor:
            self.calls += 1
            return y / self.calls

        return [Stage(mean)]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (42, "subclass of sharpbound.samplers.Sampler"),
        (Nameless, "Nameless: needs a name"),
        (Stageless, "Stageless: needs stages"),
        (Parametrised, "Parametrised: cannot be made without arguments"),
        (changed(name=""), "needs a name"),
        (changed(title=3), "title must be a string, not 3"),
        (changed(source=None), "source must be a string"),
        (changed(kinds="vp"), "kinds must be a set of 'vp', 'sub-vp', 've'"),
        (changed(kinds=frozenset({"vp", "flow"})), "kinds must be a set of"),
        (changed(kinds=frozenset()), "kinds must be a set of"),
        (changed(order="two"), "order must be a number, or None, not 'two'"),
        (changed(order=math.nan), "order must be a number"),
        (changed(nfe=-1), "nfe must be a number"),
        (changed(deterministic="yes"), "deterministic must be True or False"),
        (changed(deterministic=False), "deterministic = False, but its stages have no noise"),
        (
            changed(stages=MyDDPM.stages, deterministic=True),
            "deterministic = True, but its stages draw noise",
        ),
        (changed(stages=MyTwoStep.stages), "needs history = True"),
        (returning(lambda step: Stage(lambda y: y)), "must return a list of stages"),
        (returning(lambda step: []), "must return a list of stages"),
        (returning(lambda step: [lambda y: y]), "must return Stage objects, not function"),
        (returning(lambda step: step.nonesuch), "AttributeError"),
        (mapping(lambda step, y: y.float()), "float64 tensor of shape (4, 2), not torch.float32"),
        (mapping(lambda step, y: y.sum(-1)), "float64 tensor of shape (4, 2), not torch.float64 (4,)"),
        (mapping(lambda step, y: y.numpy()), "not ndarray"),
        (mapping(lambda step, y: y, lambda y: y), "a std must be a float64 tensor of shape (4, 2, 2)"),
        (mapping(lambda step, y: y - y.mean(0)), "depends on the others of its batch"),
        (mapping(lambda step, y: y + random.random()), "two runs gave two results"),
        (Remembering, "two runs gave two results"),
        (
            mapping(lambda step, y: torch.from_numpy(np.tanh(np.asarray(y)))),
            "cannot be differentiated (TypeError",
        ),
        (mapping(lambda step, y: tensors_only(y)), "cannot be differentiated (TypeError"),
        (
            mapping(lambda step, y: y * y.detach()),
            "uses 'detach' of its state, which would lose the derivative",
        ),
    ],
)
def test_what_is_broken_is_named_in_one_line(found: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        checked(found)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_broken_are_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = "from sharpbound.samplers.base import Sampler, Stage\n"
    body = "    def stages(self, step):\n        return [Stage(lambda y: y)]\n"
    (tmp_path / "zz_good.py").write_text(f"{head}class Good(Sampler):\n    name = 'good'\n{body}")
    (tmp_path / "zz_nameless.py").write_text(f"{head}class Bad(Sampler):\n{body}")
    (tmp_path / "zz_taken.py").write_text(f"{head}class Other(Sampler):\n    name = 'ddim'\n{body}")
    (tmp_path / "zz_unimportable.py").write_text("import nonesuch\n")
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(tmp_path)])
    monkeypatch.setattr(samplers, "BROKEN", [])
    found = samplers._discover()
    assert set(found) == set(SAMPLERS) | {"good"}
    assert type(found["ddim"]) is type(SAMPLERS["ddim"])
    assert [line.split(": ")[0] for line in samplers.BROKEN] == [
        "samplers/zz_nameless.py",
        "samplers/zz_taken.py",
        "samplers/zz_unimportable.py",
    ]


def test_the_list_takes_samplers_that_say_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(samplers, "SAMPLERS", {"my-ode": MyODE()})
    monkeypatch.setattr(samplers, "BROKEN", ["samplers/mine.py: sampler Mine: needs a name"])
    _, lines = CATALOGUE["samplers"]()
    assert next(iter(lines)) == ("my-ode", "my-ode", "", "", "")
    assert capsys.readouterr().err == "left out: samplers/mine.py: sampler Mine: needs a name\n"
