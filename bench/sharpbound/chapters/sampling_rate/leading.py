"""What the leading term says of a case: error ~ C (log T)^a / T^p, measured/leading, and the verdict that follows.

A slope cannot tell a power of log T from a constant on any ladder; the leading term has both. It decides where it
exists and the measured errors go to it as they must: measured/leading = 1 + kappa h + O(h^2), h being the schedule's
own step. That is asked of the two finest rows above their floors: what is left at the last of them is at most
`MOST_LEFT`, and with the part linear in h taken off, at most half of that and `NOT_LINEAR`. Where more is left, up to
`MORE_LEFT` of the field (the root of a divergence), three rows are asked: nearly all of it must be linear in h, and
what is neither linear nor quadratic at most `NOT_LINEAR`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers, targets
from sharpbound.chapters import columns
from sharpbound.chapters.base import Cell, Measurement
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import leading
from sharpbound.laws.leading.response import power
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.leading import law_in_words, powers

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

MOST_LEFT, NOT_LINEAR = 0.3, 0.01
"""How far measured/leading may be from 1 at the finest row, and how far beyond what falls like h."""
MORE_LEFT, NEARLY_LINEAR = 0.5, 0.1
"""The same where three rows are asked, and how far the two finest may leave them from 1 with the linear part off."""
HEARD = 0.02
"""The share of a measured value that its floor may have for the row to be asked."""
SETTLED = 0.1
"""A constant whose interval is wider than this share of it is none."""
SAME = 1e-9
"""Powers closer than this are one."""


@dataclass(frozen=True)
class Leading:
    """The leading term of one metric along T, or the reason why there is none."""

    note: str | None
    power: float = math.nan
    log_power: float = math.nan
    constant: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    values: Mapping[int, float] | None = None
    """The leading term at each T."""

    def describe(self, ratio: Sequence[float | None]) -> dict[str, Any]:
        """As it stands in a document."""
        if self.note:
            return {"note": self.note}
        return {
            "power": self.power,
            "log_power": self.log_power,
            "constant": self.constant,
            "constant_interval": list(self.interval),
            "ratio": list(ratio),
        }


class LeadingTerm(Measurement):
    """Cells of quantity "leading". Apart from the rows' own measurement, which does not depend on its code."""

    quantity = "leading"

    def measure(self, cell: Cell) -> list[Row]:
        return _measured(leading.METRICS, cell.params)


class PathLeadingTerm(Measurement):
    """Cells of quantity "leading-path"."""

    quantity = "leading-path"

    def measure(self, cell: Cell) -> list[Row]:
        return _measured((leading.PATH_METRIC,), cell.params)


LEADING_TERM, PATH_LEADING_TERM = LeadingTerm(), PathLeadingTerm()


def measurement(metric: str) -> LeadingTerm | PathLeadingTerm | None:
    """What measures the leading term of a metric; None where it has none."""
    if metric == leading.PATH_METRIC:
        return PATH_LEADING_TERM
    return LEADING_TERM if metric in leading.METRICS else None


def _measured(metrics: Sequence[str], params: Mapping[str, Any]) -> list[Row]:
    """One row for each metric: its constant, and its leading term ``at <T>`` for each T of ``params``; or a note."""

    def make(T: int) -> Any:
        return processes.build(params["forward"], T)

    try:
        target, sampler = targets.build(params["target"]), samplers.build(params["sampler"])
        limit = leading.limit(target, make, sampler, metric=metrics[0])
    except (NotMeasured, InputError) as reason:
        return [{"metric": metric, "note": str(reason)} for metric in metrics]
    rows: list[Row] = []
    for metric in metrics:
        try:
            found = limit.constant(metric)
            values = {f"at {T}": limit.at(T, metric) for T in params["Ts"]}
        except NotMeasured as reason:
            rows.append({"metric": metric, "note": str(reason)})
            continue
        low, high = found.interval
        constant = {"power": found.power, "log_power": found.log_power, "constant": found.constant}
        rows.append({"metric": metric, "note": None, **constant, "low": low, "high": high, **values})
    return rows


def leading_of(metric: str, rows: Sequence[Row]) -> Leading:
    """The leading term of ``metric`` among the rows of `LeadingTerm`."""
    for row in rows:
        if row["metric"] == metric:
            if row["note"]:
                return Leading(row["note"])
            if row["high"] - row["low"] > SETTLED * row["constant"]:
                return Leading("its constant does not settle on the ladders that it is extrapolated from")
            values = {int(key[3:]): value for key, value in row.items() if key.startswith("at ")}
            interval = (row["low"], row["high"])
            return Leading(None, row["power"], row["log_power"], row["constant"], interval, values)
    return Leading(f"{metric} has no leading term")


def ratios(found: Leading, rows: Sequence[Row], metric: str) -> list[float | None]:
    """measured/leading at each row; null where either is missing."""
    values = found.values or {}
    return [
        row[metric] / values[row["T"]] if row.get(metric) is not None and values.get(row["T"]) else None
        for row in rows
    ]


def doubt(found: Leading, rows: Sequence[Row], metric: str, steps: Sequence[float]) -> str | None:
    """Why the measured errors do not bear the leading term out; None where they do."""
    if found.note:
        return found.note
    asked = _heard(found, rows, metric, steps)
    if len(asked) < 3:
        return "fewer than three rows stand above their floors"
    (h_before, before), (h, last) = asked[-2:]
    limit = (last * h_before - before * h) / (h_before - h)
    if abs(last - 1) > MOST_LEFT and not _goes_to_one(asked[-3:], power(metric)):
        return f"measured/leading is still {last:.4g} at the finest row"
    if abs(last - 1) <= MOST_LEFT and abs(limit - 1) > 0.5 * abs(last - 1) + NOT_LINEAR:
        return f"measured/leading tends to {limit:.4g} and not to 1"
    return None


def _heard(
    found: Leading, rows: Sequence[Row], metric: str, steps: Sequence[float]
) -> list[tuple[float, float]]:
    """(step, measured/leading) of the rows that stand above their floors, the finest last."""
    error, floor = columns.values(rows, metric), columns.floors(rows, metric)
    asked = [
        (steps[i], ratio)
        for i, ratio in enumerate(ratios(found, rows, metric))
        if ratio is not None and floor[i] <= HEARD * error[i]
    ]
    return sorted(asked, reverse=True)


def _goes_to_one(asked: Sequence[tuple[float, float]], k: int) -> bool:
    """Whether three (h, ratio), of a distance that begins in the k-th power of R, go to 1 on a parabola in h."""
    h, ratio = zip(*((step, value ** (1 / k)) for step, value in asked), strict=True)
    first, second = ((ratio[i + 1] * h[i] - ratio[i] * h[i + 1]) / (h[i] - h[i + 1]) for i in (0, 1))
    limit = (second * h[0] - first * h[2]) / (h[0] - h[2])
    near = abs(ratio[-1] - 1) <= MORE_LEFT and abs(second - 1) <= NEARLY_LINEAR
    return near and abs(limit - 1) <= NOT_LINEAR


def decided(
    case: Case, claim: Claim, found: Conclusion, term: Leading, rows: Sequence[Row], steps: Sequence[float]
) -> Conclusion:
    """``found``, the verdict of the slopes, replaced by that of the leading term where it exists and is borne out."""
    metric = case.metrics[0]
    told = term.describe(ratios(term, rows, metric))
    reason = doubt(term, rows, metric, steps)
    details = found.details | {"leading": told}
    if reason is not None:
        return replace(found, details=details | {"leading": told | {"decides": False, "reason": reason}})
    try:
        claim.transfer(metric)
        predicted, logs = claim.decay("T", metric, d=float(targets.build(case.target).dim))
    except InputError:  # measured, not judged
        return replace(found, details=details | {"leading": told | {"decides": False}})
    verdict, why = _against(claim, term, predicted, logs)
    if verdict is None:
        return replace(found, details=details | {"leading": told | {"decides": False, "reason": why}})
    _, last = _heard(term, rows, metric, steps)[-1]
    if abs(last - 1) > MOST_LEFT:
        why += f" (measured/leading is {last:.4g} at the finest row; three rows go to 1 on a parabola in the step)"
    details |= {
        "leading": told | {"decides": True},
        "verdict_of_slopes": found.verdict,
        "reason": why,
        "log_gap": logs - term.log_power if abs(term.power - predicted) < SAME else None,
        "predicted": predicted,
    }
    return replace(found, verdict=verdict, details=details)


def _against(claim: Claim, term: Leading, predicted: float, logs: float) -> tuple[str | None, str]:
    """The verdict of the truth ``term`` on a claim of T^-predicted log^logs T, and why."""
    law = law_in_words(term.constant, term.log_power, term.power, 0.5 * (term.interval[1] - term.interval[0]))
    truth = f"the truth is {law}, the claim has {powers(predicted, logs)}"
    if claim.hidden_logs:
        truth += " up to logarithms"
    gap = term.power - predicted
    if claim.kind == "equality":
        same = abs(gap) < SAME and (claim.hidden_logs or logs == term.log_power)
        return ("confirmed", truth) if same else ("refuted", truth)
    if claim.kind not in ("upper-bound", "lower-bound"):
        return None, f"a claim of kind {claim.kind} is not a rate in T"
    faster = gap > SAME or (abs(gap) < SAME and not claim.hidden_logs and term.log_power < logs)
    slower = gap < -SAME or (abs(gap) < SAME and not claim.hidden_logs and term.log_power > logs)
    upper = claim.kind == "upper-bound"
    if (slower and upper) or (faster and not upper):
        return (
            "violated",
            f"{truth}: it is violated in {'the power' if abs(gap) > SAME else 'logarithms'} of T",
        )
    if abs(gap) > SAME:
        return "loose", f"{truth}: it gives away T^{abs(gap):g}"
    if faster or slower:
        return (
            "sharp",
            f"{truth}: sharp in the power of T, and it gives away log^{abs(logs - term.log_power):g} T",
        )
    return "sharp", f"{truth}: sharp"
