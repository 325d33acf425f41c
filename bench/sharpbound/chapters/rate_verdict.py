"""From rows along one swept variable to an exponent and a verdict on a claim's formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters import columns
from sharpbound.distances import second_order
from sharpbound.errors import InputError
from sharpbound.rates import RateEstimate, Verdict, estimate, judge_bound, judge_equality, raw_slope
from sharpbound.rates.details import placed_slopes
from sharpbound.rates.verdict import log_factor
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.claim import Claim


NO_FLOOR = "no floor is known: its error may be anything"
"""Why a measured row is not fitted where its engine gives no estimate of its error."""


def conclude_rate(
    claim: Claim,
    rows: Sequence[Row],
    *,
    swept: str,
    metric: str,
    step: Sequence[float] | None = None,
    axis: str | None = None,
    axis_logs: float = 0.0,
    slow_log: bool = False,
    values: Mapping[str, float] | None = None,
) -> Conclusion:
    """Verdict on ``claim`` from the column ``metric`` of ``rows`` along ``swept``.

    step : the small parameter of each row, in which the error expands; default 1/swept.
    axis, axis_logs : its name, and the power of the logarithm it carries (1 for log T / T).
    slow_log : whether the error may carry a further factor A log T + B.
    values : further variables that the formula needs; rows may hold them too.

    A row without a floor is not fitted, for nothing is known of its error; nor is one whose step is 0, the limit
    itself, which has no place on a logarithmic axis.
    """
    x = np.array([row[swept] for row in rows], dtype=float)
    h = 1.0 / x if step is None else np.asarray(step, dtype=float)
    error, floor = columns.values(rows, metric), columns.floors(rows, metric)
    order = np.argsort(-h, kind="stable")
    details: dict[str, Any] = {"axis": axis or swept}
    try:
        transfer = claim.transfer(metric)
        predicted, logs = claim.decay(swept, metric, **_constants(rows, swept, values))
    except InputError as unspoken:
        transfer, predicted, logs = None, None, 0.0
        details["reason"] = f"measured, not judged: {unspoken.message}"
    measured = order[np.isfinite(error[order])]
    usable = measured[np.isfinite(floor[measured]) & (h[measured] > 0)]
    if len(measured) < len(rows):
        notes = sorted({str(row["note"]) for row in rows if row.get("note")})
        details["note"] = "; ".join(notes)
    slow = np.log(x[usable]) if slow_log else None
    found = _estimate(h[usable], error[usable], floor[usable], slow, power=2 if second_order(metric) else 1)
    details |= _fit_details(found, x, h, usable)
    details["excluded"] += [
        {"x": float(x[i]), "reason": NO_FLOOR if h[i] > 0 else "the limit itself has no logarithm"}
        for i in measured
        if i not in usable
    ]
    if found.window is not None:
        fitted = usable[found.window[0] : found.window[1] + 1]
        details["raw_exponent"] = -raw_slope(x[fitted], error[fitted])
    if transfer is not None and predicted is not None:
        verdict = _judge(claim, found, predicted, logs, axis_logs)
        details |= {
            "predicted": predicted,
            "log_gap": verdict.log_gap,
            "reason": verdict.reason,
            "transfer": transfer,
        }
        details |= _bound(claim, rows, metric, error, usable if found.window is None else fitted, values)
        name = verdict.verdict
    else:
        name = "inconclusive"
    return Conclusion(name, found.exponent, found.interval, details)


def _constants(rows: Sequence[Row], swept: str, values: Mapping[str, float] | None) -> dict[str, float]:
    """Variables that stay fixed along the sweep."""
    fixed = dict(values or {})
    for key in ("T", "d"):
        found = {row[key] for row in rows if key in row}
        if key != swept and len(found) == 1:
            fixed[key] = float(found.pop())
    return fixed


def _estimate(h: Any, error: Any, floor: Any, log: Any, power: int) -> RateEstimate:
    """The exponent of ``error``, read off its root of order ``power``, which is linear in q - p."""
    if len(h) < 2 or not (np.diff(h) < 0).all():
        reason = f"{len(h)} usable rows: a rate needs a sweep of at least four values"
        return RateEstimate("inconclusive", None, None, None, (), (), 0, reason)
    if power == 1:
        return estimate(h, error, floor, log=log)
    root = np.sqrt(np.maximum(error, 0.0))
    found = estimate(h, root, np.minimum(floor / np.maximum(2 * root, 1e-300), np.sqrt(floor)), log=log)
    slopes = tuple(
        replace(s, slope=power * s.slope, low=power * s.low, high=power * s.high) for s in found.local_slopes
    )
    if found.exponent is None or found.interval is None:
        return replace(found, local_slopes=slopes)
    low, high = found.interval
    return replace(
        found,
        exponent=power * found.exponent,
        interval=(power * low, power * high),
        log_power=power * found.log_power,
        local_slopes=slopes,
        reason=f"of its square root: {found.reason}",
    )


def _judge(claim: Claim, found: RateEstimate, predicted: float, logs: float, axis_logs: float) -> Verdict:
    if claim.kind == "equality":
        return judge_equality(found, predicted)
    if claim.kind not in ("upper-bound", "lower-bound"):
        return Verdict(
            "inconclusive", None, f"a claim of kind {claim.kind} is not a rate in the swept variable"
        )
    verdict = judge_bound(found, predicted, claim.kind, bound_log_power=logs, axis_log_power=axis_logs)
    if claim.hidden_logs and verdict.verdict == "inconclusive" and verdict.log_gap is not None:
        # an O-tilde bound may hide any power of log T
        return Verdict(
            "sharp", None, f"{verdict.reason}; the claim hides powers of log T, so it is sharp in the power"
        )
    return verdict


def _fit_details(found: RateEstimate, x: Any, h: Any, usable: Any) -> dict[str, Any]:
    ends = None
    if found.window is not None:
        ends = [float(x[usable[found.window[0]]]), float(x[usable[found.window[1]]])]
    return {
        "estimate": found.reason,
        "log_factor": log_factor(found.log_power),
        "window": ends,
        "local_slopes": placed_slopes(found, x[usable], h[usable]),
        "excluded": [{"x": float(x[usable[i]]), "reason": reason} for i, reason in found.excluded],
    }


def _bound(
    claim: Claim,
    rows: Sequence[Row],
    metric: str,
    error: Any,
    fitted: Any,
    values: Mapping[str, float] | None,
) -> dict[str, Any]:
    """The bound at each row with the smallest constant that covers the fitted rows; no row, no constant."""
    try:
        bare = np.array(
            [
                claim.predict({"eps_score": 0.0, "eps_jacobi": 0.0} | dict(values or {}) | row, metric)
                for row in rows
            ]
        )
    except InputError as missing:
        return {"bound_note": missing.message}
    with np.errstate(divide="ignore", invalid="ignore"):  # in the limit itself a bound may be 0
        ratio = error / bare
    covered = ratio[fitted][np.isfinite(ratio[fitted])]
    if not len(covered) or not covered.max() > 0:
        return {}
    constant = float(covered.max())
    return {
        "constant": constant,
        "bound": [constant * float(b) for b in bare],
        "ratio": [float(r) for r in ratio],
    }
