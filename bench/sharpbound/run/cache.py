"""Results of cells on disk, addressed by the content of the cell: what makes a run go on where it stopped.

One small JSON file per cell, or per product of cells (`sharpbound.run.kept`),
``<folder>/<first two digits of key>/<key>.json``. Entries are written whole or not at all and carry a checksum, so any
number of runs may share a folder and be killed at any moment. They say what they are of, and are used for nothing
else. Floats are kept to the last bit (Python's shortest repr), NaN and infinities included.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpbound.errors import InputError
from sharpbound.records.files import write_atomically
from sharpbound.run.fingerprint import cell_key, versions

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell
    from sharpbound.records.document import Row


MOST_BYTES = 2**26
"""The largest file that may be an entry; rows of a cell take some kilobytes."""
FULL_OR_READ_ONLY = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    getattr(errno, "EDQUOT", errno.ENOSPC),
}
"""What a folder may have that is in its place and cannot be written."""


@dataclass(frozen=True)
class Entry:
    """What measuring one cell gave, and how long it took (s)."""

    rows: list[Row]
    seconds: float


class Cache:
    """Entries in ``folder``; with ``folder=None`` nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._told = False
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                if error.errno in FULL_OR_READ_ONLY:
                    self._tell(error)
                    return
                raise InputError(
                    f"cannot make the cache folder ({error.strerror}): name another with --cache DIR, "
                    "or keep none with --no-cache",
                    where=str(folder),
                ) from None

    def get(self, cell: Cell) -> Entry | None:
        """The stored entry; None where there is none, or what lies there is not this cell's (it is computed anew)."""
        return self.find(_identity(cell)) if self.folder is not None else None

    def find(self, identity: Mapping[str, Any]) -> Entry | None:
        """The stored entry of this key, if it says of itself just what ``identity`` does: kind, params, versions."""
        if self.folder is None:
            return None
        path = self._path(self.folder, identity["key"])
        body = read_entry(path)
        if body is None or any(_canonical(body[k]) != _canonical(v) for k, v in identity.items()):
            return None
        with suppress(OSError):
            os.utime(path)  # the entries unused longest are the first to be pruned
        return Entry(body["rows"], float(body["seconds"]))

    def put(self, cell: Cell, entry: Entry) -> None:
        """Store ``entry``; the last of several writers of one cell wins, and all write the same rows.

        Where it cannot be stored, one line on stderr says so, and the run goes on.
        """
        if self.folder is not None:
            self.keep(_identity(cell), entry)

    def keep(self, identity: Mapping[str, Any], entry: Entry) -> None:
        """Store ``entry`` as `find` finds it; told as `put` tells where it cannot be."""
        if self.folder is None:
            return
        body = {**identity, "rows": entry.rows, "seconds": entry.seconds}
        text = json.dumps({"sha256": _digest(body), "body": body})
        try:
            write_atomically(self._path(self.folder, identity["key"]), text)
        except OSError as error:
            self._tell(error)

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            print(f"{self.folder}: results are not kept ({error.strerror})", file=sys.stderr)

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def read_entry(path: Path) -> dict[str, Any] | None:
    """What an entry says: key, kind, params, versions, rows and seconds; None where ``path`` holds no whole one."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        stored = json.loads(path.read_bytes())
        body = stored["body"]
        float(body["seconds"])
        if stored["sha256"] != _digest(body) or not all(isinstance(row, dict) for row in body["rows"]):
            return None
        return body if body.keys() >= {"key", "kind", "params", "versions"} else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AttributeError):
        return None


def _identity(cell: Cell) -> dict[str, Any]:
    """Whose rows an entry holds."""
    return {"key": cell_key(cell), "kind": cell.kind, "params": cell.params, "versions": versions()}


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(body: Any) -> str:
    return hashlib.sha256(_canonical(body).encode()).hexdigest()
