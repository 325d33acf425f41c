"""What score-error rows say of a claim: an ordering, or a rate along the swept variable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sharpbound import targets
from sharpbound.chapters import columns
from sharpbound.chapters.rate_verdict import conclude_rate
from sharpbound.chapters.sampling import judged_curve, steps_axis
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

VARIABLE = {"eps": "eps_score"}
"""What a swept key is called in formulas, where that differs."""


def conclude_ordering(case: Case, rows: Sequence[Row]) -> Conclusion:
    """Whether the first metric is at most the other sampler's, or the second metric, at every row."""
    metric = case.metrics[0]
    if len(case.metrics) < 2 and "versus" not in (case.score_error or {}):
        reason = "an ordering needs a second metric, or versus = a second sampler"
        return Conclusion("inconclusive", None, None, {"reason": reason})
    other = f"{metric}_versus" if "versus" in (case.score_error or {}) else case.metrics[1]
    small, large = columns.values(rows, metric), columns.values(rows, other)
    verdict = judge_ordering(small, large, columns.floors(rows, metric), columns.floors(rows, other))
    with np.errstate(divide="ignore", invalid="ignore"):  # without an error both may be 0
        ratio = (small / large).tolist()
    return Conclusion(verdict.verdict, None, None, {"reason": verdict.reason, "ratio": ratio})


def conclude_sweep(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
    """The rate along the swept variable, at the last values of the others."""
    swept, curve, metric = case.swept, judged_curve(case, rows), case.metrics[0]
    values = {} if "d" in case.sweep else {"d": float(targets.build(case.target).dim)}
    if swept != "eps":
        values["eps_score"] = float(np.mean([row["eps_score"] for row in curve]))
    if swept == "T":
        axis = steps_axis(case, curve, metric)
        return conclude_rate(claim, curve, swept=swept, metric=metric, values=values, **axis)
    falls_to_zero = swept in ("eps", "delta")  # rates are stated for eps -> 0, and for omega, d -> infinity
    return conclude_rate(
        claim,
        curve,
        swept=VARIABLE.get(swept, swept),
        metric=metric,
        step=[row[swept] for row in curve] if falls_to_zero else None,
        axis=swept,
        values=values,
    )
