"""What a run will cost, before it starts: from what cells like its own took, which the cache keeps.

A cell is likened to those of its kind with the same sampler and target, study and quantity, and where there are none
to those of its kind; its seconds are theirs, scaled by the steps T, and its peak of memory is the largest of theirs, as
few hold more for more steps. Cells like none are counted and not guessed at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, mode
from typing import TYPE_CHECKING, Any, NamedTuple

from sharpbound.chapters.base import Cell
from sharpbound.run.cache import peak_of, read_entry
from sharpbound.run.execute import cost
from sharpbound.run.fingerprint import cell_key
from sharpbound.run.progress import duration
from sharpbound.run.upkeep import in_words as size

if TYPE_CHECKING:
    from sharpbound.records.document import Row
    from sharpbound.run.cache import Cache
    from sharpbound.run.stores import Store


UNKNOWN = "not known yet"
"""The engine of a cell that is like others in its kind alone."""
LEAST_SHARE = 0.01
"""Of the computing time, below which a kind or an engine is not shown."""


class Like(NamedTuple):
    """What was measured of like cells."""

    rate: float
    """Seconds per unit of `sharpbound.run.execute.cost`: the median."""
    engine: str
    peak: int
    """Memory of a process (bytes): the largest; 0 where none is known."""


@dataclass
class Share:
    """The cells of one kind that one engine measures."""

    cells: int = 0
    kept_seconds: float = 0.0
    """Of computing, that the cache saves (s)."""
    seconds: float = 0.0
    """Of computing, still to do (s)."""


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
    peaks: Sequence[int] = ()
    """Memory of the process that measures each of them, where it is known, the largest first (bytes)."""
    shares: Mapping[tuple[str, str], Share] = field(default_factory=dict)
    """By kind and engine, or by what is measured where no engine is: of the cells whose cost is known."""

    def wall(self, workers: int) -> float:
        """Seconds until the last is done where ``workers`` share them, longest first."""
        return max(self.seconds / max(workers, 1), self.longest)

    def memory(self, workers: int) -> int:
        """Bytes that ``workers`` need at once, should the largest cells fall together."""
        return sum(self.peaks[:workers])

    def as_json(self, workers: int) -> dict[str, Any]:
        """The numbers by name, times in seconds."""
        counts = {"cells": self.cells, "kept": self.kept, "unlike": self.unlike, "workers": workers}
        return counts | {
            "cpu_seconds": self.seconds,
            "longest_seconds": self.longest,
            "wall_seconds": self.wall(workers),
            "peak_bytes": self.memory(1),
            "memory_bytes": self.memory(workers),
            "shares": [
                {"kind": kind, "engine": engine, "cells": share.cells}
                | {"kept_seconds": share.kept_seconds, "cpu_seconds": share.seconds}
                for (kind, engine), share in self.shares.items()
            ],
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
        if self.peaks:
            lines.append(
                f"memory: {size(self.memory(1))} at the peak of the largest cell, libraries and all; "
                f"up to {size(self.memory(workers))} on {workers} workers"
            )
        if self.unlike:
            lines.append(f"{self.unlike} cells like none that was measured here: their cost is not known")
        return "\n".join([*lines, *self._shares_in_words()])

    def _shares_in_words(self) -> list[str]:
        """A line for each kind, with the engines that take the most of it."""
        total = sum(share.kept_seconds + share.seconds for share in self.shares.values())
        kinds: dict[str, dict[str, float]] = {}
        for (kind, engine), share in self.shares.items():
            kinds.setdefault(kind, {})[engine] = share.kept_seconds + share.seconds
        lines = [f"where {duration(total)} of computing go, with what is kept:"] if total >= 1 else []
        for kind, engines in sorted(kinds.items(), key=lambda each: -sum(each[1].values())):
            if lines and sum(engines.values()) >= LEAST_SHARE * total:
                shown = [(s, engine) for engine, s in engines.items() if s >= LEAST_SHARE * total]
                parts = ", ".join(f"{engine} {s / total:.0%}" for s, engine in sorted(shown, reverse=True))
                lines.append(f"  {kind} {sum(engines.values()) / total:.0%}: {parts}")
        return lines


def estimate(cells: Sequence[Cell], cache: Cache) -> Estimate:
    """The work that ``cells`` are, beyond what ``cache`` has of them."""
    distinct = {cell_key(cell): cell for cell in cells}
    entries = {key: cache.get(cell) for key, cell in distinct.items()}
    missing = [cell for key, cell in distinct.items() if entries[key] is None]
    known = _measured(cache.store) if missing and cache.store else {}
    found: list[float] = []
    peaks: list[int] = []
    shares: dict[tuple[str, str], Share] = {}
    for key, cell in distinct.items():
        if entry := entries[key]:
            share = shares.setdefault((cell.kind, _engine(cell.params, entry.rows)), Share())
            share.kept_seconds += entry.seconds
        elif like := next((known[like] for like in _likeness(cell.kind, cell.params) if like in known), None):
            share = shares.setdefault((cell.kind, like.engine), Share())
            found.append(like.rate * cost(cell))
            peaks += [like.peak] if like.peak else []
            share.seconds += found[-1]
        else:
            continue
        share.cells += 1
    return Estimate(
        cells=len(distinct),
        kept=len(distinct) - len(missing),
        unlike=len(missing) - len(found),
        seconds=sum(found),
        longest=max(found, default=0.0),
        peaks=tuple(sorted(peaks, reverse=True)),
        shares=dict(sorted(shares.items(), key=lambda each: -each[1].kept_seconds - each[1].seconds)),
    )


def _likeness(kind: str, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What cells are likened by, the closest first."""
    tables = [params.get(name) for name in ("sampler", "target", "options")]
    names = [
        table.get(key) if isinstance(table, dict) else None
        for table, key in zip(tables, ("name", "family", "study"), strict=True)
    ]
    return [(kind, params.get("study"), params.get("quantity"), *map(str, names)), (kind,)]


def _measured(store: Store) -> dict[tuple[Any, ...], Like]:
    """By likeness: what was measured."""
    found: dict[tuple[Any, ...], list[Like]] = {}
    for each in store.files():
        if not each.staged and (body := read_entry(store, each.name)) and isinstance(body["params"], dict):
            rate = float(body["seconds"]) / cost(Cell(body["kind"], body["params"]))
            one = Like(rate, _engine(body["params"], body["rows"]), peak_of(body))
            for like in _likeness(body["kind"], body["params"]):
                found.setdefault(like, []).append(one)
    return {
        like: Like(
            median(one.rate for one in each),
            mode(one.engine for one in each) if len(like) > 1 else UNKNOWN,
            max(one.peak for one in each),
        )
        for like, each in found.items()
    }


def _engine(params: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The engines that the rows name, or else what is measured."""
    named = {str(v) for row in rows for k, v in row.items() if v and (k == "engine" or k.endswith("_engine"))}
    options = params.get("options")
    study = options.get("study") if isinstance(options, dict) else None
    return " + ".join(sorted(named)) or str(params.get("quantity") or params.get("study") or study or "other")
