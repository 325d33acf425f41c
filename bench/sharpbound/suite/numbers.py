"""Published numbers: what a paper prints of a target that is known exactly, and what recomputes it here.

``theory/numbers/<paper>.toml`` has [[number]] tables. Its paper is that of ``theory/<paper>.toml``, or of a [paper]
table of its own where no claim of that paper is entered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from sharpbound.errors import Collected, InputError, brief, did_you_mean
from sharpbound.suite.case import ClaimId, Line, Slug
from sharpbound.suite.claim import Paper, Trust
from sharpbound.suite.loading import number_folders
from sharpbound.suite.validation import Table, read_toml, shown, validated

_RECIPES = ("case", "claim", "quantity", "unavailable")


@dataclass(frozen=True)
class Printed:
    """A number as it stands in print: the digits that it gives, and no more."""

    text: str
    """``1.2988``, ``.86315``, ``4.1E-03``."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", self.text):
            raise InputError(f"must be a number as it is printed, such as 1.2988, got {brief(self.text)}")

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def unit(self) -> float:
        """One unit of its last digit."""
        mantissa, _, exponent = self.text.lower().partition("e")
        return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))

    @property
    def digits(self) -> int:
        """Significant digits: leading zeros are none."""
        mantissa = self.text.lower().partition("e")[0]
        return len(mantissa.replace(".", "").replace("-", "").lstrip("0")) or 1

    def agreement(self, ours: float, floor: float = 0.0) -> int:
        """How many of the digits ``ours``, known to +- ``floor``, agrees with: the largest k such that it lies within
        half a unit of the k-th digit. All of them where it rounds to what is printed.
        """
        for k in range(self.digits, 0, -1):
            half = 0.5 * self.unit * 10.0 ** (self.digits - k)
            if abs(ours - self.value) <= half * (1 + 1e-9) + floor:
                return k
        return 0


def _printed(text: str) -> str:
    return Printed(text).text


class Number(Table):
    """A [[number]] table with its paper; one of case, claim, quantity and unavailable says how ours is had."""

    id: ClaimId
    paper: Paper
    what: Line
    """The quantity, in words."""
    printed: Annotated[str, AfterValidator(_printed)]
    where: Line
    """Table, equation or figure, and the cell; or what it follows from."""
    version: Line = ""
    """The version of the paper that was read; the paper's own, if left out."""
    trust: Trust
    case: Slug | None = None
    """A case of the suite, whose row ``at`` holds it in ``column``."""
    at: dict[str, Any] = Field(default_factory=dict)
    column: str | None = None
    claim: ClaimId | None = None
    """A claim whose formula gives it at ``values``."""
    values: dict[str, float] = Field(default_factory=dict)
    quantity: Slug | None = None
    """A function of `sharpbound.run.quantities`, at ``options``."""
    options: dict[str, Any] = Field(default_factory=dict)
    unavailable: Line | None = None
    """Why it cannot be computed here."""
    footnote: Line | None = None

    @model_validator(mode="before")
    @classmethod
    def _own_version(cls, tables: Any) -> Any:
        if isinstance(tables, dict) and isinstance(tables.get("paper"), Paper):
            return {"version": tables["paper"].version} | tables
        return tables

    @model_validator(mode="after")
    def _check(self) -> Number:
        given = [name for name in _RECIPES if getattr(self, name) is not None]
        if len(given) != 1:
            raise InputError(f"give one of {', '.join(_RECIPES)}", key=given[1] if len(given) > 1 else "case")
        for names, recipe in ((("at", "column"), "case"), (("values",), "claim"), (("options",), "quantity")):
            for name in names:
                if bool(getattr(self, name)) and given[0] != recipe:
                    raise InputError(f"goes with {recipe}, not with {given[0]}", key=name)
        if self.case is not None and not (self.at and self.column):
            raise InputError("a case needs at, a row of its sweep, and column", key="at")
        return self

    @cached_property
    def number(self) -> Printed:
        """What is printed."""
        return Printed(self.printed)

    @property
    def how(self) -> str:
        """What recomputes it, in one line; empty where nothing does."""
        options = self.at or self.values or self.options
        told = ", ".join(f"{name} = {value}" for name, value in options.items())
        recipe = self.case or self.claim or self.quantity
        return f"{recipe} at {told}" if recipe and told else recipe or ""


def load_numbers(folder: Path | None = None) -> list[Number]:
    """The published numbers of the suite, and of ``theory/numbers`` in the working folder, in the order of their files.

    ``folder`` : those of this folder alone. Raises every mistake in them.
    """
    folders = [folder] if folder else number_folders()
    files = {path.resolve(): path for each in folders for path in sorted(each.glob("*.toml"))}
    found: dict[str, Number] = {}
    with Collected() as mistakes:
        for path in files.values():
            with mistakes.caught():
                for number in read_numbers(path):
                    if number.id in found:
                        raise InputError(
                            f"the id {number.id!r} is taken; choose another",
                            key="number.id",
                            where=shown(path),
                        )
                    found[number.id] = number
    return list(found.values())


def read_numbers(path: Path) -> list[Number]:
    """The numbers of one file."""
    tables = read_toml(path)
    try:
        for name in sorted(tables.keys() - {"paper", "number"}):
            raise InputError(f"unknown table{did_you_mean(name, ['paper', 'number'])}", key=brief(name))
        paper = _paper(path, tables)
        numbers = tables.get("number")
        if not isinstance(numbers, list) or not numbers:
            raise InputError("is missing; write each number under [[number]]", key="number")
        found = []
        with Collected() as mistakes:
            for i, number in enumerate(numbers):
                with mistakes.caught():
                    if not isinstance(number, dict):
                        raise InputError("is not a table", key=f"number[{i}]")
                    found.append(validated(Number, number | {"paper": paper}, prefix=("number", i)))
        return found
    except InputError as error:
        raise error.at(where=shown(path)) from None


def _paper(path: Path, tables: dict[str, Any]) -> Paper:
    """The [paper] of the file, or that of the theory file of the same name."""
    claims = path.parent.parent / path.name
    if "paper" in tables:
        if claims.is_file():
            raise InputError(f"stands in {shown(claims)} already; leave it out here", key="paper")
        own = tables["paper"]
    elif claims.is_file():
        own = read_toml(claims).get("paper")
    else:
        raise InputError(f"is missing, and there is no {shown(claims)} to have it from; add it", key="paper")
    if not isinstance(own, dict):
        raise InputError("is not a table", key="paper")
    return validated(Paper, own, prefix=("paper",))


def of_paper(numbers: list[Number], name: str) -> list[Number]:
    """Those of one paper, by the first part of their ids, its citation key or its arXiv number; else InputError."""
    found = [n for n in numbers if name in (n.id.split(".")[0], n.paper.key, n.paper.arxiv)]
    if not found:
        papers = list(dict.fromkeys(number.id.split(".")[0] for number in numbers))
        raise InputError(f"no published number of {name!r}{did_you_mean(name, papers)}")
    return found
