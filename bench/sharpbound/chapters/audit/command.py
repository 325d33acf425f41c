"""What ``sharpbound audit`` does: load, check the contract, measure, judge."""

from __future__ import annotations

import math
from typing import Any

from sharpbound import foreign, processes
from sharpbound.audit import adapt
from sharpbound.chapters.audit.verdict import order_details
from sharpbound.chapters.sampling import measured_row
from sharpbound.errors import InputError, did_you_mean
from sharpbound.laws.black_box import measure_rows
from sharpbound.samplers import ExactScore, PlainSampler, Sampler
from sharpbound.samplers.own import ARRAYS, as_sampler
from sharpbound.targets import Target1D, build

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
GAUSSIAN = {"family": "gaussian", "mean": 0.5, "std": 0.5}
"""Targets of deterministic and of stochastic samplers."""
SCHEDULE = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}
ADAPTED_SCHEDULE = {"schedule": "edm", "sigma_min": 0.1, "sigma_max": 20.0}
"""Of conventions other than the score, which belong to processes with a = 1."""
STEPS = (16, 32, 64, 128, 256, 512)
WORDS = {"sharp": "reached", "loose": "exceeded", "violated": "not reached", "inconclusive": "undecided"}
"""The verdicts of an audit, of those of a bound C/T^nominal."""
STATUS = {"reached": 0, "exceeded": 0, "not reached": 1, "failed": 1, "undecided": 3}
"""Exit status of each."""


def audit_user(
    named: str, order: float | None, arrays: str | None, schedule: str | None, convention: str = "score"
) -> dict[str, Any]:
    """The measured order of the user's sampler ``named`` = MODULE:OBJECT, as a JSON document.

    order : nominal; by default the sampler's attribute ``order``.
    arrays : "numpy" or "torch"; by default what its convention computes with.
    schedule : name of a schedule, with its default parameters.
    convention : how it calls its model: "score", or one of `sharpbound.audit.adapt.CONVENTIONS`.
    """
    if convention != "score" and convention not in adapt.CONVENTIONS:
        known = ["score", *adapt.CONVENTIONS]
        raise InputError(
            f"choose {', '.join(known)}, not {convention!r}{did_you_mean(convention, known)}",
            key="--convention",
        )
    default = SCHEDULE if convention == "score" else ADAPTED_SCHEDULE
    spec = default if schedule is None else {"schedule": schedule}
    _check_schedule(spec)
    arrays = arrays or ("numpy" if convention == "score" else "torch")
    if arrays not in ARRAYS:
        raise InputError(f"choose {' or '.join(ARRAYS)}, not {arrays!r}", key="--arrays")
    found = foreign.load(named)
    if convention != "score":
        found = _adapted(found, named, convention)
    a_class = isinstance(found, type) and issubclass(found, Sampler)
    plain = not a_class and not isinstance(found, Sampler)
    sampler = as_sampler(found, named, {"arrays": arrays} if plain else None)
    nominal = _nominal(getattr(found, "order", None) if order is None else order, named)
    rows = _rows(sampler, spec)
    usable = [row for row in rows if row["w2"] is not None]
    ladder = processes.build(spec, max(STEPS))
    document = {
        "sampler": named,
        "convention": convention,
        "nominal": nominal,
        "metric": "w2",
        "metrics": ["w2"],
        "swept": "T",
        "schedule": spec,
        "range": [ladder.level(ladder.stop)[1], ladder.level(ladder.T)[1]],
        "rows": rows,
    }
    if len(usable) < 2:
        reason = next((str(row["note"]) for row in rows if row.get("note")), "it could not be measured")
        empty = {"exponent": None, "interval": None, "details": {"reason": reason}}
        return document | empty | {"verdict": "failed", "diagnosis": reason}
    verdict, fit, details = order_details(rows, nominal)
    return document | {
        "verdict": WORDS[verdict],
        "diagnosis": details["reason"],
        "exponent": fit.exponent,
        "interval": fit.interval,
        "details": details,
    }


def _adapted(found: Any, named: str, convention: str) -> Any:
    if isinstance(found, type) or not callable(found):
        raise InputError(
            f"{named}: a sampler of this convention is a function f(model, x, levels)", key="--convention"
        )
    return adapt.CONVENTIONS[convention](found)


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
