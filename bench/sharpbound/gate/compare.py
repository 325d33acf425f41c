"""A run against the reference: what moved, either way, and why that counts.

One rule throughout: **what a run is less sure of buys it nothing.** A wider interval or a higher floor than
the reference's does not widen the tolerance, so a loss of accuracy cannot hide a change.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sharpbound.gate.record import Record, measured

RELATIVE = 1e-6
"""Relative change of a value that any machine's arithmetic may cause, beyond the floors."""


@dataclass(frozen=True)
class Move:
    """A number before and after, and by how much it may differ."""

    was: float
    now: float
    tolerance: float


_Change = tuple[str, str, Move | None]
"""Kind, why, and the number that moved."""


@dataclass(frozen=True)
class Finding:
    """One difference. ``new`` findings are told and not failed, unless the gate is strict."""

    case: str
    claim: str
    why: str
    kind: str
    """vanished, unmeasured, claim, spec, verdict, exponent, constant, value, new."""
    move: Move | None = None
    """The number that moved, where it is one."""

    def __str__(self) -> str:
        return f"{self.claim}: {self.case}: {self.why}"


def compare(reference: Mapping[str, Record], run: Mapping[str, Record]) -> list[Finding]:
    """Every difference between two sets of records by case, in the order of claim and case."""
    found: list[Finding] = []
    for case in sorted(reference.keys() | run.keys()):
        old, new = reference.get(case), run.get(case)
        if new is None and old is not None:
            found.append(Finding(case, old["claim"], "vanished: the run has no such case", "vanished"))
        elif new is not None:
            found += [Finding(case, new["claim"], why, kind, move) for kind, why, move in _changes(old, new)]
    return sorted(found, key=lambda finding: (finding.claim, finding.case))


def _changes(old: Record | None, new: Record) -> Iterable[_Change]:
    """Each change. Where the case itself is another one, its numbers are not compared."""
    if not measured(new):
        yield "unmeasured", f"measured nothing (verdict {new['verdict']})", None
    elif old is None:
        yield "new", f"new: {new['verdict']}, exponent {exponent(new)}; the reference does not have it", None
    elif old["claim"] != new["claim"]:
        yield "claim", f"tests another claim: {old['claim']} before", None
    elif old["spec"] != new["spec"] or old["metric"] != new["metric"]:
        yield "spec", "the case file has changed, so its numbers cannot be compared", None
    else:
        if old["verdict"] != new["verdict"]:
            yield "verdict", f"verdict changed from {old['verdict']} to {new['verdict']}", None
        yield from _exponent_changes(old, new)
        yield from _leading_changes(old.get("leading"), new.get("leading"))
        for was, now in _ends(old, new):
            yield from _value_changes(was, now)


def _exponent_changes(old: Record, new: Record) -> Iterable[_Change]:
    was, now = old["exponent"], new["exponent"]
    if was is None and now is None:
        return
    if was is None or now is None:
        yield (
            "exponent",
            f"exponent {'appeared' if was is None else 'was lost'}: {exponent(old)} -> {exponent(new)}",
            None,
        )
        return
    tolerance = _combined(_half_width(old), _half_width(new)) + RELATIVE * abs(was)
    if abs(now - was) > tolerance:
        way = "up" if now > was else "down"
        yield (
            "exponent",
            f"exponent moved {way}: {exponent(old)} -> {exponent(new)}, by {abs(now - was):.2g} "
            f"where the intervals allow {tolerance:.2g}",
            Move(was, now, tolerance),
        )


def _leading_changes(old: list[float] | None, new: list[float] | None) -> Iterable[_Change]:
    """Of the leading term: its powers are exact, its constant is known to half its interval."""
    if old is None or new is None:
        if old != new:
            yield "constant", f"the leading term {'appeared' if old is None else 'was lost'}", None
        return
    if old[:2] != new[:2]:
        why = f"powers of 1/T and log T moved: {old[0]:g}, {old[1]:g} -> {new[0]:g}, {new[1]:g}"
        yield "constant", why, None
        return
    tolerance = old[3] + min(old[3], new[3]) + RELATIVE * abs(old[2])
    if abs(new[2] - old[2]) > tolerance:
        yield (
            "constant",
            f"constant moved {old[2]:.8g} -> {new[2]:.8g}, the intervals allow {tolerance:.2g}",
            Move(old[2], new[2], tolerance),
        )


def _value_changes(old: Record | None, new: Record | None) -> Iterable[_Change]:
    if old is None or new is None:
        if old != new:
            yield "value", "an end of the sweep has gained or lost its value", None
        return
    at = ", ".join(f"{name} = {value:g}" for name, value in old["at"].items())
    if old["at"] != new["at"]:
        yield "value", f"the sweep's values no longer begin or end at {at}", None
        return
    for metric in sorted((old.keys() | new.keys()) - {"at"}):
        if metric not in old or metric not in new:
            yield "value", f"{metric} at {at} was {'gained' if metric in new else 'lost'}", None
            continue
        (was, floor), (now, new_floor) = old[metric], new[metric]
        floor, new_floor = floor or 0.0, new_floor or 0.0  # unknown ones allow nothing
        tolerance = floor + min(floor, new_floor) + RELATIVE * abs(was)
        if abs(now - was) > tolerance:
            change = f" ({(now - was) / abs(was):+.2g} relative)" if was else ""
            yield (
                "value",
                f"{metric} at {at} moved {was:.8g} -> {now:.8g}{change}, floors allow {tolerance:.2g}",
                Move(was, now, tolerance),
            )


def _ends(old: Record, new: Record) -> Iterable[tuple[Record | None, Record | None]]:
    """The rows to compare: all of them where both records have them, else the ends of the sweeps."""
    if "rows" not in old or "rows" not in new or len(old["rows"]) != len(new["rows"]):
        return [(old[end], new[end]) for end in ("first", "last")]
    return zip(old["rows"], new["rows"], strict=True)


def _half_width(found: Record) -> float:
    """Half the interval; none where there is no interval: then any move counts."""
    if found["interval"] is None or None in found["interval"]:
        return 0.0
    low, high = found["interval"]
    return (high - low) / 2


def _combined(old: float, new: float) -> float:
    """Half-width of the difference of two independent estimates; the new one counts up to the old one's."""
    return math.hypot(old, min(old, new))


def exponent(found: Record) -> str:
    """``1.003 in [0.998, 1.008]``, or ``none``."""
    if found["exponent"] is None:
        return "none"
    if found["interval"] is None or None in found["interval"]:
        return f"{found['exponent']:.4g}"
    low, high = found["interval"]
    return f"{found['exponent']:.4g} in [{low:.4g}, {high:.4g}]"
