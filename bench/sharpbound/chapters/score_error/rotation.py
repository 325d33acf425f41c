"""``field = "rotation"``: an error of any size that leaves every marginal of an isotropic Gaussian where it is.

e_t(y) = rate_t J (y - a_t m) with J a quarter turn of pairs of coordinates. On N(m, v I) it has
E|e_t|^2 = rate_t^2 d v_t, v_t = a_t^2 v + sigma_t^2, set to eps^2 at every level, and Jacobian of norm rate_t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sharpbound import laws
from sharpbound.errors import InputError
from sharpbound.laws import chains
from sharpbound.laws.base import Problem
from sharpbound.options import made
from sharpbound.processes.ladder import Ladder
from sharpbound.records.document import Row
from sharpbound.samplers import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.scores.rotated import RotatedScore
from sharpbound.targets.base import Target

FIELD = "rotation"
METRICS = ("tv", "kl", "w2", "path-kl")


def _eps(eps: float) -> float:
    """The keys of the table."""
    if not eps >= 0:
        raise InputError(f"must be >= 0, got {eps:g}", key="score_error.eps")
    return eps


def rotated(spec: Mapping[str, Any], target: Target, ladder: Ladder) -> RotatedScore:
    """The score with the rotation that a ``[score_error]`` table asks for; InputError for a target that it moves."""
    own = {key: value for key, value in spec.items() if key != "field"}
    eps = made(_eps, own, name="score_error", who="a rotation field", also=("field",))
    moments, gaussian = target.moments(), target.facts().gaussian
    cov = moments.cov.numpy()
    if not gaussian or target.dim % 2 or np.abs(cov - cov[0, 0] * np.eye(target.dim)).max() > 0:
        raise InputError(
            "a rotation moves nothing on an isotropic Gaussian in an even dimension; use family = 'gaussian' with one "
            "std and an even dim",
            key="target.family",
        )
    spread = np.sqrt(ladder.a**2 * cov[0, 0] + ladder.sigma**2)
    rate = eps / (math.sqrt(target.dim) * spread)
    return RotatedScore(ExactScore(target, ladder), moments.mean, tuple(float(r) for r in rate))


def row(
    spec: Mapping[str, Any],
    target: Target,
    ladder: Ladder,
    sampler: Sampler,
    init: str,
    metrics: tuple[str, ...],
) -> Row:
    """The metrics against the truth with their floors, and the sizes of the error."""
    score = rotated(spec, target, ladder)
    problem = Problem(target, ladder, sampler, score, init)
    found: Row = {}
    for metric in metrics:
        if metric == "path-kl":
            measured, engine = chains.solve(problem)
        else:
            law = laws.solve(problem)
            measured, engine = law.distance(metric), law.engine
        found |= {metric: measured.value, f"{metric}_floor": measured.floor}
        if metric == metrics[0]:
            found |= {"floor_kind": measured.kind, "engine": engine}
        elif measured.kind != found["floor_kind"]:
            found[f"{metric}_floor_kind"] = measured.kind
    return found | {"eps_score": float(spec["eps"]), "eps_jacobi": float(np.mean(np.abs(score.rate[1:])))}
