"""What ``sharpbound audit`` does: load, check the contract, measure, judge."""

from __future__ import annotations

import math
from typing import Any

from sharpbound import foreign, processes
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.chapters.sampling import measured_row
from sharpbound.errors import InputError
from sharpbound.laws.black_box import measure_rows
from sharpbound.samplers import ExactScore, PlainSampler, Sampler
from sharpbound.samplers.own import ARRAYS, as_sampler
from sharpbound.targets import Target1D, build

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.5, "std": 0.5}
"""Targets of deterministic and of stochastic samplers."""
SCHEDULE = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
STEPS = (16, 32, 64, 128, 256, 512)


def audit_user(named: str, order: float | None, arrays: str, schedule: str | None) -> dict[str, Any]:
    """The measured order of the user's sampler ``named`` = MODULE:OBJECT, as a JSON document.

    order : nominal; by default the sampler's attribute ``order``.
    schedule : name of a schedule, with its default parameters.
    """
    spec = SCHEDULE if schedule is None else {"schedule": schedule}
    _check_schedule(spec)
    if arrays not in ARRAYS:
        raise InputError(f"choose {' or '.join(ARRAYS)}, not {arrays!r}", key="--arrays")
    found = foreign.load(named)
    a_class = isinstance(found, type) and issubclass(found, Sampler)
    plain = not a_class and not isinstance(found, Sampler)
    sampler = as_sampler(found, named, {"arrays": arrays} if plain else None)
    nominal = _nominal(getattr(found, "order", None) if order is None else order, named)
    rows = _rows(sampler, spec)
    usable = [row for row in rows if row["w2"] is not None]
    if len(usable) < 2:
        raise InputError(f"{named}: it could not be measured: {rows[-1].get('note')}")
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


def _rows(sampler: Sampler, schedule: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows T, w2, w2_floor and floor: of a plain function by the probes, of a Sampler from its exact law."""
    target = build(MIXTURE if sampler.deterministic else GAUSSIAN)
    assert isinstance(target, Target1D)
    if isinstance(sampler, PlainSampler):
        return measure_rows(sampler, target, schedule, STEPS)
    rows: list[dict[str, Any]] = []
    for T in STEPS:
        ladder = processes.build(schedule, T)
        sampler.check(ladder)
        row = measured_row(target, ladder, sampler, ExactScore(target, ladder), "exact", "law")
        kept = {key: row[key] for key in ("w2", "w2_floor")}
        note = {"note": row["w2_note"]} if row["w2_note"] else {}
        rows.append({"T": T, **kept, "floor": row["w2_floor"], **note})
    return rows


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
        raise InputError(f"{named}: tell its order: --order 2, or an attribute `order` of the object")
    if isinstance(order, bool) or not isinstance(order, (int, float)) or not (0 < order < math.inf):
        raise InputError(f"{named}: its order must be a positive number, not {order!r}")
    return float(order)
