"""What a run will cost, before it starts: from the seconds that cells like its own took, which the cache keeps.

A cell is likened to those of its kind with the same sampler and target, study and quantity, and where there are none
to those of its kind; its seconds are theirs, scaled by the steps T. Cells like none are counted and not guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import read_entry
from sharpbound.run.execute import cost
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.progress import duration

if TYPE_CHECKING:
    from sharpbound.run.cache import Cache
    from sharpbound.run.stores import Store


@dataclass(frozen=True)
class Estimate:
    """The work of a run."""

    cells: int
    """Distinct cells of all its cases."""
    kept: int
    """Those that the cache has."""
    unlike: int
    """Of the others, those of which nothing like it was measured yet."""
    seconds: float
    """Computing time of the others that are like measured ones (s, one core)."""
    longest: float
    """The longest of them (s)."""

    def wall(self, workers: int) -> float:
        """Seconds until the last is done where ``workers`` share them, longest first."""
        return max(self.seconds / max(workers, 1), self.longest)

    def as_json(self, workers: int) -> dict[str, Any]:
        """The numbers by name, times in seconds."""
        counts = {"cells": self.cells, "kept": self.kept, "unlike": self.unlike, "workers": workers}
        return counts | {
            "cpu_seconds": self.seconds,
            "longest_seconds": self.longest,
            "wall_seconds": self.wall(workers),
        }

    def in_words(self, workers: int) -> str:
        """The same in a few lines."""
        missing = self.cells - self.kept
        lines = [f"{self.cells} cells: {self.kept} kept, {missing} to measure"]
        if missing > self.unlike:
            lines.append(
                f"about {duration(self.seconds)} of computing, {duration(self.wall(workers))} on {workers} workers; "
                f"the longest cell takes about {duration(self.longest)}"
            )
        if self.unlike:
            lines.append(f"{self.unlike} cells like none that was measured here: their cost is not known")
        return "\n".join(lines)


def estimate(cells: Sequence[Cell], cache: Cache) -> Estimate:
    """The work that ``cells`` are, beyond what ``cache`` has of them."""
    distinct = {cell_key(cell): cell for cell in cells}
    missing = [cell for cell in distinct.values() if cache.get(cell) is None]
    known = _measured(cache.store) if missing and cache.store else {}
    found = [seconds for cell in missing if (seconds := _seconds(cell, known)) is not None]
    return Estimate(
        cells=len(distinct),
        kept=len(distinct) - len(missing),
        unlike=len(missing) - len(found),
        seconds=sum(found),
        longest=max(found, default=0.0),
    )


def _likeness(kind: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What cells are likened by, the closest first."""
    tables = [params.get(name) for name in ("sampler", "target", "options")]
    names = [
        table.get(key) if isinstance(table, dict) else None
        for table, key in zip(tables, ("name", "family", "study"), strict=True)
    ]
    return [(kind, params.get("study"), params.get("quantity"), *map(str, names)), (kind,)]


def _measured(store: Store) -> dict[tuple[Any, ...], float]:
    """Seconds per unit of `sharpbound.run.execute.cost`, by likeness: the median over what was measured."""
    found: dict[tuple[Any, ...], list[float]] = {}
    for each in store.files():
        if not each.staged and (body := read_entry(store, each.name)) and isinstance(body["params"], dict):
            rate = float(body["seconds"]) / cost(Cell(body["kind"], body["params"]))
            for like in _likeness(body["kind"], body["params"]):
                found.setdefault(like, []).append(rate)
    return {like: median(rates) for like, rates in found.items()}


def _seconds(cell: Cell, known: Mapping[tuple[Any, ...], float]) -> float | None:
    for like in _likeness(cell.kind, cell.params):
        if like in known:
            return known[like] * cost(cell)
    return None
