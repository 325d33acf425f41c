"""The case document: all that a reader, a plot or a later run needs to know of one measured case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sharpbound.places import relative
from sharpbound.records.files import finite

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

Document = dict[str, Any]


def document(
    case: Case, claim: Claim, rows: Sequence[Row], conclusion: Conclusion, seconds: float
) -> Document:
    """The document of a measured case: JSON values only, non-finite numbers as null.

    ``seconds`` is the computing time of its cells, whenever they were computed.
    """
    file = relative(case.file)
    return finite(
        {
            "case": case.id,
            "claim": case.claim,
            "verdict": conclusion.verdict,
            "exponent": conclusion.exponent,
            "interval": conclusion.interval,
            "rows": list(rows),
            "title": case.title,
            "kind": case.kind,
            "metric": case.metrics[0],
            "metrics": case.metrics,
            "swept": case.swept,
            "details": conclusion.details,
            "spec": case.spec,
            "claim_info": claim.describe(),
            "file": file,
            "command": f"{case.command} {file}",
            "seconds": round(seconds, 3),
        }
    )


Row = dict[str, Any]


@dataclass(frozen=True)
class Conclusion:
    """What a case says of its claim, with the numbers that decided it."""

    verdict: str
    exponent: float | None
    interval: tuple[float, float] | None
    details: dict[str, Any] = field(default_factory=dict)
