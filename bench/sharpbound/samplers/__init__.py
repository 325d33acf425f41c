"""Samplers, one small file each. A file put in this folder is found by itself: nothing else changes."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

from sharpbound.errors import InputError
from sharpbound.samplers.base import Mixture, Past, PastStage, Sampler, Stage, Step, run
from sharpbound.scores.base import ExactScore, ScoreField

INITS = ("normal", "exact")


def _discover() -> dict[str, Sampler]:
    found: dict[str, Sampler] = {}
    for module in pkgutil.iter_modules(__path__):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Sampler) and "name" in vars(value):
                found[value.name] = value()  # parameters have defaults
    return dict(sorted(found.items()))


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
    "parameters",
    "run",
]
