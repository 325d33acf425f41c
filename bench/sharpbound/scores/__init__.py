"""Score errors: fixed fields e_t(x) of exactly known size, added to the exact score.

``build`` reads a case file's ``[score_error]`` table:

    field = "fourier"          # constant, linear, hermite, fourier, tail, formula; or "module:MyShape"
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
from typing import Any, Literal

from sharpbound import foreign
from sharpbound.errors import Collected, InputError, brief, did_you_mean
from sharpbound.options import check, options_of
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
from sharpbound.scores.own import own_shape, tried
from sharpbound.scores.perturbed import LineError, PerturbedScore, Shape
from sharpbound.scores.scaling import PROFILES, Window, scaled
from sharpbound.targets.base import Target
from sharpbound.targets.parts import line_parts

SHAPES: dict[str, Callable[..., Shape]] = {
    "constant": Constant,
    "linear": Linear,
    "hermite": Hermite,
    "fourier": Fourier,
    "tail": Tail,
    "formula": Formula,
}
"""Each field's constructor; its parameters are keys of the case file."""


def _common(
    eps: float,
    delta: float | None = None,
    profile: str = PROFILES[0],
    window: tuple[float, float] = (0.0, 1.0),
    coordinates: Literal["all", "one"] = "all",
    share: Literal["level", "steps"] = "level",
) -> None:
    """The keys that every field has."""


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
    if foreign.is_foreign(name):
        make, who = own_shape(str(name), spec.get(foreign.STAMP)), str(name)
    elif isinstance(name, str) and name in SHAPES:
        make, who = SHAPES[name], f"a {name} field"
    else:
        raise InputError(
            f"unknown field {brief(name)}{did_you_mean(str(name), SHAPES)}", key="score_error.field"
        )
    own, common = options_of(make), options_of(_common)
    assert common is not None
    given = {key: value for key, value in spec.items() if key not in ("field", foreign.STAMP)}
    found = check(given, None if own is None else common | own, name="score_error", who=who, also=("field",))
    with Collected() as mistakes:
        with mistakes.caught():
            if not found["eps"] >= 0:
                raise InputError(f"must be >= 0, got {found['eps']:g}", key="score_error.eps")
        with mistakes.caught():
            if found.get("delta") is not None:
                found["delta"] = check_delta(found["delta"])
                if found.get("share") == "steps":
                    found["delta"] /= ladder.T - ladder.stop
        with mistakes.caught():
            if found.get("profile", PROFILES[0]) not in PROFILES:
                text = f"must be one of {', '.join(PROFILES)}, got {found['profile']!r}"
                raise InputError(text, key="score_error.profile")
    parameters = {key: found[key] for key in found if (key in own if own is not None else key not in common)}
    shape = tried(make(**parameters), who) if foreign.is_foreign(name) else make(**parameters)
    return shape, found["eps"], found.get("profile", PROFILES[0]), Window(*found.get("window", (0.0, 1.0)))


def check_delta(delta: float) -> float:
    """``delta`` as a probability strictly between 0 and 1."""
    if not 0 < delta < 1:
        raise InputError(f"must lie strictly between 0 and 1, got {delta:g}", key="score_error.delta")
    return float(delta)


__all__ = ["SHAPES", "Injection", "LineError", "Part", "PerturbedScore", "build"]
