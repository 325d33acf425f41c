"""Two snapshots side by side: what moved between them, by the rules of the gate.

A snapshot is a folder with the documents of a run (``cases.json``, or ``cases.json.xz`` as a release freezes them), or
with the reference of the gate alone, which has the ends of each sweep only. The first is the older one: a number of the
second may differ from it by what the floors and intervals of both allow, and what the second is less sure of buys it
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sharpbound.errors import InputError
from sharpbound.gate.compare import Finding, compare
from sharpbound.gate.record import Record, whole
from sharpbound.gate.reference import NAME, read_documents, read_reference
from sharpbound.records.files import documents_file


def read_snapshot(folder: Path) -> dict[str, Record]:
    """The records by case; InputError where the folder holds no snapshot, or one that cannot be read."""
    if documents_file(folder):
        records = [whole(document) for document in read_documents(folder)]
        return {found["case"]: found for found in records}
    if (folder / NAME).is_file():
        return read_reference(folder)
    raise InputError(f"is no snapshot: it has neither cases.json nor {NAME}", where=str(folder))


def moved(old: Path, new: Path) -> tuple[list[Finding], int]:
    """What moved from ``old`` to ``new``, and how many cases both have."""
    before, after = read_snapshot(old), read_snapshot(new)
    return compare(before, after), len(before.keys() & after.keys())


def as_json(findings: Sequence[Finding], cases: int) -> dict[str, Any]:
    """``{"cases": 552, "same": false, "counts": {"value": 3}, "moved": [{"case": …, "kind": …, "was": …}]}``."""
    return {
        "cases": cases,
        "same": not findings,
        "counts": dict(Counter(finding.kind for finding in findings)),
        "moved": [_told(finding) for finding in findings],
    }


def as_markdown(findings: Sequence[Finding], cases: int) -> str:
    """A table with a line for each finding, below a line that counts them."""
    lines = [summary(findings, cases), ""]
    if findings:
        lines += ["| claim | case | kind | what moved |", "|---|---|---|---|"]
    cells = ((f.claim, f.case, f.kind, f.why) for f in findings)
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|").replace("<", "&lt;") for cell in row) + " |"
        for row in cells
    ]
    return "\n".join([*lines, ""])


def summary(findings: Sequence[Finding], cases: int) -> str:
    """``552 cases in both; what moved, of 2 cases: 2 verdicts, 1 value.``"""
    if not findings:
        return f"{_cases(cases)} in both: nothing moved."
    counts = Counter(finding.kind for finding in findings)
    told = ", ".join(f"{n} {kind}{'s' if n > 1 and kind in _NOUNS else ''}" for kind, n in counts.items())
    moved = len({f.case for f in findings})
    return f"{_cases(cases)} in both; what moved, of {_cases(moved)}: {told}."


_NOUNS = ("verdict", "exponent", "value", "constant", "claim", "spec")
"""Kinds of findings that have a plural."""


def _cases(n: int) -> str:
    return f"{n} case{'' if n == 1 else 's'}"


def _told(finding: Finding) -> dict[str, Any]:
    found = {"case": finding.case, "claim": finding.claim, "kind": finding.kind, "why": finding.why}
    if finding.move is None:
        return found
    move = finding.move
    return found | {"was": move.was, "now": move.now, "tolerance": move.tolerance}
