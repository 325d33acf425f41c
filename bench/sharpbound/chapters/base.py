"""What an experiment is: how a case of one kind becomes cells, rows and a conclusion.

A *cell* is the smallest unit of work and of caching: everything its numbers depend on stands in
``params``, so equal cells of different cases are computed once. A *row* is a flat dict of JSON
scalars. A *conclusion* is the verdict with every number that decided it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sharpbound import targets
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.suite.hypotheses import CheckedAssumption, check_assumptions

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim
    from sharpbound.targets.base import Target


@dataclass(frozen=True)
class Cell:
    """One unit of work: ``params`` is JSON and holds all that the resulting rows depend on."""

    kind: str
    params: dict[str, Any]


class Experiment(ABC):
    """One kind of case."""

    kind: ClassVar[str]

    def unavailable(self) -> str | None:
        """Why cases of this kind cannot be measured here, such as an extra that is not installed; or None."""
        return None

    @abstractmethod
    def validate(self, case: Case, claim: Claim) -> None:
        """Raise InputError, naming the key, for a case that cannot be measured or compared."""

    @abstractmethod
    def cells(self, case: Case) -> list[Cell]:
        """The work of the case, one cell per independent computation."""

    @abstractmethod
    def measure(self, cell: Cell) -> list[Row]:
        """Carry out one cell. Depends on ``cell.params`` alone; bitwise reproducible."""

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        """The case's rows from its cells' rows, in the order of ``cells``: by default all of them, as they are."""
        return [row for rows in measured for row in rows]

    @abstractmethod
    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        """The verdict on ``claim``. Figures and tables are left to the conclusion's ``draw``."""

    def target(self, case: Case) -> Target | None:
        """The law that the theorem's assumptions are held against; None where the case names none.

        At the dimension that the verdict is on: the first of a sweep over d, the last of a further sweep.
        """
        if not case.target:
            return None
        dims = case.sweep.get("d", [])
        dim = {"dim": dims[0 if case.swept == "d" else -1]} if dims else {}
        try:
            return targets.build(case.target | dim)
        except InputError:  # a table that this kind reads in its own way
            return None

    def assumptions(self, case: Case, claim: Claim) -> list[CheckedAssumption]:
        """The claim's assumptions, each with what became of it on this case."""
        return check_assumptions(claim, self.target(case))
