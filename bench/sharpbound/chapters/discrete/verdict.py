"""What the rows of a finite space say of a claim: an ordering, an exponential rate, or a power along the sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters import columns
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.chapters.sampling import judged_curve
from sharpbound.rates import estimate_exponential, judge_bound, judge_ordering
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row
from sharpbound.suite.explicit import explicit_verdict

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

FALLING = ("eps", "delta", "threshold")
"""Swept variables whose limit is 0."""
VARIABLE = {"eps": "eps_score", "threshold": "eps"}
"""What a swept variable is called in formulas, where that differs."""


def conclude(case: Case, claim: Claim, rows: Sequence[Row], values: Mapping[str, float]) -> Conclusion:
    """The verdict, at the last values of all variables that are swept besides the first.

    values : variables of the formula that the sweep does not touch; rows may hold more.
    """
    curve = judged_curve(case, rows)
    if claim.kind == "ordering":
        return _ordering(case, curve)
    if claim.kind == "exponential":
        return _exponential(case, claim, curve)
    metric, swept = case.metrics[0], case.swept
    found = conclude_rate(
        claim,
        curve,
        swept=VARIABLE.get(swept, swept),
        metric=metric,
        step=[row[swept] for row in curve] if swept in FALLING else None,
        axis=swept,
        values=values,
    )
    if claim.constant == "explicit" and metric in claim.metrics:
        return _explicit(claim, metric, curve, values, found)
    return found


def _ordering(case: Case, rows: Sequence[Row]) -> Conclusion:
    """Whether the first metric is at most the second at every row."""
    if len(case.metrics) < 2:
        return Conclusion("inconclusive", None, None, {"reason": "an ordering needs a second metric"})
    first, second = case.metrics[:2]
    small, large = columns.values(rows, first), columns.values(rows, second)
    judged = judge_ordering(small, large, columns.floors(rows, first), columns.floors(rows, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (small / large).tolist()
    return Conclusion(judged.verdict, None, None, {"reason": judged.reason, "ratio": ratio})


def _exponential(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
    """The rate of an exponential decay along the sweep against that of the formula between its last two values."""
    metric, swept = case.metrics[0], case.swept
    x = np.array([row[swept] for row in rows], dtype=float)
    found = estimate_exponential(x, columns.values(rows, metric), columns.floors(rows, metric))
    ends = [claim.predict({**rows[i], swept: x[i]}, metric) for i in (-2, -1)]
    predicted = math.log(ends[0] / ends[1]) / (x[-1] - x[-2])
    judged = judge_bound(found, predicted, "exponential")
    details = rate_details(found, x, swept, predicted, judged.reason)
    return Conclusion(judged.verdict, found.exponent, found.interval, details)


def _explicit(
    claim: Claim, metric: str, rows: Sequence[Row], values: Mapping[str, Any], found: Conclusion
) -> Conclusion:
    """``found``, a verdict on a rate, with that on the bound itself: one value beyond it violates the claim."""
    bounds = [claim.bound({"eps_score": 0.0} | dict(values) | row, metric) for row in rows]
    measured, floors = columns.values(rows, metric), columns.floors(rows, metric)
    judged = explicit_verdict(measured.tolist(), floors.tolist(), bounds, claim.kind)  # type: ignore[arg-type]
    ratios = list(judged.ratios)
    details = found.details | {
        "explicit": {"outcome": judged.outcome, "ratio": ratios},
        "bound": bounds,
        "ratio": ratios,
        "constant": 1.0,
    }
    if judged.outcome == "violated" and judged.at is not None:
        worst = rows[judged.at]
        reason = f"{metric} = {worst[metric]:.6g} is beyond the bound {bounds[judged.at]:.6g}, whose constant is stated"
        verdict = "refuted" if claim.kind == "equality" else "violated"
        return replace(found, verdict=verdict, details=details | {"reason": reason})
    told = f"with the stated constant measured/bound is {min(ratios):.4g} to {max(ratios):.4g}"
    if claim.kind == "equality" and judged.outcome == "holds":
        return replace(found, verdict="confirmed", details=details | {"reason": told})
    reason = "; ".join(part for part in (str(found.details.get("reason") or ""), told) if part)
    return replace(found, details=details | {"reason": reason})
