"""Which code computed a number: a cached result is only as good as the code that made it."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sharpbound.chapters.base import Cell

_PACKAGE = Path(__file__).resolve().parents[1]
READS_ONLY = ("report", "run", "gate", "suite", "rates", "records", "testing", "cli.py")
"""Parts that read rows, or hand out the work, but never enter a row's numbers."""


@lru_cache(maxsize=1)
def engine() -> str:
    """SHA-256 over the source of everything that rows depend on: an edited sampler is measured anew."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE)
        if name.parts[0] not in READS_ONLY:
            digest.update(name.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def cell_key(cell: Cell) -> str:
    """Content address: SHA-256 of the canonical JSON of the cell and of the engine's source."""
    text = json.dumps([engine(), cell.kind, cell.params], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
