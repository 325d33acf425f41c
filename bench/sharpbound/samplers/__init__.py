"""Samplers, one small file each. A file put in this folder is found by itself: nothing else changes."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from sharpbound.errors import InputError
from sharpbound.samplers.base import Mixture, Past, PastStage, Sampler, Stage, Step, run
from sharpbound.samplers.contract import checked, declared
from sharpbound.scores.base import ExactScore, ScoreField

INITS = ("normal", "exact")


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
    """Its samplers; what is abstract, or has no name of its own but a parent's, is for others to build on."""
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Sampler)
    ]
    return [
        cls
        for cls in classes
        if cls.__module__ == module.__name__
        and ("name" in vars(cls) or not (inspect.isabstract(cls) or hasattr(cls, "name")))
    ]


SAMPLERS: dict[str, Sampler] = _discover()


def build(spec: dict[str, Any]) -> Sampler:
    """The sampler of a case file's ``[sampler]`` table with its parameters; InputError names a bad key.

    ``init`` ("normal": N(0, prior_std^2 I), or "exact": the true p_T) is read by the law engines.
    """
    name = spec.get("name")
    if not isinstance(name, str) or name not in SAMPLERS:
        raise InputError(f"unknown sampler {name!r}; choose one of {', '.join(SAMPLERS)}", key="sampler.name")
    if spec.get("init", "normal") not in INITS:
        raise InputError(f"init is {spec['init']!r}; choose 'normal' or 'exact'", key="sampler.init")
    given = {key: value for key, value in spec.items() if key not in ("name", "init")}
    known = parameters(SAMPLERS[name])
    for key, value in given.items():
        if key not in known:
            takes = ", ".join(["name", "init", *known])
            raise InputError(f"{name} has no parameter {key!r}; it takes {takes}", key=f"sampler.{key}")
        like = type(known[key])
        fits = isinstance(value, (int, float) if like is float else like) and not isinstance(value, bool)
        if not fits:
            raise InputError(
                f"must be a {like.__name__} like {known[key]!r}, got {value!r}", key=f"sampler.{key}"
            )
    return type(SAMPLERS[name])(**given) if given else SAMPLERS[name]


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
    "Sampler",
    "ScoreField",
    "Stage",
    "Step",
    "build",
    "checked",
    "parameters",
    "run",
]
