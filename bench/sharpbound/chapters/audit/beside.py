"""W2 of a sampler at one number of steps, beside the library's methods on the same ladder."""

from __future__ import annotations

from typing import Any

from sharpbound.chapters.audit.measuring import Bench
from sharpbound.chapters.audit.views import View
from sharpbound.errors import InputError
from sharpbound.samplers import SAMPLERS, PlainSampler

METHODS = (
    "ddim",
    "heun",
    "adams-bashforth",
    "dpm-solver++-2m",
    "dpm-solver++-2s",
    "dpm-solver++-3m",
    "dpm-solver-3",
    "deis",
    "ancestral-euler",
    "euler-maruyama",
    "exponential-integrator",
)
"""Deterministic and stochastic methods of the field; each is compared with its like."""


def beside(bench: Bench, view: View, T: int) -> dict[str, Any]:
    """T, w2, w2_floor, range, and ``methods``: name, nfe per step, w2, and ratio = w2 of the sampler over its w2."""
    mine = bench.point(view, T)
    if mine.w2 is None:
        raise InputError(f"with {T} steps it cannot be measured: {mine.note}", key="--at")
    ladder = view.ladder(T)
    methods = []
    for name in METHODS:
        sampler = SAMPLERS[name]
        if ladder.kind not in sampler.kinds or sampler.deterministic != bench.sampler.deterministic:
            continue
        other = Bench(sampler, bench.target).point(view, T)
        if other.w2:
            methods.append({"name": name, "nfe": sampler.nfe, "w2": other.w2, "ratio": mine.w2 / other.w2})
    found = {"T": T, "w2": mine.w2, "w2_floor": mine.floor, "range": list(view.range), "ladder": view.steps}
    own = {} if isinstance(bench.sampler, PlainSampler) else {"nfe": bench.sampler.nfe}
    return found | own | {"methods": sorted(methods, key=lambda method: method["w2"])}  # type: ignore[arg-type, return-value]
