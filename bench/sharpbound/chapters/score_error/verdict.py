"""What score-error rows say of a claim: an ordering, or a rate along the swept variable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import processes, targets
from sharpbound.chapters.rate_verdict import conclude_rate
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

    def column(name: str) -> Any:
        return np.array([math.nan if row.get(name) is None else row[name] for row in rows], dtype=float)

    small, large = column(metric), column(other)
    floors = np.nan_to_num(column(f"{metric}_floor")), np.nan_to_num(column(f"{other}_floor"))
    verdict = judge_ordering(small, large, *floors)
    return Conclusion(
        verdict.verdict, None, None, {"reason": verdict.reason, "ratio": (small / large).tolist()}
    )


def conclude_sweep(case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
    """The rate along the swept variable, at the last values of the others."""
    swept = case.swept
    last = {name: values[-1] for name, values in case.sweep.items() if name != swept}
    curve = [row for row in rows if all(row[name] == value for name, value in last.items())]
    values = {} if "d" in case.sweep else {"d": float(targets.build(case.target).dim)}
    if swept != "eps":
        values["eps_score"] = float(np.mean([row["eps_score"] for row in curve]))
    if swept == "T":
        ladders = [processes.build(case.forward, row["T"]) for row in curve]
        return conclude_rate(
            claim,
            curve,
            swept=swept,
            metric=case.metrics[0],
            step=[ladder.step_size for ladder in ladders],
            axis=ladders[0].axis,
            axis_logs=ladders[0].axis_logs,
            slow_log=ladders[0].slow_log,
            values=values,
        )
    falls_to_zero = swept in ("eps", "delta")  # rates are stated for eps -> 0, and for omega, d -> infinity
    return conclude_rate(
        claim,
        curve,
        swept=VARIABLE.get(swept, swept),
        metric=case.metrics[0],
        step=[row[swept] for row in curve] if falls_to_zero else None,
        axis=swept,
        values=values,
    )
