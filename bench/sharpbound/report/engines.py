"""Which engines computed the numbers of a run, by what formula, how well each knows its own, and what a second route
says of it.
"""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sharpbound.places import default_directory
from sharpbound.records.files import parse_json
from sharpbound.records.values import entries, finite, table
from sharpbound.report.documents import Document

UNTOLD = "not told"
ROUTES = "routes.json"


@dataclass(frozen=True)
class Method:
    """An engine as a referee asks for it; `METHODS` has them by name."""

    title: str
    takes: str
    formula: str
    """LaTeX."""
    error: str
    """Where its error comes from, and so what its floor is."""


@dataclass(frozen=True)
class Agreement:
    """One number by an engine and by a second route that shares no code with it."""

    engine: str
    problem: str
    route: str
    metric: str
    value: float
    difference: float
    floor: float
    floor_of_route: float | None

    @property
    def relative(self) -> float | None:
        """difference/value."""
        return self.difference / abs(self.value) if self.value else None


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


@cache
def methods() -> dict[str, Method]:
    """By the name of an engine, in the order of the page."""
    text = (Path(__file__).parent / "engines.toml").read_text(encoding="utf-8")
    return {name: Method(**told) for name, told in tomllib.loads(text).items()}


@cache
def agreements() -> dict[str, list[Agreement]]:
    """By the name of an engine: second routes as they were measured last (``docs/second_routes.py``)."""
    try:
        told = parse_json((default_directory("reports/published") / ROUTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    found: dict[str, list[Agreement]] = {}
    for one in map(table, entries(told)):
        value, difference, floor = (finite(one.get(key)) for key in ("value", "difference", "floor"))
        if value is not None and difference is not None and floor is not None:
            name, what, route, metric = (
                str(one.get(k) or "") for k in ("engine", "problem", "route", "metric")
            )
            of_route: Any = finite(one.get("floor_of_route"))
            found.setdefault(name, []).append(
                Agreement(name, what, route, metric, value, difference, floor, of_route)
            )
    return found
