"""What an experiment is: how a case of one kind becomes cells, rows and a conclusion.

A *cell* is the smallest unit of work and of caching: everything its numbers depend on stands in
``params``, so equal cells of different cases are computed once. A *row* is a flat dict of JSON
scalars. A *conclusion* is the verdict with every number that decided it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from sharpbound.chapters.meant import sampler_meant
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure
from sharpbound.suite.case import Limits
from sharpbound.suite.hypotheses import CheckedAssumption, check_assumptions

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim
    from sharpbound.targets.base import Target


@dataclass(frozen=True)
class Cell:
    """One unit of work: ``params`` is JSON and holds all that the resulting rows depend on.

    Modules of the user's are among it by their source (`sharpbound.foreign.STAMP`), wherever they lie.
    """

    kind: str
    params: dict[str, Any]
    home: str | None = field(default=None, compare=False)
    """Folder in which a worker looks for modules of the user's; no number depends on it."""
    limits: Limits = field(default_factory=Limits, compare=False)
    """What measuring it may take."""


class Measurement(ABC):
    """What measures cells. Their rows depend on the code that ``measure`` reaches, and are measured anew with it."""

    @abstractmethod
    def measure(self, cell: Cell) -> list[Row]:
        """Carry out one cell. Depends on ``cell.params`` alone; bitwise reproducible."""


class Experiment(Measurement):
    """One kind of case."""

    kind: ClassVar[str]

    @abstractmethod
    def validate(self, case: Case, claim: Claim) -> None:
        """Raise InputError, naming the key, for a case that cannot be measured or compared; costs no numerics."""

    def check(self, case: Case) -> None:
        """Raise InputError for what shows only by computing; asked of a valid case with cells yet to be measured."""

    @abstractmethod
    def cells(self, case: Case) -> list[Cell]:
        """The work of the case, one cell per independent computation."""

    def measuring(self, cell: Cell) -> Measurement:
        """Whose ``measure`` does the work of ``cell``: by default the experiment's own."""
        return self

    def drawings(self, case: Case) -> list[Cell]:
        """Cells beside ``cells``, for what only a figure shows or the conclusion is drawn from besides the rows."""
        return []

    def completed(self, case: Case, rows: Sequence[Row], drawings: Sequence[list[Row]]) -> list[Row]:
        """The rows with what the cells of ``drawings`` add to them: by default nothing."""
        return list(rows)

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        """The case's rows from its cells' rows, in the order of ``cells``: by default all of them, as they are."""
        return [row for rows in measured for row in rows]

    @abstractmethod
    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        """The verdict on ``claim``. Figures and tables are left to the conclusion's ``draw``."""

    def drawn(self, case: Case, figures: Sequence[Figure], measured: Sequence[list[Row]]) -> list[Figure]:
        """The conclusion's figures with those of ``drawings``, in the order in which a reader sees them."""
        return list(figures)

    def finish(
        self, case: Case, claim: Claim, rows: Sequence[Row], drawings: Sequence[list[Row]]
    ) -> Conclusion:
        """The conclusion from the case's rows, which draws what the cells of ``drawings`` gave too."""
        conclusion = self.conclude(case, claim, rows)
        if not drawings:
            return conclusion

        def draw() -> dict[str, Any]:
            own = conclusion.draw() if conclusion.draw else {}
            return own | {"figures": self.drawn(case, own.get("figures", []), drawings)}

        return replace(conclusion, draw=draw)

    def target(self, case: Case) -> Target | None:
        """The law that the theorem's assumptions are held against; None where the case names none.

        At the dimension that the verdict is on: the first of a sweep over d, the last of a further sweep.
        """
        from sharpbound import targets  # the numerics below are loaded when a law is asked for

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
        return check_assumptions(claim, self.target(case), **self.context(case))

    def hypotheses(self, case: Case, claim: Claim) -> list[CheckedAssumption]:
        """Its assumptions, and whether the sampler is one that it speaks of."""
        return [*self.assumptions(case, claim), *sampler_meant(case, claim)]

    def context(self, case: Case) -> dict[str, Any]:
        """What beside the target a hypothesis may speak of: keywords of `check_assumption`."""
        return {}
