"""Samplers of reverse chains, by their names in case files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpbound.chapters.discrete.samplers.base import Factorised, Kernel, Sampler
from sharpbound.chapters.discrete.samplers.euler import Euler
from sharpbound.chapters.discrete.samplers.exact import ExactReverse, Uniformisation
from sharpbound.chapters.discrete.samplers.exponential import FrozenExponential
from sharpbound.chapters.discrete.samplers.tau_leaping import TauLeaping
from sharpbound.chapters.discrete.samplers.tweedie import TweedieTauLeaping
from sharpbound.chapters.discrete.samplers.two_stage import ThetaRK2, ThetaTrapezoidal
from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.options import made

__all__ = ["SAMPLERS", "Factorised", "Kernel", "Sampler", "build"]

SAMPLERS: dict[str, type[Sampler]] = {
    sampler.name: sampler
    for sampler in (
        Euler,
        FrozenExponential,
        TauLeaping,
        TweedieTauLeaping,
        ThetaTrapezoidal,
        ThetaRK2,
        ExactReverse,
        Uniformisation,
    )
}


def build(spec: Mapping[str, Any]) -> Sampler:
    """The sampler of a ``[sampler]``; InputError, naming ``sampler.<key>``, for every mistake."""
    name = spec.get("name")
    if not isinstance(name, str) or name not in SAMPLERS:
        raise InputError(
            f"{brief(name)} is no sampler of a reverse chain{did_you_mean(str(name), SAMPLERS)}",
            key="sampler.name",
        )
    given = {key: value for key, value in spec.items() if key not in ("name", "init")}
    found: Sampler = made(SAMPLERS[name], given, name="sampler", who=name, also=("name", "init"))
    return found
