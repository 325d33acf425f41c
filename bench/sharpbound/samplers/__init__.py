"""Samplers, one small file each. A file put in this folder is found by itself: nothing else changes."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from sharpbound import foreign
from sharpbound.errors import Collected, InputError, brief, did_you_mean
from sharpbound.options import made
from sharpbound.samplers.base import Mixture, Past, PastStage, Sampler, Stage, Step, run
from sharpbound.samplers.contract import checked, declared
from sharpbound.samplers.own import PlainSampler, own_sampler
from sharpbound.scores.base import ExactScore, ScoreField

INITS = ("normal", "exact")
ALSO = ("name", "init")
"""Keys of a [sampler] table besides the sampler's own."""


BROKEN: list[str] = []
"""What is wrong with samplers in this folder that are left out, one line each."""


def _discover() -> dict[str, Sampler]:
    found: dict[str, Sampler] = {}
    for module in pkgutil.iter_modules(__path__):
        try:
            classes = _defined_in(importlib.import_module(f"{__name__}.{module.name}"))
        except Exception as error:  # whatever the file raises
            BROKEN.append(f"samplers/{module.name}.py: importing it fails: {type(error).__name__}: {error}")
            continue
        for cls in classes:
            try:
                _register(found, declared(cls))
            except InputError as error:
                BROKEN.append(f"samplers/{module.name}.py: {error}")
    return dict(sorted(found.items()))


def _register(found: dict[str, Sampler], sampler: Sampler) -> None:
    if sampler.name in found:
        raise InputError(f"its name {sampler.name} is taken by {type(found[sampler.name]).__name__}")
    found[sampler.name] = sampler


def _defined_in(module: ModuleType) -> list[type[Sampler]]:
    """Its samplers; what is abstract, has no name of its own but a parent's, or is made around something of the
    user's (``PlainSampler``), is not for a case to name.
    """
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Sampler)
    ]
    return [
        cls
        for cls in classes
        if cls.__module__ == module.__name__
        and cls is not PlainSampler
        and ("name" in vars(cls) or not (inspect.isabstract(cls) or hasattr(cls, "name")))
    ]


SAMPLERS: dict[str, Sampler] = _discover()


def build(spec: dict[str, Any]) -> Sampler:
    """The sampler of a case file's ``[sampler]`` table with its parameters.

    The name may be the user's own, "module:object": a Sampler class, or a plain function
    (`sharpbound.samplers.foreign`). ``init`` ("normal": N(0, prior_std^2 I), or "exact": the true p_T) is read by
    the law engines. Raises InputError, naming ``sampler.<key>``, for every bad key.
    """
    with Collected() as mistakes:
        with mistakes.caught():
            if spec.get("init", "normal") not in INITS:
                raise InputError(f"init is {spec['init']!r}; choose 'normal' or 'exact'", key="sampler.init")
        with mistakes.caught():
            sampler = _made(spec)
    return sampler


def _made(spec: dict[str, Any]) -> Sampler:
    name = spec.get("name")
    given = {key: value for key, value in spec.items() if key not in (*ALSO, foreign.STAMP)}
    if foreign.is_foreign(name):
        return own_sampler(str(name), spec.get(foreign.STAMP), given)
    if not isinstance(name, str) or name not in SAMPLERS:
        meant = did_you_mean(str(name), SAMPLERS)
        raise InputError(f"unknown sampler {brief(name)}{meant}", key="sampler.name")
    if not given:
        return SAMPLERS[name]
    sampler: Sampler = made(type(SAMPLERS[name]), given, name="sampler", who=name, also=ALSO)
    return sampler


def registered(sampler: Sampler) -> bool:
    """Whether it is one of this package, with any parameters: what it does then is the same formula at every step but
    the first and the last. One of the user's may do anything at any step.
    """
    return type(sampler) in {type(one) for one in SAMPLERS.values()}


def parameters(sampler: Sampler) -> dict[str, Any]:
    """Parameters of a sampler, the fields of its dataclass, with their values."""
    if not dataclasses.is_dataclass(sampler):
        return {}
    return {field.name: getattr(sampler, field.name) for field in dataclasses.fields(sampler)}


__all__ = [
    "BROKEN",
    "INITS",
    "SAMPLERS",
    "ExactScore",
    "Mixture",
    "Past",
    "PastStage",
    "PlainSampler",
    "Sampler",
    "ScoreField",
    "Stage",
    "Step",
    "build",
    "checked",
    "parameters",
    "registered",
    "run",
]
