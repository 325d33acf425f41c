"""Verdicts on numbers rather than rates: is a measured value the one that a formula says?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters import columns
from sharpbound.rates.verdict import judge_values
from sharpbound.records.document import Conclusion, Row

if TYPE_CHECKING:
    from sharpbound.suite.claim import Claim


def conclude_values(
    claim: Claim, rows: Sequence[Row], metric: str, tolerance: float, **fixed: float
) -> Conclusion:
    """Whether the column ``metric`` is what ``claim`` says, row by row; a row without a floor decides nothing."""
    measured = columns.values(rows, metric)
    predicted = np.array([claim.predict({**fixed, **row}, metric) for row in rows])
    judged = judge_values(measured, predicted, tolerance, columns.floors(rows, metric))
    details: dict[str, Any] = {"reason": judged.reason, "ratio": (measured / predicted).tolist()}
    return Conclusion(judged.verdict, None, None, details)
