"""Which engines computed the numbers of a run, how many, and how well each knows its own."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from sharpbound.report.documents import Document

UNTOLD = "not told"


@dataclass
class Use:
    """What one engine did: its numbers, their cases, the kinds of their floors, floor/value where both are known."""

    name: str
    numbers: int = 0
    cases: set[str] = field(default_factory=set)
    kinds: dict[str, int] = field(default_factory=dict)
    relative: list[float] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)

    @property
    def median(self) -> float | None:
        """The median of floor/value."""
        return statistics.median(self.relative) if self.relative else None

    @property
    def worst(self) -> float | None:
        return max(self.relative, default=None)


def engines(documents: Iterable[Document]) -> list[Use]:
    """The engines in the order of how much they did."""
    found: dict[str, Use] = {}
    for document in documents:
        for row in document.record.rows:
            for metric, quantity in row.measured.items():
                if quantity.value is None:
                    continue
                use = found.setdefault(quantity.engine or UNTOLD, Use(quantity.engine or UNTOLD))
                use.numbers += 1
                use.cases.add(document.id)
                use.metrics.add(metric)
                kind = quantity.kind or UNTOLD
                use.kinds[kind] = use.kinds.get(kind, 0) + 1
                if quantity.floor is not None and quantity.value:
                    use.relative.append(quantity.floor / abs(quantity.value))
    return sorted(found.values(), key=lambda use: -use.numbers)
