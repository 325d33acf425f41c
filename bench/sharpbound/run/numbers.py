"""Recomputes published numbers: from rows of cases, from formulas of claims, or as a quantity of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from sharpbound.errors import InputError
from sharpbound.records.numbers import Reproduction
from sharpbound.run.kept import kept_quantity
from sharpbound.run.screen import COLOURS, screen
from sharpbound.suite.loading import find_claim

if TYPE_CHECKING:
    from sharpbound.records.document import CaseDocument
    from sharpbound.run.cache import Cache
    from sharpbound.suite.claim import Claim
    from sharpbound.suite.numbers import Number

OUTCOME_COLOURS = {
    "reproduced": COLOURS["sharp"],
    "differs": COLOURS["violated"],
    "not computable here": COLOURS["inconclusive"],
}


def reproduce(
    numbers: Sequence[Number],
    theory: Mapping[str, Claim],
    documents: Sequence[CaseDocument],
    cache: Cache,
) -> list[Reproduction]:
    """Each number beside ours. ``documents`` are the measured cases: one that is not among them leaves its numbers
    without; quantities that are no row of a case are kept in ``cache``. Raises InputError, naming the number, where
    its recipe is wrong.
    """
    measured = {document.case: document for document in documents}
    found = []
    for number in numbers:
        try:
            found.append(_reproduce(number, theory, measured, cache))
        except InputError as error:
            raise error.at(where=f"number {number.id}") from None
    return found


def _reproduce(
    number: Number, theory: Mapping[str, Claim], measured: Mapping[str, CaseDocument], cache: Cache
) -> Reproduction:
    if number.unavailable is not None:
        return Reproduction.of(number)
    if number.quantity is not None:
        return Reproduction.of(number, _quantity(number.quantity, number.options, cache))
    if number.claim is not None:
        return Reproduction.of(number, find_claim(theory, number.claim).predict(number.values))
    document = measured.get(str(number.case))
    if document is None:
        return Reproduction.of(number, reason=f"the case {number.case} was not measured")
    value, floor = _cell(number, document)
    if value is None:
        return Reproduction.of(number, reason=f"the case {number.case} has no value there")
    return Reproduction.of(number, value, floor)


def _quantity(name: str, options: Mapping[str, Any], cache: Cache) -> float:
    def make() -> float:
        from sharpbound.run.quantities import compute  # which loads the engines

        return compute(name, dict(options))

    return kept_quantity(name, options, make, cache)


def _cell(number: Number, document: CaseDocument) -> tuple[float | None, float]:
    """The value in the number's column and its floor, of the row at the number's point."""
    column = str(number.column)
    for row in document.rows:
        if all(row.columns.get(name) == value for name, value in number.at.items()):
            if column not in row.columns:
                raise InputError(f"{document.case} has no column {column}", key="column")
            return row.columns[column], row.columns.get(f"{column}_floor") or 0.0
    raise InputError(f"{document.case} has no such row", key="at")


def show_reproductions(found: Sequence[Reproduction]) -> None:
    """A table: what is printed and where, ours, and in how many digits they agree."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("number", "what", "where", "read"):
        table.add_column(name, overflow="fold")
    for name in ("printed", "ours", "digits"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found:
        ours = "" if one.ours is None else f"{one.ours:.{one.digits + 2}g}"
        digits = "" if one.agreeing is None else f"{one.agreeing} of {one.digits}"
        cells = [one.id, one.what, one.where, one.trust, one.printed, ours, digits]
        colour = OUTCOME_COLOURS[one.outcome]
        table.add_row(*map(escape, cells), f"[{colour}]{one.outcome}[/{colour}]")
    screen().print(table)
    for one in found:
        for said in (one.footnote, one.reason):
            if said:
                screen().print(f"{escape(one.id)}: {escape(said)}", soft_wrap=True)
