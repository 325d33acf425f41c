"""What the gate remembers of a measured case: one flat, timing-free line of JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from sharpbound.errors import InputError
from sharpbound.records.document import CaseDocument, MeasuredRow

Record = dict[str, Any]
"""case, claim, metric, spec (digest), verdict, exponent, interval, window, ``leading`` ([power, log_power, constant,
half of its interval], or None), and ``first`` and ``last``: the ends of the sweep as {"at": {"T": 64},
"tv": [value, floor], ...}; None for ends without a value. A whole record has all ``rows`` so too."""

COSMETIC = ("title", "note")
"""Keys of [case] that change no number."""
NEEDED = frozenset(("case", "claim", "metric", "metrics", "verdict", "rows", "swept", "spec"))
DIGITS = 12
"""Significant digits kept: far finer than the gate compares, and the same on every machine's printer."""


def record(document: CaseDocument) -> Record:
    """The record of a case document; InputError where it lacks what is remembered."""
    if missing := NEEDED - document.model_fields_set:
        raise InputError(
            f"the document of case {document.case!r} is damaged (it lacks {', '.join(sorted(missing))}); "
            "measure it again"
        )
    try:
        return _record(document)
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:  # a value of another type than it was written with
        raise InputError(
            f"the document of case {document.case!r} is damaged ({type(error).__name__}: {error}); measure it again"
        ) from None


def _record(document: CaseDocument) -> Record:
    first, last = _ends(document)
    return {
        "case": document.case,
        "claim": document.claim,
        "metric": document.metric,
        "spec": spec_digest(document.spec),
        "verdict": document.verdict,
        "exponent": _rounded(document.exponent),
        "interval": _pair(document.interval),
        "window": _pair(document.details.get("window")),
        "leading": _leading(document.leading),
        "first": first,
        "last": last,
    }


def whole(document: CaseDocument) -> Record:
    """The record with all rows of the sweep, of which `record` has the ends."""
    return record(document) | {"rows": [_end(row) for row in document.rows]}


def measured(found: Record) -> bool:
    """Whether the case has something to hold on to: a value of its first metric, an exponent, or a decided equality
    or ordering, whose numbers may be in tables of their own.
    """
    ends = (found["first"], found["last"])
    decided = found["exponent"] is not None or found["verdict"] in ("confirmed", "refuted")
    return decided or any(end and end.get(found["metric"]) for end in ends)


def spec_digest(spec: Mapping[str, Any]) -> str:
    """Twelve hex digits of everything in a case file that its numbers depend on."""
    essential = {**spec, "case": {k: v for k, v in spec.get("case", {}).items() if k not in COSMETIC}}
    return hashlib.sha256(json.dumps(essential, sort_keys=True).encode()).hexdigest()[:12]


def _leading(found: Mapping[str, Any]) -> list[float | None] | None:
    if "constant" not in found:
        return None
    low, high = found["constant_interval"]
    constant = [_rounded(found["power"]), _rounded(found["log_power"]), _rounded(found["constant"])]
    return [*constant, _rounded(0.5 * (high - low), digits=3)]


def _ends(document: CaseDocument) -> tuple[Record | None, Record | None]:
    """First and last row with a value of the first metric."""
    rows = [row for row in document.rows if row.measured[document.metric].value is not None]
    return (_end(rows[0]), _end(rows[-1])) if rows else (None, None)


def _end(row: MeasuredRow) -> Record:
    """The values there, each with its floor; null where none is known, and nothing may move.

    A value of trained networks is reproduced to the last digit by no other machine: rounding decides which way
    training goes. It is known to its standard error over seeds, which takes the place of the floor.
    """
    end: Record = {"at": dict(row.point)}
    for metric, found in row.measured.items():
        if found.value is not None:
            allowed = found.noise if found.noise is not None else found.floor
            end[metric] = [_rounded(found.value), _rounded(allowed, digits=3)]
    return end


def _rounded(value: Any, digits: int = DIGITS) -> float | None:
    if value is None or isinstance(value, (str, bool)) or not math.isfinite(value):
        return None
    return float(f"{float(value):.{digits}g}")


def _pair(values: Any) -> list[float | None] | None:
    return None if values is None else [_rounded(value) for value in values]
