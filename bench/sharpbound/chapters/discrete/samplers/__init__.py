"""Samplers of reverse chains, by their names in case files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpbound import foreign
from sharpbound.chapters.discrete.samplers.base import Factorised, Kernel, Sampler
from sharpbound.chapters.discrete.samplers.corrector import Corrected, Corrector
from sharpbound.chapters.discrete.samplers.euler import Euler
from sharpbound.chapters.discrete.samplers.exact import ExactReverse, Uniformisation
from sharpbound.chapters.discrete.samplers.exponential import FrozenExponential
from sharpbound.chapters.discrete.samplers.own import own_kernel
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
    if "corrector" in spec:
        return _corrected(spec)
    given = {key: value for key, value in spec.items() if key not in ("name", "init", foreign.STAMP)}
    if foreign.is_foreign(name):
        return own_kernel(str(name), spec.get(foreign.STAMP), given)
    if not isinstance(name, str) or name not in SAMPLERS:
        raise InputError(
            f"{brief(name)} is no sampler of a reverse chain{did_you_mean(str(name), SAMPLERS)}",
            key="sampler.name",
        )
    found: Sampler = made(SAMPLERS[name], given, name="sampler", who=name, also=("name", "init"))
    return found


def _corrected(spec: Mapping[str, Any]) -> Sampler:
    """The sampler of a ``[sampler]`` with a ``corrector``, and ``corrector_steps`` and ``corrector_size``."""
    keys = ("corrector", "corrector_steps", "corrector_size")
    predictor = build({key: value for key, value in spec.items() if key not in keys})

    def corrected(corrector: Corrector, corrector_steps: int = 1, corrector_size: float = 0.5) -> Sampler:
        return Corrected(predictor, corrector, corrector_steps, corrector_size)

    found: Sampler = made(
        corrected, {key: spec[key] for key in keys if key in spec}, name="sampler", who="a corrector"
    )
    return found
