"""Score errors: fixed fields e_t(x) of exactly known size, added to the exact score.

``build`` reads a case file's ``[score_error]`` table:

    field = "fourier"          # constant, linear, hermite, fourier, tail, formula
    eps = 0.1                  # eps_score: ((1/T) sum_{t=1}^T E_{q_t} ||e_t||^2)^{1/2}
    omega = 4.0                # the field's own parameters: hermite mode; fourier omega, seed; tail delta; formula
    profile = "equal"          # or "sigma", "free": see scaling.PROFILES
    window = [0.0, 0.2]        # only levels with 0 < t/T <= 0.2
    coordinates = "all"        # or "one": which coordinates of R^d carry the error
    share = "level"            # or "steps": whether delta is the mass of each level, or of all steps together

Fresh noise (`iid_noise`), the last-step counter-examples (`counter_examples`) and the worst field
(`response`) are no fixed shapes and have modules of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder
from sharpbound.scores.fields.constant import Constant
from sharpbound.scores.fields.formula import Formula
from sharpbound.scores.fields.fourier import Fourier
from sharpbound.scores.fields.hermite import Hermite
from sharpbound.scores.fields.linear import Linear
from sharpbound.scores.fields.tail import Tail
from sharpbound.scores.frame import frames
from sharpbound.scores.injection import Injection, Part
from sharpbound.scores.integrable import check_integrable
from sharpbound.scores.perturbed import LineError, PerturbedScore, Shape
from sharpbound.scores.scaling import PROFILES, Window, scaled
from sharpbound.targets.base import Target
from sharpbound.targets.parts import line_parts

SHAPES: dict[str, tuple[Callable[..., Shape], dict[str, type]]] = {
    "constant": (Constant, {}),
    "linear": (Linear, {}),
    "hermite": (Hermite, {"mode": int}),
    "fourier": (Fourier, {"omega": float, "seed": int}),
    "tail": (Tail, {"delta": float}),
    "formula": (Formula, {"formula": str}),
}
"""Each field's constructor, and its parameters in the case file."""

OPTIONAL = ("seed",)
COMMON: dict[str, type] = {
    "field": str,
    "eps": float,
    "delta": float,
    "profile": str,
    "window": list,
    "coordinates": str,
    "share": str,
}


def build(spec: Mapping[str, Any], target: Target, ladder: Ladder) -> Injection:
    """The error that a ``[score_error]`` table describes, on ``target`` along ``ladder``.

    Raises InputError naming ``score_error.<key>`` for an unknown field or key, eps < 0, delta outside
    (0, 1), and a field that is not in L2(q_t).
    """
    shape, eps, profile, window = _read(spec, ladder)
    parts = line_parts(target)
    one = spec.get("coordinates", "all") == "one"
    share = 1.0 if one else 1.0 / math.sqrt(target.dim)
    out: list[Part] = []
    for i, (law, count) in enumerate(parts):
        levels = frames(law, ladder)
        if one and i > 0:
            out.append(Part(law, count, None))
            continue
        for frame in (levels[1], levels[-1]):
            check_integrable(shape, frame)
        error = scaled(shape, levels, share * eps, profile, window)
        perturbed = 1 if one else count
        out.append(Part(law, perturbed, error))
        if count > perturbed:
            out.append(Part(law, count - perturbed, None))
    return Injection(target, ladder, out)


def _read(spec: Mapping[str, Any], ladder: Ladder) -> tuple[Shape, float, str, Window]:
    name = spec.get("field")
    if name not in SHAPES:
        raise InputError(
            f"unknown field {name!r}; choose one of {', '.join(SHAPES)}", key="score_error.field"
        )
    make, own = SHAPES[name]
    known = COMMON | own
    for key, value in spec.items():
        if key not in known:
            raise InputError(f"{name} has no such key; it takes {', '.join(known)}", key=f"score_error.{key}")
        check_type(key, value, known[key])
    for key in ("eps", *(key for key in own if key not in OPTIONAL)):
        if key not in spec:
            raise InputError(f"is missing; a {name} field needs it (or sweep it)", key=f"score_error.{key}")
    if not spec["eps"] >= 0:
        raise InputError(f"must be >= 0, got {spec['eps']:g}", key="score_error.eps")
    parameters = {key: spec[key] for key in own if key in spec}
    if "delta" in spec:
        delta = check_delta(spec["delta"])
        if _choice(spec, "share", ("level", "steps")) == "steps":
            delta /= ladder.T - ladder.stop
        if "delta" in own:
            parameters["delta"] = delta
    _choice(spec, "coordinates", ("all", "one"))
    return make(**parameters), float(spec["eps"]), _choice(spec, "profile", PROFILES), _window(spec)


def check_type(key: str, value: Any, kind: type) -> None:
    """Raise InputError unless ``value`` of ``score_error.<key>`` is of ``kind`` (a whole number is a float)."""
    fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if not fits:
        wanted = {float: "a number", int: "a whole number", str: "a text", list: "a list"}[kind]
        raise InputError(f"must be {wanted}, got {value!r}", key=f"score_error.{key}")


def check_delta(delta: float) -> float:
    """``delta`` as a probability strictly between 0 and 1."""
    if not 0 < delta < 1:
        raise InputError(f"must lie strictly between 0 and 1, got {delta:g}", key="score_error.delta")
    return float(delta)


def _choice(spec: Mapping[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = spec.get(key, choices[0])
    if value not in choices:
        raise InputError(f"must be one of {', '.join(choices)}, got {value!r}", key=f"score_error.{key}")
    return value


def _window(spec: Mapping[str, Any]) -> Window:
    ends = spec.get("window", [0.0, 1.0])
    if len(ends) != 2:
        raise InputError(f"must be [low, high], got {ends!r}", key="score_error.window")
    for end in ends:
        check_type("window", end, float)
    return Window(*map(float, ends))


__all__ = ["SHAPES", "Injection", "LineError", "Part", "PerturbedScore", "build"]
