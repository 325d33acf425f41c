"""Samplers, one small file each. A file put in this folder is found by itself: nothing else changes."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

from sharpbound import foreign
from sharpbound.errors import Collected, InputError, brief, did_you_mean
from sharpbound.options import made
from sharpbound.samplers.base import Mixture, Sampler, Stage, Step, run
from sharpbound.samplers.own import PlainSampler, own_sampler
from sharpbound.scores.base import ExactScore, ScoreField

INITS = ("normal", "exact")
ALSO = ("name", "init")
"""Keys of a [sampler] table besides the sampler's own."""


def _discover() -> dict[str, Sampler]:
    found: dict[str, Sampler] = {}
    for module in pkgutil.iter_modules(__path__):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Sampler) and "name" in vars(value):
                found[value.name] = value()  # parameters have defaults
    return dict(sorted(found.items()))


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
    "PlainSampler",
    "Sampler",
    "ScoreField",
    "Stage",
    "Step",
    "build",
    "parameters",
    "run",
]
