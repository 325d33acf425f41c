"""How the leading term grows with the dimension, on families of independent coordinates.

What is known of each law on the line, its field R, is had once: then every dimension costs a sum of independent
terms. All coordinates have E X_i^2 <= 1, so that E |X|^2 <= d. The worst of the families at each d is a lower bound of
the worst law there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers, targets
from sharpbound.errors import InputError
from sharpbound.laws import leading
from sharpbound.laws.leading.response import LineResponse, sum_distance
from sharpbound.records.powers import PowerOfD

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

VARIANCES = (1.0, 4.0**-1, 4.0**-2, 4.0**-3, 4.0**-4)
"""Of the normal coordinates; the narrowest stands for a direction in which the law is flat."""
LARGE_T = 1e60
"""Where a bound is its leading term in T."""

Law = tuple[str, float | None]
"""A law on the line by name: "worst", or "normal" with its variance."""


def spectrum(d: int) -> dict[Law, int]:
    """Normal coordinates with variances 1/i^2 rounded down to powers of 4: a spread-out spectrum."""
    counts: dict[Law, int] = {}
    for i in range(1, d + 1):
        law = ("normal", VARIANCES[min(i.bit_length() - 1, len(VARIANCES) - 1)])
        counts[law] = counts.get(law, 0) + 1
    return counts


def families(worst_normal: float) -> dict[str, Callable[[int], dict[Law, int]]]:
    """What is tried in d dimensions, as the counts of its coordinates."""
    one: Law = ("worst", None)
    narrow: Law = ("normal", VARIANCES[-1])
    return {
        "copies of the mixture": lambda d: {one: d},
        "the mixture beside narrow normals": lambda d: {one: 1, narrow: d - 1} if d > 1 else {one: 1},
        f"normal copies of variance {worst_normal:g}": lambda d: {("normal", worst_normal): d},
        "normal with a spread-out spectrum": spectrum,
    }


def power_of_d(case: Case, claim: Claim, target: dict[str, Any], dims: Sequence[int]) -> PowerOfD:
    """The leading term of the case's sampler and metric at its largest T, on every family at every d.

    target : the law on the line that products and low-rank laws are made of.
    Raises InputError for fewer than two dimensions, or a metric that is none of the output's law.
    """
    metric, T = case.metrics[0], max(case.sweep["T"])
    if len(set(dims)) < 2 or metric not in leading.METRICS:
        raise InputError(
            "a power of d takes two dimensions or more, and a metric of the output's law", key="--dim"
        )
    sampler = samplers.build(case.sampler)
    fields: dict[Law, LineResponse | None] = {}

    def field(law: Law) -> LineResponse | None:
        if law not in fields:
            spec = target if law[1] is None else {"family": "gaussian", "mean": 0.0, "std": law[1] ** 0.5}
            fields[law] = _field(targets.build(spec), case, sampler, T)
        return fields[law]

    def size(counts: dict[Law, int]) -> float:
        parts = [(one, count) for law, count in counts.items() if (one := field(law)) is not None]
        return sum_distance(metric, parts) if parts else 0.0

    worst_normal = max(VARIANCES, key=lambda v: size({("normal", v): 1}))
    tried = {name: [size(of(d)) for d in dims] for name, of in families(worst_normal).items()}
    return PowerOfD(
        claim=claim.id,
        sampler=str(case.sampler["name"]),
        schedule=str(case.forward["schedule"]),
        metric=metric,
        T=T,
        dims=list(dims),
        families=tried,
        stated=_stated(claim, metric),
        target=target,
    )


def _field(target: Any, case: Case, sampler: Any, T: int) -> LineResponse | None:
    """R at T; None where every step is exact."""
    try:
        limit = leading.limit(target, lambda n: processes.build(case.forward, n), sampler)
    except leading.NoError:
        return None
    found = limit.field(T)  # type: ignore[union-attr]
    assert isinstance(found, LineResponse)
    return found


def _stated(claim: Claim, metric: str) -> float:
    """The bound's power of d as T goes to infinity, all else fixed."""
    at = {"eps_score": 0.0, "eps_jacobi": 0.0, "T": LARGE_T}
    values = [claim.predict(at | {"d": d}, metric) for d in (1024, 2048)]
    return round(math.log2(values[1] / values[0]), 6)
