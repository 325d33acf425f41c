"""What the gate remembers of a measured case: one flat, timing-free line of JSON."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from sharpbound.errors import InputError

Record = dict[str, Any]
"""case, claim, metric, spec (digest), verdict, exponent, interval, window, and ``first`` and ``last``: the
ends of the sweep as {"at": {"T": 64}, "tv": [value, floor], ...}; None for ends without a value."""

COSMETIC = ("title", "note")
"""Keys of [case] that change no number."""
DIGITS = 12
"""Significant digits kept: far finer than the gate compares, and the same on every machine's printer."""


def record(document: Mapping[str, Any]) -> Record:
    """The record of a case document (the entries of a run's ``cases.json``).

    Raises InputError where ``document`` is no case document.
    """
    try:
        metrics = document["metrics"]
        ends = _ends(document, metrics)
        return {
            "case": document["case"],
            "claim": document["claim"],
            "metric": document["metric"],
            "spec": spec_digest(document["spec"]),
            "verdict": document["verdict"],
            "exponent": _rounded(document["exponent"]),
            "interval": _pair(document["interval"]),
            "window": _pair(document["details"].get("window")),
            "first": ends[0],
            "last": ends[1],
        }
    except (KeyError, TypeError, AttributeError) as error:
        name = document.get("case") if isinstance(document, Mapping) else None
        raise InputError(
            f"the document of case {name!r} is damaged ({type(error).__name__}: {error}); measure it again"
        ) from None


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


def _ends(document: Mapping[str, Any], metrics: list[str]) -> tuple[Record | None, Record | None]:
    """First and last row with a value of the first metric."""
    rows = [row for row in document["rows"] if _rounded(row.get(document["metric"])) is not None]
    if not rows:
        return None, None
    swept = [document["swept"], *document["spec"].get("sweep", {})]
    return _end(rows[0], swept, metrics, document), _end(rows[-1], swept, metrics, document)


def _end(row: Mapping[str, Any], swept: list[str], metrics: list[str], document: Mapping[str, Any]) -> Record:
    end: Record = {"at": {name: row[name] for name in dict.fromkeys(swept) if name in row}}
    for metric in metrics:
        value = _rounded(row.get(metric))
        if value is not None:
            own = row.get("floor") if metric == document["metric"] else None
            end[metric] = [value, _rounded(row.get(f"{metric}_floor", own), digits=3) or 0.0]
    return end


def _rounded(value: Any, digits: int = DIGITS) -> float | None:
    if value is None or isinstance(value, (str, bool)) or not math.isfinite(value):
        return None
    return float(f"{float(value):.{digits}g}")


def _pair(values: Any) -> list[float | None] | None:
    return None if values is None else [_rounded(value) for value in values]
