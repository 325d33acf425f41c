"""What ``sharpbound audit`` does with a kernel on a finite state space: try, measure on every view, judge."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sharpbound.chapters.deciding import worst
from sharpbound.chapters.discrete import samplers, targets
from sharpbound.chapters.discrete.audit.order import METRICS, STEPS, Judge, View, judge_view, views
from sharpbound.chapters.discrete.audit.same_as import compared
from sharpbound.chapters.discrete.audit.trial import precision_of, support, tried
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.samplers.own import NoLaw, OwnKernel, of_function
from sharpbound.errors import InputError

TARGET = {
    "family": "categorical",
    "probabilities": [[0.20, 0.05, 0.08], [0.03, 0.22, 0.06], [0.11, 0.02, 0.23]],
}
"""Two coordinates that depend on each other, and no symmetry that hides a mistake."""
MOST_STATES = 1024


def audit_kernel(
    named: str,
    found: Any,
    judge: Judge,
    *,
    order: float | None = None,
    target: Mapping[str, Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    ladder: str | None = None,
    steps: Sequence[int] | None = None,
    same_as: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The function ``found``, called ``named``, measured or compared, as a JSON document.

    order : nominal, of total variation; by default the attribute ``order`` of the function, or 1.
    judge : the verdict on a bound C/T^order.  same_as : a [sampler] table to compare with instead.
    InputError where the contract is broken.
    """
    kernel = of_function(found, named, {})
    nominal = _nominal(order if order is not None else getattr(found, "order", 1.0), named)
    with _option("target", "--target"):
        data = targets.build(TARGET if target is None else target).table()
    with _option("forward", "--schedule"):
        seen = views(data, {"process": "uniform-ctmc"} if forward is None else forward, ladder)
    if seen[0].reverse.size > MOST_STATES:
        raise InputError(
            f"{seen[0].reverse.size} states; an audit takes at most {MOST_STATES}", key="--target"
        )
    finest = Chain(seen[0].reverse, kernel, max(steps or STEPS)).steps
    precision, unit = "float64", 2.0**-53
    with contextlib.suppress(NoLaw):  # the rows tell
        precision, unit = precision_of(kernel, seen[0].reverse, finest[0])
        tried(kernel, seen[0].reverse, finest)
    if same_as is not None:
        with _option("sampler", "--same-as"):
            theirs = samplers.build(same_as)
        return compared(kernel, theirs, seen[-1], precision, unit)
    judged = [judge_view(kernel, view, nominal, steps, unit, judge) for view in seen]
    deciding = worst(judged)
    remarks = _remarks(kernel, deciding.view, finest)
    missing = next((row for row in deciding.rows if row.get("note")), None)
    line = deciding.reason
    if missing is not None and deciding.verdict != "failed":
        line += f"; with {missing['T']} steps it could not be measured: {missing['note']}"
    return {
        "sampler": named,
        "convention": "kernel",
        "nominal": nominal,
        "metric": "tv",
        "metrics": list(METRICS),
        "swept": "T",
        "verdict": deciding.verdict,
        "diagnosis": line,
        "exponent": deciding.exponent,
        "interval": deciding.interval,
        "target": "a table on [3]^2" if target is None else str(target["family"]),
        "schedule": deciding.view.schedule,
        "range": list(deciding.view.range),
        "ladder": deciding.view.grid,
        "where": deciding.view.where,
        "precision": precision,
        "remarks": remarks,
        "views": [
            {
                "range": list(each.view.range),
                "ladder": each.view.grid,
                "schedule": each.view.schedule,
                "where": each.view.where,
                "verdict": each.verdict,
                "exponent": each.exponent,
                "interval": each.interval,
                "reason": each.reason,
                "rows": list(each.rows),
            }
            for each in judged
        ],
        "rows": list(deciding.rows),
        "details": dict(deciding.details or {}) | {"reason": line},
    }


@contextlib.contextmanager
def _option(table: str, option: str) -> Iterator[None]:
    """A mistake of a table is told with the option that it comes from, and the key in it."""
    try:
        yield
    except InputError as mistake:
        key = mistake.key or ""
        if key != table and not key.startswith(f"{table}."):
            raise
        rest = key[len(table) + 1 :]
        raise InputError(f"{rest}: {mistake.message}" if rest else mistake.message, key=option) from None


def _remarks(kernel: OwnKernel, view: View, steps: Sequence[tuple[float, float]]) -> list[str]:
    """What it does with support, on some of the finest steps."""
    try:
        return support(kernel, view.reverse, steps[:: max(1, len(steps) // 16)]).remarks()
    except InputError:
        return []


def _nominal(order: Any, named: str) -> float:
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (0 < order < math.inf):
        raise InputError(f"{named}: its order must be a positive number, not {order!r}")
    return float(order)
