"""Results of cells on disk, addressed by the content of the cell: what makes a run go on where it stopped.

One small JSON file per cell, or per product of cells (`sharpbound.run.kept`), ``<first two digits of key>/<key>.json``
in a folder or below a URL. Entries are written whole or not at all and carry a checksum, so any number of runs may
share a folder and be killed at any moment. They say what they are of, and are used for nothing else. Floats are kept to
the last bit (Python's shortest repr), NaN and infinities included.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.run.fingerprint import cell_key, versions
from sharpbound.run.stores import FULL_OR_READ_ONLY, INSTEAD, Store, store_at

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row


MOST_BYTES = 2**26
"""The largest file that may be an entry; rows of a cell take some kilobytes."""


@dataclass(frozen=True)
class Entry:
    """What measuring one cell gave, and what it took."""

    rows: list[Row]
    seconds: float
    """From its beginning to its end (s)."""
    peak: int = field(default=0, compare=False)
    """Memory of its process at its peak (bytes; `sharpbound.run.memory`); 0 where that is not known."""


class Cache:
    """Entries in ``place``, a folder or a URL (`sharpbound.run.stores`); with ``place=None`` nothing is kept."""

    def __init__(self, place: Path | str | None) -> None:
        self.store = None if place is None else store_at(place)
        self._told = False
        if self.store is not None:
            try:
                self.store.begin()
            except OSError as error:
                if error.errno in FULL_OR_READ_ONLY:
                    self._tell(error)
                    return
                raise InputError(
                    f"the cache cannot be made or reached ({error.strerror}): {INSTEAD}",
                    where=self.store.place,
                ) from None

    def get(self, cell: Cell) -> Entry | None:
        """The stored entry; None where there is none, or what lies there is not this cell's (it is computed anew)."""
        return self.find(_identity(cell)) if self.store is not None else None

    def find(self, identity: Mapping[str, Any]) -> Entry | None:
        """The stored entry of this key, if it says of itself just what ``identity`` does: kind, params, versions."""
        if self.store is None:
            return None
        name = name_of(identity["key"])
        try:
            body = read_entry(self.store, name)
        except OSError as error:
            self._tell(error)
            return None
        if body is None or any(_canonical(body[k]) != _canonical(v) for k, v in identity.items()):
            return None
        self.store.used(name)  # the entries unused longest are the first to be pruned
        return Entry(body["rows"], float(body["seconds"]), peak_of(body))

    def put(self, cell: Cell, entry: Entry) -> None:
        """Store ``entry``; the last of several writers of one cell wins, and all write the same rows.

        Where it cannot be stored, one line on stderr says so, and the run goes on.
        """
        if self.store is not None:
            self.keep(_identity(cell), entry)

    def keep(self, identity: Mapping[str, Any], entry: Entry) -> None:
        """Store ``entry`` as `find` finds it; told as `put` tells where it cannot be."""
        if self.store is None:
            return
        body = {**identity, "rows": entry.rows, "seconds": entry.seconds, "peak": entry.peak}
        text = json.dumps({"sha256": _digest(body), "body": body})
        try:
            self.store.write(name_of(identity["key"]), text.encode())
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if self.store and not self._told:
            self._told = True
            print(f"{self.store.place}: results are not kept ({error.strerror})", file=sys.stderr)


def name_of(key: str) -> str:
    """The file of an entry."""
    return f"{key[:2]}/{key}.json"


def read_entry(store: Store, name: str) -> dict[str, Any] | None:
    """What an entry says: key, kind, params, versions, rows and seconds; None where the file holds no whole one.

    Raises OSError where the store does not answer.
    """
    if (data := store.read(name, MOST_BYTES)) is None:
        return None
    try:
        stored = json.loads(data)
        body = stored["body"]
        float(body["seconds"])
        if stored["sha256"] != _digest(body) or not all(isinstance(row, dict) for row in body["rows"]):
            return None
        return body if body.keys() >= {"key", "kind", "params", "versions"} else None
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return None


def peak_of(body: Mapping[str, Any]) -> int:
    """The peak that an entry tells, or 0: those of earlier versions tell none."""
    peak = body.get("peak")
    return peak if isinstance(peak, int) and peak >= 0 else 0


def _identity(cell: Cell) -> dict[str, Any]:
    """Whose rows an entry holds."""
    return {"key": cell_key(cell), "kind": cell.kind, "params": cell.params, "versions": versions()}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(body: Any) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()
