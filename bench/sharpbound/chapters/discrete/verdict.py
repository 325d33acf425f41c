"""What the rows of a finite space say of a claim: an ordering, an exponential rate, or a power along the sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sharpbound.chapters import columns
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.chapters.sampling import against_bounds, judged_curve
from sharpbound.rates import estimate_exponential, judge_bound, judge_ordering
from sharpbound.rates.details import rate_details
from sharpbound.records.document import Conclusion, Row

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
        bounds = [claim.bound({"eps_score": 0.0} | dict(values) | row, metric) for row in curve]
        return against_bounds(case, claim, curve, bounds, found)
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
