"""A kind of case with several studies to choose from: ``study = "..."`` in the table of the kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row

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

    def cells(self, case: Case) -> list[Cell]:
        name = self._name(case)
        cells = self.studies[name].cells(case)
        return [Cell(self.kind, {"study": name, **cell.params}) for cell in cells]

    def measure(self, cell: Cell) -> list[Row]:
        return self.studies[cell.params["study"]].measure(cell)

    def rows(self, case: Case, measured: Sequence[list[Row]]) -> list[Row]:
        return self._study(case).rows(case, measured)

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        return self._study(case).conclude(case, claim, rows)

    def target(self, case: Case) -> Target | None:
        return self._study(case).target(case)

    def _name(self, case: Case) -> str:
        name = case.options.get("study", next(iter(self.studies)))
        if not isinstance(name, str) or name not in self.studies:
            raise InputError(
                f"unknown study {name!r}; choose {', '.join(self.studies)}", key=f"{self.table}.study"
            )
        return name

    def _study(self, case: Case) -> Experiment:
        return self.studies[self._name(case)]
