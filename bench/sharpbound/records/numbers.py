"""The record of a published number beside ours: written once, read by the screen and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sharpbound.errors import InputError
from sharpbound.records.files import read_json, strict_json, write_atomically
from sharpbound.suite.numbers import Number
from sharpbound.suite.validation import validated

FILE = "numbers.json"
REMEDY = "make it with: sharpbound run --all"

Outcome = Literal["reproduced", "differs", "not computable here"]


class Reproduction(BaseModel):
    """One published number: what is printed, where, ours, and in how many of the printed digits they agree."""

    model_config = ConfigDict(frozen=True)

    id: str
    paper: dict[str, Any]
    """Title, authors, year, arxiv, version, key and bibtex of the paper."""
    what: str
    printed: str
    where: str
    version: str
    trust: str
    how: str
    """What recomputes it."""
    outcome: Outcome
    ours: float | None = None
    floor: float = 0.0
    """Numerical error of ours."""
    digits: int
    """Significant digits that are printed."""
    agreeing: int | None = None
    """Of these, how many ours agrees with."""
    reason: str = ""
    """Why there is no number of ours."""
    footnote: str = ""

    @classmethod
    def of(
        cls, number: Number, ours: float | None = None, floor: float = 0.0, reason: str = ""
    ) -> Reproduction:
        """``number`` beside ``ours``, known to +- ``floor``; None with the ``reason`` where there is none."""
        agreeing = None if ours is None else number.number.agreement(ours, floor)
        outcome: Outcome = "reproduced" if agreeing == number.number.digits else "differs"
        return cls(
            id=number.id,
            paper=number.paper.model_dump(mode="json") | {"key": number.paper.key},
            what=number.what,
            printed=number.printed,
            where=number.where,
            version=number.version,
            trust=number.trust,
            how=number.how,
            outcome="not computable here" if agreeing is None else outcome,
            ours=ours,
            floor=floor,
            digits=number.number.digits,
            agreeing=agreeing,
            reason=reason or number.unavailable or "",
            footnote=number.footnote or "",
        )


def write_reproductions(folder: Path, found: Sequence[Reproduction]) -> None:
    """Write ``numbers.json``, whole or not at all."""
    write_atomically(
        folder / FILE, strict_json([one.model_dump(mode="json") for one in found], indent=1) + "\n"
    )


def read_reproductions(folder: Path) -> list[Reproduction]:
    """Those of a run's folder; none where it has no such file. Raises InputError for a file that is wrong."""
    path = folder / FILE
    if not path.is_file():
        return []
    told = read_json(path, REMEDY)
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise InputError(f"is not a list of numbers; {REMEDY}", where=str(path))
    try:
        return [validated(Reproduction, one) for one in told]
    except InputError as error:
        raise error.at(where=str(path)) from None
