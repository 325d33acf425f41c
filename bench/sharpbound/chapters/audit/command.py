"""What ``sharpbound audit`` does: load, check the contract, measure, judge."""

from __future__ import annotations

import math
from typing import Any

from sharpbound import processes
from sharpbound.chapters.audit.contract import SCHEDULE, STEPS, measure_rows, own_target, user_sampler
from sharpbound.chapters.audit.load import load_object
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.errors import InputError


def audit_user(named: str, order: float | None, arrays: str, schedule: str | None) -> dict[str, Any]:
    """The measured order of the user's sampler ``named`` = MODULE:OBJECT, as a JSON document.

    order : nominal; by default the sampler's attribute ``order``.
    schedule : name of a schedule, with its default parameters.
    """
    spec = SCHEDULE if schedule is None else {"schedule": schedule}
    _check_schedule(spec)
    found = load_object(named)
    sampler = user_sampler(found, named, arrays)
    nominal = _nominal(getattr(found, "order", None) if order is None else order, named)
    rows = measure_rows(sampler, own_target(sampler), spec)
    usable = [row for row in rows if row["w2"] is not None]
    if len(usable) < 2:
        raise InputError(f"it could not be measured: {rows[-1].get('note')}", where=named)
    verdict, fit, details = order_details(rows, nominal)
    return {
        "sampler": named,
        "nominal": nominal,
        "verdict": verdict,
        "exponent": fit.exponent,
        "interval": fit.interval,
        "metric": "w2",
        "metrics": ["w2"],
        "swept": "T",
        "schedule": spec,
        "rows": rows,
        "details": details,
    }


def _check_schedule(spec: dict[str, Any]) -> None:
    """InputError for a schedule that cannot be built, or whose ends move with the number of steps.

    An order is a statement on a fixed range of noise levels.
    """
    try:
        coarse, fine = (processes.build(spec, T) for T in (min(STEPS), max(STEPS)))
    except InputError as mistake:
        raise InputError(mistake.message, key="--schedule") from None
    ends = [
        [level[t] for ladder in (coarse, fine) for level in (ladder.a, ladder.sigma)]
        for t in (coarse.stop, -1)
    ]
    if any(not math.isclose(end[i], end[i + 2], rel_tol=1e-9) for end in ends for i in (0, 1)):
        raise InputError(
            f"the noise levels where {coarse.name} begins and ends depend on the number of steps, so its errors "
            "do not show an order; choose benton, edm, log-snr-uniform, ...",
            key="--schedule",
        )


def _nominal(order: Any, named: str) -> float:
    if order is None:
        raise InputError("tell its order: --order 2, or an attribute `order` of the object", where=named)
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (0 < order < math.inf):
        raise InputError(f"its order must be a positive number, not {order!r}", where=named)
    return float(order)
