"""What the run says of each claim, metric by metric: where one bound is loose here and sharp there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sharpbound.report.documents import Document
from sharpbound.report.wording import span

OUTSIDE = "outside the hypotheses"
"""Of a verdict that the theorem does not speak of: counted apart."""


@dataclass(frozen=True)
class Finding:
    """One claim along one variable in one metric, over all its cases."""

    claim: str
    swept: str
    metric: str
    predicted: float | None
    lowest: float | None
    highest: float | None
    verdicts: Sequence[tuple[str, int]]

    @property
    def measured(self) -> str:
        """``0.998``, ``0.998 to 1.003``, or a dash."""
        return span(self.lowest, self.highest)


def findings(documents: Sequence[Document]) -> list[Finding]:
    """One finding per claim, swept variable and metric, in the order of the run.

    The range of measured exponents is over the cases that were decided; ``predicted`` is None where cases differ in it.
    """
    groups: dict[tuple[str, str, str], list[Document]] = {}
    for document in documents:
        groups.setdefault((document.claim.id, document.swept, document.metric), []).append(document)
    found = []
    for (claim, swept, metric), members in groups.items():
        predicted = members[0].predicted if len({d.predicted for d in members}) == 1 else None
        decided = [d.exponent for d in members if d.exponent is not None and d.verdict != "inconclusive"]
        verdicts = [d.verdict if not d.outside else f"{d.verdict}, {OUTSIDE}" for d in members]
        found.append(
            Finding(
                claim=claim,
                swept=swept,
                metric=metric,
                predicted=predicted,
                lowest=min(decided, default=None),
                highest=max(decided, default=None),
                verdicts=[(v, verdicts.count(v)) for v in dict.fromkeys(verdicts)],
            )
        )
    return found
