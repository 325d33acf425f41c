"""Which run the numbers are of: what names it in captions, macros and citations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sharpbound.report.documents import Document


@dataclass(frozen=True)
class Snapshot:
    """A run, as it is named wherever its numbers are printed."""

    run: str
    """Digest of all that it measured and said."""
    version: str
    """Of Sharpbound; empty where the run does not tell, as are the others."""
    revision: str
    engine: str
    """Digest of the code that computes numbers."""
    cases: int

    @classmethod
    def of(cls, documents: Sequence[Document], environment: Mapping[str, Any]) -> Snapshot:
        told = {key: str(environment.get(key) or "").strip() for key in ("sharpbound", "revision", "engine")}
        return cls(run_id(documents), told["sharpbound"], told["revision"], told["engine"], len(documents))

    def __str__(self) -> str:
        """``Sharpbound 0.1.0, revision 0564fe47005f, engine b03f45db2184, run 1c2d3e4f5a6b``."""
        parts = [
            f"Sharpbound {self.version}".strip(),
            f"revision {short(self.revision)}" if self.revision else "",
            f"engine {self.engine[:12]}" if self.engine else "",
            f"run {self.run}",
        ]
        return ", ".join(part for part in parts if part)


def short(revision: str) -> str:
    """A commit by its first twelve digits, still marked where the code differed from it."""
    commit, dirty, _ = revision.partition("-dirty")
    return commit[:12] + dirty


def run_id(documents: Iterable[Document]) -> str:
    """Twelve hex digits of all that the run measured and said, whatever its order and its computing time."""
    told = sorted(document.content for document in documents)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]
