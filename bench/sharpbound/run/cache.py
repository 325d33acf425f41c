"""Results of cells on disk, addressed by the content of the cell: what makes a run go on where it stopped.

One small JSON file per cell, ``<folder>/<first two digits of key>/<key>.json``. Entries are written
whole or not at all and carry a checksum, so any number of runs may share a folder and be killed at
any moment. Floats are kept to the last bit (Python's shortest repr), NaN and infinities included.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.records.files import write_atomically
from sharpbound.run.fingerprint import cell_key

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row


@dataclass(frozen=True)
class Entry:
    """What measuring one cell gave, and how long it took (s)."""

    rows: list[Row]
    seconds: float


class Cache:
    """Entries in ``folder``; with ``folder=None`` nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise InputError(
                    f"cannot make the cache folder ({error.strerror}): name another with --cache DIR, "
                    "or keep none with --no-cache",
                    where=str(folder),
                ) from None

    def get(self, cell: Cell) -> Entry | None:
        """The stored entry, or None where there is none or it is damaged (it is then computed anew)."""
        if self.folder is None:
            return None
        try:
            stored = json.loads(self._path(self.folder, cell).read_bytes())
            body = stored["body"]
            if stored["sha256"] != _digest(body):
                return None
            return Entry(body["rows"], body["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, cell: Cell, entry: Entry) -> None:
        """Store ``entry``; the last of several writers of one cell wins, and all write the same rows."""
        if self.folder is None:
            return
        body = {"kind": cell.kind, "params": cell.params, "rows": entry.rows, "seconds": entry.seconds}
        text = json.dumps({"sha256": _digest(body), "body": body})
        write_atomically(self._path(self.folder, cell), text)

    @staticmethod
    def _path(folder: Path, cell: Cell) -> Path:
        name = cell_key(cell)
        return folder / name[:2] / f"{name}.json"


def _digest(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
