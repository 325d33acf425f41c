"""A kind of case with several studies to choose from: ``study = "..."`` in the table of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sharpbound.chapters.base import Cell, Experiment, Measurement
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import Figure

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim
    from sharpbound.targets.base import Target


class Studies(Experiment):
    """Hands a case to the experiment that its table names, by default the first."""

    table: ClassVar[str]
    studies: ClassVar[dict[str, Experiment]]

    def validate(self, case: Case, claim: Claim) -> None:
        self._study(case).validate(case, claim)

    def check(self, case: Case) -> None:
        self._study(case).check(case)

    def cells(self, case: Case) -> list[Cell]:
        return self._named(case, self._study(case).cells(case))

    def drawings(self, case: Case) -> list[Cell]:
        return self._named(case, self._study(case).drawings(case))

    def measuring(self, cell: Cell) -> Measurement:
        return self.studies[cell.params["study"]].measuring(cell)

    def measure(self, cell: Cell) -> list[Row]:
        return self.measuring(cell).measure(cell)

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        return self._study(case).rows(case, measured)

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        return self._study(case).conclude(case, claim, rows)

    def drawn(self, case: Case, figures: Sequence[Figure], measured: Sequence[list[Row]]) -> list[Figure]:
        return self._study(case).drawn(case, figures, measured)

    def _named(self, case: Case, cells: Sequence[Cell]) -> list[Cell]:
        return [Cell(self.kind, {"study": self._name(case), **cell.params}) for cell in cells]

    def target(self, case: Case) -> Target | None:
        return self._study(case).target(case)

    def context(self, case: Case) -> dict[str, Any]:
        return self._study(case).context(case)

    def _name(self, case: Case) -> str:
        name = case.options.get("study", next(iter(self.studies)))
        if not isinstance(name, str) or name not in self.studies:
            raise InputError(
                f"unknown study {name!r}; choose {', '.join(self.studies)}", key=f"{self.table}.study"
            )
        return name

    def _study(self, case: Case) -> Experiment:
        return self.studies[self._name(case)]
