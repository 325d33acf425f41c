"""The worst target of a family for a claim: the one whose leading term is largest.

Two-component Gaussian mixtures sum_k w_k N(m_k, s_k^2), normalised to E X = 0 and E X^2 = 1, are searched by the
simplex of Nelder and Mead (scipy) from several starts, in the coordinates logit w, log s_1, log s_2 and log of the
distance of the means, within a box: no component is narrower than `NARROWEST` of the whole. Laws that a hypothesis of
the claim on X0 is known to exclude are passed over; for bounded support they are cut at `RADIUS`. What is maximised is
the leading term of the claim's metric at the largest T of a case of that claim, over its bound where the claim states
its constant: one number that exists where powers differ from target to target.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize

from sharpbound import processes, samplers, targets
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import leading
from sharpbound.numerics.quadrature import Array
from sharpbound.suite.assumptions import OF_TARGET, check_assumption
from sharpbound.suite.known import known_values

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

FAMILIES = ("gaussian-mixture",)
NARROWEST, FARTHEST = 0.05, 20.0
"""Least std of a component and largest distance of the means, in units of one another, before normalisation."""
STARTS = ((0.0, 0.3, 0.3, 1.5), (1.0, 0.2, 0.6, 2.0), (0.0, 1.0, 1.0, 0.3))
"""logit w, s_1, s_2 and the distance of the means at which searches begin."""
ROUGHLY = 1e-3
"""Relative accuracy of the leading term during the search."""
DIGITS = 6
"""Decimals to which the coordinates of the worst target are rounded before it is told and measured."""
RADIUS = 12.0
"""Where mixtures are cut for claims on laws of bounded support; next to nothing lies beyond, in units of the whole."""
MEASURED, LEAST_ROWS = (64, 128, 256, 512), 4
"""The T at which the worst target is measured, where the case has fewer than so many."""


@dataclass(frozen=True)
class Worst:
    """The worst target found, and the search."""

    target: dict[str, Any]
    value: float
    """Leading term at ``T``, over the bound where its constant is stated."""
    T: int
    constant: leading.Constant
    improvements: list[tuple[int, float]]
    """(evaluation, value) whenever a larger one was found."""
    evaluations: int
    at_edge: bool
    """Whether a component is as narrow, or the means as far apart, as the box allows: the supremum may lie beyond."""


def mixture(logit: float, std_1: float, std_2: float, distance: float) -> dict[str, Any]:
    """The [target] table of these parameters, with mean 0 and second moment 1."""
    w = 1 / (1 + math.exp(-logit))
    means = np.array([-(1 - w) * distance, w * distance])
    stds, weights = np.array([std_1, std_2]), np.array([w, 1 - w])
    scale = math.sqrt(float(weights @ (means**2 + stds**2)))
    return {
        "family": "gaussian-mixture",
        "weights": weights.tolist(),
        "means": (means / scale).tolist(),
        "stds": (stds / scale).tolist(),
    }


def _meets(claim: Claim, target: targets.Target) -> bool:
    """Whether no hypothesis of the claim on X0 is known to fail; bounded support is seen to by cutting."""
    checks = {one.check for one in claim.assumptions} & set(OF_TARGET) - {"bounded-support"}
    return all(check_assumption(check, target) is not False for check in sorted(checks))


def _cut(claim: Claim, spec: dict[str, Any]) -> dict[str, Any]:
    if not any(one.check == "bounded-support" for one in claim.assumptions):
        return spec
    return spec | {"family": "truncated-gaussian-mixture", "radius": RADIUS}


def search(
    case: Case, claim: Claim, evaluations: int = 60, told: Callable[[int, float], None] | None = None
) -> Worst:
    """The worst mixture for ``claim`` on the sampler and schedule of ``case``.

    evaluations : about how many are tried; 0 takes the law of `STARTS` that is worst and searches no further.
    told : called with the number of evaluations and the value at every improvement.
    Raises NotMeasured where no target of the family has a leading term.
    """
    T, metric = max(case.sweep["T"]), case.metrics[0]
    sampler = samplers.build(case.sampler)

    def make(T: int) -> Any:
        return processes.build(case.forward, T)

    best: tuple[float, tuple[float, float, float, float]] = (-math.inf, STARTS[0])
    improvements: list[tuple[int, float]] = []
    reasons: list[str] = []
    count = 0

    def limit_of(spec: dict[str, Any], accuracy: float | None = None) -> leading.Limit | leading.PartsLimit:
        return leading.limit(targets.build(spec), make, sampler, accuracy, metric=metric)

    def value_of(limit: leading.Limit | leading.PartsLimit, spec: dict[str, Any]) -> float:
        found = limit.at(T, metric)
        if claim.constant != "explicit":
            return found
        known = known_values(targets.build(spec), processes.build(case.forward, T))
        return found / claim.bound({"eps_score": 0.0, "T": T, "d": 1} | known, metric)

    def lost(x: Array) -> float:
        nonlocal best, count
        sizes = np.exp(np.clip(x[1:], math.log(NARROWEST), math.log(FARTHEST)))
        point = (float(np.clip(x[0], -4, 4)), float(sizes[0]), float(sizes[1]), float(sizes[2]))
        count += 1
        try:
            spec = mixture(*point)
            if not _meets(claim, targets.build(spec)):
                raise NotMeasured("no mixture that was tried meets the hypotheses on X0")
            value = value_of(limit_of(spec, ROUGHLY), spec)
        except NotMeasured as reason:
            reasons.append(str(reason))
            return math.inf
        if value > best[0]:
            best = (value, point)
            improvements.append((count, value))
            if told:
                told(count, value)
        return -value

    for start in STARTS:
        first = np.array([start[0], *np.log(start[1:])])
        if not evaluations:
            lost(first)
            continue
        most = max(evaluations // len(STARTS), 8)
        optimize.minimize(lost, first, method="Nelder-Mead", options={"maxfev": most, "xatol": 1e-3})
    if not improvements:
        raise NotMeasured(reasons[-1])
    spec = _cut(claim, mixture(*(round(x, DIGITS) for x in best[1])))
    found = limit_of(spec)
    edge = min(best[1][1:3]) < 1.01 * NARROWEST or best[1][3] > 0.99 * FARTHEST or abs(best[1][0]) > 3.99
    return Worst(spec, value_of(found, spec), T, found.constant(metric), improvements, count, edge)


def base_case(cases: Sequence[Case], claim: Claim) -> Case:
    """The case of the claim whose sampler and schedule are searched on.

    The first in T whose metric has a leading term, in the claim's own metric and of a deterministic sampler if there is
    one, for those are ten times faster; else the first in d.
    """
    fit = [
        case
        for case in cases
        if case.kind == "sampling-rate" and case.claim == claim.id and case.swept in ("T", "d")
        if case.metrics[0] in (*leading.METRICS, leading.PATH_METRIC)
    ]

    def last(case: Case) -> tuple[bool, bool, bool]:
        stochastic = not samplers.build(case.sampler).deterministic
        return case.swept != "T", case.metrics[0] != claim.metric, stochastic

    for case in sorted(fit, key=last):
        return case
    raise InputError(f"no case in T tests {claim.id} in a metric that has a leading term; add one to cases/")


def case_file(case: Case, worst: Worst) -> str:
    """A case file of the worst target, with enough T to read a rate from."""
    steps = case.sweep["T"] if len(case.sweep["T"]) >= LEAST_ROWS else list(MEASURED)
    tables: dict[str, dict[str, Any]] = {
        "case": {
            "id": f"worst-{case.claim.replace('.', '-')}",
            "title": f"The worst two-mode mixture found for {case.claim}",
            "kind": case.kind,
            "claim": case.claim,
        },
        "target": worst.target,
        "forward": case.forward,
        "sampler": case.sampler,
        "measure": {"metric": case.metrics},
        "sweep": {"T": steps},
    }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)
